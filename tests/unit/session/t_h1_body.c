/* Request bodies: read, waited for, skipped, too large, wrong. */
#include "rig.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " #length "\r\n\r\n"
#define HELLO      OK(5) "hello"
#define POST(more) "POST /echo HTTP/1.1\r\nHost: a\r\n" more "\r\n"

static void nothing(struct rig *r)
{
    (void)r;
}

/* The worker has read what was sent, as far as it wants to. */
static void settle(struct rig *r)
{
    rig_run(r, nothing);
    rig_run(r, nothing);
}

static char *long_body(size_t n)
{
    char *p = xmalloc(n);

    for (size_t i = 0; i < n; i++)
        p[i] = rig_byte(i);
    return p;
}

static void by_length(void **state)
{
    struct rig *r = *state;
    int fd = rig_connect(r, 0);
    char *body = long_body(1 << 20);

    client_send(fd, POST("Content-Length: 0\r\n") POST("Content-Length: 1\r\n") "x");
    client_expect(fd, OK(0) OK(1) "x");
    client_send(fd, POST("Content-Length: 1048576\r\n"));
    client_send_bytes(fd, body, 1 << 20);
    client_expect(fd, OK(1048576));
    client_expect_long(fd, 0, 1 << 20);
    assert_int_equal(
        rig_wait_end(r, 2).bytes_in, strlen(POST("Content-Length: 1048576\r\n")) + (1 << 20));
    close(fd);
    free(body);
}

static void chunked(void **state)
{
    static const struct {
        const char *sent, *answer;
    } rows[] = {
        {"0\r\n\r\n", OK(0)},
        {"1\r\na\r\n0\r\n\r\n", OK(1) "a"},
        {"3;x=\"y;\"\r\nabc\r\n00002\r\nde\r\n0;z\r\nTrailer: 1\r\nHost: b\r\n\r\n", OK(5) "abcde"},
    };
    struct rig *r = *state;
    int fd = rig_connect(r, 0);
    char *body = long_body(300000), head[32];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        client_send(fd, POST("Transfer-Encoding: chunked\r\n"));
        client_send(fd, rows[i].sent);
        client_send(fd, GET("/hello")); /* the bytes behind are a request of their own */
        client_expect(fd, rows[i].answer);
        client_expect(fd, HELLO);
        assert_int_equal(rig_wait_end(r, (unsigned)i * 2).bytes_in,
            strlen(POST("Transfer-Encoding: chunked\r\n")) + strlen(rows[i].sent));
    }
    client_send(fd, POST("Transfer-Encoding: chunked\r\n"));
    for (size_t at = 0, n = 1; at < 300000; at += n, n = n * 2 + 1) {
        n = n < 300000 - at ? n : 300000 - at;
        snprintf(head, sizeof(head), "%zX\r\n", n);
        client_send(fd, head);
        client_send_bytes(fd, body + at, n);
        client_send(fd, "\r\n");
    }
    client_send(fd, "0\r\n\r\n" GET("/hello"));
    client_expect(fd, OK(300000));
    client_expect_long(fd, 0, 300000);
    client_expect(fd, HELLO);
    close(fd);
    free(body);
}

/* As many requests behind a chunked body as one read can bring, with the smallest limits. */
static void much_behind_a_chunked_body(void **state)
{
    struct rig *r = *state;
    char text[16384];
    size_t n = 0, count = 0;
    int fd;

    r->conf.limits = (struct h1_limits){256, 1024, 20};
    fd = rig_connect(r, 0);
    client_send(fd, POST("Transfer-Encoding: chunked\r\n") "1\r\n");
    settle(r); /* from now on bytes are read as the body's */
    for (n = (size_t)snprintf(text, sizeof(text), "a\r\n0\r\n\r\n");
         n + strlen(GET("/hello")) <= sizeof(text); n += strlen(GET("/hello")), count++)
        memcpy(text + n, GET("/hello"), strlen(GET("/hello")));
    client_send_bytes(fd, text, n);
    client_expect(fd, OK(1) "a");
    for (size_t i = 0; i < count; i++)
        client_expect(fd, HELLO);
    close(fd);
}

/* --- Expect: 100-continue (RFC 9110 §10.1.1) --------------------------------------------- */

#define EXPECT(path, version, length)                                                              \
    "POST " path " HTTP/" version "\r\nHost: a\r\nContent-Length: " #length                        \
    "\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n"

static void continues(void **state)
{
    struct rig *r = *state;
    int fd = rig_connect(r, 0);

    client_send(fd, EXPECT("/echo", "1.1", 3));
    client_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    client_send(fd, "a");
    settle(r);
    client_send(fd, "bc");
    client_expect(fd, OK(3) "abc"); /* once */
    assert_int_equal(
        rig_wait_end(r, 0).bytes_out, strlen("HTTP/1.1 100 Continue\r\n\r\n" OK(3) "abc"));

    /* The body came along: nobody waits. */
    client_send(fd, EXPECT("/echo", "1.1", 3) "abc");
    client_expect(fd, OK(3) "abc");

    /* HTTP/1.0 knows no 100. */
    client_send(fd, EXPECT("/echo", "1.0", 3));
    client_expect_silence(fd, 50);
    client_send(fd, "abc");
    client_expect(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc");

    /* The handlers do not want it: the final answer comes at once, and an end, since nobody can
     * know whether the body follows. */
    client_send(fd, EXPECT("/ignore", "1.1", 3));
    client_expect(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    shutdown(fd, SHUT_WR);
    client_expect_eof(fd);

    fd = rig_connect(r, 0);
    client_send(fd, EXPECT("/echo", "1.1", 2000000));
    client_expect(fd, "HTTP/1.1 413 ");
    close(fd);
}

/* --- bodies that nobody reads ------------------------------------------------------------ */

static void short_ones_are_skipped(void **state)
{
    struct rig *r = *state;
    int fd = rig_connect(r, 0);
    char *body = long_body(65536);

    /* Already there, partly there, and not there yet when the answer is ready. */
    client_send(
        fd, "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /" GET("/hello"));
    client_expect(fd, HELLO HELLO);
    client_send(fd, "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGE");
    client_expect(fd, HELLO);
    client_send(fd, "T /" GET("/hello"));
    client_expect(fd, HELLO);
    client_send(fd, "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n");
    client_expect(fd, HELLO);
    client_expect_silence(fd, 20);
    client_send_bytes(fd, body, 65536);
    client_send(fd, GET("/hello"));
    client_expect(fd, HELLO);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(rig_wait_end(r, i).why, TXN_SENT);
    assert_int_equal(rig_wait_end(r, 5).nth, 6);
    close(fd);
    free(body);
}

static void others_end_the_connection(void **state)
{
    static const char *const heads[] = {
        "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n",
        "POST /ignore HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        int fd = rig_connect(*state, 0);

        client_send(fd, heads[i]);
        client_expect(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
        client_send(fd, "1\r\na\r\n0\r\n\r\n" GET("/hello"));
        shutdown(fd, SHUT_WR);
        client_expect_eof(fd); /* and no answer to what might be a request */
    }
}

/* --- wrong ones -------------------------------------------------------------------------- */

static void refuses(void **state)
{
    static const struct {
        const char *body;
        int status;
    } rows[] = {
        {"x\r\n", 400},
        {"1\r\nab\r\n", 400},
        {"1\na\r\n", 400},
        {"-1\r\n", 400},
        {"ffffffffffffffff\r\n", 400},
        {"0\r\nbad trailer\r\n\r\n", 400},
    };
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = rig_connect(r, 0);
        char got[4096], want[32];

        client_send(fd, POST("Transfer-Encoding: chunked\r\n"));
        client_send(fd, rows[i].body);
        client_send(fd, GET("/hello"));
        shutdown(fd, SHUT_WR);
        client_drain(fd, got, sizeof(got));
        snprintf(want, sizeof(want), "HTTP/1.1 %d ", rows[i].status);
        if (strncmp(got, want, strlen(want)) != 0 ||
            strstr(got, "\r\nConnection: close\r\n") == NULL || strstr(got, "hello") != NULL)
            fail_msg("row %zu: %s", i, got);
        assert_int_equal(rig_wait_end(r, (unsigned)i).body_error, rows[i].status);
    }
}

/* More than max-request-body, as chunks: found out on the way. */
static void too_large_in_chunks(void **state)
{
    struct rig *r = *state;
    char got[4096], *body = long_body(10001);
    int fd;

    r->conf.body_max_bytes = 10000;
    fd = rig_connect(r, 0);
    client_send(fd, POST("Transfer-Encoding: chunked\r\n") "2711\r\n");
    client_send_bytes(fd, body, 10001);
    client_send(fd, "\r\n0\r\n\r\n");
    shutdown(fd, SHUT_WR);
    client_drain(fd, got, sizeof(got));
    if (strncmp(got, "HTTP/1.1 413 ", 13) != 0)
        fail_msg("%s", got);
    assert_int_equal(rig_wait_end(r, 0).body_error, 413);

    fd = rig_connect(r, 0);
    client_send(fd, POST("Transfer-Encoding: chunked\r\n") "2710\r\n");
    client_send_bytes(fd, body, 10000);
    client_send(fd, "\r\n0\r\n\r\n");
    client_expect(fd, OK(10000));
    client_expect_long(fd, 0, 10000);
    close(fd);
    free(body);
}

static void client_breaks_off(void **state)
{
    static const char *const sent[] = {
        POST("Content-Length: 5\r\n") "abc",
        POST("Transfer-Encoding: chunked\r\n") "5\r\nabc",
        POST("Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n",
    };
    struct rig *r = *state;

    for (unsigned i = 0; i < ARRAY_LEN(sent) * 2; i++) {
        int fd = rig_connect(r, 0);

        client_send(fd, sent[i / 2]);
        if (i % 2 != 0)
            settle(r); /* the handlers wait already */
        shutdown(fd, SHUT_WR);
        client_expect_eof(fd);
        assert_int_equal(rig_wait_end(r, i).why, TXN_CUT);
        assert_int_equal(rig_wait_end(r, i).body_error, 0);
    }
}

static void body_must_go_on(void **state)
{
    static const char *const sent[] = {
        POST("Content-Length: 5\r\n") "abc",
        POST("Transfer-Encoding: chunked\r\n") "5\r\nabc",
    };
    struct rig *r = *state;
    struct timespec pause = {.tv_nsec = 50 * 1000000};

    r->conf.body_timeout_ms = 150;
    for (unsigned i = 0; i < ARRAY_LEN(sent); i++) {
        int fd = rig_connect(r, 0);
        mono_ms began = clock_mono_ms();

        client_send(fd, sent[i]);
        client_expect(fd, "HTTP/1.1 408 Request Timeout\r\n");
        assert_in_range(clock_mono_ms() - began, 140, 3000);
        assert_int_equal(rig_wait_end(r, i).body_error, 408);
        close(fd);
    }
    /* Slow, but it moves. */
    {
        int fd = rig_connect(r, 0);

        client_send(fd, POST("Content-Length: 5\r\n"));
        for (int i = 0; i < 5; i++) {
            nanosleep(&pause, NULL);
            client_send(fd, "x");
        }
        client_expect(fd, OK(5) "xxxxx");
        close(fd);
    }
}

#define RIG(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(by_length),
        RIG(chunked),
        RIG(much_behind_a_chunked_body),
        RIG(continues),
        RIG(short_ones_are_skipped),
        RIG(others_end_the_connection),
        RIG(refuses),
        RIG(too_large_in_chunks),
        RIG(client_breaks_off),
        RIG(body_must_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
