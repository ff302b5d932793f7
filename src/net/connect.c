#include "net/connect.h"

#include "base/check.h"
#include "loop/deadline.h"
#include "net/error.h"
#include "net/resolver.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    UNIX_RETRY_MS = 20, /* the queue of a Unix socket is full: connect(2) does not wait for room */
    WHY_BYTES = 400,
};

struct attempt {
    struct connect *connect;
    struct ev_io io;
    int fd; /* owns; -1: not begun or failed */
};

/*
 *   new         connect_start(); `next` is fed to the loop
 *   resolving   query waits
 *   trying      attempts are open, `next` runs until the next one is due
 *   gone        done() is called, or connect_cancel()
 */
struct connect {
    struct worker *worker;     /* borrowed */
    struct resolver *resolver; /* borrowed */
    struct resolver_query query;
    bool resolving;
    char host[256]; /* terminated */
    size_t host_n;  /* 0: addrs is given */
    unsigned port;
    struct addr addrs[RESOLVER_ADDRS_MAX]; /* in the order of trying */
    unsigned n, tried;
    struct attempt attempts[RESOLVER_ADDRS_MAX]; /* of addrs, by index */
    unsigned open;                               /* attempts in flight */
    struct ev_timer next;
    struct deadline deadline;
    mono_ms timeout_ms;
    struct addr last; /* tried last, or failed last */
    int error;        /* of the last that failed */
    void (*done)(void *ctx, const struct connect_result *result);
    void *ctx;
};

/* --- the end -----------------------------------------------------------------------------------
 */

static void close_attempt(struct attempt *a)
{
    ev_io_stop(a->connect->worker->loop, &a->io);
    close(a->fd);
    a->fd = -1;
    a->connect->open--;
}

static void connect_free(struct connect *c)
{
    for (unsigned i = 0; i < c->tried; i++) {
        if (c->attempts[i].fd >= 0)
            close_attempt(&c->attempts[i]);
    }
    resolver_cancel(&c->query);
    ev_timer_stop(c->worker->loop, &c->next);
    deadline_stop(&c->deadline);
    free(c);
}

void connect_cancel(struct connect **cp)
{
    if (*cp == NULL)
        return;
    connect_free(*cp);
    *cp = NULL;
}

/* Frees first, so that done() may do anything. */
static void finish(struct connect *c, struct connect_result *result, const char *why)
{
    void (*done)(void *ctx, const struct connect_result *result) = c->done;
    void *ctx = c->ctx;

    result->addr = c->last;
    result->why = why;
    connect_free(c);
    done(ctx, result);
}

static void finish_connected(struct attempt *a)
{
    struct connect *c = a->connect;
    struct connect_result result = {.end = CONNECT_DONE, .fd = a->fd};

    ev_io_stop(c->worker->loop, &a->io);
    c->last = c->addrs[a - c->attempts];
    c->open--;
    a->fd = -1; /* it is the caller's now */
    finish(c, &result, "");
}

static void finish_unresolved(struct connect *c, const char *because)
{
    struct connect_result result = {.end = CONNECT_UNRESOLVED, .fd = -1};
    char why[WHY_BYTES];

    snprintf(why, sizeof(why), "%s: %s", c->host, because);
    finish(c, &result, why);
}

static void finish_failed(struct connect *c)
{
    struct connect_result result = {.end = CONNECT_FAILED, .fd = -1, .error = c->error};
    char why[WHY_BYTES], at[ADDR_TEXT];
    int n = snprintf(why, sizeof(why), "%s: %s", addr_text(&c->last, at), net_error_text(c->error));

    if (c->n > 1)
        snprintf(why + n, sizeof(why) - (size_t)n, " (the last of %u addresses)", c->n);
    finish(c, &result, why);
}

static void on_deadline(struct deadline *d)
{
    struct connect *c = container_of(d, struct connect, deadline);
    struct connect_result result = {.end = CONNECT_TIMEOUT, .fd = -1, .error = ETIMEDOUT};
    char why[WHY_BYTES], at[ADDR_TEXT];

    if (c->resolving)
        snprintf(why, sizeof(why), "%s: no answer from DNS after %lld ms", c->host,
            (long long)c->timeout_ms);
    else
        snprintf(why, sizeof(why), "%s: connect timeout after %lld ms", addr_text(&c->last, at),
            (long long)c->timeout_ms);
    finish(c, &result, why);
}

/* --- trying ------------------------------------------------------------------------------------
 */

static void try_after(struct connect *c, int ms)
{
    ev_timer_stop(c->worker->loop, &c->next);
    ev_timer_set(&c->next, ms / 1000.0, 0);
    ev_timer_start(c->worker->loop, &c->next);
}

static int open_socket(const struct addr *to)
{
    int fd = socket(addr_family(to), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd >= 0 && addr_family(to) != AF_UNIX)
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events);

/* 0: connected or under way; else errno. */
static int begin_attempt(struct attempt *a, const struct addr *to)
{
    a->fd = open_socket(to);
    if (a->fd < 0)
        return errno;
    a->connect->open++;
    ev_io_init(&a->io, on_io, a->fd, EV_WRITE);
    if (connect(a->fd, &to->sa, to->len) != 0 && errno != EINPROGRESS) {
        int error = errno;

        close_attempt(a);
        return error;
    }
    /* One that is connected at once is writable at once. */
    ev_io_start(a->connect->worker->loop, &a->io);
    return 0;
}

/* Begins the next attempt that does not fail at once. The connect may be gone afterwards. */
static void try_next(struct connect *c)
{
    while (c->tried < c->n) {
        unsigned i = c->tried++;
        int error;

        c->last = c->addrs[i];
        error = begin_attempt(&c->attempts[i], &c->addrs[i]);
        if (error == 0) {
            if (c->tried < c->n)
                try_after(c, CONNECT_ATTEMPT_DELAY_MS);
            return;
        }
        c->error = error;
        if (error == EAGAIN && addr_family(&c->last) == AF_UNIX) {
            c->tried--;
            try_after(c, UNIX_RETRY_MS);
            return;
        }
    }
    if (c->open == 0)
        finish_failed(c);
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct attempt *a = container_of(io, struct attempt, io);
    struct connect *c = a->connect;
    int error = 0;
    socklen_t len = sizeof(error);

    (void)loop;
    (void)events;
    if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error == 0) {
        finish_connected(a);
        return;
    }
    close_attempt(a);
    c->last = c->addrs[a - c->attempts];
    c->error = error;
    try_next(c);
}

/* --- addresses ---------------------------------------------------------------------------------
 */

/* RFC 8305 section 4: families in turn, IPv6 first; within a family as DNS ordered them. */
static void set_addrs(struct connect *c, const struct resolver_answer *answer)
{
    unsigned at[2] = {0, 0};
    const int family[2] = {AF_INET6, AF_INET};

    for (unsigned turn = 0; c->n < answer->n; turn ^= 1) {
        unsigned i = at[turn];

        while (i < answer->n && addr_family(&answer->addrs[i]) != family[turn])
            i++;
        at[turn] = i + 1;
        if (i >= answer->n)
            continue;
        c->addrs[c->n] = answer->addrs[i];
        addr_set_port(&c->addrs[c->n], c->port);
        c->n++;
    }
}

static void use_answer(struct connect *c, const struct resolver_answer *answer)
{
    c->resolving = false;
    if (answer->n == 0) {
        finish_unresolved(c, answer->why);
        return;
    }
    set_addrs(c, answer);
    try_next(c);
}

static void on_resolved(struct resolver_query *q, const struct resolver_answer *answer)
{
    use_answer(container_of(q, struct connect, query), answer);
}

static void resolve(struct connect *c)
{
    struct resolver_answer answer;

    c->resolving = true;
    if (resolver_lookup(
            c->resolver, span_make(c->host, c->host_n), &c->query, on_resolved, &answer))
        use_answer(c, &answer);
}

static void on_next(struct ev_loop *loop, struct ev_timer *next, int events)
{
    struct connect *c = container_of(next, struct connect, next);

    (void)loop;
    (void)events;
    if (c->n == 0)
        resolve(c);
    else
        try_next(c);
}

struct connect *connect_start(const struct connect_to *to,
    void (*done)(void *ctx, const struct connect_result *result), void *ctx)
{
    struct connect *c = xcalloc(1, sizeof(*c));

    c->worker = to->worker;
    c->resolver = to->resolver;
    c->timeout_ms = to->timeout_ms;
    c->port = to->port;
    c->done = done;
    c->ctx = ctx;
    list_init(&c->query.node);
    for (unsigned i = 0; i < RESOLVER_ADDRS_MAX; i++)
        c->attempts[i] = (struct attempt){.connect = c, .fd = -1};
    if (to->host.n == 0) {
        c->addrs[0] = to->addr;
        c->n = 1;
    } else {
        /* A longer one is no name, and the resolver says so of what is left of it. */
        c->host_n = to->host.n < sizeof(c->host) ? to->host.n : sizeof(c->host) - 1;
        memcpy(c->host, to->host.p, c->host_n);
    }
    deadline_init(&c->deadline, c->worker, on_deadline);
    deadline_set(&c->deadline, to->timeout_ms);
    ev_timer_init(&c->next, on_next, 0, 0);
    ev_feed_event(c->worker->loop, &c->next, EV_TIMER);
    return c;
}
