/*
 * admin.h - the operator's door: a control socket and, if configured, a listener for metrics.
 *
 * Both speak HTTP/1.1 over the session layer. The control socket is a Unix socket of mode 0600 and
 * answers every route; the metrics listener is TCP and answers only those that are open to it
 * (/metrics, /healthz, /readyz). What the layers above know comes down through `facts`; they add
 * routes of their own as rows of the same table (route.h). How often each thing is asked is bounded
 * by the number of connections (ADMIN_CONNECTIONS of each listener); no answer blocks.
 *
 *   GET /status   what runs: version, process, listeners, connections       control
 *   GET /stats    what it has done: every counter, and the cache's memory   control
 *   GET /volumes  the disk tier: each volume's state and counters           control
 *   GET /metrics  the same for Prometheus, text format 0.0.4                control, metrics
 *   GET /healthz  200 while the process serves                              control, metrics
 *   GET /readyz   200, or 503 while it drains; and how loaded it is         control, metrics
 *
 *   call           who and when
 *   admin_open()   main(), before threads: the sockets are bound, or a sentence says why not
 *   admin_start()  on one worker's thread: from here on it answers, draining or not
 *   admin_stop()   on that thread: no more answers; connections are closed
 *   admin_close()  main(), after the threads: the control socket is removed from the file system
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"
#include "conf/value.h"
#include "loop/worker.h"

#include <stdbool.h>
#include <stddef.h>

struct admin;
struct admin_route;
struct cache_stats;
struct cache_volumes;
struct counter_list;
struct tls_server_state;

enum { ADMIN_CONNECTIONS = 64 };

#define ADMIN_SOCKET_DEFAULT  "/run/selvage/selvaged.sock"
#define ADMIN_SOCKET_DIRECTOR "/run/selvage/director.sock"

/* What only the layer above knows, as it is now. */
struct admin_facts {
    struct span config;         /* path of the configuration file; n == 0: the command line */
    const struct span *listens; /* for clients, as written in the configuration */
    unsigned listens_n;
    unsigned workers;
    unsigned connections;     /* of clients, now */
    unsigned connections_max; /* that there may be; 0: no matter */
    unsigned busy_per_mille;  /* of its time that the busiest worker works */
    mono_ms started_ms;
    bool draining;
    const struct cache_stats *cache;     /* in the arena; NULL: there is no cache */
    const struct cache_volumes *volumes; /* the same */
    const struct tls_server_state *tls;  /* in the arena; NULL: no TLS with clients */
};

struct admin_conf {
    const char *program;                /* its name */
    unsigned daemons;                   /* COUNTER_EDGE or COUNTER_DIRECTOR: what it counts */
    struct span control;                /* path of the control socket; n == 0: none */
    const struct value_listen *metrics; /* NULL: none */
    /* Fills in *out; spans may live in `a` (one request's) or longer. On the worker's thread. */
    void (*facts)(void *app, struct arena *a, struct admin_facts *out);
    const struct counter_list *const *counters; /* further ones, NULL at the end; or NULL */
    const struct admin_route *routes;           /* further ones, {0} at the end; or NULL */
    void *app;                                  /* for facts and further routes */
};

/* Copies *conf; what it points to must outlive us. NULL: a sentence is in err. With neither control
 * nor metrics there is nothing to answer, and every call is still fine. */
MUST_USE struct admin *admin_open(const struct admin_conf *conf, char *err, size_t err_cap);
void admin_start(struct admin *a, struct worker *w);
void admin_stop(struct admin *a);
/* Sets *a to NULL. Fine with or without admin_start(), but not while started. */
void admin_close(struct admin **a);

#endif
