#include "director/tcp.h"

#include "base/buf.h"
#include "director/conf.h"
#include "director/respond.h"
#include "loop/deadline.h"
#include "session/pace.h"

enum {
    LENGTH = 2,        /* bytes in front of a message (RFC 1035 §4.2.2) */
    READ_BYTES = 4096, /* at once */
    IN_MAX = LENGTH + 65535 + READ_BYTES,
    OUT_MAX = DNS_TCP_WAITING_BYTES + DNS_TCP_OUT_BYTES,
    LAST_READS = 256, /* when we stop; who goes on sending would find no end */
};

/* The registry of RFC 7301 §6 has it for RFC 7858. */
const struct span dns_tcp_alpn = {"\x03"
                                  "dot",
    4};

struct dns_tcp {
    struct session session; /* first */
    struct buf in;          /* owns; received, and not answered yet */
    size_t used;            /* of `in`: answered already */
    struct buf out;         /* owns; answers, and */
    size_t sent;            /* of `out`: handed to the socket already */
    struct deadline idle;   /* until the next question is there */
    struct deadline send;   /* until the client has taken something */
    struct pace pace;
    unsigned last_reads; /* since we stop */
    bool asked;          /* a question has come */
    bool dry;            /* since we stop: all that had come has been read */
    bool ending; /* nothing is read any more: what is there is answered and sent, then it ends */
};

static struct director_worker *worker_of(const struct dns_tcp *c)
{
    return c->session.owner->app;
}

static void end(struct dns_tcp *c)
{
    deadline_stop(&c->idle);
    deadline_stop(&c->send);
    buf_free(&c->in);
    buf_free(&c->out);
    session_end(&c->session);
}

/* --- answering ----------------------------------------------------------------------------------
 */

/* The next whole message, if it is there. */
static bool next_message(const struct dns_tcp *c, struct span *msg)
{
    const uint8_t *p = (const uint8_t *)c->in.p + c->used;
    size_t n = c->in.n - c->used, length;

    if (n < LENGTH)
        return false;
    length = (size_t)p[0] << 8 | p[1];
    if (n - LENGTH < length)
        return false;
    *msg = span_make((const char *)p + LENGTH, length);
    return true;
}

/* False: it gets no answer, so who sent it is none of ours. */
static bool answer(struct dns_tcp *c, struct span msg)
{
    struct director_worker *w = worker_of(c);
    const struct respond_from from = {
        .client = &c->session.peer,
        .transport = c->session.tls != NULL ? BY_TLS : BY_TCP,
        .keepalive_ds = c->session.owner->draining ? 0 : (unsigned)(w->conf->dns.tcp_idle_ms / 100),
    };
    uint8_t *out = w->tcp_out;
    size_t n =
        respond(w, &from, (const uint8_t *)msg.p, msg.n, out + LENGTH, DNS_TCP_OUT_BYTES - LENGTH);

    if (n == 0)
        return false;
    out[0] = (uint8_t)(n >> 8);
    out[1] = (uint8_t)n;
    return buf_append(&c->out, span_make((const char *)out, LENGTH + n));
}

/* Answers what is there, as far as its turn goes. */
static void answer_all(struct dns_tcp *c)
{
    struct span msg;

    for (unsigned n = 0; n < DNS_TCP_TURN && c->out.n - c->sent < DNS_TCP_WAITING_BYTES; n++) {
        if (!next_message(c, &msg))
            return;
        if (!answer(c, msg)) {
            c->ending = true;
            c->in.n = c->used = 0;
            return;
        }
        c->used += LENGTH + msg.n;
        c->asked = true;
        deadline_set(&c->idle, worker_of(c)->conf->dns.tcp_idle_ms);
    }
}

/* --- reading and writing ------------------------------------------------------------------------
 */

/* Takes what the socket has, up to READ_BYTES. False: it ends, or is broken. */
static bool receive(struct dns_tcp *c)
{
    ssize_t n;

    buf_consume(&c->in, c->used);
    c->used = 0;
    if (!buf_reserve(&c->in, READ_BYTES))
        return false;
    n = stream_read(&c->session.stream, c->in.p + c->in.n, READ_BYTES);
    if (n > 0)
        c->in.n += (size_t)n;
    else if (n == STREAM_EOF)
        c->ending = true;
    if (c->session.owner->draining)
        c->dry = n == STREAM_AGAIN || ++c->last_reads >= LAST_READS;
    return n != STREAM_ERROR;
}

/* Waits until the client has taken something more. */
static void be_patient(struct dns_tcp *c)
{
    deadline_set(&c->send, pace_wait(&c->pace, c->session.owner->conf, &c->session.stream));
}

/* False: it is broken. */
static bool flush(struct dns_tcp *c)
{
    bool moved = c->send.at_ms == 0;

    while (c->sent < c->out.n) {
        struct iovec v = {c->out.p + c->sent, c->out.n - c->sent};
        ssize_t n = stream_writev(&c->session.stream, &v, 1, false);

        if (n == STREAM_AGAIN) {
            if (moved)
                be_patient(c);
            return true;
        }
        if (n <= 0)
            return false;
        c->sent += (size_t)n;
        moved = true;
        pace_handed(&c->pace, (size_t)n);
    }
    c->out.n = c->sent = 0;
    deadline_clear(&c->send);
    return true;
}

/* Memory for those who have something to say. */
static void let_go(struct dns_tcp *c)
{
    if (c->in.n == c->used) {
        c->used = 0;
        buf_free(&c->in);
        buf_init(&c->in, IN_MAX);
    }
    if (c->out.n == 0) {
        buf_free(&c->out);
        buf_init(&c->out, OUT_MAX);
    }
}

/* What to wait for, now that nothing more can be done. False: for nothing, it is over. */
static bool wait(struct dns_tcp *c)
{
    struct span msg;
    bool more = next_message(c, &msg), owes = c->sent < c->out.n;
    bool full = c->out.n - c->sent >= DNS_TCP_WAITING_BYTES;

    if (c->session.owner->draining && c->asked && !more && !c->ending) {
        c->ending = c->dry;
        more = !c->dry; /* it may be in the socket still */
    }
    if (c->ending && !more && !owes && stream_owes(&c->session.stream) == 0)
        return false;
    let_go(c);
    if (!owes && c->idle.at_ms == 0)
        deadline_set(&c->idle, worker_of(c)->conf->dns.tcp_idle_ms);
    /* Whoever has more to answer comes again when the socket can be written to: at once, unless a
     * client takes nothing. (The kernel says so before it refuses.) */
    if ((more || c->ending) && c->send.at_ms == 0)
        be_patient(c);
    stream_want(&c->session.stream, (owes || more || c->ending ? STREAM_WRITE : 0) |
                                        (full || more || c->ending ? 0 : STREAM_READ));
    return true;
}

static void drive(struct dns_tcp *c)
{
    struct span msg;

    if (!c->ending && !next_message(c, &msg) && !receive(c)) {
        end(c);
        return;
    }
    answer_all(c);
    if (!flush(c) || !wait(c))
        end(c);
}

static void on_ready(struct stream *s, unsigned events)
{
    (void)events;
    drive(container_of(s, struct dns_tcp, session.stream));
}

/* --- its end ------------------------------------------------------------------------------------
 */

static void on_idle(struct deadline *d)
{
    struct dns_tcp *c = container_of(d, struct dns_tcp, idle);

    if (c->sent < c->out.n)
        return; /* the other deadline's affair */
    if (c->in.n > c->used)
        session_count(c->session.owner, C_CLIENT_TIMEOUT, 1);
    end(c);
}

static void on_send(struct deadline *d)
{
    struct dns_tcp *c = container_of(d, struct dns_tcp, send);
    mono_ms left = pace_goes_on(&c->pace, c->session.owner->conf, &c->session.stream);

    if (left > 0) {
        deadline_set(d, left);
        return;
    }
    session_count(c->session.owner, C_CLIENT_TIMEOUT, 1);
    end(c);
}

/* What has come already is answered still, and the first question of a new connection. */
static void tcp_drain(struct session *s)
{
    struct dns_tcp *c = container_of(s, struct dns_tcp, session);

    if (!c->asked)
        deadline_set(&c->idle, SESSION_DRAIN_GRACE_MS);
    drive(c);
}

static void tcp_close(struct session *s)
{
    end(container_of(s, struct dns_tcp, session));
}

void dns_tcp_go_on(struct session *from)
{
    static const struct session_ops ops = {.drain = tcp_drain, .close = tcp_close};
    struct sessions *owner = from->owner;
    struct dns_tcp *c = session_become(from, sizeof(*c), &ops, on_ready);

    if (c == NULL)
        return;
    buf_init(&c->in, IN_MAX);
    buf_init(&c->out, OUT_MAX);
    deadline_init(&c->idle, owner->worker, on_idle);
    deadline_init(&c->send, owner->worker, on_send);
    pace_begin(&c->pace, owner->conf);
    deadline_set(
        &c->idle, owner->draining ? SESSION_DRAIN_GRACE_MS : worker_of(c)->conf->dns.tcp_idle_ms);
    drive(c);
}
