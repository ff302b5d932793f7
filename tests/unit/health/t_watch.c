/* Probes and watches against a server on the same loop that does what a test says. */
#include "../net/net_test.h"
#include "../net/tls_test.h"

#include "health/watch.h"
#include "net/resolver.h"
#include "net/tls_stream.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the server --------------------------------------------------------------------------------
 */

enum { SERVED_MAX = 64 };

struct served {
    struct stream s;
    bool shaken;
    char asked[2048];
    size_t asked_n;
};

static struct {
    struct addr addr;
    int fd;
    struct ev_io io;
    SSL_CTX *ctx;       /* NULL: plain */
    const char *answer; /* NULL: silence */
    bool refuses;       /* closes what it accepts */
    char asked[2048];   /* the last request */
    char sni[256];
    unsigned accepted;
    struct served *v[SERVED_MAX];
    unsigned n;
} server;

static void served_ready(struct stream *s, unsigned events)
{
    struct served *c = container_of(s, struct served, s);
    struct iovec out;
    ssize_t n;

    (void)events;
    if (server.ctx != NULL && !c->shaken) {
        const char *name;

        if (stream_handshake(s) != STREAM_DONE) {
            stream_want(s, STREAM_READ);
            return;
        }
        c->shaken = true;
        name = SSL_get_servername(stream_ssl(s), TLSEXT_NAMETYPE_host_name);
        snprintf(server.sni, sizeof(server.sni), "%s", name != NULL ? name : "");
    }
    n = stream_read(s, c->asked + c->asked_n, sizeof(c->asked) - 1 - c->asked_n);
    if (n == STREAM_AGAIN)
        return;
    if (n <= 0) {
        stream_want(s, 0);
        return;
    }
    c->asked_n += (size_t)n;
    if (strstr(c->asked, "\r\n\r\n") == NULL || server.answer == NULL)
        return;
    memcpy(server.asked, c->asked, sizeof(c->asked));
    out = (struct iovec){(void *)(uintptr_t)server.answer, strlen(server.answer)};
    assert_int_equal(stream_writev(s, &out, 1, false), out.iov_len);
}

static void on_accept(struct ev_loop *loop, struct ev_io *io, int events)
{
    int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct served *c;

    (void)loop;
    (void)events;
    if (fd < 0)
        return;
    server.accepted++;
    if (server.refuses) {
        close(fd);
        return;
    }
    assert_true(server.n < SERVED_MAX);
    c = calloc(1, sizeof(*c));
    assert_non_null(c);
    server.v[server.n++] = c;
    if (server.ctx != NULL)
        stream_open_tls(&c->s, worker, fd, test_ssl(server.ctx), served_ready);
    else
        stream_open(&c->s, worker, fd, served_ready);
    stream_want(&c->s, STREAM_READ);
}

static struct resolver *resolver;
static struct test_cert ca;
static char ca_file[] = "/tmp/t_watch.XXXXXX";

static int start(void **state)
{
    loop_setup(state);
    memset(&server, 0, sizeof(server));
    server.addr = addr_of("127.0.0.1:0");
    server.fd = listen_at(&server.addr, 16);
    ev_io_init(&server.io, on_accept, server.fd, EV_READ);
    ev_io_start(worker->loop, &server.io);
    resolver = resolver_new(worker, NULL);
    return 0;
}

static int stop(void **state)
{
    for (unsigned i = 0; i < server.n; i++) {
        stream_close(&server.v[i]->s);
        free(server.v[i]);
    }
    ev_io_stop(worker->loop, &server.io);
    close(server.fd);
    resolver_free(&resolver);
    return loop_teardown(state);
}

static int make_ca(void **state)
{
    int fd = mkstemp(ca_file);
    FILE *f = fdopen(fd, "w");

    (void)state;
    ca = test_cert_make("test CA", NULL, NULL, 3600);
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, ca.cert), 1);
    fclose(f);
    return 0;
}

static int remove_ca(void **state)
{
    (void)state;
    unlink(ca_file);
    test_cert_free(&ca);
    return 0;
}

/* --- one probe ---------------------------------------------------------------------------------
 */

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct health_probe http_probe(void)
{
    struct health_probe p = {
        .kind = HEALTH_HTTP,
        .port = addr_port(&server.addr),
        .every_ms = 200,
        .timeout_ms = 2000,
        .rise = 2,
        .fall = 2,
        .method = METHOD_GET,
        .host = SPAN("www.example.com"),
        .authority = SPAN("www.example.com"),
        .target = SPAN("/healthz?a=b"),
        .wish = {.statuses = {.v = {{200, 200}}, .n = 1}},
    };

    return p;
}

static struct {
    bool done;
    enum probe_end end;
    int status;
    char said[PROBE_SAID_MAX];
    char body[64];
} got;

static void on_probe(struct probe *p, const struct probe_result *r)
{
    assert_int_equal(p->state, PROBE_IDLE);
    got.done = true;
    got.end = r->end;
    got.status = r->status;
    snprintf(got.said, sizeof(got.said), "%s", r->said);
    if (r->response != NULL && r->response->body.n > 0)
        span_cstr(buf_span(&r->response->body), got.body, sizeof(got.body));
    assert_true(r->took_us >= 0);
}

static enum probe_end look(const struct health_probe *what, const struct addr *at)
{
    struct probe p;

    memset(&got, 0, sizeof(got));
    probe_init(&p, worker, what, at, on_probe);
    probe_start(&p, resolver);
    assert_false(got.done);
    loop_until(&got.done);
    return got.end;
}

static void a_good_answer(void **state)
{
    struct health_probe what = http_probe();

    (void)state;
    server.answer = OK_ANSWER;
    assert_int_equal(look(&what, &server.addr), PROBE_GOOD);
    assert_string_equal(got.said, "200");
    assert_string_equal(got.body, "ok");
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(server.asked, "GET /healthz?a=b HTTP/1.1\r\n"));
    assert_non_null(strstr(server.asked, "Host: www.example.com\r\n"));
    assert_non_null(strstr(server.asked, "Connection: close\r\n"));
}

static void a_host_is_looked_up_where_no_address_is_given(void **state)
{
    struct health_probe what = http_probe();

    (void)state;
    server.answer = OK_ANSWER;
    what.host = SPAN("localhost");
    what.authority = SPAN("localhost");
    assert_int_equal(look(&what, NULL), PROBE_GOOD);
    what.host = SPAN("127.0.0.1");
    assert_int_equal(look(&what, NULL), PROBE_GOOD);
}

static void what_can_be_wrong(void **state)
{
    struct health_probe what = http_probe();
    struct addr nobody = addr_of("127.0.0.1:0");
    int fd = listen_at(&nobody, 1);

    (void)state;
    server.answer = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    assert_int_equal(look(&what, &server.addr), PROBE_BAD);
    assert_string_equal(got.said, "status 503");
    assert_int_equal(got.status, 503);
    server.answer = "nonsense\r\n\r\n";
    assert_int_equal(look(&what, &server.addr), PROBE_BAD);
    server.answer = NULL;
    what.timeout_ms = 50;
    assert_int_equal(look(&what, &server.addr), PROBE_BAD);
    assert_string_equal(got.said, "timeout after 50 ms, waiting for the answer");
    what.timeout_ms = 2000;
    server.refuses = true;
    assert_int_equal(look(&what, &server.addr), PROBE_BAD);
    close(fd);
    what.port = addr_port(&nobody);
    assert_int_equal(look(&what, &nobody), PROBE_BAD);
    assert_string_equal(got.said, "connection refused");
}

static void tcp(void **state)
{
    struct health_probe what = {
        .kind = HEALTH_TCP, .port = addr_port(&server.addr), .timeout_ms = 1000};

    (void)state;
    assert_int_equal(look(&what, &server.addr), PROBE_GOOD);
    assert_string_equal(got.said, "connected");
    ev_io_stop(worker->loop, &server.io);
    close(server.fd);
    assert_int_equal(look(&what, &server.addr), PROBE_BAD);
    server.addr = addr_of("127.0.0.1:0");
    server.fd = listen_at(&server.addr, 16);
}

/* In a network of our own, where nothing leads anywhere. */
static void what_we_lack_is_no_verdict(void **state)
{
    struct health_probe what = http_probe();
    struct addr far = addr_of("192.0.2.1:80");
    int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

    (void)state;
    if (home < 0 || unshare(CLONE_NEWNET) != 0)
        skip(); /* that takes privileges */
    what.timeout_ms = 300;
    (void)look(&what, &far);
    assert_int_equal(setns(home, CLONE_NEWNET), 0);
    close(home);
    assert_int_equal(got.end, PROBE_BLIND);
    assert_string_equal(got.said, "network unreachable");
}

/* --- TLS ---------------------------------------------------------------------------------------
 */

static struct health_probe https_probe(void)
{
    struct health_probe p = http_probe();
    struct tls_client_conf conf = {.ca = ca_file};
    struct tls_client_why why;

    p.tls = tls_client_new(&conf, &why);
    assert_non_null(p.tls);
    return p;
}

static void certificates_are_those_of_the_name(void **state)
{
    static const struct {
        const char *alt;
        bool ours, good;
    } cases[] = {
        {"DNS:www.example.com", true, true},
        {"DNS:other.example.com", true, false},
        {"IP:127.0.0.1", true, false}, /* the address connected to is not what users ask for */
        {"DNS:www.example.com", false, false},
    };
    struct health_probe what = https_probe();

    (void)state;
    server.answer = OK_ANSWER;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct test_cert cert = test_cert_make("s", cases[i].alt, cases[i].ours ? &ca : NULL, 3600);

        server.ctx = test_server_ctx(&cert);
        assert_int_equal(look(&what, &server.addr), cases[i].good ? PROBE_GOOD : PROBE_BAD);
        if (cases[i].good)
            assert_string_equal(server.sni, "www.example.com");
        else
            assert_non_null(strstr(got.said, "certificate"));
        SSL_CTX_free(server.ctx);
        test_cert_free(&cert);
    }
    server.ctx = NULL;
    assert_int_equal(look(&what, &server.addr), PROBE_BAD); /* plain HTTP */
    tls_client_free(&what.tls);
}

/* A session that is gone on with shows no certificate. */
static void tls_is_shaken_anew_each_time(void **state)
{
    struct test_cert cert = test_cert_make("s", "DNS:www.example.com", &ca, 3600);
    struct health_probe what = https_probe();

    (void)state;
    server.ctx = test_server_ctx(&cert);
    server.answer = OK_ANSWER;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(look(&what, &server.addr), PROBE_GOOD);
        assert_int_equal(SSL_session_reused(stream_ssl(&server.v[i]->s)), 0);
    }
    SSL_CTX_free(server.ctx);
    test_cert_free(&cert);
    tls_client_free(&what.tls);
}

/* --- again and again ---------------------------------------------------------------------------
 */

static struct {
    unsigned told, changes;
    bool want;       /* until standing.up is so */
    unsigned enough; /* or so many were told; 0: no matter */
    bool done;
} seen;

static void on_told(struct watch *w, const struct probe_result *r, bool changed)
{
    (void)r;
    seen.told++;
    if (changed)
        seen.changes++;
    if (seen.enough > 0 ? seen.told >= seen.enough : w->standing.up == seen.want)
        seen.done = true;
}

static void until_told(unsigned n)
{
    memset(&seen, 0, sizeof(seen));
    seen.enough = n;
    loop_until(&seen.done);
}

static void until_up_is(bool want)
{
    memset(&seen, 0, sizeof(seen));
    seen.want = want;
    loop_until(&seen.done);
}

static void a_watch_follows_what_it_watches(void **state)
{
    struct health_probe what = http_probe();
    struct watch w;

    (void)state;
    what.every_ms = 30;
    server.answer = OK_ANSWER;
    watch_init(&w, &what, &server.addr, worker, resolver, on_told);
    watch_start(&w);
    until_told(2);
    assert_true(w.standing.up);
    assert_string_equal(w.said, "200");
    assert_true(w.probed_ms > 0);
    server.answer = "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n";
    until_up_is(false);
    assert_int_equal(seen.changes, 1);
    assert_string_equal(w.said, "status 500");
    server.answer = OK_ANSWER;
    until_up_is(true);
    assert_int_equal(seen.changes, 1);
    watch_stop(&w);
    watch_stop(&w);
}

/* The second bad probe does not wait for the interval. */
static void doubts_are_settled_soon(void **state)
{
    struct health_probe what = http_probe();
    struct watch w;
    mono_ms began;

    (void)state;
    what.every_ms = 30000;
    server.answer = "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n";
    watch_init(&w, &what, &server.addr, worker, resolver, on_told);
    w.standing.judged = true;
    watch_start(&w);
    began = worker_now(worker);
    until_up_is(false);
    assert_int_equal(seen.told, 2);
    assert_true(worker_now(worker) - began < 5000);
    watch_stop(&w);
}

static void intervals_are_kept_and_shortened_by_jitter(void **state)
{
    struct health_probe what = http_probe();
    struct watch w;
    mono_ms began;

    (void)state;
    what.every_ms = 100;
    what.jitter_percent = 20;
    server.answer = OK_ANSWER;
    watch_init(&w, &what, &server.addr, worker, resolver, on_told);
    watch_start(&w);
    until_told(1);
    began = worker_now(worker);
    until_told(10);
    assert_true(worker_now(worker) - began >= 10 * 80 - 100);
    watch_stop(&w);
}

static void a_watch_that_is_stopped_says_nothing_more(void **state)
{
    struct health_probe what = http_probe();
    struct watch w;

    (void)state;
    what.every_ms = 20;
    server.answer = NULL;
    watch_init(&w, &what, &server.addr, worker, resolver, on_told);
    watch_start(&w);
    while (server.accepted == 0)
        loop_for(10);
    memset(&seen, 0, sizeof(seen));
    watch_stop(&w); /* with a probe under way */
    loop_for(100);
    assert_int_equal(seen.told, 0);
    assert_int_equal(server.accepted, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_answer, start, stop),
        cmocka_unit_test_setup_teardown(a_host_is_looked_up_where_no_address_is_given, start, stop),
        cmocka_unit_test_setup_teardown(what_can_be_wrong, start, stop),
        cmocka_unit_test_setup_teardown(tcp, start, stop),
        cmocka_unit_test_setup_teardown(what_we_lack_is_no_verdict, start, stop),
        cmocka_unit_test_setup_teardown(certificates_are_those_of_the_name, start, stop),
        cmocka_unit_test_setup_teardown(tls_is_shaken_anew_each_time, start, stop),
        cmocka_unit_test_setup_teardown(a_watch_follows_what_it_watches, start, stop),
        cmocka_unit_test_setup_teardown(doubts_are_settled_soon, start, stop),
        cmocka_unit_test_setup_teardown(intervals_are_kept_and_shortened_by_jitter, start, stop),
        cmocka_unit_test_setup_teardown(a_watch_that_is_stopped_says_nothing_more, start, stop),
    };

    signal(SIGPIPE, SIG_IGN);
    alarm(GUARD_S);
    return cmocka_run_group_tests(tests, make_ca, remove_ca);
}
