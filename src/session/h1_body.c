#include "session/h1_conn.h"

#include <string.h>

enum {
    SHORT_BODY_BYTES = 64 * 1024, /* what is read and dropped rather than closing */
};

void h1_body_begin(struct h1 *c)
{
    const struct http_request *req = &c->txn.request;
    struct h1_body *b = &c->body;

    *b = (struct h1_body){
        .kind = req->body,
        .left = req->body == BODY_LENGTH ? req->content_length : 0,
        .continue_due = req->expect_continue,
    };
    buf_init(&b->raw, H1_RAW_BYTES);
    b->done = req->body == BODY_NONE || (req->body == BODY_LENGTH && b->left == 0);
    if (req->body == BODY_CHUNKED)
        chunked_init(&b->chunked, &c->session.owner->conf->limits, &c->txn.arena);
}

void h1_body_switch(struct h1 *c)
{
    c->body.kind = BODY_UNTIL_CLOSE;
    c->body.done = false;
}

/* What was received behind the body belongs to the next request. `in` has room for it. */
void h1_body_end(struct h1 *c)
{
    struct h1_body *b = &c->body;

    buf_consume(&c->in, c->used);
    c->used = 0;
    if (b->raw.n > 0 && !buf_append(&c->in, buf_span(&b->raw)))
        c->eof = true; /* out of memory: the connection ends */
    buf_free(&b->raw);
}

static ssize_t body_fail(struct h1 *c, int error)
{
    c->body.error = error;
    deadline_clear(&c->deadline);
    return STREAM_ERROR;
}

static void wait_begins(struct h1 *c)
{
    const struct session_conf *conf = c->session.owner->conf;

    if (c->body.waits_since == 0)
        c->body.waits_since = worker_now(c->session.owner->worker);
    deadline_set(&c->deadline,
        session_patience(conf->body_timeout_ms, conf->body_rate, c->body.waited_ms, c->body.total));
}

static void wait_ends(struct h1 *c)
{
    if (c->body.waits_since != 0)
        c->body.waited_ms += worker_now(c->session.owner->worker) - c->body.waits_since;
    c->body.waits_since = 0;
    deadline_clear(&c->deadline);
}

/* More bytes from the socket, straight to dst. */
static ssize_t receive(struct h1 *c, void *dst, size_t n)
{
    ssize_t got = stream_read(&c->session.stream, dst, n);

    if (got > 0) {
        session_count(c->session.owner, C_CLIENT_BYTES_IN, (uint64_t)got);
        wait_ends(c);
        return got;
    }
    if (got == STREAM_AGAIN) {
        wait_begins(c);
        return STREAM_AGAIN;
    }
    return body_fail(c, -1); /* the end of the connection before the end of the body */
}

static ssize_t body_took(struct h1 *c, size_t n)
{
    c->body.total += n;
    if (c->body.total > c->session.owner->conf->body_max_bytes)
        return body_fail(c, 413);
    return (ssize_t)n;
}

static ssize_t read_length(struct h1 *c, char *dst, size_t n)
{
    struct h1_body *b = &c->body;
    size_t have = c->in.n - c->used;
    ssize_t got;

    if (n > b->left)
        n = (size_t)b->left;
    if (have > 0) {
        got = (ssize_t)(have < n ? have : n);
        memcpy(dst, c->in.p + c->used, (size_t)got);
        c->used += (size_t)got;
    } else {
        got = receive(c, dst, n);
        if (got <= 0)
            return got;
    }
    c->txn.bytes_in += (uint64_t)got;
    b->left -= (uint64_t)got;
    b->done = b->left == 0;
    return body_took(c, (size_t)got);
}

/* The bytes to decode next: behind the head in `in`, then what is received into `raw`. */
static ssize_t raw_bytes(struct h1 *c, struct span *raw)
{
    struct h1_body *b = &c->body;
    ssize_t got;

    if (c->in.n > c->used) {
        *raw = span_make(c->in.p + c->used, c->in.n - c->used);
        return (ssize_t)raw->n;
    }
    if (b->raw.n == 0) {
        if (!buf_reserve(&b->raw, H1_RAW_BYTES))
            return body_fail(c, 413);
        got = receive(c, b->raw.p, H1_RAW_BYTES);
        if (got <= 0)
            return got;
        b->raw.n = (size_t)got;
    }
    *raw = buf_span(&b->raw);
    return (ssize_t)raw->n;
}

static void raw_used(struct h1 *c, size_t n)
{
    c->txn.bytes_in += n;
    if (c->in.n > c->used)
        c->used += n;
    else
        buf_consume(&c->body.raw, n);
}

static ssize_t read_chunked(struct h1 *c, char *dst, size_t n)
{
    for (;;) {
        struct span raw, in, data;
        ssize_t got = raw_bytes(c, &raw);

        if (got <= 0)
            return got;
        /* No more than fits dst is shown to the decoder: its data is never longer than that. */
        in = span_make(raw.p, raw.n < n ? raw.n : n);
        switch (chunked_next(&c->body.chunked, &in, &data)) {
        case CHUNKED_MORE:
            raw_used(c, (size_t)(in.p - raw.p));
            break;
        case CHUNKED_DATA:
            memcpy(dst, data.p, data.n);
            raw_used(c, (size_t)(in.p - raw.p));
            return body_took(c, data.n);
        case CHUNKED_END:
            raw_used(c, (size_t)(in.p - raw.p));
            c->body.done = true;
            return 0;
        case CHUNKED_BAD:
            return body_fail(c, 400);
        }
    }
}

/* Of another protocol: as it comes, until the client closes. How long that may take is up to who
 * switched. */
static ssize_t read_switched(struct h1 *c, char *dst, size_t n)
{
    size_t have = c->in.n - c->used;
    ssize_t got;

    if (have > 0) {
        got = (ssize_t)(have < n ? have : n);
        memcpy(dst, c->in.p + c->used, (size_t)got);
        c->used += (size_t)got;
    } else {
        got = stream_read(&c->session.stream, dst, n);
        if (got > 0)
            session_count(c->session.owner, C_CLIENT_BYTES_IN, (uint64_t)got);
    }
    if (got > 0)
        c->txn.bytes_in += (uint64_t)got;
    if (got == STREAM_EOF)
        c->eof = c->body.done = true;
    return got == STREAM_ERROR ? body_fail(c, -1) : got;
}

static ssize_t read_some(struct h1 *c, void *dst, size_t n)
{
    struct h1_body *b = &c->body;

    if (b->error != 0)
        return STREAM_ERROR;
    if (b->done)
        return 0;
    switch (b->kind) {
    case BODY_UNTIL_CLOSE:
        return read_switched(c, dst, n);
    case BODY_CHUNKED:
        return read_chunked(c, dst, n);
    case BODY_LENGTH:
    case BODY_NONE:
        break;
    }
    return read_length(c, dst, n);
}

ssize_t h1_read_body(struct txn *t, void *dst, size_t n)
{
    struct h1 *c = conn_of(t);
    struct h1_body *b = &c->body;
    ssize_t got = read_some(c, dst, n);

    if (got == STREAM_AGAIN) {
        if (b->continue_due) {
            b->continue_due = false;
            h1_interim(t, 100, NULL);
        }
        b->waiting = true;
        h1_kick(c); /* asks for readability */
    } else if (got >= 0) {
        b->continue_due = false; /* it did not wait for us */
    }
    return got;
}

int h1_body_error(const struct txn *t)
{
    int error = container_of(t, const struct h1, txn)->body.error;

    return error > 0 ? error : 0;
}

void h1_body_readable(struct h1 *c)
{
    if (!c->body.waiting)
        return;
    c->body.waiting = false;
    c->session.owner->handlers->body_ready(&c->txn);
}

bool h1_body_is_short(const struct h1 *c)
{
    const struct h1_body *b = &c->body;

    return b->done || (b->error == 0 && !b->continue_due && b->kind == BODY_LENGTH &&
                          b->left <= SHORT_BODY_BYTES);
}
