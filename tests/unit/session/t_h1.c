/* The life of a connection: one request after the other, refusals, timeouts, ends of all kinds. */
#include "rig.h"

#include "base/check.h"
#include "base/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " #length "\r\n\r\n"
#define HELLO      OK(5) "hello"

static void pause_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

static void nothing(struct rig *r)
{
    (void)r;
}

/* --- requests in order ------------------------------------------------------------------- */

static void keeps_alive(void **state)
{
    struct rig *r = *state;
    int fd = rig_connect(r, 0);

    for (unsigned i = 0; i < 5; i++) {
        struct rig_end end;

        client_send(fd, i % 2 == 0 ? GET("/hello") : GET("/late"));
        client_expect(fd, HELLO);
        end = rig_wait_end(r, i);
        assert_int_equal(end.why, TXN_SENT);
        assert_int_equal(end.nth, i + 1);
        assert_int_equal(end.bytes_out, strlen(HELLO));
        assert_int_equal(end.body_bytes_out, 5);
        assert_int_equal(end.bytes_in, strlen(i % 2 == 0 ? GET("/hello") : GET("/late")));
    }
    rig_wait_connections(r, 1);
    close(fd);
    rig_wait_connections(r, 0);
}

static void answers_pipelined_requests_in_order(void **state)
{
    int fd = rig_connect(*state, 0);

    client_send(fd, GET("/hello") GET("/late") GET("/204") GET("/unknown") GET("/stored")
                        GET("/late") GET("/hello") GET("/304") GET("/hello") GET("/close"));
    client_expect(fd, HELLO HELLO
        "HTTP/1.1 204 No Content\r\n\r\n"
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n0\r\n\r\n"
        "HTTP/1.1 200 Fine\r\nA: b\r\nAge: 5\r\nContent-Length: 6\r\n\r\n"
        "stored" HELLO HELLO "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n" HELLO
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
        "bye");
    client_expect_eof(fd);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(rig_wait_end(*state, i).why, TXN_SENT);
}

#define MIXED                                                                                      \
    GET("/hello")                                                                                  \
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" /* */                         \
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"                         \
    "2\r\nde\r\n1;x=y\r\nf\r\n0\r\nT: 1\r\n\r\n" /* */                                             \
    "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET "                            \
    "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n"                                                      \
    "\r\n" GET("/hello")
#define MIXED_ANSWERS HELLO OK(3) "abc" OK(3) "def" HELLO OK(5) HELLO

/* Wherever the bytes are split on their way. */
static void splits_do_not_matter(void **state)
{
    size_t n = strlen(MIXED);

    for (size_t at = 1; at < n; at++) {
        int fd = rig_connect(*state, 0);

        client_send_bytes(fd, MIXED, at);
        rig_run(*state, nothing);
        rig_run(*state, nothing); /* what was sent is read by now */
        client_send_bytes(fd, &MIXED[at], n - at);
        client_expect(fd, MIXED_ANSWERS);
        client_expect_silence(fd, 0);
        close(fd);
        rig_wait_connections(*state, 0);
    }
}

static void byte_by_byte(void **state)
{
    int fd = rig_connect(*state, 0);

    for (size_t i = 0; i < strlen(MIXED); i++) {
        client_send_bytes(fd, &MIXED[i], 1);
        rig_run(*state, nothing);
    }
    client_expect(fd, MIXED_ANSWERS);
    close(fd);
}

/* More than the connection's buffer holds at once. */
static void many_pipelined(void **state)
{
    int fd = rig_connect(*state, 0);

    for (int i = 0; i < 1000; i++)
        client_send(fd, GET("/hello"));
    for (int i = 0; i < 1000; i++)
        client_expect(fd, HELLO);
    close(fd);
}

static void half_closed_client_is_answered(void **state)
{
    int fd = rig_connect(*state, 0);

    client_send(fd, GET("/late") GET("/hello"));
    shutdown(fd, SHUT_WR);
    client_expect(fd, HELLO HELLO);
    client_expect_eof(fd);
}

/* --- versions ---------------------------------------------------------------------------- */

static void http_1_0(void **state)
{
    static const struct {
        const char *sent, *answer;
        bool closes;
    } rows[] = {
        {"GET /hello HTTP/1.0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", true},
        {"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello", false},
        {"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", true},
        {"GET /unknown HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", true},
        {"HEAD /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", false},
        {"GET /interim HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = rig_connect(*state, 0);

        client_send(fd, rows[i].sent);
        client_expect(fd, rows[i].answer);
        if (rows[i].closes) {
            client_expect_eof(fd);
        } else {
            client_expect_silence(fd, 20);
            close(fd);
        }
    }
}

static void head_has_no_body(void **state)
{
    int fd = rig_connect(*state, 0);

    client_send(fd, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n"
                    "HEAD /unknown HTTP/1.1\r\nHost: a\r\n\r\n"
                    "HEAD /cut HTTP/1.1\r\nHost: a\r\n\r\n" GET("/hello"));
    client_expect(fd, OK(5) "HTTP/1.1 200 OK\r\n\r\n"
                            "HTTP/1.1 200 OK\r\n\r\n" HELLO);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rig_wait_end(*state, i).why, TXN_SENT);
        assert_int_equal(rig_wait_end(*state, i).body_bytes_out, 0);
    }
    close(fd);
}

/* --- refusals ---------------------------------------------------------------------------- */

static const char long_one[4200] = {[0 ... 4198] = 'x'};

static void refusals(void **state)
{
    static const struct {
        const char *start;
        bool is_long; /* then long_one */
        const char *rest;
        int status;
    } rows[] = {
        {"nonsense", false, "\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n", false, "\r\n", 400}, /* no Host */
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", false, "\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", false,
            "\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n", false, "\r\n", 501},
        {"GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n", false, "\r\n", 417},
        {"GET / HTTP/2.0\r\nHost: a\r\n", false, "\r\n", 505},
        {"GET /", true, " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
        {"GET / HTTP/1.1\r\nHost: a\r\nA: ", true, "\r\n\r\n", 431},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n", false, "\r\n", 413},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = rig_connect(*state, 0);
        char got[4096], want[32];
        const char *again;

        client_send(fd, rows[i].start);
        if (rows[i].is_long)
            client_send(fd, long_one);
        client_send(fd, rows[i].rest);
        client_send(fd, GET("/hello")); /* is not served any more */
        shutdown(fd, SHUT_WR);
        client_drain(fd, got, sizeof(got));
        snprintf(want, sizeof(want), "HTTP/1.1 %d ", rows[i].status);
        again = strstr(got + 1, "HTTP/1.1 ");
        if (strncmp(got, want, strlen(want)) != 0 ||
            strstr(got, "\r\nConnection: close\r\n") == NULL || again != NULL)
            fail_msg("row %zu, wanted %d: %s", i, rows[i].status, got);
        assert_int_equal(rig_wait_end(*state, (unsigned)i).why, TXN_SENT);
    }
    assert_int_equal(counter_sum(C_REQ_BAD), ARRAY_LEN(rows));
}

/* A refusal comes after the answers to what was right before it. */
static void refusal_waits_its_turn(void **state)
{
    int fd = rig_connect(*state, 0);
    char got[4096];

    client_send(fd, GET("/late") "BAD\r\n\r\n");
    client_expect(fd, HELLO "HTTP/1.1 400 Bad Request\r\n");
    shutdown(fd, SHUT_WR);
    client_drain(fd, got, sizeof(got));
}

/* The client goes on sending what nobody wants: it still gets the whole answer, no reset. */
static void lingers(void **state)
{
    struct rig *r = *state;
    int fd = rig_connect(r, 0);
    char *junk = xcalloc(1, 600000), got[4096];

    memset(junk, 'j', 600000);
    client_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
    client_send_bytes(fd, junk, 600000);
    client_expect(fd, "HTTP/1.1 413 ");
    assert_int_equal(rig_wait_end(r, 0).why, TXN_SENT);
    client_send_bytes(fd, junk, 100000);
    rig_wait_connections(r, 1); /* still there, to hear us out */
    client_drain(fd, got, sizeof(got));
    assert_non_null(strstr(got, "max-request-body"));
    rig_wait_connections(r, 0);
    free(junk);
}

/* --- timeouts ---------------------------------------------------------------------------- */

static void head_must_come_in_time(void **state)
{
    struct rig *r = *state;
    int fd;
    char got[4096];
    mono_ms began = clock_mono_ms();

    r->conf.head_timeout_ms = 150;
    fd = rig_connect(r, 0);
    client_send(fd, "GET /hello HTTP/1.1\r\nHost: ");
    client_expect(fd, "HTTP/1.1 408 Request Timeout\r\n");
    assert_in_range(clock_mono_ms() - began, 140, 3000);
    shutdown(fd, SHUT_WR);
    client_drain(fd, got, sizeof(got));
    assert_non_null(strstr(got, "Connection: close\r\n"));

    /* The whole head: a byte now and then is no excuse. */
    fd = rig_connect(r, 0);
    began = clock_mono_ms();
    while (clock_mono_ms() - began < 2000) {
        if (send(fd, "G", 1, MSG_NOSIGNAL) < 0 || recv(fd, got, 1, MSG_DONTWAIT) >= 0)
            break;
        pause_ms(20);
    }
    assert_in_range(clock_mono_ms() - began, 140, 1500);
    close(fd);

    /* Not a byte: closed without an answer. */
    fd = rig_connect(r, 0);
    client_expect_eof(fd);
    rig_wait_connections(r, 0);
    assert_int_equal(counter_sum(C_CLIENT_TIMEOUT) >= 3, 1);
}

static void idle_connections_are_closed(void **state)
{
    struct rig *r = *state;
    int fd;
    mono_ms began;

    r->conf.idle_timeout_ms = 150;
    fd = rig_connect(r, 0);
    for (int i = 0; i < 5; i++) {
        pause_ms(50); /* a request in between counts anew */
        client_send(fd, GET("/hello"));
        client_expect(fd, HELLO);
    }
    began = clock_mono_ms();
    client_expect_eof(fd);
    assert_in_range(clock_mono_ms() - began, 140, 3000);
}

static void waiting_for_an_answer_is_not_idle(void **state)
{
    struct rig *r = *state;
    int fd;

    r->conf.idle_timeout_ms = r->conf.head_timeout_ms = 40;
    r->conf.body_timeout_ms = r->conf.send_timeout_ms = 40;
    fd = rig_connect(r, 0);
    client_send(fd, GET("/never"));
    client_expect_silence(fd, 200);
    close(fd);
}

/* --- ends -------------------------------------------------------------------------------- */

static void aborts(void **state)
{
    struct rig *r = *state;
    int fd = rig_connect(r, 0);

    client_send(fd, GET("/hello") GET("/abort") GET("/hello"));
    client_expect(fd, HELLO);
    client_expect_eof(fd);
    assert_int_equal(rig_wait_end(r, 1).why, TXN_CUT);
    assert_int_equal(rig_wait_end(r, 1).bytes_out, 0);

    fd = rig_connect(r, 0);
    client_send(fd, GET("/abort-late"));
    client_expect_eof(fd);
    assert_int_equal(rig_wait_end(r, 2).why, TXN_CUT);
    rig_wait_connections(r, 0);
}

static void client_leaves_while_we_send(void **state)
{
    struct rig *r = *state;
    int fd = rig_connect(r, 8192);

    client_send(fd, GET("/big"));
    client_expect(fd, "HTTP/1.1 200 OK\r\n");
    close(fd); /* with bytes unread: a reset */
    assert_int_equal(rig_wait_end(r, 0).why, TXN_CLIENT_GONE);
    assert_true(rig_wait_end(r, 0).body_bytes_out < RIG_BIG_BYTES);
    rig_wait_connections(r, 0);
}

static void connections_are_limited(void **state)
{
    struct rig *r = *state;
    int a, b, c;

    r->conf.connections_max = 2;
    a = rig_connect(r, 0);
    b = rig_connect(r, 0);
    c = rig_connect(r, 0);
    client_expect_eof(c);
    client_send(a, GET("/hello"));
    client_expect(a, HELLO);
    close(a);
    rig_wait_connections(r, 1);
    c = rig_connect(r, 0);
    client_send(c, GET("/hello"));
    client_expect(c, HELLO);
    close(b);
    close(c);
}

static void close_all(struct rig *r)
{
    sessions_close_all(&r->sessions);
}

static void closing_all_cuts(void **state)
{
    struct rig *r = *state;
    int idle = rig_connect(r, 0), busy = rig_connect(r, 0), half = rig_connect(r, 0);

    client_send(busy, GET("/never"));
    rig_wait_requests(r, 1);
    client_send(half, "GET /he");
    rig_run(r, nothing);
    rig_run(r, close_all);
    assert_int_equal(rig_wait_end(r, 0).why, TXN_CUT);
    rig_wait_connections(r, 0);
    client_expect_eof(idle);
    client_expect_eof(busy);
    client_expect_eof(half);
}

/* --- draining ---------------------------------------------------------------------------- */

static void drains(void **state)
{
    struct rig *r = *state;
    int idle = rig_connect(r, 0), busy = rig_connect(r, 0), half = rig_connect(r, 0);

    client_send(idle, GET("/hello"));
    client_expect(idle, HELLO);
    rig_wait_end(r, 0);
    client_send(busy, GET("/late"));
    rig_wait_requests(r, 2);
    client_send(half, "GET /hello HTT");
    rig_run(r, nothing);
    rig_run(r, nothing);
    rig_drain(r);
    client_expect_eof(idle);
    assert_false(rig_is_drained(r));
    client_expect(busy, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    client_expect_eof(busy);
    client_send(half, "P/1.1\r\nHost: a\r\n\r\n");
    client_expect(half, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    client_expect_eof(half);
    rig_wait_connections(r, 0);
    assert_true(rig_is_drained(r));
}

static void nothing_to_drain(void **state)
{
    rig_drain(*state);
    assert_true(rig_is_drained(*state));
}

static void send_and_drain(struct rig *r);
static int late_fd, new_fd;

/* What has come when the drain begins is served, read already or not. */
static void draining_loses_no_request(void **state)
{
    struct rig *r = *state;

    late_fd = rig_connect(r, 0);
    new_fd = rig_connect(r, 0);
    client_send(late_fd, GET("/hello"));
    client_expect(late_fd, HELLO);
    rig_wait_end(r, 0);
    rig_run(r, send_and_drain);
    client_expect(
        late_fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    client_expect_eof(late_fd);
    /* A new connection has a moment for its first request. */
    client_expect_silence(new_fd, 50);
    client_send(new_fd, GET("/hello"));
    client_expect(new_fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    client_expect_eof(new_fd);
    /* One that says nothing does not hold up the end. */
    new_fd = rig_connect(r, 0);
    client_expect_eof(new_fd);
    rig_wait_connections(r, 0);
}

/* On the worker, so that it cannot have read the request before. */
static void send_and_drain(struct rig *r)
{
    client_send(late_fd, GET("/hello"));
    sessions_drain(&r->sessions, NULL);
}

/* The answer said nothing of an end, because the drain began behind its head. */
static void drain_in_the_middle_of_a_response(void **state)
{
    struct rig *r = *state;
    int fd = rig_connect(r, 8192);

    client_send(fd, GET("/big") GET("/hello"));
    client_expect(fd, OK(4194304));
    rig_drain(r);
    client_expect_long(fd, 0, RIG_BIG_BYTES);
    client_expect(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    client_expect_eof(fd);
}

/* --- counting ---------------------------------------------------------------------------- */

static void leave_uncounted(struct rig *r)
{
    r->sessions.uncounted = true;
}

static void counts_what_passes(void **state)
{
    struct rig *r = *state;
    uint64_t in = counter_sum(C_CLIENT_BYTES_IN), out = counter_sum(C_CLIENT_BYTES_OUT);
    uint64_t accepted = counter_sum(C_CONN_ACCEPTED), closed = counter_sum(C_CONN_CLOSED);

    for (int round = 0; round < 2; round++) {
        int fd = rig_connect(r, 0);

        client_send(fd, MIXED);
        client_expect(fd, MIXED_ANSWERS);
        close(fd);
        rig_wait_connections(r, 0);
        assert_int_equal(counter_sum(C_CLIENT_BYTES_IN) - in, strlen(MIXED));
        assert_int_equal(counter_sum(C_CLIENT_BYTES_OUT) - out, strlen(MIXED_ANSWERS));
        assert_int_equal(counter_sum(C_CONN_ACCEPTED) - accepted, 1);
        assert_int_equal(counter_sum(C_CONN_CLOSED) - closed, 1);
        rig_run(r, leave_uncounted); /* the second round changes nothing */
    }
}

#define RIG(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(keeps_alive),
        RIG(answers_pipelined_requests_in_order),
        RIG(splits_do_not_matter),
        RIG(byte_by_byte),
        RIG(many_pipelined),
        RIG(half_closed_client_is_answered),
        RIG(http_1_0),
        RIG(head_has_no_body),
        RIG(refusals),
        RIG(refusal_waits_its_turn),
        RIG(lingers),
        RIG(head_must_come_in_time),
        RIG(idle_connections_are_closed),
        RIG(waiting_for_an_answer_is_not_idle),
        RIG(aborts),
        RIG(client_leaves_while_we_send),
        RIG(connections_are_limited),
        RIG(closing_all_cuts),
        RIG(drains),
        RIG(nothing_to_drain),
        RIG(draining_loses_no_request),
        RIG(drain_in_the_middle_of_a_response),
        RIG(counts_what_passes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
