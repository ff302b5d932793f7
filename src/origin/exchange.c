/*
 * exchange.c - one request to a server and its response, by HTTP/1.1 (RFC 9112).
 *
 *   state             enters it                     while in it
 *   EXCHANGE_START    exchange_start(), a retry     no connection, no wish
 *   EXCHANGE_CONNECT  get_connection()              a wish for a connection is pending
 *   EXCHANGE_HEAD     begin()                       the request goes out; the final head is awaited
 *   EXCHANGE_BODY     take_head()                   the response's body comes; the request's may go
 * on
 *
 * The connection is kept only when the request was sent to its end, the response read to its end,
 * nothing came behind it and both sides want to (RFC 9112 §9.3, §9.6).
 */
#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "http/chunked.h"
#include "http/h1_write.h"
#include "origin/fetch_kind.h"
#include "origin/pool.h"

#include <stdlib.h>

enum {
    REQUEST_HEAD_MAX = 1 << 20,
    HEAD_READ = 16 * 1024,
    BODY_READ = 64 * 1024,
    BODY_SEND = 32 * 1024,
    TURN_READS = 4, /* and writes, before other connections have their turn */
    INTERIM_MAX = 16,
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
};

static struct exchange *exchange_of(struct fetch *f)
{
    return container_of(f, struct exchange, fetch);
}

static void finish(struct exchange *x, enum fetch_end why, const char *what)
{
    fetch_explain(&x->fetch, "%s", what);
    fetch_finish(&x->fetch, why);
}

static bool ended(const struct exchange *x)
{
    return x->fetch.finished || x->fetch.cancelled;
}

/* --- connection --------------------------------------------------------------------------- */

static void wish_done(struct origin_wish *w)
{
    fetch_run(&container_of(w, struct exchange, wish)->fetch);
}

static void stream_ready(struct stream *s, unsigned events)
{
    struct origin_conn *c = container_of(s, struct origin_conn, stream);
    struct exchange *x = c->holder;

    if (events & STREAM_WRITE)
        x->blocked = false;
    fetch_run(&x->fetch);
}

static void deadline_fired(struct deadline *d)
{
    struct exchange *x = container_of(d, struct exchange, deadline);

    x->expired = true;
    fetch_run(&x->fetch);
}

/* A connection is there: the request starts from its first byte. */
static void begin(struct exchange *x)
{
    struct fetch *f = &x->fetch;

    x->conn = x->wish.conn;
    x->conn->holder = x;
    x->conn->stream.ready = stream_ready;
    f->info.server = x->conn->server->label;
    f->info.reused = x->conn->reused;
    f->info.connect_ms = worker_now(f->fetcher->worker) - f->started_ms;
    x->state = EXCHANGE_HEAD;
    x->sending = SENDING_HEAD;
    x->out = buf_span(&x->head);
    h1_scan_init(&x->scan, &f->origin->limits);
}

/* False: not yet, or never. */
static bool get_connection(struct exchange *x)
{
    struct fetch *f = &x->fetch;

    if (x->head.n == 0) {
        finish(x, FETCH_OVERLOAD, "the request's head is too large");
        return false;
    }
    if (x->state == EXCHANGE_START) {
        x->state = EXCHANGE_CONNECT;
        x->wish.done = wish_done;
        if (!origin_wish_start(&x->wish, f->fetcher, f->origin, x->retried))
            return false;
    } else if (x->wish.state != WISH_NONE) {
        return false;
    } else if (x->wish.conn == NULL) {
        if (x->wish.server != NULL)
            f->info.server = x->wish.server->label;
        finish(x, x->wish.why, x->wish.text);
        return false;
    }
    begin(x);
    return true;
}

/* The one safe retry: a kept connection was closed as we used it, nothing came on it, and the
 * request may be sent twice and is still whole (RFC 9110 §9.2.2, RFC 9112 §9.3.1). It goes by a new
 * connection, so there is no second one. */
static bool may_retry(const struct exchange *x)
{
    return x->conn->reused && !x->answered && x->pulled == 0 && method_idempotent(x->method);
}

static void retry(struct exchange *x)
{
    log_msg(LOG_DEBUG, "origin %s (%s): a kept connection was closed, trying a new one",
        x->fetch.origin->name.p, x->fetch.info.server);
    count(C_ORIGIN_RETRIES);
    origin_conn_close(&x->conn);
    deadline_clear(&x->deadline);
    x->waiting = WAITING_NONE;
    x->retried = true;
    x->eof = x->blocked = x->starved = false;
    x->state = EXCHANGE_START;
    fetch_kick(&x->fetch);
}

/* The connection ended, by the origin's FIN or by an error. */
static void connection_ended(struct exchange *x, const char *how)
{
    if (x->state == EXCHANGE_BODY && x->framing == BODY_UNTIL_CLOSE && x->eof) {
        x->whole = true;
        finish(x, FETCH_DONE, "whole, until the connection was closed");
    } else if (x->state == EXCHANGE_BODY) {
        fetch_explain(&x->fetch, "the response was cut: %s", how);
        fetch_finish(&x->fetch, FETCH_CUT);
    } else if (may_retry(x)) {
        retry(x);
    } else {
        fetch_explain(&x->fetch, "%s before a%s response", how, x->answered ? " whole" : "");
        fetch_finish(&x->fetch, FETCH_RESET);
    }
}

/* --- the request -------------------------------------------------------------------------- */

/* The next piece of the body into x->out, in its framing. False: not now, or failed. */
static bool pull_body(struct exchange *x)
{
    size_t n = BODY_SEND;
    char *data;
    ssize_t got;

    if (x->kind == BODY_LENGTH && n > x->content_length - x->pulled)
        n = (size_t)(x->content_length - x->pulled);
    if (n == 0) {
        x->sending = SENDING_LAST;
        return true;
    }
    if (x->body == NULL)
        x->body = xmalloc(CHUNK_HEAD_MAX + BODY_SEND + CHUNK_TAIL.n);
    data = x->body + CHUNK_HEAD_MAX;
    got = x->fetch.pull(x->fetch.ctx, data, n);
    if (x->fetch.cancelled)
        return false;
    if (got == STREAM_AGAIN) {
        x->starved = true;
        return false;
    }
    if (got < 0 || (got == 0 && x->kind == BODY_LENGTH)) {
        finish(x, FETCH_CLIENT_GONE, "the request's body ended early");
        return false;
    }
    x->pulled += (uint64_t)got;
    x->out = span_make(data, (size_t)got);
    if (x->kind == BODY_CHUNKED && got == 0) {
        x->sending = SENDING_LAST;
        x->out = CHUNK_END;
    } else if (x->kind == BODY_CHUNKED) {
        char text[CHUNK_HEAD_MAX];
        size_t text_n = chunk_head(text, (uint64_t)got);

        memcpy(data - text_n, text, text_n);
        memcpy(data + got, CHUNK_TAIL.p, CHUNK_TAIL.n);
        x->out = span_make(data - text_n, text_n + (size_t)got + CHUNK_TAIL.n);
    }
    return true;
}

/* False: the socket takes no more, now or ever. */
static bool write_out(struct exchange *x)
{
    struct iovec v = {(void *)(uintptr_t)x->out.p, x->out.n};
    ssize_t n = stream_writev(&x->conn->stream, &v, 1, false);

    if (n == STREAM_AGAIN) {
        x->blocked = true;
        return false;
    }
    if (n < 0) {
        x->sending = SENDING_LOST; /* what the origin said before it closed can still be read */
        return false;
    }
    count_add(C_ORIGIN_BYTES_OUT, (uint64_t)n);
    x->progress = true;
    x->out = span_from(x->out, (size_t)n);
    return true;
}

static void send_request(struct exchange *x)
{
    for (unsigned writes = 0; !x->blocked;) {
        if (x->sending == SENDING_DONE || x->sending == SENDING_LOST)
            return;
        if (x->out.n > 0) {
            if (writes++ == TURN_READS)
                x->blocked = true; /* goes on when the loop comes round */
            else if (!write_out(x))
                return;
            continue;
        }
        switch (x->sending) {
        case SENDING_HEAD:
            x->sending = x->kind == BODY_NONE ? SENDING_LAST : SENDING_BODY;
            break;
        case SENDING_BODY:
            if (x->starved || !pull_body(x))
                return;
            break;
        case SENDING_LAST:
            x->sending = SENDING_DONE;
            break;
        case SENDING_DONE:
        case SENDING_LOST:
            return;
        }
    }
}

/* --- the response ------------------------------------------------------------------------- */

/* How long the origin keeps the connection: Keep-Alive: timeout=5 (RFC 2068 §19.7.1.1), less a
 * second for what is on its way. */
static mono_ms keep_time(const struct exchange *x, const struct fields *fields)
{
    mono_ms ms = x->fetch.origin->options.keepalive_ms;
    struct field_list it = field_list_of(fields, FIELD_KEEP_ALIVE);
    struct span member;
    uint64_t s;

    while (field_list_next(&it, &member)) {
        if (span_istarts(member, SPAN("timeout=")) && span_u64(span_from(member, 8), &s) &&
            s < (uint64_t)ms / 1000 + 1)
            ms = s > 0 ? (mono_ms)(s - 1) * 1000 : 0;
    }
    return ms;
}

/* 1xx: 100 is for us, 101 was not asked for (RFC 9110 §15.2.2), others are passed on. */
static void take_interim(struct exchange *x, const struct http_response *resp)
{
    if (resp->status == 101) {
        finish(x, FETCH_BAD_RESPONSE, "101 without being asked");
        return;
    }
    if (++x->interims > INTERIM_MAX) {
        finish(x, FETCH_BAD_RESPONSE, "too many interim responses");
        return;
    }
    x->waiting = WAITING_NONE; /* a new time for the first byte */
    if (resp->status != 100 && x->fetch.handlers->interim != NULL)
        x->fetch.handlers->interim(x->fetch.ctx, resp);
    x->used += x->scan.used;
    h1_scan_init(&x->scan, &x->fetch.origin->limits);
}

static void log_answer(const struct exchange *x, int status)
{
    struct span line = buf_span(&x->head);

    line.n = span_find(line, '\r');
    log_msg(LOG_DEBUG, "origin %s (%s): %.*s: %d%s", x->fetch.origin->name.p, x->fetch.info.server,
        SPAN_ARG(line), status, x->fetch.info.reused ? ", on a kept connection" : "");
}

static void take_final(struct exchange *x, const struct http_response *resp)
{
    struct fetch *f = &x->fetch;

    x->used += x->scan.used;
    x->state = EXCHANGE_BODY;
    x->framing = resp->body;
    x->left = resp->body == BODY_LENGTH ? resp->content_length : 0;
    x->keep = resp->keep_alive;
    x->keep_ms = keep_time(x, &resp->fields);
    x->whole = x->framing == BODY_NONE || (x->framing == BODY_LENGTH && x->left == 0);
    if (x->framing == BODY_CHUNKED)
        chunked_init(&x->chunked, &f->origin->limits, &f->arena);
    log_answer(x, resp->status);
    f->handlers->head(f->ctx, resp);
}

/* False: more bytes are needed, or it failed. */
static bool take_head(struct exchange *x)
{
    struct span in = span_from(buf_span(&x->in), x->used);
    struct http_response resp;

    switch (h1_response_parse(&x->scan, in, x->method, &x->fetch.arena, &resp)) {
    case H1_MORE:
        return false;
    case H1_BAD:
        finish(x, FETCH_BAD_RESPONSE, x->scan.why);
        return false;
    case H1_OK:
        if (resp.status < 200)
            take_interim(x, &resp);
        else
            take_final(x, &resp);
        return !ended(x);
    }
    return false;
}

static void response_whole(struct exchange *x)
{
    const struct fields *trailers = &x->chunked.trailers;

    x->whole = true;
    if (x->framing == BODY_CHUNKED && trailers->n > 0 && x->fetch.handlers->trailers != NULL)
        x->fetch.handlers->trailers(x->fetch.ctx, trailers);
    if (!x->fetch.cancelled)
        finish(x, FETCH_DONE, "whole");
}

static void take_chunks(struct exchange *x, struct span in)
{
    const char *from = in.p;

    switch (chunked_next(&x->chunked, &in, &x->fetch.pending)) {
    case CHUNKED_MORE:
    case CHUNKED_DATA:
        break;
    case CHUNKED_END:
        x->whole = true;
        break;
    case CHUNKED_BAD:
        fetch_explain(&x->fetch, "the response was cut: %s", x->chunked.why);
        fetch_finish(&x->fetch, FETCH_CUT);
        break;
    }
    x->used += (size_t)(in.p - from);
}

/* What was received to fetch.pending, or `whole`. False: more bytes are needed. */
static bool take_body(struct exchange *x)
{
    struct span in = span_from(buf_span(&x->in), x->used);

    if (x->whole)
        return true;
    if (in.n == 0)
        return false;
    switch (x->framing) {
    case BODY_LENGTH:
        if (in.n > x->left)
            in.n = (size_t)x->left;
        x->left -= in.n;
        x->whole = x->left == 0;
        x->fetch.pending = in;
        x->used += in.n;
        break;
    case BODY_UNTIL_CLOSE:
        x->fetch.pending = in;
        x->used += in.n;
        break;
    case BODY_CHUNKED:
        take_chunks(x, in);
        break;
    case BODY_NONE:
        break;
    }
    return true;
}

/* Works off what was received. */
static void take(struct exchange *x)
{
    for (;;) {
        if (x->fetch.pending.n > 0 && !fetch_deliver(&x->fetch))
            return;
        if (x->state == EXCHANGE_HEAD) {
            if (!take_head(x))
                return;
        } else if (!take_body(x)) {
            return;
        }
        if (ended(x))
            return;
        if (x->whole && x->fetch.pending.n == 0) {
            response_whole(x);
            return;
        }
    }
}

/* All of `in` is worked off, or is a head's beginning: reads behind it. False: nothing came. */
static bool receive(struct exchange *x)
{
    size_t room = x->state == EXCHANGE_HEAD ? HEAD_READ : BODY_READ;
    ssize_t n;

    buf_consume(&x->in, x->used);
    x->used = 0;
    if (!buf_reserve(&x->in, room)) {
        finish(x, FETCH_OVERLOAD, "no memory for the response");
        return false;
    }
    n = stream_read(&x->conn->stream, x->in.p + x->in.n, room);
    if (n > 0) {
        if (!x->answered)
            x->fetch.info.first_byte_ms =
                worker_now(x->fetch.fetcher->worker) - x->fetch.started_ms;
        x->answered = x->progress = true;
        x->in.n += (size_t)n;
        count_add(C_ORIGIN_BYTES_IN, (uint64_t)n);
        return true;
    }
    if (n == STREAM_AGAIN)
        return false;
    x->eof = n == STREAM_EOF;
    connection_ended(x, x->eof ? "the connection was closed" : stream_error(&x->conn->stream));
    return false;
}

static void receive_response(struct exchange *x)
{
    for (unsigned reads = 0; reads < TURN_READS; reads++) {
        take(x);
        if (ended(x) || x->fetch.paused || !receive(x))
            return;
    }
    take(x);
}

/* --- waiting ------------------------------------------------------------------------------ */

static enum waiting what_is_awaited(const struct exchange *x)
{
    if (x->state == EXCHANGE_BODY)
        return x->fetch.paused ? WAITING_NONE : WAITING_BYTES;
    if (x->sending == SENDING_DONE || x->sending == SENDING_LOST)
        return WAITING_FIRST_BYTE;
    return x->blocked ? WAITING_SEND : WAITING_NONE;
}

/* Asks for the events that can bring us further, and sets the deadline for them. */
static void await(struct exchange *x)
{
    const struct origin_options *o = &x->fetch.origin->options;
    enum waiting w = what_is_awaited(x);

    stream_want(
        &x->conn->stream, (x->fetch.paused ? 0 : STREAM_READ) | (x->blocked ? STREAM_WRITE : 0));
    if (w != x->waiting || (x->progress && w != WAITING_FIRST_BYTE)) {
        switch (w) {
        case WAITING_NONE:
            deadline_clear(&x->deadline);
            break;
        case WAITING_FIRST_BYTE:
            deadline_set(&x->deadline, o->first_byte_timeout_ms);
            break;
        case WAITING_SEND:
        case WAITING_BYTES:
            deadline_set(&x->deadline, o->between_bytes_timeout_ms);
            break;
        }
    }
    x->waiting = w;
    x->progress = false;
}

static void timed_out(struct exchange *x)
{
    const struct origin_options *o = &x->fetch.origin->options;

    if (x->waiting == WAITING_FIRST_BYTE) {
        fetch_explain(&x->fetch, "first-byte timeout: no response after %lld ms",
            (long long)o->first_byte_timeout_ms);
        fetch_finish(&x->fetch, FETCH_FIRST_BYTE_TIMEOUT);
    } else {
        fetch_explain(&x->fetch, "between-bytes timeout: it %s nothing for %lld ms",
            x->waiting == WAITING_SEND ? "took" : "sent", (long long)o->between_bytes_timeout_ms);
        fetch_finish(&x->fetch, FETCH_BETWEEN_BYTES_TIMEOUT);
    }
}

static void exchange_run(struct fetch *f)
{
    struct exchange *x = exchange_of(f);

    if (x->expired) {
        timed_out(x);
        return;
    }
    if (x->state < EXCHANGE_HEAD && !get_connection(x))
        return;
    send_request(x);
    if (!ended(x))
        receive_response(x);
    if (!ended(x) && x->state >= EXCHANGE_HEAD)
        await(x);
}

static void exchange_body_ready(struct fetch *f)
{
    exchange_of(f)->starved = false;
    fetch_kick(f);
}

static bool may_keep(const struct exchange *x)
{
    return x->whole && x->keep && x->keep_ms > 0 && x->sending == SENDING_DONE && !x->eof &&
           x->used == x->in.n;
}

static bool exchange_release(struct fetch *f)
{
    struct exchange *x = exchange_of(f);

    origin_wish_cancel(&x->wish);
    if (x->conn != NULL && may_keep(x))
        origin_conn_keep(&x->conn, x->keep_ms);
    else if (x->conn != NULL)
        origin_conn_close(&x->conn);
    deadline_stop(&x->deadline);
    buf_free(&x->head);
    buf_free(&x->in);
    free(x->body);
    return true;
}

static const struct fetch_kind exchange_kind = {
    .run = exchange_run,
    .body_ready = exchange_body_ready,
    .release = exchange_release,
};

/* Leaves it empty when it does not fit. */
static void write_head(struct exchange *x, const struct fetch_request *req)
{
    const struct origin_options *o = &x->fetch.origin->options;
    struct http_request head = {
        .method = req->method_id,
        .method_text = req->method,
        .target = req->target,
        .authority = o->host.n > 0 ? o->host : req->host,
        .fields = *req->fields,
        .body = req->body,
        .content_length = req->content_length,
        .keep_alive = o->keepalive_ms > 0,
    };

    if (!h1_request_write(&x->head, &head))
        x->head.n = 0;
}

struct fetch *exchange_start(struct fetcher *fr, struct origin *o, const struct fetch_request *req,
    const struct fetch_handlers *handlers, void *ctx)
{
    struct exchange *x = xcalloc(1, sizeof(*x));

    check(req->body != BODY_UNTIL_CLOSE && (req->body == BODY_NONE || req->pull != NULL));
    fetch_init(&x->fetch, &exchange_kind, fr, o, req, handlers, ctx);
    deadline_init(&x->deadline, fr->worker, deadline_fired);
    x->method = req->method_id;
    x->kind = req->body;
    x->content_length = req->content_length;
    buf_init(&x->head, REQUEST_HEAD_MAX);
    buf_init(&x->in, o->limits.head_bytes + BODY_READ);
    write_head(x, req);
    return &x->fetch;
}
