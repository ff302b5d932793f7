#include "session/opening.h"

#include "base/log.h"
#include "loop/deadline.h"
#include "net/proxy_header.h"
#include "net/tls_server.h"
#include "net/tls_stream.h"
#include "session/h1.h"
#include "session/h2.h"

#include <string.h>
#include <sys/socket.h>

/* What a step found. */
enum step_end {
    STEP_DONE,   /* the next one may run */
    STEP_WAIT,   /* more bytes are needed; it has asked for them */
    STEP_BROKEN, /* the connection is to be closed */
    STEP_GONE,   /* a protocol has it: the opening is no more */
};

struct opening {
    struct session session; /* first */
    const struct session_door *door;
    struct deadline deadline;
    unsigned step;    /* of steps[], the one that is running */
    size_t seen;      /* bytes that the step has looked at without taking them */
    bool low_watered; /* the socket waits for more than a byte */
};

static void leave_door(struct opening *o)
{
    if (o->session.owner->let_go != NULL)
        o->session.owner->let_go(o->session.owner, o->door);
}

static void end(struct opening *o)
{
    deadline_stop(&o->deadline);
    leave_door(o);
    session_end(&o->session);
}

/* --- what steps stand on -----------------------------------------------------------------------
 */

static void low_water(struct opening *o, int bytes)
{
    (void)!setsockopt(o->session.stream.fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
    o->low_watered = bytes > 1;
}

/* Looks at the first bytes that have come, as many as `cap`. False: none yet, or no more than last
 * time and the client has finished; *end says how the step ends. */
static bool look(struct opening *o, void *dst, size_t cap, size_t *n, enum step_end *how)
{
    ssize_t got = stream_peek(&o->session.stream, dst, cap);

    if (got == STREAM_AGAIN) {
        stream_want(&o->session.stream, STREAM_READ);
        *how = STEP_WAIT;
        return false;
    }
    if (got <= 0 || (size_t)got == o->seen) {
        *how = STEP_BROKEN;
        return false;
    }
    *n = (size_t)got;
    return true;
}

/* The `n` bytes that were looked at are not enough. */
static enum step_end wait_for_more(struct opening *o, size_t n)
{
    o->seen = n;
    low_water(o, (int)n + 1);
    stream_want(&o->session.stream, STREAM_READ);
    return STEP_WAIT;
}

/* --- steps -------------------------------------------------------------------------------------
 */

/* Whoever goes on with the connection waits for every byte. */
static enum step_end become(struct opening *o, void (*go_on)(struct session *from))
{
    if (o->low_watered)
        low_water(o, 1);
    deadline_stop(&o->deadline);
    leave_door(o);
    go_on(&o->session);
    return STEP_GONE;
}

static enum step_end no_proxy(struct opening *o, enum counter what, const char *why)
{
    char text[ADDR_TEXT];

    session_count(o->session.owner, what, 1);
    log_peer("client %s: %s; closed the connection", addr_text(&o->session.peer, text), why);
    return STEP_BROKEN;
}

/* What was looked at, taken out of the socket. */
static bool take(struct opening *o, size_t n)
{
    char sink[PROXY_HEADER_MAX];

    while (n > 0) {
        ssize_t got = stream_read(&o->session.stream, sink, n < sizeof(sink) ? n : sizeof(sink));

        if (got <= 0)
            return false;
        n -= (size_t)got;
    }
    return true;
}

/* From here on the client is who the proxy says it is. */
static enum step_end believe(struct opening *o, const struct proxy_header *h)
{
    if (!take(o, h->used))
        return STEP_BROKEN;
    o->session.proxied = true;
    if (!h->own) {
        o->session.peer = h->client;
        o->session.local = h->local;
    }
    return session_enter(&o->session) ? STEP_DONE : STEP_BROKEN;
}

static enum step_end read_proxy_header(struct opening *o)
{
    const struct network_list *from = &o->door->proxy_from;
    char bytes[PROXY_HEADER_MAX];
    struct proxy_header h;
    enum step_end how;
    const char *why;
    size_t n;

    if (from->n == 0)
        return session_enter(&o->session) ? STEP_DONE : STEP_BROKEN;
    if (addr_family(&o->session.peer) != AF_UNIX && !network_list_has(from, &o->session.peer))
        return no_proxy(o, C_PROXY_FOREIGN, "is none of the proxies that may connect here");
    if (!look(o, bytes, sizeof(bytes), &n, &how))
        return how;
    switch (proxy_header_parse(span_make(bytes, n), &h, &why)) {
    case PROXY_MORE:
        return wait_for_more(o, n);
    case PROXY_OK:
        return believe(o, &h);
    case PROXY_BAD:
        log_msg(LOG_DEBUG, "PROXY header: %s", why);
        return no_proxy(o, C_PROXY_BAD, "sent no good PROXY header");
    }
    return STEP_BROKEN;
}

/* A broken handshake is counted by its reason, and told to the client by an alert as the stream is
 * closed. */
static enum step_end no_tls(struct opening *o, bool timeout)
{
    SSL *ssl = stream_ssl(&o->session.stream);
    char text[ADDR_TEXT];

    tls_server_failed(ssl, timeout);
    log_msg(LOG_DEBUG, "client %s: TLS: %s", addr_text(&o->session.peer, text),
        timeout ? "the handshake took too long" : tls_error_of(ssl));
    return STEP_BROKEN;
}

static enum step_end shake_hands(struct opening *o)
{
    struct stream *s = &o->session.stream;
    SSL *ssl = stream_ssl(s);

    if (o->door->tls == NULL)
        return STEP_DONE;
    if (ssl == NULL) {
        ssl = tls_server_new_ssl(o->door->tls, &o->door->alpn);
        if (ssl == NULL)
            return STEP_BROKEN;
        stream_begin_tls(s, ssl);
    }
    switch (stream_handshake(s)) {
    case STREAM_DONE:
        o->session.tls = tls_server_done(ssl);
        return o->session.tls->challenge ? STEP_BROKEN : STEP_DONE;
    case STREAM_AGAIN:
        if (!tls_server_may_go_on(ssl))
            return no_tls(o, false);
        stream_want(s, STREAM_READ);
        return STEP_WAIT;
    default:
        return no_tls(o, false);
    }
}

/* HTTP/2 begins with a preface that no HTTP/1 request begins with (RFC 9113 §3.4). */
static enum step_end find_protocol(struct opening *o)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    char first[sizeof(preface) - 1];
    enum step_end how;
    size_t n;

    if (o->door->go_on != NULL)
        return become(o, o->door->go_on);
    if (o->session.tls != NULL)
        return become(o, o->session.tls->h2 ? h2_go_on : h1_go_on);
    if (!o->door->h2c)
        return become(o, h1_go_on);
    if (!look(o, first, sizeof(first), &n, &how))
        return how;
    if (memcmp(first, preface, n) != 0)
        return become(o, h1_go_on);
    return n < sizeof(first) ? wait_for_more(o, n) : become(o, h2_go_on);
}

static const struct {
    const char *name;
    enum step_end (*run)(struct opening *o);
} steps[] = {
    {"PROXY header", read_proxy_header},
    {"TLS", shake_hands},
    {"protocol", find_protocol},
};

/* --- running them ------------------------------------------------------------------------------
 */

static void run(struct opening *o)
{
    for (;;) {
        switch (steps[o->step].run(o)) {
        case STEP_DONE:
            o->step++;
            o->seen = 0;
            if (o->low_watered)
                low_water(o, 1);
            break;
        case STEP_WAIT:
        case STEP_GONE:
            return;
        case STEP_BROKEN:
            end(o);
            return;
        }
    }
}

static void on_ready(struct stream *s, unsigned events)
{
    (void)events;
    run(container_of(s, struct opening, session.stream));
}

static void on_deadline(struct deadline *d)
{
    struct opening *o = container_of(d, struct opening, deadline);

    session_count(o->session.owner, C_CLIENT_TIMEOUT, 1);
    if (o->session.tls == NULL && stream_ssl(&o->session.stream) != NULL)
        (void)no_tls(o, true);
    end(o);
}

static void opening_drain(struct session *c)
{
    struct opening *o = container_of(c, struct opening, session);

    deadline_set(&o->deadline, SESSION_DRAIN_GRACE_MS);
}

static void opening_close(struct session *c)
{
    end(container_of(c, struct opening, session));
}

void opening_begin(struct sessions *s, const struct session_door *door, int fd,
    const struct addr *peer, const struct addr *local)
{
    static const struct session_ops ops = {.drain = opening_drain, .close = opening_close};
    struct opening *o = session_new(s, sizeof(*o), &ops, fd, peer, local, on_ready);

    if (o == NULL)
        return;
    o->door = door;
    if (s->hold != NULL)
        s->hold(s, door);
    deadline_init(&o->deadline, s->worker, on_deadline);
    deadline_set(&o->deadline, s->draining ? SESSION_DRAIN_GRACE_MS : s->conf->head_timeout_ms);
    run(o);
}
