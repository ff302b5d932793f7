#include "director/udp.h"

#include "base/check.h"
#include "director/conf.h"
#include "director/respond.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A question is short; who sends more than this wants something else. The odd sizes keep equal
 * places of neighbours out of one set of the processor's caches. */
enum { IN_BYTES = 2048, OUT_BYTES = DNS_UDP_BYTES_MAX, ODD = 64 };

/* Where a datagram was sent to: in from recvmmsg(), out as it came. */
union from_to {
    struct cmsghdr align;
    uint8_t v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
    uint8_t v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct udp_batch {
    struct mmsghdr in[UDP_BATCH], out[UDP_BATCH];
    struct iovec in_iov[UDP_BATCH], out_iov[UDP_BATCH];
    struct addr peer[UDP_BATCH];
    union from_to control[UDP_BATCH];
    uint8_t in_bytes[UDP_BATCH][IN_BYTES + ODD], out_bytes[UDP_BATCH][OUT_BYTES + ODD];
};

struct udp_batch *udp_batch_new(void)
{
    struct udp_batch *b = xcalloc(1, sizeof(*b));

    for (unsigned i = 0; i < UDP_BATCH; i++) {
        b->in_iov[i] = (struct iovec){b->in_bytes[i], IN_BYTES};
        b->in[i].msg_hdr =
            (struct msghdr){.msg_name = &b->peer[i].sa, .msg_iov = &b->in_iov[i], .msg_iovlen = 1};
        b->out[i].msg_hdr = (struct msghdr){.msg_iov = &b->out_iov[i], .msg_iovlen = 1};
    }
    return b;
}

void udp_batch_free(struct udp_batch **b)
{
    free(*b);
    *b = NULL;
}

/* How many have come. */
static unsigned receive(struct udp_socket *s, struct udp_batch *b)
{
    int got;

    for (unsigned i = 0; i < UDP_BATCH; i++) {
        b->in[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_in6);
        b->in[i].msg_hdr.msg_control = s->any ? &b->control[i] : NULL;
        b->in[i].msg_hdr.msg_controllen = s->any ? sizeof(b->control[i]) : 0;
    }
    got = recvmmsg(s->fd, b->in, UDP_BATCH, MSG_DONTWAIT, NULL);
    return got > 0 ? (unsigned)got : 0;
}

/* What the kernel does not take now is lost, as datagrams are: the client asks again. */
static void send_all(struct udp_socket *s, struct udp_batch *b, unsigned n)
{
    unsigned at = 0;

    while (at < n) {
        int sent = sendmmsg(s->fd, b->out + at, n - at, MSG_DONTWAIT);

        if (sent > 0)
            at += (unsigned)sent;
        else if (errno == EAGAIN || errno == ENOBUFS)
            return;
        else if (errno != EINTR)
            at++; /* only this one cannot be sent */
    }
}

/* Answers the i-th datagram as the o-th one to be sent. False: there is no answer to it. */
static bool answer_one(struct udp_socket *s, struct udp_batch *b, unsigned i, unsigned o)
{
    struct msghdr *in = &b->in[i].msg_hdr, *out = &b->out[o].msg_hdr;
    struct respond_from from = {.client = &b->peer[i], .transport = BY_UDP};
    size_t n;

    b->peer[i].len = in->msg_namelen;
    if ((in->msg_flags & MSG_TRUNC) != 0 || addr_port(&b->peer[i]) == 0)
        return false;
    n = respond(s->worker, &from, b->in_bytes[i], b->in[i].msg_len, b->out_bytes[o], OUT_BYTES);
    if (n == 0)
        return false;
    b->out_iov[o] = (struct iovec){b->out_bytes[o], n};
    out->msg_name = in->msg_name;
    out->msg_namelen = in->msg_namelen;
    out->msg_control = in->msg_control;
    out->msg_controllen = in->msg_controllen;
    return true;
}

static void serve(struct udp_socket *s)
{
    struct udp_batch *b = s->worker->batch;

    for (unsigned round = 0; round < UDP_ROUNDS; round++) {
        unsigned n = receive(s, b), answers = 0;

        for (unsigned i = 0; i < n; i++)
            answers += answer_one(s, b, i, answers);
        send_all(s, b, answers);
        if (n < UDP_BATCH)
            return;
    }
}

static void on_readable(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop;
    (void)events;
    serve(container_of(io, struct udp_socket, io));
}

void udp_start(struct udp_socket *s)
{
    ev_io_init(&s->io, on_readable, s->fd, EV_READ);
    ev_io_start(s->worker->worker->loop, &s->io);
}

void udp_stop(struct udp_socket *s)
{
    if (s->fd < 0)
        return;
    serve(s);
    ev_io_stop(s->worker->worker->loop, &s->io);
    close(s->fd);
    s->fd = -1;
}
