/*
 * pool.h - the connections of one worker to one origin: kept ones, new ones, and how many at most.
 *
 * A connection is kept by whoever used it when nothing is owed on it in either direction; while it
 * is kept it is watched, and the first byte or end that comes on it closes it: nobody asked for
 * that (TLS may say what it has to, like new tickets). The one used last is used first, so that the
 * others can grow old and be closed, which we do before the origin would. Who wants one beyond the
 * limit waits in line, as long as connecting may take; so long a server has to be reached and, over
 * TLS, to have shown who it is. Servers take turns; one that could not be reached rests for a while
 * when there are others.
 *
 * Thread: the worker. Private to origin/.
 */
#ifndef ORIGIN_POOL_H
#define ORIGIN_POOL_H

#include "loop/deadline.h"
#include "net/connect.h"
#include "net/stream.h"
#include "origin/fetch.h"

enum {
    ORIGIN_QUEUE_MAX = 1024, /* who may wait for a connection, per worker and origin */
    ORIGIN_REST_MS = 5000,   /* how long an unreachable server is avoided */
    ORIGIN_QUIET_MS = 100,   /* of a suspect connection, before it is used again */
};

struct origin_conn {
    struct stream stream; /* its ready() is the holder's */
    void *holder;         /* for the holder's ready() */
    const struct origin_server *server;
    struct origin_pool *pool; /* borrowed */
    struct deadline idle;     /* kept: when it is closed */
    struct list node;         /* kept */
    mono_ms quiet_ms;         /* kept: not to be used before that time */
    bool reused;              /* has served before */
};

/* A wish for a connection; embedded in who has it. */
struct origin_wish {
    /* Called once, from the loop: `conn` is yours, or is NULL and `why` and `text` say why. */
    void (*done)(struct origin_wish *w);
    struct origin_conn *conn;
    const struct origin_server *server; /* the one tried last; NULL: none yet */
    enum fetch_end why;
    char text[FETCH_DETAIL_BYTES];
    /* private */
    struct origin_pool *pool;
    enum { WISH_NONE, WISH_WAITING, WISH_CONNECTING, WISH_SHAKING } state;
    bool fresh;
    uint64_t tried; /* servers, by index */
    struct list node;
    struct deadline deadline;
    struct connect *connect;
    mono_ms began_ms;            /* to connect to `server` */
    struct origin_conn *shaking; /* owns; in its handshake */
};

/* `fresh`: a new connection, not a kept one. `done` must be set; it is not called from in here.
 * True: granted at once, and done() will not be called. */
MUST_USE bool origin_wish_start(
    struct origin_wish *w, struct fetcher *fr, struct origin *o, bool fresh);
/* Takes the wish back; harmless when it is done. */
void origin_wish_cancel(struct origin_wish *w);

/* Gives a connection back for later, or closes it. Both set *c to NULL. `for_ms`: how long the
 * origin keeps it, as far as we know. `suspect`: something may still come that belongs to the last
 * response; it is used again only after ORIGIN_QUIET_MS without that. */
void origin_conn_keep(struct origin_conn **c, mono_ms for_ms, bool suspect);
void origin_conn_close(struct origin_conn **c);

/* Of one origin that nobody uses or will use on this worker; fine without a pool. */
void origin_pool_close(struct fetcher *fr, struct origin *o);
/* Closes what is kept and frees all pools of a worker; nobody uses or waits for a connection. */
void origin_pools_close(struct fetcher *fr);

#endif
