/*
 * fetch.h - one request to an origin, and its response as a series of calls.
 *
 * The caller knows nothing of servers, connections and retries. Calls come on the worker that
 * started the fetch, never from inside fetch_start(): head (once) after any number of interim, then
 * body, trailers (at most once), and end exactly once as the last, unless fetch_cancel() came first
 * (then none). After end the fetch is gone.
 *
 * Two kinds of origin stand behind it: servers reached by HTTP (exchange.c over pool.c) and a
 * directory of files (files.c).
 */
#ifndef ORIGIN_FETCH_H
#define ORIGIN_FETCH_H

#include "base/list.h"
#include "base/span.h"
#include "http/fields.h"
#include "http/message.h"
#include "loop/pool.h"
#include "loop/worker.h"
#include "net/stream.h"
#include "origin/origin.h"

struct fetch;
struct resolver;

/* What the fetches of one worker share; embedded in the worker's state. On its thread. */
struct fetcher {
    struct worker *worker;     /* borrowed */
    struct resolver *resolver; /* borrowed; for servers */
    struct pool *blocking;     /* borrowed; for directories */
    struct list pools;         /* private: kept connections of all origins */
};

void fetcher_init(
    struct fetcher *fr, struct worker *w, struct resolver *resolver, struct pool *blocking);
/* Closes the kept connections. Every fetch has ended or was cancelled; jobs of cancelled ones may
 * still be on their way, so free `blocking` while the worker runs, and the worker after that. */
void fetcher_stop(struct fetcher *fr);

enum fetch_end {
    FETCH_DONE,       /* the response is whole */
    FETCH_CUT,        /* after the head: ended before its length or last chunk */
    FETCH_REFUSED,    /* no connection could be made */
    FETCH_UNRESOLVED, /* the name has no address */
    FETCH_CONNECT_TIMEOUT,
    FETCH_FIRST_BYTE_TIMEOUT,
    FETCH_BETWEEN_BYTES_TIMEOUT,
    FETCH_RESET,        /* the connection ended before a head */
    FETCH_BAD_RESPONSE, /* what came is not HTTP that we accept */
    FETCH_OVERLOAD,     /* our own limits: connections, queue, memory */
    FETCH_CERTIFICATE,  /* the server's certificate is not to be trusted */
    FETCH_TLS,          /* no TLS with the server: it or we refused, or it speaks something else */
    FETCH_CLIENT_GONE,  /* the request's body could not be had to its end */
};
enum { FETCH_DETAIL_BYTES = 512 }; /* of the sentence that says more */
/* The status to answer when there is no head to pass on: 502, 503 or 504. */
int fetch_end_status(enum fetch_end why);
/* A word for Cache-Status detail and logs, like "connect-timeout". */
const char *fetch_end_name(enum fetch_end why);

struct fetch_request {
    struct span method; /* as it goes on the wire */
    enum http_method method_id;
    struct span target;          /* origin-form path and query */
    struct span host;            /* value of Host */
    const struct fields *fields; /* end-to-end fields without Host and framing; copied */
    enum http_body body;         /* BODY_NONE, BODY_LENGTH or BODY_CHUNKED */
    uint64_t content_length;
    /* The protocol that the connection is to switch to, or empty. When the origin does (its head is
     * a 101 then), what pull() gives goes on as it is, until its end, and the body is what the
     * origin sends until it closes; nothing is timed. Without a body of the request. */
    struct span upgrade;
    /* The request's body, pulled as the origin takes it: > 0 bytes, 0 at its end, STREAM_AGAIN
     * (then fetch_body_ready() is called later), STREAM_ERROR when the client is gone. */
    ssize_t (*pull)(void *ctx, void *dst, size_t n);
    void *keeper; /* for handlers->gone() */
};

struct fetch_handlers {
    /* A 1xx but for 100 and 101; may be NULL. Heads are valid during the call. */
    void (*interim)(void *ctx, const struct http_response *head);
    void (*head)(void *ctx, const struct http_response *head);
    /* Returns how much it took. Less than all: nothing comes until fetch_resume(), then the rest
     * again. */
    size_t (*body)(void *ctx, struct span data);
    void (*trailers)(void *ctx, const struct fields *fields); /* may be NULL */
    /* `detail`: a sentence, never NULL, valid during the call. */
    void (*end)(void *ctx, enum fetch_end why, const char *detail);
    /* The origin is not touched any more for it: maybe long after end() or fetch_cancel(). May be
     * NULL. */
    void (*gone)(struct fetcher *fr, void *keeper);
};

/* Spans in `req` must live until fetch_start() returns, `handlers` as long as the fetch. Never
 * NULL: failures come through end(). */
struct fetch *fetch_start(struct fetcher *fr, struct origin *o, const struct fetch_request *req,
    const struct fetch_handlers *handlers, void *ctx);
/* The consumer has room again after body() took less than it was given. */
void fetch_resume(struct fetch *f);
/* pull() has something again. */
void fetch_body_ready(struct fetch *f);
/* No further call; the connection is closed unless the response was complete. Sets *f to NULL. */
void fetch_cancel(struct fetch **f);

/* Where it went and what it took, for logs; valid from head() on, during calls. */
struct fetch_info {
    const char *server;                /* "127.0.0.1:8000", or the directory */
    bool reused;                       /* a kept connection */
    mono_ms connect_ms, first_byte_ms; /* durations; -1 when not reached */
};
const struct fetch_info *fetch_info(const struct fetch *f);

#endif
