/*
 * txn.h - one request and its response on a client connection, whatever the protocol.
 *
 * A session (h1.h) parses requests and sends responses; what the answer is, is the handlers'
 * affair. The handlers see a txn: they read the request from it, answer once with txn_respond(),
 * and are told by end() when the last byte has left or the client is gone. Bodies are pulled from a
 * reader at the client's pace; nothing is copied on the way.
 *
 *   request()  ->  [txn_interim()...]  ->  txn_respond()  ->  ...  ->  end()
 *
 * end() comes exactly once for each request() and is the last that is heard of the txn. It may come
 * from inside txn_wake(), which is therefore the last thing to do with a txn in a callback; never
 * from inside request(), txn_respond() or txn_abort(). Thread: the connection's worker, all of it.
 */
#ifndef SESSION_TXN_H
#define SESSION_TXN_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/span.h"
#include "http/message.h"
#include "loop/worker.h"
#include "net/addr.h"
#include "net/stream.h"

#include <sys/types.h>

struct reader;
struct tls_peer;
struct session;
struct txn;

enum txn_end {
    TXN_SENT,        /* the whole response was handed to the kernel */
    TXN_CUT,         /* the response could not be completed: the client was shown that */
    TXN_CLIENT_GONE, /* the client closed or broke the connection */
    TXN_TIMEOUT,     /* the client took too long to take the response */
};

/* How the session tells where the body ends. */
struct txn_response {
    int status;
    struct span head_text;       /* "HTTP/1.1 200 OK\r\nName: value\r\n..." as stored, or n == 0: */
    const struct fields *fields; /* ... these instead. End-to-end fields, no framing among them */
    struct span more;            /* further field lines in wire form ("Age: 5\r\n"), or n == 0 */
    int64_t length;              /* of the body; -1: not known yet */
    bool announce_length;        /* say Content-Length although no body follows (HEAD, 304) */
    bool no_body;                /* HEAD, 204, 304: the head is all */
    struct reader *reader;       /* the body's source; borrowed, must live until end(); or NULL: */
    bool trailers;               /* the reader's trailer fields go along, if there are any */
    struct span body;            /* ... this text, in the txn's arena or static */
    bool close;                  /* the connection ends with this response */
    /* With status 101: the protocol that is switched to. The body then goes on until its source's
     * end, and what the client sends is read by txn_read_body() until it closes. */
    struct span upgrade;
};

struct txn_handlers {
    void (*request)(struct txn *t);
    /* The parser refused the request: `status` is to be answered, `why` is a static sentence. The
     * txn's request is empty but for what could be read. Answer as in request(); the connection is
     * closed afterwards. */
    void (*refused)(struct txn *t, int status, const char *why);
    /* Bytes of the request's body (or its end) can be read again after STREAM_AGAIN. */
    void (*body_ready)(struct txn *t);
    void (*end)(struct txn *t, enum txn_end why);
};

/* What a protocol does for its txns; each as the txn_ call of that name says. */
struct txn_ops {
    void (*respond)(struct txn *t, const struct txn_response *r);
    void (*interim)(struct txn *t, int status, const struct fields *fields);
    void (*wake)(struct txn *t);
    void (*abort)(struct txn *t);
    ssize_t (*read_body)(struct txn *t, void *dst, size_t n);
    int (*body_error)(const struct txn *t);
};

struct txn {
    const struct txn_ops *ops;
    struct session *session;     /* borrowed; its connection */
    struct worker *worker;       /* borrowed */
    struct arena arena;          /* the request's memory; dies after end() */
    struct http_request request; /* spans point into the connection's buffer and the arena */
    const struct addr *peer;     /* the client's address */
    const struct addr *local;
    uint64_t connection;     /* number of the connection in this process */
    unsigned nth;            /* of the connection's requests, from 1 */
    mono_us started_us;      /* when the head was complete */
    uint64_t bytes_out;      /* of the response, head included, handed to the kernel */
    uint64_t body_bytes_out; /* of its body */
    uint64_t bytes_in;       /* of the request's head and body */
    void *server;            /* the `app` of its sessions */
    void *app;               /* the handlers' own, for this request */
};

/* Sends an interim response (100, 102, 103) with these field lines, which are copied; nothing after
 * txn_respond(). To a client that speaks HTTP/1.0 nothing is sent. */
static inline void txn_interim(struct txn *t, int status, const struct fields *fields)
{
    t->ops->interim(t, status, fields);
}
/* Once. Inside request() the sending begins when it returns; otherwise from the loop. */
static inline void txn_respond(struct txn *t, const struct txn_response *r)
{
    t->ops->respond(t, r);
}
/* The reader has new bytes or came to its end (from its wake-up). */
static inline void txn_wake(struct txn *t)
{
    t->ops->wake(t);
}
/* Ends the exchange without a response, or in the middle of one, so that the client sees that it is
 * not whole. end() follows from the loop. */
static inline void txn_abort(struct txn *t)
{
    t->ops->abort(t);
}

/* The process at the other end of a Unix socket; false for others. */
MUST_USE bool txn_process(const struct txn *t, struct stream_process *out);

/* What the TLS handshake of its connection settled (net/tls_server.h); NULL: it is a plain one. */
const struct tls_peer *txn_tls(const struct txn *t);

/* Reads request body bytes, decoded: > 0, 0 at the end, STREAM_AGAIN (then body_ready() follows),
 * STREAM_ERROR when the client broke off or broke the rules. The first call sends
 * "100 Continue" where the client expects it. */
MUST_USE static inline ssize_t txn_read_body(struct txn *t, void *dst, size_t n)
{
    return t->ops->read_body(t, dst, n);
}
/* After STREAM_ERROR: the status to answer (400, 408, 413), or 0 when the client is gone. */
static inline int txn_body_error(const struct txn *t)
{
    return t->ops->body_error(t);
}

#endif
