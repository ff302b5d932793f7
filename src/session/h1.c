#include "session/h1.h"

#include "base/check.h"
#include "base/log.h"
#include "session/h1_conn.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    IDLE_TRIM_MS = 1000, /* after that, an idle connection lets its buffers go */
    READ_BYTES = 4096,   /* at once, into the connection's buffer */
    LINGER_MS = 2000,    /* for the client to read our last answer */
    LINGER_BYTES = 1 << 20,
    DRAIN_GRACE_MS = 1000, /* for the first request of a new connection, while draining */
};

static _Atomic uint64_t connection_numbers;

static void h1_drive(struct h1 *c);

void sessions_init(struct sessions *s, struct worker *w, const struct session_conf *conf,
    const struct txn_handlers *handlers, void *app)
{
    *s = (struct sessions){.worker = w, .conf = conf, .handlers = handlers, .app = app};
    list_init(&s->all);
}

/* --- a connection's life ----------------------------------------------------------------- */

static void h1_close(struct h1 *c)
{
    struct sessions *owner = c->owner;

    check(c->state != H1_ACTIVE);
    if (stream_is_open(&c->stream))
        stream_close(&c->stream);
    ev_clear_pending(owner->worker->loop, &c->kick);
    deadline_stop(&c->deadline);
    deadline_stop(&c->send);
    list_remove(&c->node);
    owner->count--;
    h1_count(owner, C_CONN_CLOSED, 1);
    buf_free(&c->in);
    arena_free(&c->txn.arena);
    free(c);
    if (owner->draining && owner->count == 0 && owner->drained != NULL)
        owner->drained(owner);
}

static void become_idle(struct h1 *c)
{
    const struct session_conf *conf = c->owner->conf;
    mono_ms wait_ms = c->txn.nth == 0 ? conf->head_timeout_ms : conf->idle_timeout_ms;

    if (c->owner->draining)
        wait_ms = DRAIN_GRACE_MS;
    c->state = H1_IDLE;
    h1_scan_init(&c->scan, &conf->limits);
    c->idle_left_ms = wait_ms > IDLE_TRIM_MS ? wait_ms - IDLE_TRIM_MS : 0;
    deadline_set(&c->deadline, wait_ms - c->idle_left_ms);
}

/* Who is idle for longer than a moment is likely to stay so, and keeps no buffers meanwhile. */
static void trim_idle(struct h1 *c)
{
    if (c->in.n == 0) {
        buf_free(&c->in);
        arena_free(&c->txn.arena);
    }
    deadline_set(&c->deadline, c->idle_left_ms);
    c->idle_left_ms = 0;
}

static void become_lingering(struct h1 *c)
{
    c->state = H1_LINGER;
    stream_shutdown_write(&c->stream);
    deadline_set(&c->deadline, LINGER_MS);
    stream_want(&c->stream, STREAM_READ);
}

/* The client takes the end of the connection for the end of the body: only a reset tells it that
 * this was not all of it. */
static bool ends_by_close(const struct h1 *c)
{
    return c->out.responded && !c->out.chunked && c->out.r.length < 0 && !c->out.r.no_body;
}

/* The end of the active txn: tells the handlers, and makes the connection ready for what follows.
 * False: the connection is closed. */
static bool finish(struct h1 *c, enum txn_end why)
{
    bool linger = false;

    if (why == TXN_SENT && c->out.close)
        linger = !c->eof && (c->refused || !c->body.done || c->in.n > c->used);
    else if (why == TXN_SENT && !c->body.done)
        c->skip = c->body.left; /* it is short, or the response would have said close */
    deadline_clear(&c->deadline);
    deadline_clear(&c->send);
    c->owner->handlers->end(&c->txn, why);
    h1_body_end(c);
    arena_reset(&c->txn.arena);
    if (why != TXN_SENT) {
        c->state = H1_IDLE;
        if (why != TXN_CUT || ends_by_close(c))
            stream_reset(&c->stream);
        h1_close(c);
        return false;
    }
    if (linger) {
        become_lingering(c);
        return true;
    }
    become_idle(c);
    if (c->out.close) {
        h1_close(c);
        return false;
    }
    return true;
}

static void begin_txn(struct h1 *c)
{
    struct txn *t = &c->txn;

    c->state = H1_ACTIVE;
    deadline_clear(&c->deadline);
    t->nth++;
    t->started_us = clock_mono_us();
    t->bytes_out = t->body_bytes_out = 0;
    t->bytes_in = c->scan.used;
    t->app = NULL;
    c->out = (struct h1_out){0};
    c->abort = c->timed_out = c->refused = false;
}

static void refuse(struct h1 *c, int status, const char *why)
{
    h1_count(c->owner, C_REQ_BAD, 1);
    c->txn.request.keep_alive = false;
    c->txn.request.body = BODY_NONE;
    if (c->txn.request.minor == 0 && c->txn.request.method_text.n == 0)
        c->txn.request.minor = 1;
    begin_txn(c);
    c->refused = true;
    c->used = c->in.n; /* nothing of what follows can be trusted */
    h1_body_begin(c);
    c->owner->handlers->refused(&c->txn, status, why);
}

static void serve(struct h1 *c)
{
    struct http_request *req = &c->txn.request;

    begin_txn(c);
    c->used = c->scan.used;
    h1_body_begin(c);
    if (req->body == BODY_LENGTH && req->content_length > c->owner->conf->body_max_bytes) {
        h1_count(c->owner, C_REQ_BAD, 1);
        c->owner->handlers->refused(
            &c->txn, 413, "the request body is larger than max-request-body allows");
        return;
    }
    c->owner->handlers->request(&c->txn);
}

/* Starts the next request if its head is there. False: more bytes are needed. */
static bool next_request(struct h1 *c)
{
    size_t skip = c->skip < c->in.n ? (size_t)c->skip : c->in.n;

    buf_consume(&c->in, skip);
    c->skip -= skip;
    if (c->in.n == 0)
        return false;
    c->txn.request = (struct http_request){0};
    switch (h1_request_parse(&c->scan, buf_span(&c->in), &c->txn.arena, &c->txn.request)) {
    case H1_OK:
        serve(c);
        return true;
    case H1_BAD:
        refuse(c, c->scan.status, c->scan.why);
        return true;
    case H1_MORE:
        if (c->state == H1_IDLE && h1_scan_begun(&c->scan)) {
            c->state = H1_HEAD;
            deadline_set(&c->deadline, c->owner->conf->head_timeout_ms);
        }
        return false;
    }
    return false;
}

/* Reads what there is into `in`. False: the connection is broken. */
static bool receive(struct h1 *c)
{
    ssize_t got;

    if (!buf_reserve(&c->in, READ_BYTES)) {
        /* Full of pipelined requests, or of a head that the parser will refuse. */
        return true;
    }
    got = stream_read(&c->stream, c->in.p + c->in.n, c->in.cap - c->in.n);
    if (got > 0) {
        c->in.n += (size_t)got;
        h1_count(c->owner, C_CLIENT_BYTES_IN, (uint64_t)got);
    } else if (got == STREAM_EOF) {
        c->eof = true;
    }
    return got != STREAM_ERROR;
}

static bool linger(struct h1 *c)
{
    char sink[16384];
    ssize_t got;

    while ((got = stream_read(&c->stream, sink, sizeof(sink))) > 0) {
        c->lingered += (uint64_t)got;
        if (c->lingered > LINGER_BYTES)
            return false;
    }
    return got == STREAM_AGAIN;
}

/* What the connection waits for now. While a txn is active nothing is read but a body that the
 * handlers ask for: the kernel's buffer is the client's backpressure. */
static void ask(struct h1 *c, unsigned also)
{
    unsigned want = also;

    if (c->state == H1_IDLE || c->state == H1_HEAD || (c->state == H1_ACTIVE && c->body.waiting))
        want |= c->eof ? 0 : STREAM_READ;
    stream_want(&c->stream, want);
}

/* Sends what can be sent. False: the connection is closed. */
static bool advance(struct h1 *c, unsigned *want)
{
    if (c->abort)
        return finish(c, c->timed_out ? TXN_TIMEOUT : TXN_CUT);
    if (!c->out.responded && c->out.pending_n == 0)
        return true;
    switch (h1_send(c)) {
    case SENT_ALL:
        return c->out.responded ? finish(c, TXN_SENT) : true; /* an interim response was pending */
    case SENT_BLOCKED:
        *want = STREAM_WRITE;
        return true;
    case SENT_STARVED:
        return true;
    case SENT_CUT:
        return finish(c, TXN_CUT);
    case SENT_BROKEN:
        return finish(c, TXN_CLIENT_GONE);
    }
    return true;
}

/* Draining ends a connection between requests, but a new one may send its first. */
static bool is_leaving(const struct h1 *c)
{
    return c->owner->draining && c->state == H1_IDLE && c->txn.nth > 0;
}

static bool receive_more(struct h1 *c)
{
    size_t had = c->in.n;

    return receive(c) && c->in.n > had;
}

/* Runs the connection as far as it goes: serve, send, next request. */
static void h1_drive(struct h1 *c)
{
    unsigned want = 0;

    if (c->driving)
        return;
    c->driving = true;
    for (;;) {
        if (c->state == H1_ACTIVE) {
            want = 0;
            if (!advance(c, &want))
                return;
            if (c->state == H1_ACTIVE || c->state == H1_LINGER)
                break;
        }
        if (c->state == H1_LINGER)
            break;
        /* Who leaves serves what has come already: closing before it is read would reset the
         * connection, and the client might lose the last response, too. */
        if (next_request(c) || (is_leaving(c) && receive_more(c)))
            continue;
        if (c->eof || is_leaving(c)) {
            h1_close(c);
            return;
        }
        break;
    }
    c->driving = false;
    if (c->state != H1_LINGER)
        ask(c, want);
}

static void on_ready(struct stream *s, unsigned events)
{
    struct h1 *c = container_of(s, struct h1, stream);

    switch (c->state) {
    case H1_LINGER:
        if (!linger(c))
            h1_close(c);
        return;
    case H1_IDLE:
    case H1_HEAD:
        if (!receive(c)) {
            h1_close(c);
            return;
        }
        break;
    case H1_ACTIVE:
        if ((events & STREAM_READ) != 0)
            h1_body_readable(c);
        break;
    }
    h1_drive(c);
}

static void on_kick(struct ev_loop *loop, struct ev_prepare *kick, int events)
{
    (void)loop;
    (void)events;
    h1_drive(container_of(kick, struct h1, kick));
}

void h1_kick(struct h1 *c)
{
    if (!c->driving)
        ev_feed_event(c->owner->worker->loop, &c->kick, EV_CUSTOM);
}

static void on_deadline(struct deadline *d)
{
    struct h1 *c = container_of(d, struct h1, deadline);

    switch (c->state) {
    case H1_IDLE:
        if (c->idle_left_ms > 0) {
            trim_idle(c);
            return;
        }
        h1_count(c->owner, C_CLIENT_TIMEOUT, 1);
        h1_close(c);
        return;
    case H1_LINGER:
        h1_count(c->owner, C_CLIENT_TIMEOUT, 1);
        h1_close(c);
        return;
    case H1_HEAD:
        h1_count(c->owner, C_CLIENT_TIMEOUT, 1);
        c->txn.request = (struct http_request){0};
        refuse(c, 408, "the request head did not arrive in time");
        break;
    case H1_ACTIVE:
        h1_count(c->owner, C_CLIENT_TIMEOUT, 1);
        c->body.error = 408;
        h1_body_readable(c);
        break;
    }
    h1_drive(c);
}

static void on_send_deadline(struct deadline *d)
{
    struct h1 *c = container_of(d, struct h1, send);

    h1_count(c->owner, C_CLIENT_TIMEOUT, 1);
    c->timed_out = true;
    c->abort = true;
    h1_drive(c);
}

/* --- what the handlers call -------------------------------------------------------------- */

void txn_wake(struct txn *t)
{
    h1_drive(conn_of(t));
}

void txn_abort(struct txn *t)
{
    struct h1 *c = conn_of(t);

    c->abort = true;
    h1_kick(c);
}

bool txn_process(struct txn *t, struct stream_process *out)
{
    return stream_process(&conn_of(t)->stream, out);
}

/* --- a worker's connections -------------------------------------------------------------- */

void sessions_accept(struct sessions *s, int fd, const struct addr *peer, const struct addr *local)
{
    struct h1 *c;

    h1_count(s, C_CONN_ACCEPTED, 1);
    if (s->count >= (uint64_t)s->conf->connections_max) {
        h1_count(s, C_CONN_REFUSED, 1);
        h1_count(s, C_CONN_CLOSED, 1);
        log_peer("client: refused a connection, %u are open (max-connections)", s->count);
        close(fd);
        return;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        h1_count(s, C_CONN_REFUSED, 1);
        h1_count(s, C_CONN_CLOSED, 1);
        close(fd);
        return;
    }
    c->owner = s;
    c->peer = *peer;
    c->local = *local;
    c->txn.worker = s->worker;
    c->txn.server = s->app;
    c->txn.peer = &c->peer;
    c->txn.local = &c->local;
    c->txn.connection = atomic_fetch_add_explicit(&connection_numbers, 1, memory_order_relaxed) + 1;
    arena_init(&c->txn.arena);
    /* A whole head, and what was read with its last bytes or with the last body's. */
    buf_init(&c->in, (size_t)s->conf->limits.head_bytes + s->conf->limits.line_bytes + READ_BYTES +
                         H1_RAW_BYTES);
    stream_open(&c->stream, s->worker, fd, on_ready);
    deadline_init(&c->deadline, s->worker, on_deadline);
    deadline_init(&c->send, s->worker, on_send_deadline);
    ev_init(&c->kick, on_kick);
    list_append(&s->all, &c->node);
    s->count++;
    become_idle(c);
    /* The request is often there already. */
    on_ready(&c->stream, STREAM_READ);
}

void sessions_drain(struct sessions *s, void (*drained)(struct sessions *s))
{
    s->draining = true;
    s->drained = NULL;
    list_each_safe (n, &s->all) {
        struct h1 *c = list_entry(n, struct h1, node);

        if (is_leaving(c))
            h1_drive(c);
        else if (c->state == H1_IDLE)
            become_idle(c);
    }
    s->drained = drained;
    if (s->count == 0 && drained != NULL)
        drained(s);
}

void sessions_close_all(struct sessions *s)
{
    list_each_safe (n, &s->all) {
        struct h1 *c = list_entry(n, struct h1, node);

        if (c->state == H1_ACTIVE)
            finish(c, TXN_CUT);
        else
            h1_close(c);
    }
}
