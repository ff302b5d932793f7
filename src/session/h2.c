#include "session/h2.h"

#include "base/check.h"
#include "base/log.h"
#include "session/h2_conn.h"

/* Came with the option of that name, in a security fix. */
#ifndef HAVE_NGHTTP2_OPTION_SET_MAX_CONTINUATIONS
#define NGHTTP2_ERR_TOO_MANY_CONTINUATIONS (-905)
#endif

enum {
    PREFACE_BYTES = NGHTTP2_CLIENT_MAGIC_LEN,
    READ_BYTES = 16 * 1024, /* at once; nothing of it is kept but bodies */
    READS = 4,              /* in a turn */
    IDLE_TRIM_MS = 1000,    /* after that, an idle connection lets its buffers go */
    LINGER_MS = 2000,       /* for the client to read our last frames */
    LINGER_BYTES = 1 << 20,
};

static void h2_drive(struct h2 *c);

/* --- its end ------------------------------------------------------------------------------- */

/* What the handlers hear of the streams that are left. */
static void end_streams(struct h2 *c, enum txn_end why)
{
    list_each_safe (n, &c->streams) {
        struct h2_stream *s = list_entry(n, struct h2_stream, node);

        h2_stream_end(s, s->timed_out ? TXN_TIMEOUT : why);
    }
}

static void h2_close(struct h2 *c, enum txn_end why)
{
    check(c->batch == NULL);
    end_streams(c, why);
    h2_streams_trim(c);
    nghttp2_session_del(c->ng);
    buf_free(&c->left);
    ev_clear_pending(c->session.owner->worker->loop, &c->kick);
    deadline_stop(&c->deadline);
    deadline_stop(&c->send);
    session_end(&c->session);
}

/* The end of the connection's bytes is what shows it that not all was sent. */
static void h2_break(struct h2 *c, enum txn_end why)
{
    stream_reset(&c->session.stream);
    h2_close(c, why);
}

static void wait_for(struct h2 *c, enum h2_wait what, mono_ms ms)
{
    if (c->wait == what)
        return;
    c->wait = what;
    if (what == H2_WAIT_NOTHING)
        deadline_clear(&c->deadline);
    else
        deadline_set(&c->deadline, ms);
}

static void become_lingering(struct h2 *c)
{
    c->state = H2_LINGER;
    end_streams(c, TXN_CUT);
    stream_shutdown_write(&c->session.stream);
    wait_for(c, H2_WAIT_LINGER, LINGER_MS);
    stream_want(&c->session.stream, STREAM_READ);
}

static void linger(struct h2 *c)
{
    char sink[READ_BYTES];
    ssize_t got;

    while ((got = stream_read(&c->session.stream, sink, sizeof(sink))) > 0) {
        c->lingered += (uint64_t)got;
        if (c->lingered > LINGER_BYTES)
            break;
    }
    if (got != STREAM_AGAIN)
        h2_close(c, TXN_CUT);
}

void h2_leave(struct h2 *c)
{
    if (c->state == H2_ENDING)
        return;
    c->state = H2_ENDING;
    (void)nghttp2_submit_goaway(c->ng, NGHTTP2_FLAG_NONE,
        nghttp2_session_get_last_proc_stream_id(c->ng), NGHTTP2_NO_ERROR, NULL, 0);
}

/* An error of the connection: GOAWAY, and all is over. */
static void fail(struct h2 *c, uint32_t error)
{
    c->state = H2_ENDING;
    if (nghttp2_session_terminate_session(c->ng, error) != 0)
        c->broken = true;
}

static void calm_down(struct h2 *c)
{
    char text[ADDR_TEXT];

    if (c->state == H2_ENDING || c->state == H2_LINGER)
        return;
    session_count(c->session.owner, C_H2_FLOODS, 1);
    log_peer("client %s: too many %s on its HTTP/2 connection; ended it",
        addr_text(&c->session.peer, text), h2_kind_word(c->flood));
    fail(c, NGHTTP2_ENHANCE_YOUR_CALM);
}

void h2_count(struct h2 *c, enum h2_kind kind)
{
    mono_us now = worker_now(c->session.owner->worker) * 1000;

    if (h2_guard_count(&c->guard, kind, now) || c->flood != H2_CALM)
        return;
    c->flood = kind;
    h2_kick(c);
}

/* --- bytes that come ----------------------------------------------------------------------- */

/* The client's preface is no frame. */
static enum h2_kind look_at(struct h2 *c, struct span bytes)
{
    mono_us now = worker_now(c->session.owner->worker) * 1000;
    size_t skip = c->preface_left < bytes.n ? c->preface_left : bytes.n;

    c->preface_left -= skip;
    return h2_guard_bytes(&c->guard, span_from(bytes, skip), now);
}

/* What to say of an error of nghttp2 that it says nothing of itself. */
static uint32_t error_of(int code)
{
    switch (code) {
    case NGHTTP2_ERR_FLOODED:
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
        return NGHTTP2_ENHANCE_YOUR_CALM;
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
    case NGHTTP2_ERR_CALLBACK_FAILURE: /* on_begin_frame() found fault with it */
        return NGHTTP2_PROTOCOL_ERROR;
    default:
        return NGHTTP2_INTERNAL_ERROR;
    }
}

static void take(struct h2 *c, struct span bytes)
{
    ssize_t used;

    if (c->state == H2_ENDING && nghttp2_session_want_read(c->ng) == 0)
        return;
    if (c->flood == H2_CALM)
        c->flood = look_at(c, bytes);
    if (c->flood == H2_CALM) {
        used = nghttp2_session_mem_recv(c->ng, (const uint8_t *)bytes.p, bytes.n);
        if (used < 0 && c->flood == H2_CALM)
            fail(c, error_of((int)used));
    }
    if (c->flood != H2_CALM)
        calm_down(c);
}

static void receive(struct h2 *c)
{
    char bytes[READ_BYTES];

    for (int i = 0; i < READS; i++) {
        ssize_t got = stream_read(&c->session.stream, bytes, sizeof(bytes));

        if (got == STREAM_AGAIN)
            return;
        c->eof = got == STREAM_EOF;
        c->broken = got == STREAM_ERROR;
        if (got <= 0)
            return;
        session_count(c->session.owner, C_CLIENT_BYTES_IN, (uint64_t)got);
        take(c, span_make(bytes, (size_t)got));
        if ((size_t)got < sizeof(bytes))
            return;
    }
}

/* --- running it ---------------------------------------------------------------------------- */

/* What the connection waits for from the client, when nothing else happens. */
static void set_deadline(struct h2 *c)
{
    const struct session_conf *conf = c->session.owner->conf;
    unsigned head = h2_guard_head(&c->guard);

    if (c->wait == H2_WAIT_HEAD && head != c->head)
        c->wait = H2_WAIT_NOTHING; /* it was another one */
    c->head = head;
    if (c->state == H2_NOTICE)
        wait_for(c, H2_WAIT_NOTICE, SESSION_DRAIN_GRACE_MS);
    else if (head != 0 || c->nth == 0)
        wait_for(c, H2_WAIT_HEAD, conf->head_timeout_ms);
    else if (c->streams_n > 0)
        wait_for(c, H2_WAIT_NOTHING, 0);
    else if (c->wait != H2_WAIT_IDLE)
        wait_for(c, H2_WAIT_TRIM, IDLE_TRIM_MS);
}

/* Nothing is to come or to go any more. */
static bool is_over(const struct h2 *c)
{
    return c->left.n == 0 && nghttp2_session_want_write(c->ng) == 0 &&
           nghttp2_session_want_read(c->ng) == 0;
}

static void h2_drive(struct h2 *c)
{
    unsigned want = STREAM_READ;

    c->receiving = false;
    if (c->state == H2_LINGER)
        return;
    if (c->flood != H2_CALM)
        calm_down(c);
    if (c->broken || c->eof) {
        h2_close(c, TXN_CLIENT_GONE);
        return;
    }
    switch (h2_flush(c)) {
    case H2_SENT_ALL:
        break;
    case H2_SENT_BLOCKED:
        want |= STREAM_WRITE;
        break;
    case H2_SENT_BROKEN:
        h2_close(c, TXN_CLIENT_GONE);
        return;
    }
    if (is_over(c) && stream_owes(&c->session.stream) == 0) {
        become_lingering(c);
        return;
    }
    if (stream_owes(&c->session.stream) > 0)
        want |= STREAM_WRITE; /* nothing goes out after a close */
    set_deadline(c);
    stream_want(&c->session.stream, want);
}

static void on_ready(struct stream *stream, unsigned events)
{
    struct h2 *c = container_of(stream, struct h2, session.stream);

    if (c->state == H2_LINGER) {
        linger(c);
        return;
    }
    c->receiving = true;
    if ((events & STREAM_READ) != 0)
        receive(c);
    h2_drive(c);
}

static void on_kick(struct ev_loop *loop, struct ev_prepare *kick, int events)
{
    (void)loop;
    (void)events;
    h2_drive(container_of(kick, struct h2, kick));
}

void h2_kick(struct h2 *c)
{
    if (!c->receiving)
        ev_feed_event(c->session.owner->worker->loop, &c->kick, EV_CUSTOM);
}

/* Without streams for a while: what was kept for the next ones goes, and then the connection. */
static void idle_for_long(struct h2 *c)
{
    const struct session_conf *conf = c->session.owner->conf;

    if (c->wait == H2_WAIT_TRIM) {
        h2_streams_trim(c);
        pace_begin(&c->pace, conf);
        c->wait = H2_WAIT_NOTHING;
        wait_for(c, H2_WAIT_IDLE,
            conf->idle_timeout_ms > IDLE_TRIM_MS ? conf->idle_timeout_ms - IDLE_TRIM_MS : 1);
        return;
    }
    session_count(c->session.owner, C_CLIENT_TIMEOUT, 1);
    h2_leave(c);
    h2_drive(c);
}

static void on_deadline(struct deadline *d)
{
    struct h2 *c = container_of(d, struct h2, deadline);

    switch (c->wait) {
    case H2_WAIT_NOTHING:
        return;
    case H2_WAIT_NOTICE:
        c->wait = H2_WAIT_NOTHING;
        h2_leave(c);
        h2_drive(c);
        return;
    case H2_WAIT_HEAD:
        session_count(c->session.owner, C_CLIENT_TIMEOUT, 1);
        c->wait = H2_WAIT_NOTHING;
        fail(c, NGHTTP2_NO_ERROR);
        h2_drive(c);
        return;
    case H2_WAIT_TRIM:
    case H2_WAIT_IDLE:
        idle_for_long(c);
        return;
    case H2_WAIT_LINGER:
        h2_close(c, TXN_CUT);
        return;
    }
}

static void on_send_deadline(struct deadline *d)
{
    struct h2 *c = container_of(d, struct h2, send);
    mono_ms more_ms = pace_goes_on(&c->pace, c->session.owner->conf, &c->session.stream);

    if (more_ms > 0) {
        deadline_set(d, more_ms);
        return;
    }
    session_count(c->session.owner, C_CLIENT_TIMEOUT, 1);
    h2_break(c, TXN_TIMEOUT);
}

/* --- sessions.h's calls -------------------------------------------------------------------- */

/* A client may have sent requests before it hears that we go: GOAWAY with the highest number, and a
 * PING whose answer tells that it has heard (RFC 9113 §6.8). */
static void h2_drain(struct session *session)
{
    struct h2 *c = container_of(session, struct h2, session);

    if (c->state != H2_OPEN)
        return;
    c->state = H2_NOTICE;
    (void)nghttp2_submit_shutdown_notice(c->ng);
    (void)nghttp2_submit_ping(c->ng, NGHTTP2_FLAG_NONE, NULL);
    h2_kick(c);
}

static void h2_close_now(struct session *session)
{
    h2_close(container_of(session, struct h2, session), TXN_CUT);
}

static const struct session_ops session_ops = {.drain = h2_drain, .close = h2_close_now};

void h2_go_on(struct session *from)
{
    struct h2 *c = session_become(from, sizeof(*c), &session_ops, on_ready);

    if (c == NULL)
        return;
    list_init(&c->streams);
    list_init(&c->sending);
    list_init(&c->ending);
    list_init(&c->spare);
    c->preface_left = PREFACE_BYTES;
    c->flood = H2_CALM;
    h2_guard_init(&c->guard);
    h2_send_init(c);
    deadline_init(&c->deadline, c->session.owner->worker, on_deadline);
    deadline_init(&c->send, c->session.owner->worker, on_send_deadline);
    ev_init(&c->kick, on_kick);
    session_count(c->session.owner, C_H2_CONNECTIONS, 1);
    if (!h2_session_begin(c)) {
        h2_close(c, TXN_CUT);
        return;
    }
    if (c->session.owner->draining)
        h2_drain(&c->session);
    /* The preface is there already. */
    on_ready(&c->session.stream, STREAM_READ);
}
