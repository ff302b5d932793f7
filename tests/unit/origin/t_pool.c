/* Which connection a request goes by, and which one never again. */
#include "harness.h"

#include "origin/pool.h"

#include <poll.h>
#include <unistd.h>

#define OK  "HTTP/1.1 200 OK\r\n"
#define OK2 OK "Content-Length: 2\r\n\r\nok"

static void ask_once(
    struct origin *o, enum fetch_end why, int status, const char *body, bool reused)
{
    struct ask a = {.origin = o};

    ask_run(&a);
    ask_expect(&a, why, status, body);
    assert_int_equal(a.reused, reused);
    ask_free(&a);
}

/* The harness tells the test's thread of the end from within end(): the worker goes round once
 * before the next step looks at what came on a kept connection. */
static void settle(void)
{
    usleep(50000);
}

/* --- keeping ------------------------------------------------------------------------------ */

static void answer_three(struct server *s)
{
    int fd = server_accept(s);

    for (int i = 0; i < 3 && fd >= 0 && server_head(s, fd); i++)
        server_say(s, fd, SPAN(OK2));
    if (fd >= 0)
        server_expect_nobody(s, 0);
    close(fd);
}

static void connections_are_kept(void **state)
{
    struct server s;
    struct origin *o;

    (void)state;
    server_start(&s, answer_three, NULL);
    o = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_once(o, FETCH_DONE, 200, "ok", false);
    ask_once(o, FETCH_DONE, 200, "ok", true);
    ask_once(o, FETCH_DONE, 200, "ok", true);
    server_join(&s);
    assert_int_equal(s.accepted, 1);
}

/* Says its text, and then the connection must be closed by us; the next one is answered well. */
static void say_then_expect_close(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, span_of(s->arg));
    server_expect_close(s, fd);
    close(fd);
    fd = server_accept(s);
    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK2));
    close(fd);
}

static void never_again(void **state)
{
    static const char *const cases[] = {
        OK "Content-Length: 2\r\nConnection: close\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK "Content-Length: 2\r\n\r\nokEXTRA",
        OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" OK "Content-Length: 0\r\n\r\n",
        OK "Content-Length: 2\r\nKeep-Alive: timeout=0\r\n\r\nok",
        OK "Content-Length: 2\r\nKeep-Alive: timeout=1, max=5\r\n\r\nok",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct server s;
        struct origin *o;

        server_start(&s, say_then_expect_close, cases[i]);
        o = harness_origin("server http://127.0.0.1:%u;", s.port);
        ask_once(o, FETCH_DONE, 200, "ok", false);
        ask_once(o, FETCH_DONE, 200, "ok", false);
        server_join(&s);
        assert_int_equal(s.accepted, 2);
    }
}

static void body_after_204(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN("HTTP/1.1 204 No Content\r\n\r\n" OK "Content-Length: 4\r\n\r\nEVIL"));
    server_expect_close(s, fd);
    close(fd);
    fd = server_accept(s);
    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK2));
    close(fd);
}

static void no_second_response(void **state)
{
    struct server s;
    struct origin *o;

    (void)state;
    server_start(&s, body_after_204, NULL);
    o = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_once(o, FETCH_DONE, 204, "", false);
    ask_once(o, FETCH_DONE, 200, "ok", false);
    server_join(&s);
}

/* Heads without a body, which come late. */
static void late_body(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, span_of(s->arg));
    usleep(20000);
    server_say(s, fd, SPAN(OK "Content-Length: 4\r\n\r\nEVIL"));
    server_expect_close(s, fd);
    close(fd);
    fd = server_accept(s);
    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK2));
    close(fd);
}

static void suspects_are_not_used_at_once(void **state)
{
    static const struct {
        const char *method, *head;
        int status;
    } cases[] = {
        {"HEAD", OK "Content-Length: 4\r\n\r\n", 200},
        {"HEAD", OK "\r\n", 200},
        {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", 304},
        {"GET", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ask a = {.method = cases[i].method};
        struct server s;

        server_start(&s, late_body, cases[i].head);
        a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
        ask_run(&a);
        ask_expect(&a, FETCH_DONE, cases[i].status, "");
        ask_once(a.origin, FETCH_DONE, 200, "ok", false);
        server_join(&s);
        ask_free(&a);
    }
}

static void answer_heads(struct server *s)
{
    int fd = server_accept(s);

    for (int i = 0; i < 2 && fd >= 0 && server_head(s, fd); i++)
        server_say(s, fd, SPAN(OK "Content-Length: 4\r\n\r\n"));
    close(fd);
}

/* One that stays quiet is used again. */
static void suspects_are_cleared(void **state)
{
    struct server s;
    struct origin *o;

    (void)state;
    server_start(&s, answer_heads, NULL);
    o = harness_origin("server http://127.0.0.1:%u;", s.port);
    for (int i = 0; i < 2; i++) {
        struct ask a = {.origin = o, .method = "HEAD"};

        ask_run(&a);
        ask_expect(&a, FETCH_DONE, 200, "");
        assert_int_equal(a.reused, i);
        ask_free(&a);
        usleep((ORIGIN_QUIET_MS + 50) * 1000);
    }
    server_join(&s);
}

/* What comes later on a kept connection closes it, too. */
static void late_bytes(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK2));
    usleep(20000);
    server_say(s, fd, SPAN(OK "Content-Length: 4\r\n\r\nEVIL"));
    server_expect_close(s, fd);
    close(fd);
    fd = server_accept(s);
    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK2));
    close(fd);
}

static void unasked_bytes(void **state)
{
    struct server s;
    struct origin *o;

    (void)state;
    server_start(&s, late_bytes, NULL);
    o = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_once(o, FETCH_DONE, 200, "ok", false);
    settle();
    ask_once(o, FETCH_DONE, 200, "ok", false);
    server_join(&s);
}

static void late_byte(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK2));
    usleep(20000);
    server_say(s, fd, SPAN("x"));
    server_expect_close(s, fd);
    close(fd);
}

/* And it closes at once, not when somebody wants the connection. */
static void kept_ones_are_watched(void **state)
{
    struct server s;

    (void)state;
    server_start(&s, late_byte, NULL);
    ask_once(harness_origin("server http://127.0.0.1:%u;", s.port), FETCH_DONE, 200, "ok", false);
    server_join(&s);
}

/* The worker is busy while the bytes come, and asks before its loop has seen them. */
static void ask_after_a_nap(void *ask)
{
    usleep(100000);
    ask_begin(ask);
}

static void looked_at_before_use(void **state)
{
    struct ask a = {0};
    struct server s;

    (void)state;
    server_start(&s, late_bytes, NULL);
    a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_once(a.origin, FETCH_DONE, 200, "ok", false);
    ask_prepare(&a);
    harness_on_worker(ask_after_a_nap, &a);
    ask_wait(&a);
    ask_expect(&a, FETCH_DONE, 200, "ok");
    assert_false(a.reused);
    server_join(&s);
    ask_free(&a);
}

static void answer_and_wait(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK2));
    server_expect_close(s, fd);
    close(fd);
}

static void old_ones_are_closed(void **state)
{
    static const char *const limits[] = {"keepalive 50ms;", "max-idle 0;"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct server s;
        struct origin *o;

        server_start(&s, answer_and_wait, NULL);
        o = harness_origin("server http://127.0.0.1:%u; %s", s.port, limits[i]);
        ask_once(o, FETCH_DONE, 200, "ok", false);
        server_join(&s);
    }
}

/* --- the retry ---------------------------------------------------------------------------- */

/* Answers the first request of a connection and resets or closes at the second one's head; the
 * next connection, if there is to be one, is treated as `arg` says. */
struct stale {
    bool reset, again;
    const char *second; /* the beginning of an answer to the second request */
};

static void drop_the_second(struct server *s)
{
    const struct stale *how = s->arg;
    struct linger hard = {1, 0};
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK2));
    if (!server_head(s, fd))
        return;
    server_say(s, fd, span_of(how->second));
    if (how->reset)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd);
    if (!how->again) {
        server_expect_nobody(s, 100);
        return;
    }
    fd = server_accept(s);
    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK2));
    close(fd);
}

static void one_safe_retry(void **state)
{
    static const struct {
        struct stale how;
        const char *method, *body;
        enum fetch_end why;
    } cases[] = {
        {{.again = true, .second = ""}, "GET", NULL, FETCH_DONE},
        {{.again = true, .reset = true, .second = ""}, "GET", NULL, FETCH_DONE},
        {{.again = true, .second = ""}, "DELETE", NULL, FETCH_DONE},
        {{.second = ""}, "POST", NULL, FETCH_RESET},
        {{.second = ""}, "POST", "x", FETCH_RESET},
        {{.second = ""}, "PATCH", NULL, FETCH_RESET},
        {{.second = ""}, "FETCH", NULL, FETCH_RESET},
        {{.second = ""}, "PUT", "x", FETCH_RESET},
        {{.second = "H"}, "GET", NULL, FETCH_RESET},
        {{.second = "HTTP/1.1 102 Processing\r\n\r\n"}, "GET", NULL, FETCH_RESET},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t before = counter_sum(C_ORIGIN_RETRIES);
        struct ask a = {.method = cases[i].method, .body = cases[i].body};
        struct server s;

        server_start(&s, drop_the_second, &cases[i].how);
        a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
        ask_once(a.origin, FETCH_DONE, 200, "ok", false);
        ask_run(&a);
        server_join(&s);
        if (cases[i].why == FETCH_DONE)
            ask_expect(&a, FETCH_DONE, 200, "ok");
        else
            ask_expect(&a, cases[i].why, 0, "");
        assert_int_equal(counter_sum(C_ORIGIN_RETRIES) - before, cases[i].how.again);
        ask_free(&a);
    }
}

static void drop_all(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK2));
    if (!server_head(s, fd))
        return;
    close(fd);
    fd = server_accept(s);
    if (fd < 0 || !server_head(s, fd))
        return;
    close(fd);
    server_expect_nobody(s, 100);
}

static void one_retry_and_no_second(void **state)
{
    struct server s;
    struct origin *o;

    (void)state;
    server_start(&s, drop_all, NULL);
    o = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_once(o, FETCH_DONE, 200, "ok", false);
    ask_once(o, FETCH_RESET, 0, "", false);
    server_join(&s);
    assert_int_equal(s.heads, 3);
}

/* Two connections are kept; the one that is used next closes, and a third must come. */
static void close_one_of_two(struct server *s)
{
    struct pollfd p[2] = {{.events = POLLIN}, {.events = POLLIN}};
    int fd, used;

    for (int i = 0; i < 2; i++) {
        p[i].fd = server_accept(s);
        if (p[i].fd < 0 || !server_head(s, p[i].fd))
            return;
    }
    for (int i = 0; i < 2; i++)
        server_say(s, p[i].fd, SPAN(OK2));
    if (poll(p, 2, HARNESS_MS) < 1)
        return;
    used = p[0].revents != 0 ? 0 : 1;
    if (!server_head(s, p[used].fd))
        return;
    close(p[used].fd);
    fd = server_accept(s);
    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK2));
    close(fd);
    close(p[1 - used].fd);
}

static void the_retry_goes_by_a_new_one(void **state)
{
    struct ask a[2] = {{0}};
    struct server s;
    struct origin *o;

    (void)state;
    server_start(&s, close_one_of_two, NULL);
    o = harness_origin("server http://127.0.0.1:%u;", s.port);
    for (int i = 0; i < 2; i++) {
        a[i].origin = o;
        ask_start(&a[i]);
    }
    for (int i = 0; i < 2; i++) {
        ask_wait(&a[i]);
        ask_free(&a[i]);
    }
    ask_once(o, FETCH_DONE, 200, "ok", false);
    server_join(&s);
    assert_int_equal(s.accepted, 3);
}

static void close_idle(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK2));
    close(fd);
    fd = server_accept(s);
    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK2));
    close(fd);
}

/* A kept connection that was seen to close is not used; even a POST goes by a new one. */
static void closed_ones_are_not_used(void **state)
{
    struct ask a = {.method = "POST", .body = "x"};
    struct server s;

    (void)state;
    server_start(&s, close_idle, NULL);
    a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_once(a.origin, FETCH_DONE, 200, "ok", false);
    settle();
    ask_run(&a);
    ask_expect(&a, FETCH_DONE, 200, "ok");
    server_join(&s);
    ask_free(&a);
}

/* --- limits and servers ------------------------------------------------------------------- */

enum { CROWD = 6 };

/* Never more than two connections, by which all come. */
static void two_at_a_time(struct server *s)
{
    struct pollfd p[2] = {{.events = POLLIN}, {.events = POLLIN}};

    for (int i = 0; i < 2; i++) {
        p[i].fd = server_accept(s);
        if (p[i].fd < 0)
            return;
    }
    server_expect_nobody(s, 50);
    while (s->heads < CROWD && s->trouble[0] == '\0') {
        if (poll(p, 2, HARNESS_MS) < 1)
            server_trouble(s, "no request came");
        for (int i = 0; i < 2; i++) {
            if (p[i].revents != 0 && server_head(s, p[i].fd))
                server_say(s, p[i].fd, SPAN(OK2));
        }
    }
    server_expect_nobody(s, 0);
    close(p[0].fd);
    close(p[1].fd);
}

static void more_wait_for_a_connection(void **state)
{
    struct ask a[CROWD] = {{0}};
    struct server s;
    struct origin *o;

    (void)state;
    server_start(&s, two_at_a_time, NULL);
    o = harness_origin("server http://127.0.0.1:%u; max-connections 2;", s.port);
    for (int i = 0; i < CROWD; i++) {
        a[i].origin = o;
        ask_start(&a[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        ask_wait(&a[i]);
        ask_expect(&a[i], FETCH_DONE, 200, "ok");
        ask_free(&a[i]);
    }
    server_join(&s);
}

static void hold(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_expect_nobody(s, 300);
    server_say(s, fd, SPAN(OK2));
    close(fd);
}

static void hold_until_closed(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_expect_close(s, fd);
    close(fd);
}

static void waiting_ends(void **state)
{
    struct ask first = {0}, second = {0}, third = {0};
    struct server s;

    (void)state;
    server_start(&s, hold, NULL);
    first.origin = second.origin = third.origin = harness_origin(
        "server http://127.0.0.1:%u; max-connections 1; connect-timeout 100ms;", s.port);
    ask_start(&first);
    ask_start(&second);
    ask_start(&third);
    ask_cancel(&third);
    ask_wait(&second);
    ask_expect(&second, FETCH_OVERLOAD, 0, "");
    assert_string_equal(second.detail, "origin app: all 1 connections were in use for 100 ms");
    assert_int_equal(fetch_end_status(second.why), 503);
    ask_wait(&first);
    ask_expect(&first, FETCH_DONE, 200, "ok");
    server_join(&s);
    ask_free(&first);
    ask_free(&second);
    ask_free(&third);
}

static struct ask crowd[ORIGIN_QUEUE_MAX + 2];

/* One has the connection, as many as may wait do, and the next is told at once. */
static void the_line_is_bounded(void **state)
{
    struct ask *last = &crowd[ARRAY_LEN(crowd) - 1];
    struct server s;
    struct origin *o;

    (void)state;
    server_start(&s, hold_until_closed, NULL);
    o = harness_origin(
        "server http://127.0.0.1:%u; max-connections 1; connect-timeout 60s;", s.port);
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
        crowd[i].origin = o;
        ask_start(&crowd[i]);
    }
    ask_wait(last);
    ask_expect(last, FETCH_OVERLOAD, 0, "");
    assert_string_equal(
        last->detail, "origin app: all 1 connections are in use and 1024 requests wait");
    for (size_t i = ARRAY_LEN(crowd); i-- > 0;) {
        ask_cancel(&crowd[i]);
        ask_free(&crowd[i]);
    }
    server_join(&s);
    assert_int_equal(s.accepted, 1);
}

static void nothing_to_do(struct server *s)
{
    (void)s;
}

static void the_next_server_is_tried(void **state)
{
    struct server gone, s;
    struct origin *o;

    (void)state;
    server_start(&gone, nothing_to_do, NULL);
    server_join(&gone);
    server_start(&s, answer_three, NULL);
    o = harness_origin(
        "server http://127.0.0.1:%u; server http://127.0.0.1:%u;", gone.port, s.port);
    ask_once(o, FETCH_DONE, 200, "ok", false);
    ask_once(o, FETCH_DONE, 200, "ok", true); /* the other one rests */
    ask_once(o, FETCH_DONE, 200, "ok", true);
    server_join(&s);
}

static void answer_two_connections(struct server *s)
{
    for (int i = 0; i < 2; i++) {
        int fd = server_accept(s);

        if (fd < 0 || !server_head(s, fd))
            return;
        server_say(s, fd, SPAN(OK "Content-Length: 2\r\nConnection: close\r\n\r\nok"));
        close(fd);
    }
}

static void servers_take_turns(void **state)
{
    struct server one, two;
    struct origin *o;

    (void)state;
    server_start(&one, answer_two_connections, NULL);
    server_start(&two, answer_two_connections, NULL);
    o = harness_origin(
        "server http://127.0.0.1:%u; server http://127.0.0.1:%u;", one.port, two.port);
    for (int i = 0; i < 4; i++)
        ask_once(o, FETCH_DONE, 200, "ok", false);
    server_join(&one);
    server_join(&two);
}

static void answer_two(struct server *s)
{
    int fd = server_accept(s);

    for (int i = 0; i < 2 && fd >= 0 && server_head(s, fd); i++)
        server_say(s, fd, SPAN(OK2));
    close(fd);
}

/* A connection that is kept to one server does not serve for the other. */
static void kept_ones_take_turns(void **state)
{
    struct server one, two;
    struct origin *o;

    (void)state;
    server_start(&one, answer_two, NULL);
    server_start(&two, answer_two, NULL);
    o = harness_origin(
        "server http://127.0.0.1:%u; server http://127.0.0.1:%u;", one.port, two.port);
    for (int i = 0; i < 4; i++)
        ask_once(o, FETCH_DONE, 200, "ok", i >= 2);
    server_join(&one);
    server_join(&two);
    assert_int_equal(one.heads, 2);
    assert_int_equal(two.heads, 2);
}

static void no_server_left(void **state)
{
    struct ask a = {0};
    struct server gone[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        server_start(&gone[i], nothing_to_do, NULL);
        server_join(&gone[i]);
    }
    a.origin = harness_origin(
        "server http://127.0.0.1:%u; server http://127.0.0.1:%u;", gone[0].port, gone[1].port);
    ask_run(&a);
    ask_expect(&a, FETCH_REFUSED, 0, "");
    assert_non_null(strstr(a.detail, "connection refused"));
    ask_free(&a);
}

static void unresolved(void **state)
{
    struct ask a = {.origin = harness_origin("server http://no-such-name.invalid;")};

    (void)state;
    ask_run(&a);
    ask_expect(&a, FETCH_UNRESOLVED, 0, "");
    assert_non_null(strstr(a.detail, "origin app (no-such-name.invalid:80): "));
    assert_int_equal(fetch_end_status(a.why), 502);
    ask_free(&a);
}

static void localhost(void **state)
{
    struct server s;
    struct origin *o;

    (void)state;
    server_start(&s, answer_three, NULL);
    o = harness_origin("server http://localhost:%u/;", s.port);
    for (int i = 0; i < 3; i++)
        ask_once(o, FETCH_DONE, 200, "ok", i > 0);
    server_join(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(never_again),
        cmocka_unit_test(no_second_response),
        cmocka_unit_test(suspects_are_not_used_at_once),
        cmocka_unit_test(suspects_are_cleared),
        cmocka_unit_test(unasked_bytes),
        cmocka_unit_test(kept_ones_are_watched),
        cmocka_unit_test(looked_at_before_use),
        cmocka_unit_test(old_ones_are_closed),
        cmocka_unit_test(one_safe_retry),
        cmocka_unit_test(one_retry_and_no_second),
        cmocka_unit_test(the_retry_goes_by_a_new_one),
        cmocka_unit_test(closed_ones_are_not_used),
        cmocka_unit_test(more_wait_for_a_connection),
        cmocka_unit_test(waiting_ends),
        cmocka_unit_test(the_line_is_bounded),
        cmocka_unit_test(the_next_server_is_tried),
        cmocka_unit_test(servers_take_turns),
        cmocka_unit_test(kept_ones_take_turns),
        cmocka_unit_test(no_server_left),
        cmocka_unit_test(unresolved),
        cmocka_unit_test(localhost),
    };

    return cmocka_run_group_tests_name("pool", tests, harness_start, harness_stop);
}
