#include "health/probe.h"

#include "base/check.h"
#include "http/h1_write.h"
#include "net/tls_stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    REQUEST_BYTES_MAX = 16384,
    READ_BYTES = 4096,
    READS_MAX = 4, /* at once; then it is others' turn */
};

/* --- the end ------------------------------------------------------------------------------ */

static void let_go(struct probe *p)
{
    connect_cancel(&p->connect);
    if (stream_is_open(&p->stream))
        stream_close(&p->stream);
    tls_sessions_clear(&p->sessions);
    deadline_stop(&p->deadline);
    buf_free(&p->out);
    p->state = PROBE_IDLE;
}

static void finish(struct probe *p, enum probe_end end)
{
    struct probe_result result = {
        .end = end,
        .said = p->said,
        .status = p->response.status,
        .took_us = clock_mono_us() - p->began_us,
        .response = p->what->kind == HEALTH_HTTP ? &p->response : NULL,
    };
    struct response response;

    let_go(p);
    response = p->response;
    p->response = (struct response){0};
    if (result.response != NULL)
        result.response = &response;
    p->done(p, &result);
    response_free(&response);
}

static void say(struct probe *p, const char *text)
{
    snprintf(p->said, sizeof(p->said), "%s", text);
}

static void fail(struct probe *p, const char *text)
{
    say(p, text);
    finish(p, PROBE_BAD);
}

void probe_cancel(struct probe *p)
{
    if (p->state == PROBE_IDLE)
        return;
    let_go(p);
    response_free(&p->response);
    p->response = (struct response){0};
}

static void took_too_long(struct deadline *d)
{
    struct probe *p = container_of(d, struct probe, deadline);
    static const char *const where[] = {
        [PROBE_IDLE] = "",
        [PROBE_CONNECTING] = "connecting",
        [PROBE_SHAKING] = "in the TLS handshake",
        [PROBE_TALKING] = "waiting for the answer",
    };

    snprintf(p->said, sizeof(p->said), "timeout after %lld ms, %s", (long long)p->what->timeout_ms,
        where[p->state]);
    finish(p, PROBE_BAD);
}

/* --- request and response ----------------------------------------------------------------- */

/* True: it goes on. */
static bool send_request(struct probe *p)
{
    while (p->sent < p->out.n) {
        struct iovec v = {p->out.p + p->sent, p->out.n - p->sent};
        ssize_t n = stream_writev(&p->stream, &v, 1, false);

        if (n == STREAM_AGAIN)
            return true;
        if (n < 0) {
            fail(p, stream_error(&p->stream));
            return false;
        }
        p->sent += (size_t)n;
    }
    return true;
}

static void judged(struct probe *p, enum response_end end)
{
    switch (end) {
    case RESPONSE_MORE:
        return;
    case RESPONSE_GOOD:
        snprintf(p->said, sizeof(p->said), "%d", p->response.status);
        finish(p, PROBE_GOOD);
        return;
    case RESPONSE_BAD:
        fail(p, p->response.why);
        return;
    }
}

static void receive(struct probe *p)
{
    char bytes[READ_BYTES];

    for (int i = 0; i < READS_MAX; i++) {
        ssize_t n = stream_read(&p->stream, bytes, sizeof(bytes));
        enum response_end end;

        if (n == STREAM_AGAIN)
            return;
        if (n == STREAM_ERROR) {
            fail(p, stream_error(&p->stream));
            return;
        }
        end = n == STREAM_EOF ? response_finish(&p->response)
                              : response_take(&p->response, span_make(bytes, (size_t)n));
        if (end != RESPONSE_MORE) {
            judged(p, end);
            return;
        }
    }
}

static void talking_ready(struct stream *s, unsigned events)
{
    struct probe *p = container_of(s, struct probe, stream);

    if ((events & STREAM_WRITE) != 0 && !send_request(p))
        return;
    stream_want(s, STREAM_READ | (p->sent < p->out.n ? STREAM_WRITE : 0));
    if ((events & STREAM_READ) != 0)
        receive(p);
}

static void talk(struct probe *p)
{
    const struct health_probe *what = p->what;
    struct http_request req = {
        .method = what->method,
        .method_text = method_name(what->method),
        .minor = 1,
        .target = what->target,
        .authority = what->authority,
        .body = BODY_NONE,
    };

    if (what->kind == HEALTH_TCP) {
        say(p, "connected");
        finish(p, PROBE_GOOD);
        return;
    }
    p->state = PROBE_TALKING;
    response_init(&p->response, &what->wish, what->method);
    fields_add(&req.fields, &p->response.arena, FIELD_USER_AGENT, SPAN("selvage-probe"));
    fields_add(&req.fields, &p->response.arena, FIELD_ACCEPT, SPAN("*/*"));
    buf_init(&p->out, REQUEST_BYTES_MAX);
    p->sent = 0;
    check(h1_request_write(&p->out, &req));
    p->stream.ready = talking_ready;
    talking_ready(&p->stream, STREAM_WRITE);
}

/* --- TLS ---------------------------------------------------------------------------------- */

static void shake(struct probe *p)
{
    const char *wrong;

    switch (stream_handshake(&p->stream)) {
    case STREAM_AGAIN:
        stream_want(&p->stream, STREAM_READ);
        return;
    case STREAM_DONE:
        break;
    default:
        fail(p, tls_client_error(stream_ssl(&p->stream)));
        return;
    }
    wrong = tls_client_judge(stream_ssl(&p->stream));
    if (wrong != NULL)
        fail(p, wrong);
    else
        talk(p);
}

static void shaking_ready(struct stream *s, unsigned events)
{
    (void)events;
    shake(container_of(s, struct probe, stream));
}

/* --- connecting --------------------------------------------------------------------------- */

/* Whether this machine has a way there; nothing is sent to find out. */
static bool have_route(const struct addr *to)
{
    struct addr a = *to;
    int fd = socket(addr_family(to), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool have;

    if (fd < 0)
        return errno != EAFNOSUPPORT;
    if (addr_port(&a) == 0)
        addr_set_port(&a, 9);
    have = connect(fd, &a.sa, a.len) == 0 || (errno != ENETUNREACH && errno != EADDRNOTAVAIL);
    close(fd);
    return have;
}

static bool is_ours(const struct connect_result *result)
{
    switch (result->error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return true;
    case ENETUNREACH:
    case EHOSTUNREACH:
        return addr_family(&result->addr) != AF_UNSPEC && !have_route(&result->addr);
    default:
        return false;
    }
}

/* What went wrong, without the address where that is the one we were given. */
static const char *text_of(const struct probe *p, const struct connect_result *result)
{
    char text[ADDR_TEXT];
    size_t n;

    addr_text(&p->addr, text);
    n = strlen(text);
    return strncmp(result->why, text, n) == 0 && strncmp(result->why + n, ": ", 2) == 0
               ? result->why + n + 2
               : result->why;
}

static void not_connected(struct probe *p, const struct connect_result *result)
{
    say(p, text_of(p, result));
    finish(p, result->end == CONNECT_FAILED && is_ours(result) ? PROBE_BLIND : PROBE_BAD);
}

static void connected(void *ctx, const struct connect_result *result)
{
    struct probe *p = ctx;

    p->connect = NULL;
    if (result->end != CONNECT_DONE) {
        not_connected(p, result);
        return;
    }
    stream_open(&p->stream, p->worker, result->fd, shaking_ready);
    if (p->what->tls == NULL) {
        talk(p);
        return;
    }
    p->state = PROBE_SHAKING;
    stream_begin_tls(&p->stream, tls_client_new_ssl(p->what->tls, p->what->host.p, &p->sessions));
    shake(p);
}

void probe_init(struct probe *p, struct worker *w, const struct health_probe *what,
    const struct addr *addr, void (*done)(struct probe *p, const struct probe_result *result))
{
    *p = (struct probe){.what = what, .worker = w, .done = done};
    if (addr != NULL) {
        p->addr = *addr;
        addr_set_port(&p->addr, what->port);
    }
    deadline_init(&p->deadline, w, took_too_long);
}

void probe_start(struct probe *p, struct resolver *r)
{
    struct connect_to to = {
        .worker = p->worker,
        .resolver = r,
        .addr = p->addr,
        /* The deadline here is the one that counts; it is for all of the probe. */
        .timeout_ms = p->what->timeout_ms * 2,
    };

    check(p->state == PROBE_IDLE);
    if (p->addr.len == 0) {
        to.host = p->what->host;
        to.port = p->what->port;
    }
    p->state = PROBE_CONNECTING;
    p->began_us = clock_mono_us();
    deadline_set(&p->deadline, p->what->timeout_ms);
    p->connect = connect_start(&to, connected, p);
}
