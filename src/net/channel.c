#include "net/channel.h"

#include "base/check.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

struct watch {
    struct list node;
    struct ev_io io;
    struct channel *channel;
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_init(void)
{
    check(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
}

/* Whatever c-ares did may have changed when it wants to be called next. */
static void arm_timer(struct channel *c)
{
    struct timeval tv, *next = ares_timeout(c->ares, NULL, &tv);

    ev_timer_stop(c->worker->loop, &c->timer);
    if (next == NULL)
        return;
    ev_timer_set(&c->timer, (double)next->tv_sec + (double)next->tv_usec / 1e6, 0);
    ev_timer_start(c->worker->loop, &c->timer);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct channel *c = container_of(timer, struct channel, timer);

    (void)loop;
    (void)events;
    ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timer(c);
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct channel *c = container_of(io, struct watch, io)->channel;

    (void)loop;
    /* The watch may be gone when this returns. */
    ares_process_fd(c->ares, (events & EV_READ) != 0 ? io->fd : ARES_SOCKET_BAD,
        (events & EV_WRITE) != 0 ? io->fd : ARES_SOCKET_BAD);
    arm_timer(c);
}

static struct watch *find_watch(struct channel *c, int fd)
{
    list_each (n, &c->watches) {
        struct watch *w = list_entry(n, struct watch, node);

        if (w->io.fd == fd)
            return w;
    }
    return NULL;
}

/* c-ares says what it waits for on a socket: nothing before it closes it. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct channel *c = arg;
    struct watch *w = find_watch(c, fd);
    int mask = (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0);

    if (w != NULL)
        ev_io_stop(c->worker->loop, &w->io);
    if (mask == 0) {
        if (w != NULL) {
            list_remove(&w->node);
            free(w);
        }
        return;
    }
    if (w == NULL) {
        w = xcalloc(1, sizeof(*w));
        w->channel = c;
        ev_init(&w->io, on_io);
        list_push(&c->watches, &w->node);
    }
    ev_io_set(&w->io, fd, mask);
    ev_io_start(c->worker->loop, &w->io);
}

static void use_server(struct channel *c, const struct addr *server)
{
    struct ares_addr_port_node node = {.family = addr_family(server),
        .udp_port = (int)addr_port(server),
        .tcp_port = (int)addr_port(server)};

    if (node.family == AF_INET6)
        memcpy(&node.addr.addr6, &server->in6.sin6_addr, sizeof(node.addr.addr6));
    else
        node.addr.addr4 = server->in.sin_addr;
    check(ares_set_servers_ports(c->ares, &node) == ARES_SUCCESS);
}

static ares_channel open_hosts(void)
{
    char lookups[] = "f"; /* the file only */
    struct ares_options o = {.lookups = lookups};
    ares_channel hosts;

    check(ares_init_options(&hosts, &o, ARES_OPT_LOOKUPS) == ARES_SUCCESS);
    return hosts;
}

void channel_open(struct channel *c, struct worker *w, const struct resolver_options *options)
{
    int family = addr_family(&options->server);
    bool own_server = family == AF_INET || family == AF_INET6;
    char lookups[] = "b"; /* DNS only ("bind") */
    struct ares_options o = {
        .flags = own_server ? ARES_FLAG_NOSEARCH : 0,
        .timeout = options->timeout_ms > 0 ? options->timeout_ms : RESOLVER_TIMEOUT_MS,
        .tries = options->tries > 0 ? options->tries : RESOLVER_TRIES,
        .lookups = lookups,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = c,
    };
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
               (own_server ? ARES_OPT_FLAGS : 0);

    check(pthread_once(&library_once, library_init) == 0);
    *c = (struct channel){.worker = w};
    list_init(&c->watches);
    ev_timer_init(&c->timer, on_timer, 0, 0);
    check(ares_init_options(&c->ares, &o, mask) == ARES_SUCCESS);
    if (own_server)
        use_server(c, &options->server);
    c->hosts = open_hosts();
}

void channel_close(struct channel *c)
{
    ares_destroy(c->hosts);
    ares_destroy(c->ares);
    ev_timer_stop(c->worker->loop, &c->timer);
    check(list_empty(&c->watches));
}

/* Not sorted: that would open a socket for each address, and connect.h has an order anyway. */
static void ask(
    ares_channel ares, const char *name, int family, ares_addrinfo_callback answer, void *arg)
{
    const struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NOSORT, .ai_family = family, .ai_socktype = SOCK_STREAM};

    ares_getaddrinfo(ares, name, NULL, &hints, answer, arg);
}

void channel_hosts(struct channel *c, const char *name, ares_addrinfo_callback answer, void *arg)
{
    ask(c->hosts, name, AF_UNSPEC, answer, arg);
}

void channel_ask(
    struct channel *c, const char *name, int family, ares_addrinfo_callback answer, void *arg)
{
    ask(c->ares, name, family, answer, arg);
    arm_timer(c);
}
