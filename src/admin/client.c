#include "admin/client.h"

#include "base/arena.h"
#include "http/chunked.h"
#include "http/h1_parse.h"
#include "http/h1_write.h"
#include "net/error.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 16384, QUESTION_BYTES_MAX = 64 << 10 };

/* One exchange. */
struct asking {
    const struct admin_question *q; /* borrowed */
    mono_ms until_ms;
    int fd;        /* owns */
    struct buf in; /* owns; all that came */
    bool eof;
    struct arena arena;
    struct http_response head;
    char *why; /* the caller's */
    size_t why_cap;
};

static enum admin_asked fail(struct asking *a, enum admin_asked how, const char *fmt, ...)
    PRINTF(3, 4);

static enum admin_asked fail(struct asking *a, enum admin_asked how, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(a->why, a->why_cap, fmt, ap);
    va_end(ap);
    return how;
}

/* Waits until the socket is ready for `events`. */
static enum admin_asked wait_for(struct asking *a, short events)
{
    for (;;) {
        mono_ms left = a->until_ms - clock_mono_ms();
        struct pollfd p = {.fd = a->fd, .events = events};
        int n;

        if (left <= 0)
            return fail(a, ADMIN_SILENT, "%s: no answer within %lld ms", a->q->socket,
                (long long)a->q->timeout_ms);
        n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
        if (n > 0)
            return ADMIN_ANSWERED;
        if (n < 0 && errno != EINTR)
            return fail(a, ADMIN_GARBLED, "%s: %s", a->q->socket, net_error_text(errno));
    }
}

/* A full queue (EAGAIN) makes us try again: a Unix socket cannot be waited for before it connects.
 */
static enum admin_asked connect_to(struct asking *a)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct timespec pause = {.tv_nsec = 20 * 1000000};

    if (strlen(a->q->socket) >= sizeof(un.sun_path))
        return fail(a, ADMIN_UNREACHABLE, "%s: a socket's path has at most %zu bytes", a->q->socket,
            sizeof(un.sun_path) - 1);
    span_cstr(span_of(a->q->socket), un.sun_path, sizeof(un.sun_path));
    a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (a->fd < 0)
        return fail(a, ADMIN_UNREACHABLE, "socket: %s", net_error_text(errno));
    while (connect(a->fd, (struct sockaddr *)&un, sizeof(un)) != 0) {
        if (errno != EAGAIN && errno != EINTR)
            return fail(a, ADMIN_UNREACHABLE, "cannot connect to %s: %s", a->q->socket,
                net_error_text(errno));
        if (clock_mono_ms() >= a->until_ms)
            return fail(a, ADMIN_SILENT, "%s: too busy to take a connection", a->q->socket);
        nanosleep(&pause, NULL);
    }
    return ADMIN_ANSWERED;
}

static enum admin_asked send_question(struct asking *a)
{
    struct http_request req = {
        .method = a->q->method,
        .minor = 1,
        .method_text = method_name(a->q->method),
        .target = span_of(a->q->path),
        .authority = SPAN("localhost"),
        .body = BODY_NONE,
        .keep_alive = false,
    };
    enum admin_asked how = ADMIN_ANSWERED;
    struct buf out;

    buf_init(&out, QUESTION_BYTES_MAX);
    if (!h1_request_write(&out, &req))
        how = fail(a, ADMIN_GARBLED, "the question is too long");
    while (how == ADMIN_ANSWERED && out.n > 0) {
        ssize_t n = send(a->fd, out.p, out.n, MSG_NOSIGNAL);

        if (n >= 0)
            buf_consume(&out, (size_t)n);
        else if (errno == EAGAIN)
            how = wait_for(a, POLLOUT);
        else if (errno != EINTR)
            how = fail(a, ADMIN_GARBLED, "%s: %s", a->q->socket, net_error_text(errno));
    }
    buf_free(&out);
    return how;
}

/* Waits for more bytes, or the end. */
static enum admin_asked receive(struct asking *a)
{
    enum admin_asked how;
    ssize_t n;

    if (!buf_reserve(&a->in, READ_BYTES))
        return fail(a, ADMIN_GARBLED, "%s: the answer is longer than %d MiB", a->q->socket,
            ADMIN_REPLY_MAX >> 20);
    do {
        how = wait_for(a, POLLIN);
        if (how != ADMIN_ANSWERED)
            return how;
        n = read(a->fd, a->in.p + a->in.n, a->in.cap - a->in.n);
    } while (n < 0 && (errno == EAGAIN || errno == EINTR));
    if (n < 0)
        return fail(a, ADMIN_GARBLED, "%s: %s", a->q->socket, net_error_text(errno));
    a->eof = n == 0;
    a->in.n += (size_t)n;
    return ADMIN_ANSWERED;
}

static enum admin_asked cut_short(struct asking *a)
{
    return fail(
        a, ADMIN_GARBLED, "%s: the connection ended before the answer was whole", a->q->socket);
}

/* The final response's head; interim ones are read over. */
static enum admin_asked read_head(struct asking *a)
{
    static const struct h1_limits limits = H1_LIMITS_DEFAULT;
    struct h1_scan scan;

    h1_scan_init(&scan, &limits);
    for (;;) {
        enum admin_asked how;

        switch (h1_response_parse(&scan, buf_span(&a->in), a->q->method, &a->arena, &a->head)) {
        case H1_OK:
            buf_consume(&a->in, scan.used);
            if (a->head.status >= 200)
                return ADMIN_ANSWERED;
            h1_scan_init(&scan, &limits);
            continue;
        case H1_BAD:
            return fail(
                a, ADMIN_GARBLED, "%s: that is no answer of selvaged: %s", a->q->socket, scan.why);
        case H1_MORE:
            break;
        }
        if (a->eof)
            return cut_short(a);
        how = receive(a);
        if (how != ADMIN_ANSWERED)
            return how;
    }
}

/* A body that ends at `bytes`, or with the connection. */
static enum admin_asked read_plain(struct asking *a, uint64_t bytes, struct buf *body)
{
    while (a->in.n < bytes && !a->eof) {
        enum admin_asked how = receive(a);

        if (how != ADMIN_ANSWERED)
            return how;
    }
    if (bytes != UINT64_MAX && a->in.n < bytes)
        return cut_short(a);
    if (!buf_append(body, span_make(a->in.p, bytes < a->in.n ? (size_t)bytes : a->in.n)))
        return fail(a, ADMIN_GARBLED, "out of memory");
    return ADMIN_ANSWERED;
}

static enum admin_asked read_chunked(struct asking *a, struct buf *body)
{
    static const struct h1_limits limits = H1_LIMITS_DEFAULT;
    struct chunked chunked;
    size_t used = 0;

    chunked_init(&chunked, &limits, &a->arena);
    for (;;) {
        struct span in = span_from(buf_span(&a->in), used), data;
        enum chunked_result result;
        enum admin_asked how;

        while ((result = chunked_next(&chunked, &in, &data)) == CHUNKED_DATA) {
            if (!buf_append(body, data))
                return fail(a, ADMIN_GARBLED, "%s: the answer is too long", a->q->socket);
        }
        if (result == CHUNKED_END)
            return ADMIN_ANSWERED;
        if (result == CHUNKED_BAD)
            return fail(a, ADMIN_GARBLED, "%s: %s", a->q->socket, chunked.why);
        used = a->in.n;
        if (a->eof)
            return cut_short(a);
        how = receive(a);
        if (how != ADMIN_ANSWERED)
            return how;
    }
}

static enum admin_asked read_body(struct asking *a, struct buf *body)
{
    switch (a->head.body) {
    case BODY_NONE:
        return ADMIN_ANSWERED;
    case BODY_LENGTH:
        return read_plain(a, a->head.content_length, body);
    case BODY_UNTIL_CLOSE:
        return read_plain(a, UINT64_MAX, body);
    case BODY_CHUNKED:
        return read_chunked(a, body);
    }
    return ADMIN_GARBLED;
}

enum admin_asked admin_ask(
    const struct admin_question *q, struct admin_reply *reply, char *why, size_t why_cap)
{
    struct asking a = {
        .q = q,
        .until_ms = clock_mono_ms() + q->timeout_ms,
        .fd = -1,
        .why = why,
        .why_cap = why_cap,
    };
    enum admin_asked how;

    *reply = (struct admin_reply){0};
    buf_init(&reply->body, ADMIN_REPLY_MAX);
    buf_init(&a.in, ADMIN_REPLY_MAX);
    arena_init(&a.arena);
    how = connect_to(&a);
    if (how == ADMIN_ANSWERED)
        how = send_question(&a);
    if (how == ADMIN_ANSWERED)
        how = read_head(&a);
    if (how == ADMIN_ANSWERED) {
        reply->status = a.head.status;
        how = read_body(&a, &reply->body);
    }
    if (a.fd >= 0)
        close(a.fd);
    buf_free(&a.in);
    arena_free(&a.arena);
    return how;
}

void admin_reply_free(struct admin_reply *reply)
{
    buf_free(&reply->body);
}
