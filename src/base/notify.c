#include "base/notify.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* One datagram to a path, or to a name in the abstract namespace, which begins with @. False with
 * errno. */
static bool send_to(const char *to, const char *state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(to);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    ssize_t sent = -1;
    int fd, saved;

    if ((to[0] != '/' && to[0] != '@') || n < 2 || n >= sizeof(un.sun_path)) {
        errno = EINVAL;
        return false;
    }
    memcpy(un.sun_path, to, n);
    if (to[0] == '@')
        un.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    do
        sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&un, len);
    while (sent < 0 && errno == EINTR);
    saved = errno;
    close(fd);
    errno = saved;
    return sent >= 0;
}

static void notify(const char *state)
{
    const char *to = getenv("NOTIFY_SOCKET");

    if (to != NULL && to[0] != '\0' && !send_to(to, state))
        log_msg(LOG_WARN, "cannot tell the service manager (NOTIFY_SOCKET=%s): %s", to,
            strerror(errno));
}

void notify_ready(void)
{
    notify("READY=1\n");
}

void notify_reloading(void)
{
    char state[64];

    /* systemd matches the time with its own, to know that this is the answer to its signal. */
    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\n", clock_mono_us());
    notify(state);
}

void notify_stopping(void)
{
    notify("STOPPING=1\n");
}
