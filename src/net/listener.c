/*
 * listener.c - accepting on a worker: in bounded batches, and without spinning when descriptors are
 * short.
 */
#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "net/error.h"
#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    BATCH = 64,           /* then the worker's connections have their turn */
    BACKOFF_MS = 100,     /* after a shortage */
    SAY_AGAIN_MS = 10000, /* between two log lines about it */
};

enum accepted { ACCEPTED, ACCEPTED_NONE, ACCEPTED_FAILED };

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int accept_one(struct listener *l, struct addr *peer)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    int fd = accept4(l->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        *peer = addr_make((struct sockaddr *)&ss, len);
    return fd;
}

/* Accepts one and hands it over. */
static enum accepted next(struct listener *l)
{
    struct addr peer, local;
    int fd = accept_one(l, &peer);

    if (fd >= 0) {
        local = addr_is_any(&l->addr) ? addr_local(fd) : l->addr;
        l->accepted(l, fd, &peer, &local);
        return ACCEPTED;
    }
    switch (errno) {
    case EAGAIN:
        return ACCEPTED_NONE;
    /* The connection was gone before we came to it: accept(2) passes its errors on. */
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
        return ACCEPTED;
    default:
        return ACCEPTED_FAILED;
    }
}

/* Takes connections just to close them: a client that is told can go elsewhere, one in the queue
 * waits for nothing. */
static unsigned shed(struct listener *l)
{
    struct addr peer;
    unsigned n = 0;

    if (l->reserve < 0)
        return 0;
    close(l->reserve);
    for (; n < BATCH; n++) {
        int fd = accept_one(l, &peer);

        if (fd < 0)
            break;
        close(fd);
        count(C_CONN_ACCEPTED);
        count(C_CONN_REFUSED);
        count(C_CONN_CLOSED);
    }
    l->reserve = open_reserve();
    return n;
}

static void back_off(struct listener *l, int error)
{
    mono_ms now = worker_now(l->worker);
    unsigned n = error == EMFILE || error == ENFILE ? shed(l) : 0;
    char at[ADDR_TEXT];

    if (l->said_ms == 0 || now - l->said_ms >= SAY_AGAIN_MS) {
        l->said_ms = now;
        log_msg(LOG_ERROR,
            "listen %s: cannot accept: %s; closed %u new connections, pausing for %d ms at a time",
            addr_text(&l->addr, at), net_error_text(error), n, BACKOFF_MS);
    }
    ev_io_stop(l->worker->loop, &l->io);
    ev_timer_set(&l->backoff, BACKOFF_MS / 1000.0, 0);
    ev_timer_start(l->worker->loop, &l->backoff);
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct listener *l = container_of(io, struct listener, io);

    (void)loop;
    (void)events;
    for (int i = 0; i < BATCH && !l->paused && l->fd >= 0; i++) {
        switch (next(l)) {
        case ACCEPTED:
            break;
        case ACCEPTED_NONE:
            return;
        case ACCEPTED_FAILED:
            back_off(l, errno);
            return;
        }
    }
}

static void watch(struct listener *l)
{
    if (l->fd >= 0 && !l->closing && !l->paused && !ev_is_active(&l->backoff))
        ev_io_start(l->worker->loop, &l->io);
}

static void on_backoff(struct ev_loop *loop, struct ev_timer *backoff, int events)
{
    struct listener *l = container_of(backoff, struct listener, backoff);

    (void)loop;
    (void)events;
    if (l->reserve < 0)
        l->reserve = open_reserve();
    watch(l);
}

void listener_open(struct listener *l, struct worker *w, int fd,
    void (*accepted)(struct listener *l, int fd, const struct addr *peer, const struct addr *local))
{
    check(fd >= 0);
    *l = (struct listener){.worker = w, .fd = fd, .addr = addr_local(fd), .accepted = accepted};
    l->reserve = open_reserve();
    ev_io_init(&l->io, on_io, fd, EV_READ);
    ev_timer_init(&l->backoff, on_backoff, 0, 0);
    watch(l);
}

void listener_pause(struct listener *l)
{
    l->paused = true;
    ev_io_stop(l->worker->loop, &l->io);
}

void listener_resume(struct listener *l)
{
    l->paused = false;
    watch(l);
}

void listener_close(struct listener *l)
{
    if (l->fd < 0 || l->closing)
        return;
    l->closing = true;
    ev_io_stop(l->worker->loop, &l->io);
    ev_timer_stop(l->worker->loop, &l->backoff);
    /* Bounded: clients may come as fast as we take them. */
    for (int i = 0; i < LISTEN_BACKLOG && next(l) == ACCEPTED; i++)
        ;
    close(l->fd);
    l->fd = -1;
    if (l->reserve >= 0)
        close(l->reserve);
    l->reserve = -1;
}
