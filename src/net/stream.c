#include "net/stream.h"

#include "base/check.h"
#include "net/error.h"
#include "net/tls_stream_impl.h"

#include <errno.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <unistd.h>

enum { SENDFILE_MAX_BYTES = 0x7ffff000 }; /* of one call, says sendfile(2) */

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct stream *s = container_of(io, struct stream, io);
    unsigned ready =
        ((events & EV_READ) != 0 ? STREAM_READ : 0) | ((events & EV_WRITE) != 0 ? STREAM_WRITE : 0);

    (void)loop;
    if (s->tls != NULL) {
        ready = tls_io(s, ready);
        if (ready == 0)
            return;
    }
    s->ready(s, ready & s->want);
}

void stream_open(
    struct stream *s, struct worker *w, int fd, void (*ready)(struct stream *s, unsigned events))
{
    check(fd >= 0);
    *s = (struct stream){.worker = w, .fd = fd, .ready = ready};
    ev_io_init(&s->io, on_io, fd, 0);
}

void stream_move(
    struct stream *to, struct stream *from, void (*ready)(struct stream *s, unsigned events))
{
    stream_want(from, 0);
    ev_io_stop(from->worker->loop, &from->io);
    stream_open(to, from->worker, from->fd, ready);
    from->fd = -1;
    if (from->tls != NULL) {
        to->tls = from->tls;
        from->tls = NULL;
        tls_moved(to);
    }
}

bool stream_is_open(const struct stream *s)
{
    return s->worker != NULL && s->fd >= 0;
}

void stream_close(struct stream *s)
{
    check(stream_is_open(s));
    if (s->tls != NULL)
        tls_close(s, true);
    ev_io_stop(s->worker->loop, &s->io);
    close(s->fd);
    s->fd = -1;
    s->want = 0;
}

void stream_reset(struct stream *s)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    if (s->tls != NULL)
        tls_close(s, false);
    /* A Unix socket has no resets; its peer sees the end. */
    (void)!setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    stream_close(s);
}

static void watch(struct stream *s, unsigned events)
{
    int mask =
        ((events & STREAM_READ) != 0 ? EV_READ : 0) | ((events & STREAM_WRITE) != 0 ? EV_WRITE : 0);

    /* libev tells the kernel once per iteration, and nothing when it is as before: hence modify,
     * not set. */
    ev_io_stop(s->worker->loop, &s->io);
    if (mask == 0)
        return;
    ev_io_modify(&s->io, mask);
    ev_io_start(s->worker->loop, &s->io);
}

void stream_watch(struct stream *s)
{
    watch(s, s->want | (tls_owes(s->tls) ? STREAM_WRITE : 0));
}

void stream_want(struct stream *s, unsigned events)
{
    if (events == s->want)
        return;
    s->want = events;
    if (s->tls == NULL) {
        watch(s, events);
        return;
    }
    stream_watch(s);
    tls_wanted(s);
}

/* Whether what is written goes through OpenSSL. */
static bool encrypts(const struct stream *s)
{
    return s->tls != NULL && !s->tls->kernel;
}

/* What a failed call means for the caller. */
static ssize_t failed(struct stream *s)
{
    if (errno == EAGAIN)
        return STREAM_AGAIN;
    s->error = errno;
    return STREAM_ERROR;
}

static ssize_t receive(struct stream *s, void *dst, size_t n, int flags)
{
    ssize_t got;

    check(n > 0); /* else the answer would look like the end */
    do
        got = recv(s->fd, dst, n, flags);
    while (got < 0 && errno == EINTR);
    return got >= 0 ? got : failed(s);
}

ssize_t stream_read(struct stream *s, void *dst, size_t n)
{
    return s->tls != NULL ? tls_read(s, dst, n) : receive(s, dst, n, 0);
}

ssize_t stream_peek(struct stream *s, void *dst, size_t n)
{
    check(s->tls == NULL);
    return receive(s, dst, n, MSG_PEEK);
}

ssize_t stream_writev(struct stream *s, const struct iovec *v, int n, bool more)
{
    struct msghdr msg = {
        .msg_iov = (struct iovec *)v,
        .msg_iovlen = (size_t)(n < IOV_MAX ? n : IOV_MAX),
    };
    ssize_t sent;

    if (encrypts(s))
        return tls_writev(s, v, n, more);
    do
        sent = sendmsg(s->fd, &msg, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    while (sent < 0 && errno == EINTR);
    return sent >= 0 ? sent : failed(s);
}

size_t stream_takes(const struct stream *s)
{
    return encrypts(s) ? TLS_BATCH_BYTES : SIZE_MAX;
}

bool stream_can_sendfile(const struct stream *s)
{
    return !encrypts(s) && stream_is_open(s);
}

size_t stream_owes(const struct stream *s)
{
    return s->tls != NULL ? s->tls->owed_n - s->tls->owed_at : 0;
}

ssize_t stream_sendfile(struct stream *s, int fd, int64_t offset, size_t n)
{
    off_t at = offset;
    ssize_t sent;

    check(n > 0 && !encrypts(s));
    if (n > SENDFILE_MAX_BYTES)
        n = SENDFILE_MAX_BYTES;
    do
        sent = sendfile(s->fd, fd, &at, n);
    while (sent < 0 && errno == EINTR);
    if (sent > 0)
        return sent;
    if (sent < 0)
        return failed(s);
    s->error = ENODATA; /* the file ends before `offset` */
    return STREAM_ERROR;
}

const char *stream_error(const struct stream *s)
{
    return s->tls != NULL && s->tls->why != NULL ? s->tls->why : net_error_text(s->error);
}

void stream_shutdown_write(struct stream *s)
{
    if (s->tls != NULL)
        tls_shutdown_write(s);
    else
        (void)!shutdown(s->fd, SHUT_WR);
}

bool stream_process(const struct stream *s, struct stream_process *out)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.uid == (uid_t)-1)
        return false;
    *out = (struct stream_process){.pid = (int)peer.pid, .uid = (unsigned)peer.uid};
    return true;
}
