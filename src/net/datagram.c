#include "net/datagram.h"

#include "base/check.h"
#include "net/error.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Of the kernel's queue of each socket: what may come while a worker does something else. */
enum { RECEIVE_BYTES = 4 << 20, SEND_BYTES = 1 << 20 };

static bool set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static bool set_ip(int fd, const struct addr *at, bool whole)
{
    bool any = addr_is_any(at);

    if (addr_family(at) == AF_INET)
        return set_int(
                   fd, IPPROTO_IP, IP_MTU_DISCOVER, whole ? IP_PMTUDISC_PROBE : IP_PMTUDISC_OMIT) &&
               (!any || set_int(fd, IPPROTO_IP, IP_PKTINFO, 1));
    return set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
           set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
               whole ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_OMIT) &&
           (!any || set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1));
}

/* As much as we may have. */
static void set_queues(int fd)
{
    if (!set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES))
        (void)!set_int(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES);
    if (!set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BYTES))
        (void)!set_int(fd, SOL_SOCKET, SO_SNDBUF, SEND_BYTES);
}

/* -1 with errno. The first one is bound alone, so that a server which shares its ports, too, is
 * found out; only then it lets the others join. */
static int bind_one(const struct addr *at, bool whole, bool first)
{
    int fd = socket(addr_family(at), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (set_ip(fd, at, whole) && (first || set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1)) &&
        bind(fd, &at->sa, at->len) == 0 && (!first || set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1))) {
        set_queues(fd);
        return fd;
    }
    close(fd);
    return -1;
}

static void refused(struct listen_why *why, const struct addr *at, int error)
{
    const char *because = net_error_text(error);
    unsigned port = addr_port(at);
    char text[ADDR_TEXT];

    if (error == EACCES && port > 0 && port < 1024)
        because = "permission denied; ports below 1024 need root or CAP_NET_BIND_SERVICE";
    snprintf(why->text, sizeof(why->text), "cannot take UDP on %s: %s%s", addr_text(at, text),
        because, error == EADDRINUSE ? "; is another server running? try: ss -lunp" : "");
}

bool datagram_open(const struct addr *at, const struct datagram_options *options, int *fds,
    unsigned n, struct addr *bound, struct listen_why *why)
{
    check(n > 0);
    *bound = *at;
    for (unsigned i = 0; i < n; i++) {
        fds[i] = bind_one(bound, options->whole, i == 0);
        if (fds[i] < 0) {
            refused(why, at, errno);
            while (i > 0)
                close(fds[--i]);
            return false;
        }
        if (i == 0)
            *bound = addr_local(fds[0]);
    }
    return true;
}
