/*
 * h2_conn.h - what the files of HTTP/2 share: h2.c (life of a connection), h2_frames.c
 * (nghttp2's callbacks), h2_stream.c (a stream as a txn, request bodies), h2_send.c (responses).
 * Private to session/.
 */
#ifndef SESSION_H2_CONN_H
#define SESSION_H2_CONN_H

#include "base/buf.h"
#include "http/h2_head.h"
#include "loop/deadline.h"
#include "session/h2.h"
#include "session/h2_guard.h"
#include "session/pace.h"

#include <nghttp2/nghttp2.h>

struct h2_batch;

enum h2_state { H2_OPEN, H2_NOTICE, H2_ENDING, H2_LINGER };

/* What the connection's deadline is for. */
enum h2_wait {
    H2_WAIT_NOTHING,
    H2_WAIT_HEAD,   /* one that has begun to come, or the first */
    H2_WAIT_TRIM,   /* idle for a moment */
    H2_WAIT_IDLE,   /* and for longer */
    H2_WAIT_NOTICE, /* drain grace */
    H2_WAIT_LINGER,
};

enum { H2_FRAME_HEAD_BYTES = 9 };

/* The request's body as it is read: the window bounds what is here. */
struct h2_body {
    struct buf in; /* owns; received, not read before `at` */
    size_t at;
    uint64_t total;                 /* bytes read */
    mono_ms waits_since, waited_ms; /* for the client: now, when not 0, and before */
    bool done;                      /* END_STREAM has come */
    bool continue_due;              /* the client waits for 100 Continue */
    bool waiting;                   /* the handlers were told STREAM_AGAIN */
    bool switched;                  /* it is another protocol's, without limit of time or size */
    int error;                      /* see txn_body_error(); 0: none */
};

/* The response as it is sent. */
struct h2_out {
    struct txn_response r;
    uint64_t framed; /* bytes of the body that are in frames */
    size_t promised; /* of them, bytes in the batch that the reader was not told of */
    mono_ms stalls_since, stalled_ms; /* for want of a window: now, when not 0, and before */
    unsigned interims;                /* queued and not framed */
    bool responded;
    bool starved; /* the source has nothing now: a wake-up will follow */
    bool whole;   /* END_STREAM is framed */
};

struct h2_stream {
    struct txn txn;
    struct h2 *conn;
    struct list node;    /* in conn->streams; or conn->spare */
    struct list sending; /* in conn->sending: has something that the client's windows may hold up */
    struct list ending;  /* in conn->ending: end() waits for the write */
    int32_t id;
    struct h2_head head;
    struct h2_body body;
    struct h2_out out;
    enum txn_end why; /* in conn->ending */
    bool begun;       /* the handlers know of it */
    bool closed;      /* nghttp2 does not know of it any more */
    bool cut;         /* we broke it off */
    bool timed_out;
    /* What is above is cleared for the next request. */
    struct deadline receive; /* the client must send of the body by then */
    struct deadline send;    /* the client must open a window by then */
};

struct h2 {
    struct session session; /* first */
    nghttp2_session *ng;    /* owns */
    enum h2_state state;
    enum h2_wait wait;
    struct list streams; /* all */
    unsigned streams_n;
    size_t window; /* of a stream, as the client was told */
    struct list sending, ending;
    struct list spare; /* streams for later requests; let go when idle */
    struct deadline deadline;
    struct deadline send;   /* the client must take bytes by then */
    struct pace pace;       /* and keep this one */
    struct ev_prepare kick; /* fed, never started: drives the connection from the loop */
    struct h2_guard guard;
    struct buf left;           /* owns; framed bytes that the socket did not take */
    struct h2_stream *reading; /* whose fields are coming, or NULL */
    struct h2_batch *batch;    /* while one is being put together */
    size_t burst;              /* bytes of the next write */
    uint64_t lingered;         /* bytes dropped so far */
    size_t preface_left;       /* bytes of the client's preface still to come */
    unsigned nth;              /* requests so far */
    unsigned head;             /* see h2_guard_head(): what the deadline is for */
    enum h2_kind flood;        /* H2_CALM, or what there was too much of */
    bool eof, broken;          /* the client will send no more; the connection is no use */
    bool receiving;            /* h2_drive() comes next anyway */
};

static inline struct h2_stream *stream_of(struct txn *t)
{
    return container_of(t, struct h2_stream, txn);
}

/* h2.c */
/* Runs the connection from the loop, soon. */
void h2_kick(struct h2 *c);
/* One more of a kind; ends the connection, from the loop, if that was too many. */
void h2_count(struct h2 *c, enum h2_kind kind);

/* No more requests are taken; those that were, are finished. */
void h2_leave(struct h2 *c);

/* h2_frames.c */
/* Makes c->ng, and queues what we say first. False: no memory. */
MUST_USE bool h2_session_begin(struct h2 *c);

/* h2_stream.c */
/* NULL: no memory. */
MUST_USE struct h2_stream *h2_stream_new(struct h2 *c, int32_t id);
/* The head is there: the handlers get it. */
void h2_stream_serve(struct h2_stream *s, size_t head_bytes, bool ended);
void h2_stream_data(struct h2_stream *s, const void *p, size_t n);
/* The client has said all. */
void h2_stream_ended(struct h2_stream *s);
/* The response's END_STREAM is framed. */
void h2_stream_whole(struct h2_stream *s);
/* nghttp2 has closed it. */
void h2_stream_closed(struct h2_stream *s);
/* Tells the handlers and forgets it, now. */
void h2_stream_end(struct h2_stream *s, enum txn_end why);
/* Breaks it off with this error; end() follows from the loop. */
void h2_stream_reset(struct h2_stream *s, uint32_t error);
/* Lets go what is kept for later streams. */
void h2_streams_trim(struct h2 *c);

/* h2_send.c */
enum h2_sent {
    H2_SENT_ALL,     /* there is nothing more to send now */
    H2_SENT_BLOCKED, /* the socket takes no more now, or others have their turn */
    H2_SENT_BROKEN,
};
void h2_send_init(struct h2 *c);
/* Writes what can be written of all streams. */
enum h2_sent h2_flush(struct h2 *c);
void h2_respond(struct txn *t, const struct txn_response *r);
void h2_interim(struct txn *t, int status, const struct fields *fields);
void h2_wake(struct txn *t);
/* The client has opened the stream's window, or all of them. */
void h2_window_opened(struct h2_stream *s);
/* nghttp2's callback for bytes of a DATA frame. */
int h2_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t length,
    nghttp2_data_source *source, void *conn);

#endif
