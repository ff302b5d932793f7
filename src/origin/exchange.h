/*
 * exchange.h - what the files of an exchange share: exchange.c (its life, its connection, its
 * deadline), exchange_send.c (the request) and exchange_take.c (the response). Private to origin/.
 *
 *   state             enters it                     while in it
 *   EXCHANGE_START    exchange_start(), a retry     no connection, no wish
 *   EXCHANGE_CONNECT  get_connection()              a wish for a connection is pending
 *   EXCHANGE_HEAD     begin()                       the request goes out; a final head is awaited
 *   EXCHANGE_BODY     take_final()                  the response's body comes; the request's may
 *                                                   still go
 *
 * The connection is kept only when the request was sent to its end, the response read to its end,
 * nothing came behind it and both sides want to (RFC 9112 §9.3, §9.6).
 */
#ifndef ORIGIN_EXCHANGE_H
#define ORIGIN_EXCHANGE_H

#include "base/buf.h"
#include "http/chunked.h"
#include "origin/fetch_kind.h"
#include "origin/pool.h"

enum {
    EXCHANGE_TURN = 4,           /* reads, and writes, before others have their turn */
    EXCHANGE_HEAD_MAX = 1 << 20, /* of a request */
};

enum exchange_state { EXCHANGE_START, EXCHANGE_CONNECT, EXCHANGE_HEAD, EXCHANGE_BODY };

enum sending {
    SENDING_HEAD,
    SENDING_BODY,
    SENDING_LAST, /* what is in `out` is the last of it */
    SENDING_DONE, /* the whole request is sent */
    SENDING_LOST, /* the origin takes no more; it may still answer */
};

/* What the deadline is for. */
enum waiting { WAITING_NONE, WAITING_SEND, WAITING_FIRST_BYTE, WAITING_BYTES };

struct exchange {
    struct fetch fetch; /* first */
    enum exchange_state state;
    struct origin_wish wish;
    struct origin_conn *conn; /* owns, from EXCHANGE_HEAD on */
    struct deadline deadline;
    enum waiting waiting;
    bool expired;  /* the deadline fired */
    bool progress; /* bytes went or came in this turn */
    bool retried;
    bool upgrade;  /* the origin is asked to switch protocols */
    bool switched; /* ... and did */

    enum http_method method;
    enum http_body kind; /* of the request's body */
    uint64_t content_length;
    uint64_t pulled; /* bytes of the body so far */
    enum sending sending;
    bool starved;    /* pull() has nothing now */
    bool blocked;    /* the socket takes nothing now */
    struct buf head; /* owns; the request's head */
    struct span out; /* to be written next: of `head` or `body` */
    char *body;      /* owns; a piece of the body in its framing */

    struct buf in; /* owns; received */
    size_t used;   /* of `in` */
    bool eof;      /* the origin finished sending */
    bool answered; /* a byte of a response has come */
    unsigned interims;
    struct h1_scan scan;
    enum http_body framing; /* of the response's body */
    uint64_t left;          /* BODY_LENGTH: bytes to come */
    struct chunked chunked;
    bool whole;      /* the response was read to its end */
    bool keep;       /* the origin lets us use the connection again */
    mono_ms keep_ms; /* and for how long */
    bool suspect;    /* a body may follow that must not be there */
};

/* From within run(), like fetch_explain() and fetch_finish(). */
void exchange_finish(struct exchange *x, enum fetch_end why, const char *what);

static inline bool exchange_ended(const struct exchange *x)
{
    return x->fetch.finished || x->fetch.cancelled;
}

/* exchange_send.c: x->head from the request; left empty when it does not fit. */
void exchange_write_head(struct exchange *x, const struct fetch_request *req);
/* Sends what there is and the socket takes. */
void exchange_send(struct exchange *x);

/* exchange_take.c: works off what was received, as far as the consumer takes it. */
void exchange_take(struct exchange *x);

#endif
