/*
 * setup.h - what one configuration has become, and who still goes by it.
 *
 * A reload makes a new setup beside the one that serves; each worker takes it over between two
 * events. What has begun under the old one ends under it: requests, fills, recoders, fetches and
 * connections that are still opening hold it. When nobody does on any worker, and all older ones
 * are gone (they may share what has not changed), it is freed, off the workers.
 *
 *   made (main) -> taken over by each worker -> superseded -> not held on a worker: its connections
 *   to origins are closed there -> on none: freed
 *
 * A hold is a count of the worker's own, no atomic. Thread: as each function says.
 */
#ifndef EDGE_SETUP_H
#define EDGE_SETUP_H

#include "base/attrs.h"
#include "base/span.h"
#include "base/thread.h"
#include "edge/worker.h"
#include "loop/pool.h"

#include <stdatomic.h>
#include <stdbool.h>

struct edge;
struct edge_conf;
struct rate_table;
struct sink;

struct setup {
    struct edge_conf *conf;             /* owns; immutable */
    struct rate_table *rates;           /* what limits have counted */
    struct sink *access_log;            /* or NULL */
    bool owns_rates, owns_log;          /* a younger one may share them */
    struct span via_20, via_11, via_10; /* what we add to Via: "1.1 selvage" */
    struct span loop_id;                /* our name in CDN-Loop (RFC 8586) */
    /* private */
    struct setup *younger;
    struct job job;
    _Atomic unsigned workers; /* that have not left it */
    struct setup_share {
        _Alignas(64) unsigned held;
    } shares[THREADS_MAX];
};

/* main. The access log that the configuration wants; *log is NULL when it wants none. False with
 * errno, which the log has too. */
MUST_USE bool setup_open_log(const struct edge_conf *conf, struct sink **log);

/* main. Takes over `conf`; what is the same as in `before` (or NULL) is shared with it. `log`: the
 * access log that is new, taken over; NULL: that of `before`, or none at all. */
struct setup *setup_new(
    struct edge_conf *conf, struct setup *before, struct sink *log, bool new_log, unsigned workers);
/* main, when no worker runs: this one and all younger ones. Sets *s to NULL. */
void setup_free_all(struct setup **oldest);

/* The current one of this worker, held once more. On its thread, as the next three. */
static inline struct setup *setup_hold(struct edge_worker *w)
{
    struct setup *s = w->setup;

    s->shares[w->worker->index].held++;
    return s;
}
/* Another hold on one that is held. */
static inline struct setup *setup_hold_more(struct setup *s, const struct edge_worker *w)
{
    s->shares[w->worker->index].held++;
    return s;
}
static inline void setup_release(struct setup *s, const struct edge_worker *w)
{
    s->shares[w->worker->index].held--;
}

/* What the edge does now: on a worker's thread, until it returns to its loop. */
const struct edge_conf *edge_conf_of(const struct edge *e);

/* The worker goes by `s` from now on. On its thread; the first time before anything else. */
void setup_take_over(struct edge_worker *w, struct setup *s);
/* At its end: no timer any more. */
void setup_stop(struct edge_worker *w);

#endif
