/*
 * h2_stream.c - a stream as a txn: its life, and the request's body.
 *
 * A stream is gone when three have let go of it: nghttp2 (closed), the handlers (end() was called),
 * and the batch that is being written. Until then it counts against the limit of streams.
 */
#include "base/check.h"
#include "session/h2_conn.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOW_FIRST_BYTES = NGHTTP2_INITIAL_WINDOW_SIZE }; /* before our SETTINGS are there */

static const struct txn_ops txn_ops;

static const struct session_conf *conf_of(const struct h2_stream *s)
{
    return s->conn->session.owner->conf;
}

static const struct txn_handlers *handlers_of(const struct h2_stream *s)
{
    return s->conn->session.owner->handlers;
}

/* --- life ---------------------------------------------------------------------------------- */

static void on_receive_deadline(struct deadline *d);
static void on_send_deadline(struct deadline *d);

/* One that was used before, with its arena's block, or a new one. */
static struct h2_stream *take_spare(struct h2 *c)
{
    struct list *n = list_pop(&c->spare);
    struct h2_stream *s;
    struct arena arena;

    if (n != NULL) {
        s = list_entry(n, struct h2_stream, node);
        arena = s->txn.arena;
        memset(s, 0, offsetof(struct h2_stream, receive));
        s->txn.arena = arena;
        return s;
    }
    s = calloc(1, sizeof(*s));
    if (s != NULL) {
        deadline_init(&s->receive, c->session.owner->worker, on_receive_deadline);
        deadline_init(&s->send, c->session.owner->worker, on_send_deadline);
    }
    return s;
}

struct h2_stream *h2_stream_new(struct h2 *c, int32_t id)
{
    struct sessions *owner = c->session.owner;
    size_t window = c->window;
    struct h2_stream *s = take_spare(c);

    if (s == NULL)
        return NULL;
    s->conn = c;
    s->id = id;
    s->txn.ops = &txn_ops;
    s->txn.session = &c->session;
    s->txn.worker = owner->worker;
    s->txn.server = owner->app;
    s->txn.peer = &c->session.peer;
    s->txn.local = &c->session.local;
    s->txn.connection = c->session.number;
    list_init(&s->sending);
    list_init(&s->ending);
    buf_init(&s->body.in, window > WINDOW_FIRST_BYTES ? window : WINDOW_FIRST_BYTES);
    list_append(&c->streams, &s->node);
    c->streams_n++;
    return s;
}

static void stream_free(struct h2_stream *s)
{
    arena_free(&s->txn.arena);
    free(s);
}

void h2_streams_trim(struct h2 *c)
{
    struct list *n;

    while ((n = list_pop(&c->spare)) != NULL)
        stream_free(list_entry(n, struct h2_stream, node));
}

/* The connection's window is open again for what nobody read. */
static void forget_body(struct h2_stream *s)
{
    size_t unread = s->body.in.n - s->body.at;

    if (unread > 0)
        (void)nghttp2_session_consume_connection(s->conn->ng, unread);
    buf_free(&s->body.in);
}

void h2_stream_end(struct h2_stream *s, enum txn_end why)
{
    struct h2 *c = s->conn;

    if (!s->closed)
        (void)nghttp2_session_set_stream_user_data(c->ng, s->id, NULL);
    if (c->reading == s)
        c->reading = NULL;
    deadline_stop(&s->receive);
    deadline_stop(&s->send);
    list_remove(&s->sending);
    list_remove(&s->ending);
    if (s->begun)
        handlers_of(s)->end(&s->txn, why);
    forget_body(s);
    arena_reset(&s->txn.arena);
    list_remove(&s->node);
    c->streams_n--;
    list_push(&c->spare, &s->node);
}

static enum txn_end end_of(const struct h2_stream *s)
{
    if (s->out.whole && !s->cut)
        return TXN_SENT;
    if (s->timed_out)
        return TXN_TIMEOUT;
    return s->cut ? TXN_CUT : TXN_CLIENT_GONE;
}

/* What is framed has still to be written. */
void h2_stream_closed(struct h2_stream *s)
{
    struct h2 *c = s->conn;

    s->closed = true;
    list_remove(&s->sending);
    s->why = end_of(s);
    if (c->batch != NULL || (s->why == TXN_SENT && c->left.n > 0))
        list_append(&c->ending, &s->ending);
    else
        h2_stream_end(s, s->why);
}

/* A client that has its answer need not say more (RFC 9113 §8.1). */
void h2_stream_whole(struct h2_stream *s)
{
    s->out.whole = true;
    list_remove(&s->sending);
    deadline_clear(&s->send);
    if (!s->body.done)
        (void)nghttp2_submit_rst_stream(s->conn->ng, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
}

void h2_stream_reset(struct h2_stream *s, uint32_t error)
{
    s->cut = true;
    if (!s->closed)
        (void)nghttp2_submit_rst_stream(s->conn->ng, NGHTTP2_FLAG_NONE, s->id, error);
    h2_kick(s->conn);
}

static void h2_abort(struct txn *t)
{
    h2_stream_reset(stream_of(t), NGHTTP2_INTERNAL_ERROR);
}

/* --- its request --------------------------------------------------------------------------- */

static void refuse(struct h2_stream *s, int status, const char *why)
{
    session_count(s->conn->session.owner, C_REQ_BAD, 1);
    h2_count(s->conn, H2_REFUSALS);
    handlers_of(s)->refused(&s->txn, status, why);
}

void h2_stream_serve(struct h2_stream *s, size_t head_bytes, bool ended)
{
    const struct session_conf *conf = conf_of(s);
    struct txn *t = &s->txn;
    const char *why;
    int status;

    status = h2_head_finish(&s->head, &t->arena, &conf->limits, ended, &t->request, &why);
    s->begun = true;
    s->body.done = ended;
    s->body.continue_due = status == 0 && t->request.expect_continue;
    t->nth = ++s->conn->nth;
    t->started_us = clock_mono_us();
    t->bytes_in = H2_FRAME_HEAD_BYTES + head_bytes;
    if (status != 0)
        refuse(s, status, why);
    else if (t->request.body == BODY_LENGTH && t->request.content_length > conf->body_max_bytes)
        refuse(s, 413, "the request body is larger than request-body allows");
    else
        handlers_of(s)->request(t);
}

/* --- its body ------------------------------------------------------------------------------ */

static void wait_begins(struct h2_stream *s)
{
    const struct session_conf *conf = conf_of(s);

    if (s->body.waits_since == 0)
        s->body.waits_since = worker_now(s->txn.worker);
    deadline_set(&s->receive,
        session_patience(conf->body_timeout_ms, conf->body_rate, s->body.waited_ms, s->body.total));
}

static void wait_ends(struct h2_stream *s)
{
    if (s->body.waits_since != 0)
        s->body.waited_ms += worker_now(s->txn.worker) - s->body.waits_since;
    s->body.waits_since = 0;
    deadline_clear(&s->receive);
}

/* For a handler that was told STREAM_AGAIN. */
static void body_readable(struct h2_stream *s)
{
    if (!s->body.waiting)
        return;
    s->body.waiting = false;
    handlers_of(s)->body_ready(&s->txn);
}

static void on_receive_deadline(struct deadline *d)
{
    struct h2_stream *s = container_of(d, struct h2_stream, receive);

    session_count(s->conn->session.owner, C_CLIENT_TIMEOUT, 1);
    s->body.error = 408;
    body_readable(s);
}

static void on_send_deadline(struct deadline *d)
{
    struct h2_stream *s = container_of(d, struct h2_stream, send);

    session_count(s->conn->session.owner, C_CLIENT_TIMEOUT, 1);
    s->timed_out = true;
    h2_stream_reset(s, NGHTTP2_CANCEL);
}

void h2_stream_data(struct h2_stream *s, const void *p, size_t n)
{
    struct h2_body *b = &s->body;

    s->txn.bytes_in += n;
    if (b->at == b->in.n || b->in.n + n > b->in.limit) {
        buf_consume(&b->in, b->at);
        b->at = 0;
    }
    if (b->error != 0 || !buf_append(&b->in, span_make(p, n))) {
        /* Nobody will read it; or no memory, which the reader is told. */
        b->error = b->error != 0 ? b->error : 413;
        (void)nghttp2_session_consume(s->conn->ng, s->id, n);
    }
    wait_ends(s);
    body_readable(s);
}

void h2_stream_ended(struct h2_stream *s)
{
    s->body.done = true;
    wait_ends(s);
    body_readable(s);
}

/* The windows are opened again as the handlers read: who does not read stalls its client. */
static void consumed(struct h2_stream *s, size_t n)
{
    if (s->closed)
        (void)nghttp2_session_consume_connection(s->conn->ng, n);
    else
        (void)nghttp2_session_consume(s->conn->ng, s->id, n);
    h2_kick(s->conn);
}

static ssize_t read_some(struct h2_stream *s, void *dst, size_t n)
{
    struct h2_body *b = &s->body;
    size_t have = b->in.n - b->at;

    if (b->error != 0)
        return STREAM_ERROR;
    if (have == 0)
        return b->done ? 0 : STREAM_AGAIN;
    if (n > have)
        n = have;
    memcpy(dst, b->in.p + b->at, n);
    b->at += n;
    b->total += n;
    consumed(s, n);
    if (b->total > conf_of(s)->body_max_bytes && !b->switched) {
        b->error = 413;
        return STREAM_ERROR;
    }
    return (ssize_t)n;
}

static ssize_t h2_read_body(struct txn *t, void *dst, size_t n)
{
    struct h2_stream *s = stream_of(t);
    struct h2_body *b = &s->body;
    ssize_t got = read_some(s, dst, n);

    if (got >= 0) {
        b->continue_due = false; /* it did not wait for us */
    } else if (got == STREAM_AGAIN) {
        if (b->continue_due)
            h2_interim(t, 100, NULL);
        b->continue_due = false;
        b->waiting = true;
        if (!b->switched)
            wait_begins(s);
    }
    return got;
}

static int h2_body_error(const struct txn *t)
{
    return container_of(t, const struct h2_stream, txn)->body.error;
}

static const struct txn_ops txn_ops = {
    .respond = h2_respond,
    .interim = h2_interim,
    .wake = h2_wake,
    .abort = h2_abort,
    .read_body = h2_read_body,
    .body_error = h2_body_error,
};
