/*
 * h1.h - HTTP/1.1 and 1.0 with a client: one connection, requests in order (RFC 9112).
 *
 *   state        entered when                               deadline
 *   H1_IDLE      accepted, or a response is done            idle (the first time: head)
 *   H1_HEAD      first byte of a request came               head, for the whole head
 *   H1_ACTIVE    the head is complete; handlers have it     body while they read one,
 *                                                           send while we wait for the client
 *   H1_LINGER    the last response is sent, but the client  linger
 *                still sends: read and drop, so that it sees our answer (RFC 9112 §9.6)
 *
 * Pipelined requests wait in the buffer: one txn at a time. Thread: the connection's worker.
 */
#ifndef SESSION_H1_H
#define SESSION_H1_H

#include "base/list.h"
#include "loop/worker.h"
#include "net/addr.h"
#include "session/conf.h"
#include "session/txn.h"

/* A worker's client connections. */
struct sessions {
    struct worker *worker;           /* borrowed */
    const struct session_conf *conf; /* borrowed; may be swapped between requests */
    const struct txn_handlers *handlers;
    void *app; /* the handlers' own; txn->server */
    struct list all;
    unsigned count;
    bool draining;
    bool uncounted;                      /* not among the clients that counters.tbl counts */
    void (*drained)(struct sessions *s); /* called once when draining and the last one is gone */
};

void sessions_init(struct sessions *s, struct worker *w, const struct session_conf *conf,
    const struct txn_handlers *handlers, void *app);
/* Takes over an accepted non-blocking socket; closes it when there are too many. */
void sessions_accept(struct sessions *s, int fd, const struct addr *peer, const struct addr *local);
/* Idle connections close now, others after their response; new ones may still send their first
 * request, for a moment. */
void sessions_drain(struct sessions *s, void (*drained)(struct sessions *s));
/* Closes all at once; handlers hear TXN_CUT. */
void sessions_close_all(struct sessions *s);

#endif
