#include "net/listen.h"

#include "base/check.h"
#include "net/error.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- sentences ---------------------------------------------------------------------------------
 */

static bool refused(struct listen_why *why, const struct addr *at, const char *because)
{
    char text[ADDR_TEXT];

    snprintf(why->text, sizeof(why->text), "cannot listen on %s: %s", addr_text(at, text), because);
    return false;
}

/* What the errno means here, and what to do about it. */
static bool refused_by_system(struct listen_why *why, const struct addr *at, int error)
{
    char because[160];
    unsigned port = addr_port(at);

    if (error == EACCES && port > 0 && port < 1024)
        return refused(
            why, at, "permission denied; ports below 1024 need root or CAP_NET_BIND_SERVICE");
    if (error == EADDRINUSE && port > 0) {
        snprintf(because, sizeof(because),
            "address already in use; is another server running? try: ss -ltnp 'sport = :%u'", port);
        return refused(why, at, because);
    }
    return refused(why, at, net_error_text(error));
}

/* --- TCP -----------------------------------------------------------------------------------------
 */

static bool set_flag(int fd, int level, int option)
{
    int on = 1;

    return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
}

/* A socket bound to *at, not listening yet; -1 with errno. The first one is bound alone, so that a
 * server which shares its ports, too, is found out; only then it lets the others join. */
static int bind_tcp(const struct addr *at, bool first)
{
    int fd = socket(addr_family(at), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    /* Accepted sockets inherit TCP_NODELAY. */
    if (set_flag(fd, SOL_SOCKET, SO_REUSEADDR) && set_flag(fd, IPPROTO_TCP, TCP_NODELAY) &&
        (addr_family(at) != AF_INET6 || set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY)) &&
        (first || set_flag(fd, SOL_SOCKET, SO_REUSEPORT)) && bind(fd, &at->sa, at->len) == 0 &&
        (!first || set_flag(fd, SOL_SOCKET, SO_REUSEPORT)))
        return fd;
    close(fd);
    return -1;
}

static void close_all(const int *fds, unsigned n)
{
    int error = errno;

    for (unsigned i = 0; i < n; i++)
        close(fds[i]);
    errno = error;
}

/* False with errno. */
static bool open_tcp(const struct addr *at, int backlog, int *fds, unsigned n, struct addr *bound)
{
    unsigned opened;

    *bound = *at;
    for (opened = 0; opened < n; opened++) {
        fds[opened] = bind_tcp(bound, opened == 0);
        if (fds[opened] < 0)
            break;
        if (opened == 0)
            *bound = addr_local(fds[0]);
    }
    if (opened == n) {
        unsigned listening = 0;

        while (listening < n && listen(fds[listening], backlog) == 0)
            listening++;
        if (listening == n)
            return true;
    }
    close_all(fds, opened);
    return false;
}

/* --- Unix ----------------------------------------------------------------------------------------
 */

/* Makes the path free if a server that is gone left its socket there. */
static bool clear_path(const struct addr *at, struct listen_why *why)
{
    struct stat st;
    int fd, error;

    if (lstat(at->un.sun_path, &st) != 0)
        return errno == ENOENT || refused_by_system(why, at, errno);
    if (!S_ISSOCK(st.st_mode))
        return refused(why, at, "there is something else than a socket at that path");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return refused_by_system(why, at, errno);
    error = connect(fd, &at->sa, at->len) == 0 ? 0 : errno;
    close(fd);
    /* EAGAIN: somebody is there whose queue is full. */
    if (error == 0 || error == EAGAIN)
        return refused(why, at, "another server is listening there");
    if (error != ECONNREFUSED)
        return refused_by_system(why, at, error);
    if (unlink(at->un.sun_path) != 0 && errno != ENOENT)
        return refused_by_system(why, at, errno);
    return true;
}

/* False with errno. */
static bool open_unix(const struct addr *at, int backlog, int *fds, unsigned n)
{
    unsigned opened;

    fds[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fds[0] < 0)
        return false;
    /* On Linux the path gets the mode that the socket has when it is bound: no moment in which it
     * is open to others. */
    if (fchmod(fds[0], 0600) != 0 || bind(fds[0], &at->sa, at->len) != 0) {
        close_all(fds, 1);
        return false;
    }
    for (opened = 1; opened < n; opened++) {
        fds[opened] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
        if (fds[opened] < 0)
            break;
    }
    if (opened == n && listen(fds[0], backlog) == 0)
        return true;
    close_all(fds, opened);
    (void)!unlink(at->un.sun_path);
    return false;
}

bool listen_open(const struct addr *at, const struct listen_options *options, int *fds, unsigned n,
    struct addr *bound, struct listen_why *why)
{
    int backlog = options != NULL && options->backlog > 0 ? options->backlog : LISTEN_BACKLOG;
    bool ok;

    check(n > 0);
    *bound = *at;
    if (addr_family(at) == AF_UNIX) {
        if (!clear_path(at, why))
            return false;
        ok = open_unix(at, backlog, fds, n);
    } else {
        ok = open_tcp(at, backlog, fds, n, bound);
    }
    return ok || refused_by_system(why, at, errno);
}

void listen_unlink(const struct addr *bound)
{
    struct stat st;

    if (addr_family(bound) == AF_UNIX && lstat(bound->un.sun_path, &st) == 0 &&
        S_ISSOCK(st.st_mode))
        (void)!unlink(bound->un.sun_path);
}
