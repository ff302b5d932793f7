#include "director/udp.h"

#include "base/check.h"
#include "base/counters.h"
#include "director/conf.h"
#include "director/respond.h"
#include "net/proxy_header.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A question is short; who sends more than this wants something else. The odd sizes keep equal
 * places of neighbours out of one set of the processor's caches. */
enum { IN_BYTES = 2048, OUT_BYTES = DNS_UDP_BYTES_MAX, ODD = 64 };

/* Of what a socket's queue holds when we stop; under a flood there is no end to it. */
enum { LAST_ROUNDS = 128 };

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
            break;
        else if (errno != EINTR) {
            count(C_DNS_DROPPED_SEND);
            at++; /* only this one cannot be sent */
        }
    }
    if (at < n)
        count_add(C_DNS_DROPPED_SEND, n - at);
}

/* Takes the PROXY header off: *from and the message are what stands behind it. False: drop. */
static bool unwrap(const struct udp_socket *s, struct addr *client, struct span *msg)
{
    struct proxy_header h;
    const char *why;

    if (!network_list_has(&s->conf->door.proxy_from, client) ||
        proxy_header_parse_datagram(*msg, &h, &why) != PROXY_OK) {
        count(C_DNS_DROPPED_PROXY);
        return false;
    }
    *msg = span_from(*msg, h.used);
    if (!h.own && addr_family(&h.client) != AF_UNIX)
        *client = h.client;
    return true;
}

/* Whether an answer could get back to who asked, and would not come to ourselves. */
static bool source_is_fine(const struct udp_socket *s, const struct addr *peer)
{
    return addr_port(peer) != 0 && !addr_eq(peer, &s->bound);
}

/* Answers the i-th datagram as the o-th one to be sent. False: there is no answer to it. */
static bool answer_one(struct udp_socket *s, struct udp_batch *b, unsigned i, unsigned o)
{
    struct msghdr *in = &b->in[i].msg_hdr, *out = &b->out[o].msg_hdr;
    struct span msg = span_make((char *)b->in_bytes[i], b->in[i].msg_len);
    struct respond_from from = {.client = &b->peer[i], .transport = BY_UDP};
    struct addr client;
    size_t n;

    b->peer[i].len = in->msg_namelen;
    if ((in->msg_flags & MSG_TRUNC) != 0) {
        count(C_DNS_DROPPED_LONG);
        return false;
    }
    if (!source_is_fine(s, &b->peer[i])) {
        count(C_DNS_DROPPED_SOURCE);
        return false;
    }
    if (s->conf->door.proxy_from.n > 0) {
        client = b->peer[i];
        from.client = &client;
        if (!unwrap(s, &client, &msg))
            return false;
    }
    n = respond(s->worker, &from, (const uint8_t *)msg.p, msg.n, b->out_bytes[o], OUT_BYTES);
    if (n == 0)
        return false;
    b->out_iov[o] = (struct iovec){b->out_bytes[o], n};
    out->msg_name = in->msg_name;
    out->msg_namelen = in->msg_namelen;
    out->msg_control = in->msg_control;
    out->msg_controllen = in->msg_controllen;
    return true;
}

/* False: there was less than a batch. */
static bool serve_batch(struct udp_socket *s)
{
    struct udp_batch *b = s->worker->batch;
    unsigned n = receive(s, b), answers = 0;

    for (unsigned i = 0; i < n; i++)
        answers += answer_one(s, b, i, answers);
    send_all(s, b, answers);
    return n >= UDP_BATCH / 8;
}

static void on_readable(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct udp_socket *s = container_of(io, struct udp_socket, io);

    (void)loop;
    (void)events;
    for (unsigned i = 0; i < UDP_ROUNDS && serve_batch(s); i++)
        ;
}

void udp_start(struct udp_socket *s)
{
    s->any = addr_is_any(&s->bound);
    ev_io_init(&s->io, on_readable, s->fd, EV_READ);
    ev_io_start(s->worker->daemon.worker->loop, &s->io);
}

void udp_stop(struct udp_socket *s)
{
    if (s->fd < 0)
        return;
    for (unsigned i = 0; i < LAST_ROUNDS && serve_batch(s); i++)
        ;
    ev_io_stop(s->worker->daemon.worker->loop, &s->io);
    udp_close(s);
}

void udp_close(struct udp_socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}
