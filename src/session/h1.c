#include "session/h1.h"

#include "base/check.h"
#include "session/h1_conn.h"

enum {
    IDLE_TRIM_MS = 1000, /* after that, an idle connection lets its buffers go */
    READ_BYTES = 4096,   /* at once, into the connection's buffer */
    LINGER_MS = 2000,    /* for the client to read our last answer */
    LINGER_BYTES = 1 << 20,
};

static void h1_drive(struct h1 *c);

/* --- a connection's life ----------------------------------------------------------------- */

static void h1_close(struct h1 *c)
{
    check(c->state != H1_ACTIVE);
    ev_clear_pending(c->session.owner->worker->loop, &c->kick);
    deadline_stop(&c->deadline);
    deadline_stop(&c->send);
    buf_free(&c->in);
    arena_free(&c->txn.arena);
    session_end(&c->session);
}

static void become_idle(struct h1 *c)
{
    const struct session_conf *conf = c->session.owner->conf;
    mono_ms wait_ms = c->txn.nth == 0 ? conf->head_timeout_ms : conf->idle_timeout_ms;

    if (c->session.owner->draining)
        wait_ms = SESSION_DRAIN_GRACE_MS;
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
    stream_shutdown_write(&c->session.stream);
    deadline_set(&c->deadline, LINGER_MS);
    stream_want(&c->session.stream, STREAM_READ);
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
    c->session.owner->handlers->end(&c->txn, why);
    h1_body_end(c);
    arena_reset(&c->txn.arena);
    if (why != TXN_SENT) {
        c->state = H1_IDLE;
        if (why != TXN_CUT || ends_by_close(c))
            stream_reset(&c->session.stream);
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
    pace_begin(&c->pace, c->session.owner->conf);
    c->abort = c->timed_out = c->refused = false;
}

static void refuse(struct h1 *c, int status, const char *why)
{
    session_count(c->session.owner, C_REQ_BAD, 1);
    c->txn.request.keep_alive = false;
    c->txn.request.body = BODY_NONE;
    if (c->txn.request.minor == 0 && c->txn.request.method_text.n == 0)
        c->txn.request.minor = 1;
    begin_txn(c);
    c->refused = true;
    c->used = c->in.n; /* nothing of what follows can be trusted */
    h1_body_begin(c);
    c->session.owner->handlers->refused(&c->txn, status, why);
}

static void serve(struct h1 *c)
{
    struct http_request *req = &c->txn.request;

    begin_txn(c);
    c->used = c->scan.used;
    h1_body_begin(c);
    if (req->body == BODY_LENGTH && req->content_length > c->session.owner->conf->body_max_bytes) {
        session_count(c->session.owner, C_REQ_BAD, 1);
        c->session.owner->handlers->refused(
            &c->txn, 413, "the request body is larger than max-request-body allows");
        return;
    }
    c->session.owner->handlers->request(&c->txn);
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
            deadline_set(&c->deadline, c->session.owner->conf->head_timeout_ms);
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
    got = stream_read(&c->session.stream, c->in.p + c->in.n, c->in.cap - c->in.n);
    if (got > 0) {
        c->in.n += (size_t)got;
        session_count(c->session.owner, C_CLIENT_BYTES_IN, (uint64_t)got);
    } else if (got == STREAM_EOF) {
        c->eof = true;
    }
    return got != STREAM_ERROR;
}

static bool linger(struct h1 *c)
{
    char sink[16384];
    ssize_t got;

    while ((got = stream_read(&c->session.stream, sink, sizeof(sink))) > 0) {
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
    stream_want(&c->session.stream, want);
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
    return c->session.owner->draining && c->state == H1_IDLE && c->txn.nth > 0;
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
    struct h1 *c = container_of(s, struct h1, session.stream);

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
        ev_feed_event(c->session.owner->worker->loop, &c->kick, EV_CUSTOM);
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
        session_count(c->session.owner, C_CLIENT_TIMEOUT, 1);
        h1_close(c);
        return;
    case H1_LINGER:
        session_count(c->session.owner, C_CLIENT_TIMEOUT, 1);
        h1_close(c);
        return;
    case H1_HEAD:
        session_count(c->session.owner, C_CLIENT_TIMEOUT, 1);
        c->txn.request = (struct http_request){0};
        refuse(c, 408, "the request head did not arrive in time");
        break;
    case H1_ACTIVE:
        session_count(c->session.owner, C_CLIENT_TIMEOUT, 1);
        c->body.error = 408;
        h1_body_readable(c);
        break;
    }
    h1_drive(c);
}

static void on_send_deadline(struct deadline *d)
{
    struct h1 *c = container_of(d, struct h1, send);
    mono_ms more_ms = pace_goes_on(&c->pace, c->session.owner->conf, &c->session.stream);

    if (more_ms > 0) {
        deadline_set(d, more_ms);
        return;
    }
    session_count(c->session.owner, C_CLIENT_TIMEOUT, 1);
    c->timed_out = true;
    c->abort = true;
    h1_drive(c);
}

/* --- what the handlers call -------------------------------------------------------------- */

static void h1_wake(struct txn *t)
{
    h1_drive(conn_of(t));
}

static void h1_abort(struct txn *t)
{
    struct h1 *c = conn_of(t);

    c->abort = true;
    h1_kick(c);
}

static const struct txn_ops txn_ops = {
    .respond = h1_respond,
    .interim = h1_interim,
    .wake = h1_wake,
    .abort = h1_abort,
    .read_body = h1_read_body,
    .body_error = h1_body_error,
};

/* --- what its owner calls ---------------------------------------------------------------- */

static void h1_drain(struct session *s)
{
    struct h1 *c = container_of(s, struct h1, session);

    if (is_leaving(c))
        h1_drive(c);
    else if (c->state == H1_IDLE)
        become_idle(c);
}

static void h1_close_now(struct session *s)
{
    struct h1 *c = container_of(s, struct h1, session);

    if (c->state == H1_ACTIVE)
        finish(c, TXN_CUT);
    else
        h1_close(c);
}

static const struct session_ops session_ops = {.drain = h1_drain, .close = h1_close_now};

static void begin(struct h1 *c)
{
    struct sessions *owner = c->session.owner;

    c->txn.ops = &txn_ops;
    c->txn.session = &c->session;
    c->txn.worker = owner->worker;
    c->txn.server = owner->app;
    c->txn.peer = &c->session.peer;
    c->txn.local = &c->session.local;
    c->txn.connection = c->session.number;
    arena_init(&c->txn.arena);
    /* A whole head, and what was read with its last bytes or with the last body's. */
    buf_init(&c->in, (size_t)owner->conf->limits.head_bytes + owner->conf->limits.line_bytes +
                         READ_BYTES + H1_RAW_BYTES);
    deadline_init(&c->deadline, owner->worker, on_deadline);
    deadline_init(&c->send, owner->worker, on_send_deadline);
    ev_init(&c->kick, on_kick);
    become_idle(c);
    /* The request is often there already. */
    on_ready(&c->session.stream, STREAM_READ);
}

void h1_begin(struct sessions *s, int fd, const struct addr *peer, const struct addr *local)
{
    struct h1 *c = session_new(s, sizeof(*c), &session_ops, fd, peer, local, on_ready);

    if (c == NULL)
        return;
    if (session_enter(&c->session))
        begin(c);
    else
        session_end(&c->session);
}

void h1_go_on(struct session *from)
{
    struct h1 *c = session_become(from, sizeof(*c), &session_ops, on_ready);

    if (c != NULL)
        begin(c);
}
