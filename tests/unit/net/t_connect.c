/* Connecting: the order of RFC 8305, fallbacks, errors that name their address, cancelling. */
#include "net_test.h"

#include "net/connect.h"
#include "net/resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

static struct dns_server dns;
static struct resolver *resolver;

struct caller {
    struct connect *c;
    enum connect_end end;
    int fd, error, calls;
    char at[ADDR_TEXT], why[512];
    bool told;
};

static void on_done(void *ctx, const struct connect_result *r)
{
    struct caller *call = ctx;

    call->end = r->end;
    call->fd = r->fd;
    call->error = r->error;
    addr_text(&r->addr, call->at);
    snprintf(call->why, sizeof(call->why), "%s", r->why);
    call->calls++;
    call->told = true;
    call->c = NULL;
}

static void begin(const struct dns_rule *rules)
{
    struct resolver_options o = {.timeout_ms = 10000, .tries = 1};

    dns_open(&dns, rules);
    o.server = dns.addr;
    resolver = resolver_new(worker, &o);
}

static void end(void)
{
    resolver_free(&resolver);
    dns_close(&dns);
}

static void start_name(struct caller *call, const char *host, unsigned port, mono_ms timeout_ms)
{
    struct connect_to to = {.worker = worker,
        .resolver = resolver,
        .host = span_of(host),
        .port = port,
        .timeout_ms = timeout_ms};

    *call = (struct caller){.fd = -1};
    call->c = connect_start(&to, on_done, call);
    assert_int_equal(call->calls, 0); /* never from inside */
}

static void start_addr(struct caller *call, const struct addr *at, mono_ms timeout_ms)
{
    struct connect_to to = {.worker = worker, .addr = *at, .timeout_ms = timeout_ms};

    *call = (struct caller){.fd = -1};
    call->c = connect_start(&to, on_done, call);
    assert_int_equal(call->calls, 0);
}

static void wait_for(struct caller *call, enum connect_end end)
{
    loop_until(&call->told);
    assert_int_equal(call->calls, 1);
    if (call->end != end)
        fail_msg("ended with %d, not %d: %s", call->end, end, call->why);
    assert_int_equal(call->fd >= 0, end == CONNECT_DONE);
}

/* The connection works, and is set up as promised. */
static void assert_connected(const struct caller *call, int listening)
{
    int peer = accept(listening, NULL, NULL), on = 0;
    socklen_t len = sizeof(on);
    char c;

    assert_true(peer >= 0);
    assert_int_equal(write(call->fd, "x", 1), 1);
    assert_int_equal(read(peer, &c, 1), 1);
    assert_true((fcntl(call->fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(call->fd, F_GETFD) & FD_CLOEXEC) != 0);
    if (getsockopt(call->fd, IPPROTO_TCP, TCP_NODELAY, &on, &len) == 0)
        assert_int_equal(on, 1);
    close(peer);
    close(call->fd);
}

/* A port on which nobody listens. */
static struct addr free_port(const char *ip)
{
    struct addr at;

    assert_true(addr_parse_ip(span_of(ip), 0, &at));
    close(listen_at(&at, 1));
    return at;
}

static void an_address_that_listens(void **state)
{
    struct addr at = addr_of("127.0.0.1:0");
    int l = listen_at(&at, 8);
    struct caller call;
    char text[ADDR_TEXT];

    (void)state;
    start_addr(&call, &at, 5000);
    wait_for(&call, CONNECT_DONE);
    assert_string_equal(call.at, addr_text(&at, text));
    assert_string_equal(call.why, "");
    assert_connected(&call, l);
    begin((const struct dns_rule[]){{NULL}});
    start_name(&call, "127.0.0.1", addr_port(&at), 5000);
    wait_for(&call, CONNECT_DONE);
    assert_connected(&call, l);
    end();
    close(l);
}

static void an_address_that_refuses(void **state)
{
    struct addr at = free_port("127.0.0.1");
    char text[ADDR_TEXT], want[ADDR_TEXT + 32];
    struct caller call;

    (void)state;
    start_addr(&call, &at, 5000);
    wait_for(&call, CONNECT_FAILED);
    assert_int_equal(call.error, ECONNREFUSED);
    snprintf(want, sizeof(want), "%s: connection refused", addr_text(&at, text));
    assert_string_equal(call.why, want);
    assert_string_equal(call.at, text);
}

static const struct dns_rule v6_then_v4[] = {
    {"app.example", AF_INET, DNS_ANSWER, 60, {"127.0.0.1"}},
    {"app.example", AF_INET6, DNS_ANSWER, 60, {"::1"}},
    {NULL},
};

static void the_next_when_the_first_refuses(void **state)
{
    struct addr at = addr_of("127.0.0.1:0");
    int l = listen_at(&at, 8);
    struct caller call;
    bool at_once = false;
    char text[ADDR_TEXT];

    (void)state;
    begin(v6_then_v4);
    /* A refusal does not wait for the attempt delay; a busy machine gets three chances. */
    for (int i = 0; i < 3 && !at_once; i++) {
        mono_ms before = clock_mono_ms();

        start_name(&call, "app.example", addr_port(&at), 5000);
        wait_for(&call, CONNECT_DONE);
        at_once = clock_mono_ms() - before < CONNECT_ATTEMPT_DELAY_MS;
        assert_string_equal(call.at, addr_text(&at, text));
        assert_connected(&call, l);
    }
    assert_true(at_once);
    end();
    close(l);
}

static void ipv6_comes_first(void **state)
{
    struct addr six = addr_of("[::1]:0"), four = addr_of("127.0.0.1:0");
    int fds[2] = {socket(AF_INET6, SOCK_STREAM, 0)};
    bool has_ipv6 = fds[0] >= 0 && bind(fds[0], &six.sa, six.len) == 0;
    struct caller call;

    (void)state;
    close(fds[0]);
    if (!has_ipv6)
        skip();
    listen_at_both(&six, &four, 8, fds);
    begin(v6_then_v4);
    start_name(&call, "app.example", addr_port(&six), 5000);
    wait_for(&call, CONNECT_DONE);
    assert_int_equal(strncmp(call.at, "[::1]:", 6), 0);
    assert_connected(&call, fds[0]);
    end();
    close(fds[0]);
    close(fds[1]);
}

static void all_refuse(void **state)
{
    struct addr at = free_port("127.0.0.1");
    struct caller call;
    char want[128];

    (void)state;
    begin(v6_then_v4);
    start_name(&call, "app.example", addr_port(&at), 5000);
    wait_for(&call, CONNECT_FAILED);
    snprintf(want, sizeof(want), "127.0.0.1:%u: connection refused (the last of 2 addresses)",
        addr_port(&at));
    assert_string_equal(call.why, want);
    end();
}

static void one_that_does_not_answer_is_overtaken(void **state)
{
    static const struct dns_rule rules[] = {
        {"app.example", AF_INET, DNS_ANSWER, 60, {"127.0.0.2", "127.0.0.1"}},
        {"app.example", AF_INET6, DNS_ANSWER},
        {NULL},
    };
    struct addr hole = addr_of("127.0.0.2:0"), at = addr_of("127.0.0.1:0");
    int fds[BLACKHOLE_FDS], l[2];
    struct caller call;
    mono_ms before;

    (void)state;
    listen_at_both(&hole, &at, 0, l);
    blackhole_fill(&hole, fds);
    begin(rules);
    before = clock_mono_ms();
    start_name(&call, "app.example", addr_port(&at), 20000);
    wait_for(&call, CONNECT_DONE);
    assert_int_equal(strncmp(call.at, "127.0.0.1:", 10), 0);
    assert_true(clock_mono_ms() - before >= CONNECT_ATTEMPT_DELAY_MS - 1);
    assert_connected(&call, l[1]);
    end();
    blackhole_close(fds);
    close(l[0]);
    close(l[1]);
}

static void the_time_is_up(void **state)
{
    struct addr hole = addr_of("127.0.0.2:0");
    int l = listen_at(&hole, 0), fds[BLACKHOLE_FDS];
    struct caller call;
    char want[128];

    (void)state;
    blackhole_fill(&hole, fds);
    start_addr(&call, &hole, 60);
    wait_for(&call, CONNECT_TIMEOUT);
    snprintf(want, sizeof(want), "127.0.0.2:%u: connect timeout after 60 ms", addr_port(&hole));
    assert_string_equal(call.why, want);
    assert_int_equal(call.error, ETIMEDOUT);
    blackhole_close(fds);
    close(l);
}

static void names_that_have_no_address(void **state)
{
    static const struct dns_rule rules[] = {
        {"dumb.example", AF_INET, DNS_SILENCE},
        {"dumb.example", AF_INET6, DNS_SILENCE},
        {NULL},
    };
    char long_name[400];
    struct caller call;

    (void)state;
    begin(rules);
    start_name(&call, "none.example", 80, 5000);
    wait_for(&call, CONNECT_UNRESOLVED);
    assert_string_equal(call.why, "none.example: no such name");
    assert_string_equal(call.at, "-");
    start_name(&call, "not a name", 80, 5000);
    wait_for(&call, CONNECT_UNRESOLVED);
    assert_string_equal(call.why, "not a name: that is no host name");
    memset(long_name, 'x', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    start_name(&call, long_name, 80, 5000);
    wait_for(&call, CONNECT_UNRESOLVED);
    start_name(&call, "dumb.example", 80, 60);
    wait_for(&call, CONNECT_TIMEOUT);
    assert_string_equal(call.why, "dumb.example: no answer from DNS after 60 ms");
    end();
}

/* --- Unix sockets
 * ----------------------------------------------------------------------------------- */

static struct addr unix_path(void)
{
    char text[64];

    snprintf(text, sizeof(text), "unix:t_connect.%d.sock", (int)getpid());
    return addr_of(text);
}

static void unix_sockets(void **state)
{
    struct addr at = unix_path();
    struct caller call;
    int l;

    (void)state;
    start_addr(&call, &at, 5000);
    wait_for(&call, CONNECT_FAILED);
    assert_int_equal(call.error, ENOENT);
    l = listen_at(&at, 8);
    start_addr(&call, &at, 5000);
    wait_for(&call, CONNECT_DONE);
    assert_connected(&call, l);
    close(l);
    start_addr(&call, &at, 5000);
    wait_for(&call, CONNECT_FAILED);
    assert_int_equal(call.error, ECONNREFUSED);
    unlink(at.un.sun_path);
}

static void a_full_unix_queue_is_waited_for(void **state)
{
    struct addr at = unix_path();
    int l = listen_at(&at, 0), waiting = dial(&at);
    struct caller call, late;

    (void)state;
    start_addr(&late, &at, 50);
    wait_for(&late, CONNECT_TIMEOUT);
    start_addr(&call, &at, 5000);
    loop_for(30);
    assert_false(call.told);
    close(accept(l, NULL, NULL));
    wait_for(&call, CONNECT_DONE);
    assert_connected(&call, l);
    close(waiting);
    close(l);
    unlink(at.un.sun_path);
}

/* --- cancelling
 * ----------------------------------------------------------------------------------------- */

static void cancelled_at_any_time_it_does_not_call(void **state)
{
    static const struct dns_rule rules[] = {
        {"dumb.example", AF_INET, DNS_SILENCE},
        {"dumb.example", AF_INET6, DNS_SILENCE},
        {NULL},
    };
    struct addr hole = addr_of("127.0.0.2:0"), at = addr_of("127.0.0.1:0");
    int l = listen_at(&at, 8), h = listen_at(&hole, 0), fds[BLACKHOLE_FDS], before, after;
    struct caller new, resolving, trying, connected;

    (void)state;
    begin(rules);
    blackhole_fill(&hole, fds);
    before = dup(0); /* the lowest free descriptor */
    close(before);
    loop_for(1); /* the worker's clock is of this moment */
    start_name(&new, "app.example", 80, 30);
    connect_cancel(&new.c);
    assert_null(new.c);
    connect_cancel(&new.c);
    start_name(&resolving, "dumb.example", 80, 30);
    start_addr(&trying, &hole, 30);
    start_addr(&connected, &at, 30);
    ev_run(worker->loop, EVRUN_NOWAIT);
    connect_cancel(&resolving.c);
    connect_cancel(&trying.c);
    if (!connected.told)
        connect_cancel(&connected.c);
    else
        close(connected.fd);
    loop_for(60);
    assert_int_equal(new.calls + resolving.calls + trying.calls, 0);
    end();
    after = dup(0);
    close(after);
    assert_true(after <= before); /* nothing was left open */
    blackhole_close(fds);
    close(h);
    close(l);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, loop_setup, loop_teardown)
    const struct CMUnitTest tests[] = {
        T(an_address_that_listens),
        T(an_address_that_refuses),
        T(the_next_when_the_first_refuses),
        T(ipv6_comes_first),
        T(all_refuse),
        T(one_that_does_not_answer_is_overtaken),
        T(the_time_is_up),
        T(names_that_have_no_address),
        T(unix_sockets),
        T(a_full_unix_queue_is_waited_for),
        T(cancelled_at_any_time_it_does_not_call),
    };

    alarm(GUARD_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
