/*
 * server.h - the edge as a whole: workers, listeners, signals, from start to stop.
 *
 * main() opens it, runs it and closes it. Workers share what stands here; they change none of it.
 */
#ifndef EDGE_SERVER_H
#define EDGE_SERVER_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"
#include "edge/worker.h"

struct cache;
struct edge_conf;
struct notstored_table;
struct hints;
struct unsliced;
struct pool;
struct setup;

struct edge {
    struct setup *oldest;              /* owns, and all younger ones; the first worker's */
    struct setup *setup;               /* the newest; main's */
    struct daemon *daemon;             /* owns; workers, sockets, TLS, the control socket */
    struct cache *cache;               /* owns */
    struct notstored_table *notstored; /* owns; what was not stored lately, and why */
    struct pool *blocking;             /* owns; file system calls */
    struct pool *coding;               /* owns; steps of recoders */
    struct unsliced *unsliced;         /* owns; resources whose origin gives no slices */
    struct hints *hints;               /* owns; of earlier 103s */
    struct challenges *challenges;     /* owns; NULL: no certificates are obtained */
    struct acme *acme;                 /* owns; likewise */
    struct edge_worker *workers;       /* owns; as many as the configuration says */
    struct session_crowd crowd;        /* the clients of all workers */
};

/* Opens everything that can fail: logs, memory, listeners, names of origins. Takes over `conf`.
 * NULL: a sentence is in the error log. */
MUST_USE struct edge *edge_open(struct edge_conf *conf);
/* Serves until TERM, INT or QUIT; what is to be the exit status. */
enum daemon_exit edge_run(struct edge *e);
/* After edge_run() it may end the process with DAEMON_UNCLEAN instead of returning:
 * daemon/closing.h. */
void edge_close(struct edge **e);

#endif
