/*
 * worker.h - what the edge keeps for each of its workers.
 */
#ifndef EDGE_WORKER_H
#define EDGE_WORKER_H

#include "base/list.h"
#include "daemon/daemon.h"
#include "loop/worker.h"
#include "origin/fetch.h"
#include "session/sessions.h"

struct edge;
struct resolver;
struct edge_conf;

struct edge_worker {
    struct daemon_worker daemon;  /* first */
    struct worker *worker;        /* borrowed from it */
    struct edge *edge;            /* borrowed */
    const struct edge_conf *conf; /* borrowed; immutable */
    struct cache *cache;          /* borrowed, shared */
    struct sessions sessions;
    struct fetcher fetcher;
    struct list fillers;  /* fetches in flight */
    struct list recoders; /* bodies that get another coding; recoders_n of them */
    unsigned recoders_n;
    bool improving;            /* one of them works in the background */
    struct resolver *resolver; /* owns, while it runs */
};

#endif
