/* TLS towards servers: names, trust, and sessions that are gone on with. */
#include "net_test.h"
#include "tls_test.h"

#include "net/tls_client.h"
#include "net/tls_stream.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct test_cert ca;
static char ca_file[] = "/tmp/t_tls_client.XXXXXX";
static struct tls_client *client;

static void write_ca(void)
{
    int fd = mkstemp(ca_file);
    FILE *f = fdopen(fd, "w");

    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, ca.cert), 1);
    fclose(f);
}

static int start(void **state)
{
    struct tls_client_conf conf = {.ca = ca_file};
    struct tls_client_why why;

    (void)state;
    ca = test_cert_make("test CA", NULL, NULL, 3600);
    write_ca();
    client = tls_client_new(&conf, &why);
    assert_non_null(client);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    tls_client_free(&client);
    unlink(ca_file);
    test_cert_free(&ca);
    return 0;
}

/* --- one handshake -------------------------------------------------------------------------- */

struct end {
    struct stream s;
    int result;
    bool done;
};

static void on_end(struct stream *s, unsigned events)
{
    struct end *e = container_of(s, struct end, s);
    char byte;

    (void)events;
    if (!e->done) {
        e->result = stream_handshake(s);
        e->done = e->result != STREAM_AGAIN;
    } else if (e->result == STREAM_DONE) {
        (void)!stream_read(s, &byte, 1); /* tickets */
    }
}

struct shaken {
    bool good, resumed;
    char asked_for[64];
    char why[1200];
};

static struct shaken shake(
    struct tls_client *c, SSL_CTX *server, const char *name, struct tls_sessions *sessions)
{
    struct shaken r = {.good = false};
    struct end a = {.result = 0}, b = {.result = 0};
    const char *asked;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    stream_open_tls(&a.s, worker, fds[0], tls_client_new_ssl(c, name, sessions), on_end);
    stream_open_tls(&b.s, worker, fds[1], test_ssl(server), on_end);
    stream_want(&b.s, STREAM_READ);
    on_end(&a.s, 0);
    stream_want(&a.s, STREAM_READ);
    loop_until(&a.done);
    loop_until(&b.done);
    for (int i = 0; i < 5; i++)
        ev_run(worker->loop, EVRUN_NOWAIT);
    r.good = a.result == STREAM_DONE && tls_client_judge(stream_ssl(&a.s)) == NULL;
    r.resumed = SSL_session_reused(stream_ssl(&a.s)) == 1;
    asked = SSL_get_servername(stream_ssl(&b.s), TLSEXT_NAMETYPE_host_name);
    snprintf(r.asked_for, sizeof(r.asked_for), "%s", asked != NULL ? asked : "");
    if (a.result == STREAM_ERROR)
        snprintf(r.why, sizeof(r.why), "%s", tls_client_error(stream_ssl(&a.s)));
    stream_close(&a.s);
    stream_close(&b.s);
    return r;
}

static SSL_CTX *server_for(const char *alt, struct test_cert *cert)
{
    *cert = test_cert_make("server", alt, &ca, 3600);
    return test_server_ctx(cert);
}

/* --- names ---------------------------------------------------------------------------------- */

static void a_certificate_must_fit_the_name(void **state)
{
    static const struct {
        const char *alt, *name;
        bool good;
    } cases[] = {
        {"DNS:a.example", "a.example", true},
        {"DNS:a.example", "A.Example", true},
        {"DNS:a.example", "a.example.", true},
        {"DNS:a.example", "b.example", false},
        {"DNS:a.example", "x.a.example", false},
        {"DNS:*.b.example", "a.b.example", true},
        {"DNS:*.b.example", "x.a.b.example", false},
        {"DNS:a*.b.example", "ab.b.example", false},
        {"IP:192.0.2.1", "192.0.2.1", true},
        {"IP:192.0.2.1", "192.0.2.2", false},
        {"DNS:192.0.2.1", "192.0.2.1", false},
        {"IP:2001:db8::1", "2001:db8::1", true},
        {"IP:2001:db8::1", "2001:db8:0::1", true},
        {"IP:2001:db8::1", "2001:db8::2", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_sessions none = {.n = 0};
        struct test_cert cert;
        SSL_CTX *server = server_for(cases[i].alt, &cert);
        struct shaken r = shake(client, server, cases[i].name, &none);

        assert_int_equal(r.good, cases[i].good);
        if (!r.good)
            assert_non_null(strstr(r.why, "the certificate is for "));
        assert_int_equal(none.n > 0, cases[i].good); /* nothing is kept of who is not trusted */
        tls_sessions_clear(&none);
        SSL_CTX_free(server);
        test_cert_free(&cert);
    }
}

static void names_are_asked_for_addresses_are_not(void **state)
{
    struct tls_sessions none = {.n = 0};
    struct test_cert cert;
    SSL_CTX *server = server_for("DNS:a.example,IP:192.0.2.1,IP:2001:db8::1", &cert);

    (void)state;
    assert_string_equal(shake(client, server, "a.example.", &none).asked_for, "a.example");
    tls_sessions_clear(&none);
    assert_string_equal(shake(client, server, "192.0.2.1", &none).asked_for, "");
    tls_sessions_clear(&none);
    assert_string_equal(shake(client, server, "2001:db8::1", &none).asked_for, "");
    tls_sessions_clear(&none);
    SSL_CTX_free(server);
    test_cert_free(&cert);
}

static void who_is_insecure_takes_anybody(void **state)
{
    struct tls_client_conf conf = {.insecure = true};
    struct tls_client_why why;
    struct tls_client *c = tls_client_new(&conf, &why);
    struct tls_sessions none = {.n = 0};
    struct test_cert cert;
    SSL_CTX *server = server_for("DNS:other.example", &cert);

    (void)state;
    assert_non_null(c);
    assert_true(shake(c, server, "a.example", &none).good);
    tls_sessions_clear(&none);
    tls_client_free(&c);
    assert_null(c);
    SSL_CTX_free(server);
    test_cert_free(&cert);
}

static void those_who_say_nothing_share_one(void **state)
{
    struct tls_client_conf conf = {.ca = NULL};
    struct tls_client_why why;
    struct tls_client *a = tls_client_new(&conf, &why), *b = tls_client_new(&conf, &why);

    (void)state;
    assert_non_null(a);
    assert_ptr_equal(a, b);
    tls_client_free(&a);
    tls_client_free(&b);
    tls_client_free(&b); /* harmless */
}

/* --- sessions ------------------------------------------------------------------------------- */

static void tickets_serve_once(void **state)
{
    struct tls_sessions s = {.n = 0};
    struct test_cert cert;
    SSL_CTX *server = server_for("DNS:a.example", &cert);

    (void)state;
    assert_false(shake(client, server, "a.example", &s).resumed);
    assert_int_equal(s.n, 2);
    for (int i = 0; i < 5; i++)
        assert_true(shake(client, server, "a.example", &s).resumed);
    SSL_CTX_set_num_tickets(server, 0);
    while (s.n > 0) {
        unsigned had = s.n;

        assert_true(shake(client, server, "a.example", &s).resumed);
        assert_int_equal(s.n, had - 1); /* used up */
    }
    assert_false(shake(client, server, "a.example", &s).resumed);
    SSL_CTX_set_num_tickets(server, 20);
    assert_true(shake(client, server, "a.example", &s).good);
    assert_int_equal(s.n, TLS_SESSIONS_MAX); /* the newest */
    tls_sessions_clear(&s);
    SSL_CTX_free(server);
    test_cert_free(&cert);
}

static void sessions_of_tls_1_2_serve_again(void **state)
{
    struct tls_sessions s = {.n = 0};
    struct test_cert cert;
    SSL_CTX *server = server_for("DNS:a.example", &cert);

    (void)state;
    SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION);
    assert_false(shake(client, server, "a.example", &s).resumed);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(s.n, 1);
        assert_true(shake(client, server, "a.example", &s).resumed);
    }
    tls_sessions_clear(&s);
    SSL_CTX_free(server);
    test_cert_free(&cert);
}

/* The server has forgotten its keys: a whole handshake takes the place. */
static void a_session_that_is_refused_costs_nothing(void **state)
{
    struct tls_sessions s = {.n = 0};
    struct test_cert cert;
    SSL_CTX *server = server_for("DNS:a.example", &cert), *again = test_server_ctx(&cert);
    struct shaken r;

    (void)state;
    assert_true(shake(client, server, "a.example", &s).good);
    r = shake(client, again, "a.example", &s);
    assert_true(r.good);
    assert_false(r.resumed);
    tls_sessions_clear(&s);
    SSL_CTX_free(server);
    SSL_CTX_free(again);
    test_cert_free(&cert);
}

static void another_protocol_is_refused(void **state)
{
    struct tls_sessions none = {.n = 0};
    struct test_cert cert;
    SSL_CTX *server = server_for("DNS:a.example", &cert);

    (void)state;
    SSL_CTX_set_min_proto_version(server, TLS1_1_VERSION);
    SSL_CTX_set_max_proto_version(server, TLS1_1_VERSION);
    SSL_CTX_set_security_level(server, 0);
    assert_string_equal(shake(client, server, "a.example", &none).why,
        "the peer speaks no version of TLS that we do (alert protocol_version)");
    SSL_CTX_free(server);
    test_cert_free(&cert);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, loop_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_certificate_must_fit_the_name),
        TEST(names_are_asked_for_addresses_are_not),
        TEST(who_is_insecure_takes_anybody),
        TEST(those_who_say_nothing_share_one),
        TEST(tickets_serve_once),
        TEST(sessions_of_tls_1_2_serve_again),
        TEST(a_session_that_is_refused_costs_nothing),
        TEST(another_protocol_is_refused),
    };

    alarm(GUARD_S);
    return cmocka_run_group_tests(tests, start, stop);
}
