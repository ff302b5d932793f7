/* Responses: framed, cut, slow, to clients that take their time; every byte of long ones is
 * compared. */
#include "rig.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " #length "\r\n\r\n"
#define HELLO      OK(5) "hello"
#define CHUNKED    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

enum { SMALL = 4608 }; /* of a socket's buffer, near the least that the kernel takes */

static void pause_ms(long ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000};

    nanosleep(&t, NULL);
}

static void unknown_length(void **state)
{
    struct rig *r = *state;
    int fd = rig_connect(r, 0);

    client_send(fd, GET("/unknown") GET("/unknown-empty") GET("/hello"));
    client_expect(fd, CHUNKED "5\r\nhello\r\n0\r\n\r\n" CHUNKED "0\r\n\r\n" HELLO);
    assert_int_equal(rig_wait_end(r, 0).body_bytes_out, 5);
    assert_int_equal(rig_wait_end(r, 0).bytes_out, strlen(CHUNKED "5\r\nhello\r\n0\r\n\r\n"));
    assert_int_equal(rig_wait_end(r, 1).body_bytes_out, 0);
    close(fd);
}

/* 4 MiB through a few KiB of buffers: hundreds of partial writes, of text and out of a file, on one
 * connection. */
static void long_ones_to_a_slow_reader(void **state)
{
    struct rig *r = *state;
    int fd = rig_connect(r, SMALL);

    client_send(fd, GET("/big") GET("/object") GET("/object") GET("/hello"));
    for (unsigned i = 0; i < 3; i++) {
        client_expect(fd, OK(4194304));
        client_expect_long(fd, 0, RIG_BIG_BYTES / 2);
        pause_ms(30);
        client_expect_long(fd, RIG_BIG_BYTES / 2, RIG_BIG_BYTES / 2);
    }
    client_expect(fd, HELLO);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rig_wait_end(r, i).why, TXN_SENT);
        assert_int_equal(rig_wait_end(r, i).body_bytes_out, RIG_BIG_BYTES);
        assert_int_equal(rig_wait_end(r, i).bytes_out, RIG_BIG_BYTES + strlen(OK(4194304)));
    }
    close(fd);
}

static void long_ones_to_a_fast_reader(void **state)
{
    struct rig *r = *state;
    int fd = rig_connect(r, 0);

    for (unsigned i = 0; i < 3; i++) {
        client_send(fd, i == 1 ? GET("/big") : GET("/object"));
        client_expect(fd, OK(4194304));
        client_expect_long(fd, 0, RIG_BIG_BYTES);
    }
    close(fd);
}

static void bodies_that_arrive_meanwhile(void **state)
{
    static const int buffers[] = {0, SMALL};

    for (size_t i = 0; i < ARRAY_LEN(buffers); i++) {
        int fd = rig_connect(*state, buffers[i]);

        client_send(fd, GET("/fill") GET("/fill-unknown") GET("/hello"));
        client_expect(fd, OK(300000));
        client_expect_long(fd, 0, RIG_FILL_BYTES);
        client_expect(fd, CHUNKED);
        client_expect_chunked(fd, RIG_FILL_BYTES);
        client_expect(fd, HELLO);
        close(fd);
    }
    assert_int_equal(rig_wait_end(*state, 1).body_bytes_out, RIG_FILL_BYTES);
}

/* A client must be able to tell that it did not get all (RFC 9112 §8). */
static void cut_responses_show_it(void **state)
{
    struct rig *r = *state;
    char got[200000];
    size_t n;
    int fd;

    /* A length that is not reached. */
    fd = rig_connect(r, 0);
    client_send(fd, GET("/cut") GET("/hello"));
    n = client_drain(fd, got, sizeof(got));
    assert_true(n <= strlen(OK(10) "hello"));
    assert_int_equal(strncmp(got, OK(10) "hello", n), 0);

    fd = rig_connect(r, 0);
    client_send(fd, GET("/fill-cut") GET("/hello"));
    client_expect(fd, OK(300000));
    client_expect_long(fd, 0, RIG_FILL_BYTES / 2);
    n = client_drain(fd, got, sizeof(got));
    assert_int_equal(n, 0);

    /* Chunks without the last one. */
    fd = rig_connect(r, 0);
    client_send(fd, GET("/fill-cut-unknown") GET("/hello"));
    client_expect(fd, CHUNKED);
    n = client_drain(fd, got, sizeof(got));
    assert_true(n > RIG_FILL_BYTES / 2);
    assert_null(strstr(got, "\r\n0\r\n"));

    /* Ended by the connection's end: only a reset tells. */
    fd = rig_connect(r, 0);
    client_send(fd, "GET /fill-cut-unknown HTTP/1.0\r\n\r\n");
    client_expect(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    client_expect_reset(fd);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(rig_wait_end(r, i).why, TXN_CUT);
}

static void ended_by_close(void **state)
{
    int fd = rig_connect(*state, 0);

    client_send(fd, "GET /fill-unknown HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client_expect(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    client_expect_long(fd, 0, RIG_FILL_BYTES);
    client_expect_eof(fd);
    assert_int_equal(rig_wait_end(*state, 0).why, TXN_SENT);
}

static void interim_responses(void **state)
{
    struct rig *r = *state;
    int fd = rig_connect(r, 0);

    client_send(fd, GET("/interim"));
    client_expect(fd, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
    client_expect(fd, HELLO);
    assert_int_equal(rig_wait_end(r, 0).bytes_out,
        strlen("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" HELLO));
    assert_int_equal(rig_wait_end(r, 0).body_bytes_out, 5);
    close(fd);
}

static void nothing(struct rig *r)
{
    (void)r;
}

/* The client waits for 100 Continue, and the socket may be full when it is to be sent: it comes
 * when there is room. For some number of answers before it, it is full. */
static void interim_responses_wait_for_room(void **state)
{
    struct rig *r = *state;

    for (unsigned n = 150; n < 350; n++) {
        int fd = rig_connect(r, SMALL);

        for (unsigned i = 0; i < n; i++)
            client_send(fd, GET("/hello"));
        client_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                        "Expect: 100-continue\r\n\r\n");
        rig_run(r, nothing);
        rig_run(r, nothing);
        for (unsigned i = 0; i < n; i++)
            client_expect(fd, HELLO);
        client_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
        client_send(fd, "abc");
        client_expect(fd, OK(3) "abc");
        close(fd);
    }
}

static const char *past(const char *at, const char *text)
{
    return strncmp(at, text, strlen(text)) == 0 ? at + strlen(text) : at;
}

/* However many of them fit before a chunked answer, its framing is whole. The reader is so slow
 * that the socket is full more often than not. */
static void interim_responses_and_chunks(void **state)
{
    static const char interim[] = "HTTP/1.1 102 Processing\r\n\r\n";
    struct rig *r = *state;
    int fd = rig_connect(r, SMALL);
    char *got = xcalloc(1, 1 << 20);
    const char *at = got;
    unsigned answers = 0;

    for (int i = 0; i < 1000; i++)
        client_send(fd, GET("/interims"));
    pause_ms(50);
    shutdown(fd, SHUT_WR);
    client_drain(fd, got, 1 << 20);
    while (*at != '\0') {
        const char *began = at;

        while (past(at, interim) != at)
            at = past(at, interim);
        began = at;
        at = past(at, CHUNKED "5\r\nhello\r\n0\r\n\r\n");
        if (at == began)
            fail_msg("answer %u: %.200s", answers, at);
        answers++;
    }
    assert_int_equal(answers, 1000);
    free(got);
}

static void who_takes_nothing_is_cut_off(void **state)
{
    static const char *const asks[] = {
        GET("/big"), GET("/object"), GET("/fill"), GET("/fill-unknown")};
    struct rig *r = *state;

    r->conf.send_timeout_ms = 150;
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
        int fd = rig_connect(r, SMALL);
        mono_ms began = clock_mono_ms();
        struct rig_end end;

        client_send(fd, asks[i]);
        end = rig_wait_end(r, i);
        assert_int_equal(end.why, TXN_TIMEOUT);
        assert_in_range(clock_mono_ms() - began, 140, 4000);
        client_expect_reset(fd);
    }
    rig_wait_connections(r, 0);
}

/* A little now and then is enough. */
static void who_takes_little_is_served(void **state)
{
    struct rig *r = *state;
    size_t step = 20000, at = 0;
    int fd;

    r->conf.send_timeout_ms = 400;
    fd = rig_connect(r, SMALL);
    client_send(fd, GET("/fill"));
    client_expect(fd, OK(300000));
    for (; at < RIG_FILL_BYTES; at += step) {
        pause_ms(60);
        client_expect_long(fd, at, step);
    }
    assert_int_equal(rig_wait_end(r, 0).why, TXN_SENT);
    close(fd);
}

#define RIG(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(unknown_length),
        RIG(long_ones_to_a_slow_reader),
        RIG(long_ones_to_a_fast_reader),
        RIG(bodies_that_arrive_meanwhile),
        RIG(cut_responses_show_it),
        RIG(ended_by_close),
        RIG(interim_responses),
        RIG(interim_responses_wait_for_room),
        RIG(interim_responses_and_chunks),
        RIG(who_takes_nothing_is_cut_off),
        RIG(who_takes_little_is_served),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
