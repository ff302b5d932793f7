/*
 * worker.h - what the edge keeps for each of its workers.
 */
#ifndef EDGE_WORKER_H
#define EDGE_WORKER_H

#include "base/list.h"
#include "daemon/daemon.h"
#include "loop/deadline.h"
#include "loop/worker.h"
#include "origin/fetch.h"
#include "session/sessions.h"

struct edge;
struct resolver;
struct setup;

struct edge_worker {
    struct daemon_worker daemon; /* first */
    struct worker *worker;       /* borrowed from it */
    struct edge *edge;           /* borrowed */
    struct setup *setup;         /* what it goes by; setup.h */
    struct setup *oldest;        /* that something here may still go by */
    struct deadline leaving;     /* to look at that */
    struct session_conf session; /* what connections go by: a copy, at one place for good */
    struct cache *cache;         /* borrowed, shared */
    struct sessions sessions;
    struct fetcher fetcher;
    struct list fillers;  /* fetches in flight */
    struct list recoders; /* bodies that get another coding; recoders_n of them */
    unsigned recoders_n;
    bool improving;            /* one of them works in the background */
    struct resolver *resolver; /* owns, while it runs */
};

#endif
