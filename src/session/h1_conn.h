/*
 * h1_conn.h - what the files of HTTP/1 share: h1.c (life of a connection), h1_body.c (request
 * bodies), h1_send.c (responses). Private to session/.
 */
#ifndef SESSION_H1_CONN_H
#define SESSION_H1_CONN_H

#include "base/buf.h"
#include "http/chunked.h"
#include "loop/deadline.h"
#include "session/h1.h"
#include "session/pace.h"

enum h1_state { H1_IDLE, H1_HEAD, H1_ACTIVE, H1_LINGER };

enum { H1_RAW_BYTES = 16 * 1024 }; /* read at once of a chunked body */

/* The request's body as it is read. */
struct h1_body {
    enum http_body kind;
    uint64_t left;                  /* BODY_LENGTH: bytes not read yet */
    uint64_t total;                 /* bytes read */
    mono_ms waits_since, waited_ms; /* for the client: now, when not 0, and before */
    struct chunked chunked;
    struct buf raw;    /* owns; bytes received behind the head that are not in conn->in */
    bool done;         /* read to its end */
    bool continue_due; /* the client waits for 100 Continue */
    bool waiting;      /* the handlers were told STREAM_AGAIN */
    int error;         /* see txn_body_error(); -1: the client is gone; 0: none */
};

/* The response as it is sent. */
struct h1_out {
    struct txn_response r;
    struct span pending[6]; /* text that goes before further body bytes */
    int pending_n;
    char chunk_text[2 + CHUNK_HEAD_MAX]; /* end of the last chunk and head of the next */
    uint64_t chunk_left;                 /* bytes of the current chunk */
    uint64_t body_sent;
    struct span text_left; /* of r.body */
    bool chunked, last_chunk, responded, close;
};

struct h1 {
    struct session session; /* first */
    struct txn txn;         /* the request being served; see conn_of() */
    enum h1_state state;
    struct deadline deadline; /* head, idle, body, linger: what we wait to receive */
    mono_ms idle_left_ms;     /* of the idle time, when the buffers have been let go */
    struct deadline send;     /* the client must take bytes by then */
    struct pace pace;         /* how fast it does */
    struct ev_prepare kick;   /* fed, never started: drives the connection from the loop */
    struct buf in;            /* owns; received and not used; does not move while a txn is active */
    size_t used;              /* of `in`: the active request's head and body bytes */
    struct h1_scan scan;
    struct h1_body body;
    struct h1_out out;
    uint64_t skip;     /* bytes of the last request's body that nobody wanted */
    uint64_t lingered; /* bytes dropped so far */
    bool eof;          /* the client will send no more */
    bool abort;        /* txn_abort() was called */
    bool refused;      /* the parser or our limits refused the request */
    bool driving;      /* h1_drive() is on the stack */
    bool timed_out;
};

static inline struct h1 *conn_of(struct txn *t)
{
    return container_of(t, struct h1, txn);
}

/* h1_body.c */
ssize_t h1_read_body(struct txn *t, void *dst, size_t n);
int h1_body_error(const struct txn *t);
void h1_body_begin(struct h1 *c);
void h1_body_end(struct h1 *c);
/* The response switches to another protocol: what comes from now on is no HTTP. */
void h1_body_switch(struct h1 *c);
/* Something may be readable for a handler that was told STREAM_AGAIN. */
void h1_body_readable(struct h1 *c);
/* Whether what is left of the body is small enough to be skipped to save the connection. */
bool h1_body_is_short(const struct h1 *c);

/* h1_send.c */
void h1_respond(struct txn *t, const struct txn_response *r);
void h1_interim(struct txn *t, int status, const struct fields *fields);
enum h1_sent {
    SENT_ALL,     /* the response is complete */
    SENT_BLOCKED, /* the socket takes no more now */
    SENT_STARVED, /* the source has nothing now */
    SENT_CUT,     /* the source will never have the rest */
    SENT_BROKEN,  /* the connection is broken */
};
enum h1_sent h1_send(struct h1 *c);

/* h1.c: run the connection from the loop, soon. */
void h1_kick(struct h1 *c);

#endif
