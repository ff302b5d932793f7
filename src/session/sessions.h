/*
 * sessions.h - the client connections of a worker, whatever they speak.
 *
 * A connection is a struct session, the first member of what its protocol keeps: opening.h before
 * the protocol is known, h1.h afterwards. What the requests on it want is the handlers' affair
 * (txn.h). Thread: the worker's, all of it.
 *
 *   sessions_accept  ->  opening (PROXY header, TLS, which protocol)  ->  h1
 *
 * A door says which of these steps there are; at a plain one a connection is HTTP/1 at once.
 */
#ifndef SESSION_SESSIONS_H
#define SESSION_SESSIONS_H

#include "base/counters.h"
#include "base/list.h"
#include "geo/database.h"
#include "loop/worker.h"
#include "net/addr.h"
#include "net/stream.h"
#include "session/conf.h"
#include "session/txn.h"

struct census;
struct session_door;

/* What the clients of all workers are together. */
struct session_crowd {
    _Atomic int64_t open;
    struct census *census; /* owns; or NULL: there is no limit for a client */
};
void session_crowd_init(struct session_crowd *c, const struct session_conf *conf);
void session_crowd_free(struct session_crowd *c);

/* A worker's client connections. */
struct sessions {
    struct worker *worker;           /* borrowed */
    const struct session_conf *conf; /* borrowed; may be swapped between requests */
    const struct txn_handlers *handlers;
    void *app;                   /* the handlers' own; txn->server */
    struct session_crowd *crowd; /* borrowed; NULL: these are by themselves (an operator's) */
    struct list all;
    unsigned count;
    bool draining;
    bool uncounted;                      /* not among the clients that counters.tbl counts */
    void (*drained)(struct sessions *s); /* called once when draining and the last one is gone */
    /* A connection is opening, and not any more: until then the door is borrowed. Or NULL. */
    void (*hold)(struct sessions *s, const struct session_door *door);
    void (*let_go)(struct sessions *s, const struct session_door *door);
};

struct tls_server;

/* How connections to a listener begin. Immutable. */
struct session_door {
    /* Where a PROXY header must come from, and nobody else may connect; none: there is none. At a
     * Unix socket everybody may who can connect at all. */
    struct network_list proxy_from;
    struct tls_server *tls; /* borrowed; NULL: no TLS there. Set before the workers start */
    bool h2c;               /* a client may begin with HTTP/2's preface (RFC 9113 §3.3) */
    /* What is spoken is not HTTP: this protocol takes the connection (session_become()). */
    void (*go_on)(struct session *from);
    struct span alpn; /* then, with TLS: what it is called, as tls_server_new_ssl() wants it */
    void *keeper;     /* the owner's, for hold() and let_go() */
};

void sessions_init(struct sessions *s, struct worker *w, const struct session_conf *conf,
    const struct txn_handlers *handlers, void *app);
/* Takes over an accepted non-blocking socket; closes it when there are too many. `door` is borrowed
 * until the connection has a protocol; NULL: a plain one. */
void sessions_accept(struct sessions *s, const struct session_door *door, int fd,
    const struct addr *peer, const struct addr *local);
/* Idle connections close now, others after their response; new ones may still send their first
 * request, for a moment. */
void sessions_drain(struct sessions *s, void (*drained)(struct sessions *s));
/* Closes all at once; handlers hear TXN_CUT. */
void sessions_close_all(struct sessions *s);

/* --- for the protocols ------------------------------------------------------------------------ */

enum { SESSION_DRAIN_GRACE_MS = 1000 }; /* for the first request of a new connection */

struct session;
struct tls_peer;

struct session_ops {
    /* The owner began to drain: closes it, now or when it has answered. */
    void (*drain)(struct session *c);
    /* Closes it now. */
    void (*close)(struct session *c);
};

struct session {
    const struct session_ops *ops;
    struct sessions *owner; /* borrowed; outlives us */
    struct list node;       /* in owner->all */
    struct stream stream;
    const struct tls_peer *tls; /* of the handshake, as long as the stream; NULL: plain */
    struct addr peer, local;    /* of the client, also behind a PROXY header */
    uint64_t number;            /* of the connection in this process */
    uint64_t client;            /* who it is in the census, */
    bool counted;               /* if it is in it */
    bool proxied;               /* a PROXY header came */
    bool placed;                /* this is set, by who first wanted to know: */
    struct geo_place place;     /* where the client is */
};

/* A new one with an open stream, zeroed but for its session, of `bytes` bytes in all. NULL: no
 * memory; the socket is closed, and all is counted. */
MUST_USE void *session_new(struct sessions *owner, size_t bytes, const struct session_ops *ops,
    int fd, const struct addr *peer, const struct addr *local,
    void (*ready)(struct stream *s, unsigned events));
/* Another protocol goes on with the connection of `from`, which is freed. The same otherwise;
 * without memory the connection is closed. */
MUST_USE void *session_become(struct session *from, size_t bytes, const struct session_ops *ops,
    void (*ready)(struct stream *s, unsigned events));
/* The client's address is known. False: it has too many connections, which is said and counted; end
 * this one. */
MUST_USE bool session_enter(struct session *c);
/* The end of it: closes the stream if it is still open and frees the whole. May call drained(), so
 * the last thing to do with its owner, too. */
void session_end(struct session *c);

/* Of client connections; an operator's own questions are not counted. */
static inline void session_count(const struct sessions *s, enum counter what, uint64_t n)
{
    if (!s->uncounted)
        count_add(what, n);
}

#endif
