#include "origin/exchange.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "net/tls_stream.h"

#include <stdlib.h>

enum { HEAD_READ = 16 * 1024, BODY_READ = 64 * 1024 };

static struct exchange *exchange_of(struct fetch *f)
{
    return container_of(f, struct exchange, fetch);
}

void exchange_finish(struct exchange *x, enum fetch_end why, const char *what)
{
    fetch_explain(&x->fetch, "%s", what);
    fetch_finish(&x->fetch, why);
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
        exchange_finish(x, FETCH_OVERLOAD, "the request's head is too large");
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
        exchange_finish(x, x->wish.why, x->wish.text);
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

/* Over TLS 1.3 a server tells only after the handshake that it does not take us (RFC 8446
 * §4.4.2.4). */
static bool was_refused(const struct exchange *x)
{
    const SSL *ssl = stream_ssl(&x->conn->stream);

    return ssl != NULL && tls_failure_of(ssl) == TLS_FAILURE_REFUSED;
}

/* The connection ended, by the origin's FIN or by an error. */
static void connection_ended(struct exchange *x, const char *how)
{
    if (x->state == EXCHANGE_BODY && x->framing == BODY_UNTIL_CLOSE && x->eof) {
        x->whole = true;
        exchange_finish(x, FETCH_DONE, "whole, until the connection was closed");
    } else if (x->state == EXCHANGE_BODY) {
        fetch_explain(&x->fetch, "the response was cut: %s", how);
        fetch_finish(&x->fetch, FETCH_CUT);
    } else if (may_retry(x)) {
        retry(x);
    } else if (was_refused(x)) {
        exchange_finish(x, FETCH_TLS, how);
    } else {
        fetch_explain(&x->fetch, "%s before a%s response", how, x->answered ? " whole" : "");
        fetch_finish(&x->fetch, FETCH_RESET);
    }
}

/* --- receiving ---------------------------------------------------------------------------- */

/* All of `in` is worked off, or is a head's beginning: reads behind it. False: nothing came. */
static bool receive(struct exchange *x)
{
    size_t room = x->state == EXCHANGE_HEAD ? HEAD_READ : BODY_READ;
    ssize_t n;

    buf_consume(&x->in, x->used);
    x->used = 0;
    if (!buf_reserve(&x->in, room)) {
        exchange_finish(x, FETCH_OVERLOAD, "no memory for the response");
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
    for (unsigned reads = 0; reads < EXCHANGE_TURN; reads++) {
        exchange_take(x);
        if (exchange_ended(x) || x->fetch.paused || !receive(x))
            return;
    }
    exchange_take(x);
}

/* --- waiting ------------------------------------------------------------------------------ */

static enum waiting what_is_awaited(const struct exchange *x)
{
    if (x->switched)
        return WAITING_NONE;
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
    exchange_send(x);
    if (!exchange_ended(x))
        receive_response(x);
    if (!exchange_ended(x) && x->state >= EXCHANGE_HEAD)
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
        origin_conn_keep(&x->conn, x->keep_ms, x->suspect);
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

struct fetch *exchange_start(struct fetcher *fr, struct origin *o, const struct fetch_request *req,
    const struct fetch_handlers *handlers, void *ctx)
{
    struct exchange *x = xcalloc(1, sizeof(*x));

    check(req->body != BODY_UNTIL_CLOSE && (req->body == BODY_NONE || req->pull != NULL));
    check(req->upgrade.n == 0 || (req->body == BODY_NONE && req->pull != NULL));
    fetch_init(&x->fetch, &exchange_kind, fr, o, req, handlers, ctx);
    deadline_init(&x->deadline, fr->worker, deadline_fired);
    x->method = req->method_id;
    x->kind = req->body;
    x->content_length = req->content_length;
    x->upgrade = req->upgrade.n > 0;
    buf_init(&x->head, EXCHANGE_HEAD_MAX);
    buf_init(&x->in, o->limits.head_bytes + BODY_READ);
    exchange_write_head(x, req);
    return &x->fetch;
}
