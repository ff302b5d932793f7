#include "net_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* --- the worker ----------------------------------------------------------------------------------
 */

struct worker *worker;
static struct ev_check clock_watcher;
static mono_ms clock_ahead_ms;

/* Runs right after the worker has read its clock. */
static void on_clock(struct ev_loop *loop, struct ev_check *c, int events)
{
    (void)loop;
    (void)c;
    (void)events;
    worker->now_ms += clock_ahead_ms;
}

int loop_setup(void **state)
{
    (void)state;
    worker = worker_new(1);
    clock_ahead_ms = 0;
    ev_check_init(&clock_watcher, on_clock);
    ev_set_priority(&clock_watcher, EV_MAXPRI - 1);
    ev_check_start(worker->loop, &clock_watcher);
    return 0;
}

int loop_teardown(void **state)
{
    (void)state;
    ev_check_stop(worker->loop, &clock_watcher);
    worker_join(&worker);
    return 0;
}

void loop_until(const bool *done)
{
    while (!*done) {
        /* What was fed before runs at the start of ev_run(), which would then still wait. */
        ev_run(worker->loop, EVRUN_NOWAIT);
        if (!*done)
            ev_run(worker->loop, EVRUN_ONCE);
    }
}

static void on_enough(struct ev_loop *loop, struct ev_timer *t, int events)
{
    (void)loop;
    (void)events;
    *(bool *)t->data = true;
}

void loop_for(int ms)
{
    bool enough = false;
    struct ev_timer t;

    ev_now_update(worker->loop);
    ev_timer_init(&t, on_enough, ms / 1000.0, 0);
    t.data = &enough;
    ev_timer_start(worker->loop, &t);
    loop_until(&enough);
}

void loop_skip(mono_ms ms)
{
    clock_ahead_ms += ms;
    worker->now_ms += ms;
}

/* --- sockets -------------------------------------------------------------------------------------
 */

struct addr addr_of(const char *text)
{
    struct addr a = {.len = 0};

    if (!addr_parse(span_of(text), &a))
        fail_msg("%s is no address", text);
    return a;
}

/* -1: the address is taken. */
static int try_listen_at(struct addr *at, int backlog)
{
    int on = 1, fd = socket(addr_family(at), SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &at->sa, at->len) != 0 || listen(fd, backlog) != 0) {
        close(fd);
        return -1;
    }
    *at = addr_local(fd);
    return fd;
}

int listen_at(struct addr *at, int backlog)
{
    int fd = try_listen_at(at, backlog);

    assert_true(fd >= 0);
    return fd;
}

void listen_at_both(struct addr *one, struct addr *two, int backlog_one, int fds[2])
{
    for (int i = 0; i < 100; i++) {
        addr_set_port(one, 0);
        fds[0] = listen_at(one, backlog_one);
        addr_set_port(two, addr_port(one));
        fds[1] = try_listen_at(two, 8);
        if (fds[1] >= 0)
            return;
        close(fds[0]); /* somebody else has the port there */
    }
    fail_msg("no port is free on both addresses");
}

int dial(const struct addr *to)
{
    int fd = socket(addr_family(to), SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &to->sa, to->len), 0);
    return fd;
}

void blackhole_fill(const struct addr *at, int fds[BLACKHOLE_FDS])
{
    bool full = false;

    for (int i = 0; i < BLACKHOLE_FDS; i++) {
        struct pollfd p = {.events = POLLOUT};

        p.fd = fds[i] = socket(addr_family(at), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
        if (!full)
            (void)connect(fds[i], &at->sa, at->len);
        full = full || poll(&p, 1, 50) == 0;
    }
    assert_true(full);
}

void blackhole_close(const int fds[BLACKHOLE_FDS])
{
    for (int i = 0; i < BLACKHOLE_FDS; i++)
        close(fds[i]);
}

/* --- DNS (RFC 1035 section 4)
 * ---------------------------------------------------------------------- */

enum { HEADER = 12, TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28 };

static uint8_t *put16(uint8_t *p, unsigned v)
{
    *p++ = (uint8_t)(v >> 8);
    *p++ = (uint8_t)v;
    return p;
}

static uint8_t *put_name(uint8_t *p, const char *name)
{
    struct span rest = span_of(name), label;

    while (span_cut(&rest, '.', &label)) {
        *p++ = (uint8_t)label.n;
        memcpy(p, label.p, label.n);
        p += label.n;
    }
    *p++ = 0;
    return p;
}

/* The question's name as text; returns what follows it. */
static const uint8_t *get_name(const uint8_t *p, const uint8_t *end, char *text, size_t cap)
{
    size_t n = 0;

    while (p < end && *p != 0) {
        size_t len = *p++;

        if (n != 0)
            text[n++] = '.';
        assert_true(n + len + 2 < cap && p + len < end);
        memcpy(text + n, p, len);
        n += len;
        p += len;
    }
    text[n] = '\0';
    return p + 1;
}

static uint8_t *put_record_head(
    uint8_t *p, uint8_t *name_at, const uint8_t *packet, int type, uint32_t ttl_s)
{
    p = put16(p, 0xc000 | (unsigned)(name_at - packet)); /* a pointer to the name */
    p = put16(p, (unsigned)type);
    p = put16(p, 1); /* IN */
    p = put16(p, ttl_s >> 16);
    return put16(p, ttl_s & 0xffff);
}

static uint8_t *put_answers(uint8_t *p, uint8_t *packet, const struct dns_rule *r)
{
    uint8_t *name_at = packet + HEADER;
    int type = r->family == AF_INET ? TYPE_A : TYPE_AAAA, n = 0;

    if (r->cname != NULL) {
        uint8_t *len_at;

        len_at = put_record_head(p, name_at, packet, TYPE_CNAME, r->cname_ttl_s);
        name_at = len_at + 2;
        p = put_name(name_at, r->cname);
        put16(len_at, (unsigned)(p - name_at));
        n++;
    }
    for (unsigned i = 0; i < ARRAY_LEN(r->addrs) && r->addrs[i] != NULL; i++, n++) {
        unsigned len = r->family == AF_INET ? 4 : 16;

        p = put16(put_record_head(p, name_at, packet, type, r->ttl_s), len);
        assert_int_equal(inet_pton(r->family, r->addrs[i], p), 1);
        p += len;
    }
    put16(packet + 6, (unsigned)n);
    return p;
}

static const struct dns_rule *rule_for(const struct dns_server *d, const char *name, int family)
{
    for (const struct dns_rule *r = d->rules; r->name != NULL; r++) {
        if (span_ieq(span_of(r->name), span_of(name)) && r->family == family)
            return r;
    }
    return NULL;
}

static void on_question(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct dns_server *d = container_of(io, struct dns_server, io);
    uint8_t packet[1024], *end;
    char name[256];
    struct sockaddr_storage from;
    socklen_t from_len = sizeof(from);
    ssize_t got = recvfrom(d->fd, packet, 512, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
    const struct dns_rule *r;
    const uint8_t *type_at;
    unsigned rcode = 0;
    int family;

    (void)loop;
    (void)events;
    if (got < HEADER + 5)
        return;
    type_at = get_name(packet + HEADER, packet + got, name, sizeof(name));
    family = type_at[1] == TYPE_A ? AF_INET : AF_INET6;
    *(family == AF_INET ? &d->asked_a : &d->asked_aaaa) += 1;
    r = rule_for(d, name, family);
    if (r != NULL && r->act == DNS_SILENCE)
        return;
    end = packet + (type_at - packet) + 4;
    put16(packet + 6, 0);
    put16(packet + 8, 0);
    put16(packet + 10, 0);
    if (r == NULL || r->act == DNS_NXDOMAIN)
        rcode = 3;
    else if (r->act == DNS_SERVFAIL)
        rcode = 2;
    else
        end = put_answers(end, packet, r);
    packet[2] |= 0x80; /* a response */
    packet[3] = (uint8_t)(0x80 | rcode);
    (void)!sendto(d->fd, packet, (size_t)(end - packet), 0, (struct sockaddr *)&from, from_len);
}

void dns_open(struct dns_server *d, const struct dns_rule *rules)
{
    *d = (struct dns_server){.addr = addr_of("127.0.0.1:0"), .rules = rules};
    d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(d->fd >= 0);
    assert_int_equal(bind(d->fd, &d->addr.sa, d->addr.len), 0);
    d->addr = addr_local(d->fd);
    ev_io_init(&d->io, on_question, d->fd, EV_READ);
    ev_io_start(worker->loop, &d->io);
}

void dns_close(struct dns_server *d)
{
    ev_io_stop(worker->loop, &d->io);
    close(d->fd);
}
