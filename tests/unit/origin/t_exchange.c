/* One request and one response, with a server that says exactly what each case says. */
#include "harness.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- responses ---------------------------------------------------------------------------- */

struct said {
    const char *method; /* NULL: GET */
    const char *bytes;
    bool close; /* the server closes behind them */
    enum fetch_end why;
    int status;
    const char *body;
};

#define OK "HTTP/1.1 200 OK\r\n"

static const struct said responses[] = {
    {.bytes = OK "Content-Length: 5\r\n\r\nhello",
        .why = FETCH_DONE,
        .status = 200,
        .body = "hello"},
    {.bytes = OK "Content-Length: 0\r\n\r\n", .why = FETCH_DONE, .status = 200, .body = ""},
    {.bytes = OK "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
        .why = FETCH_DONE,
        .status = 200,
        .body = "hello"},
    {.bytes = OK "\r\nhello", .close = true, .why = FETCH_DONE, .status = 200, .body = "hello"},
    {.bytes = "HTTP/1.0 200 OK\r\n\r\nhello",
        .close = true,
        .why = FETCH_DONE,
        .status = 200,
        .body = "hello"},
    {.bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
        .why = FETCH_DONE,
        .status = 404,
        .body = "no"},
    {.bytes = "HTTP/1.1 204 No Content\r\n\r\n", .why = FETCH_DONE, .status = 204, .body = ""},
    {.bytes = "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
        .why = FETCH_DONE,
        .status = 304,
        .body = ""},
    {.method = "HEAD",
        .bytes = OK "Content-Length: 7\r\n\r\n",
        .why = FETCH_DONE,
        .status = 200,
        .body = ""},
    {.method = "HEAD",
        .bytes = OK "Transfer-Encoding: chunked\r\n\r\n",
        .why = FETCH_DONE,
        .status = 200,
        .body = ""},
    /* cut */
    {.bytes = OK "Content-Length: 6\r\n\r\nhello",
        .close = true,
        .why = FETCH_CUT,
        .status = 200,
        .body = "hello"},
    {.bytes = OK "Transfer-Encoding: chunked\r\n\r\n6\r\nhello",
        .close = true,
        .why = FETCH_CUT,
        .status = 200,
        .body = "hello"},
    {.bytes = OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        .close = true,
        .why = FETCH_CUT,
        .status = 200,
        .body = "hello"},
    {.bytes = OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        .close = true,
        .why = FETCH_CUT,
        .status = 200,
        .body = "hello"},
    {.bytes = OK "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        .why = FETCH_CUT,
        .status = 200,
        .body = ""},
    {.bytes = OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX0\r\n\r\n",
        .why = FETCH_CUT,
        .status = 200,
        .body = "hello"},
    /* no head */
    {.bytes = "", .close = true, .why = FETCH_RESET, .body = ""},
    {.bytes = "HTTP/1.1 200 OK\r\nContent-Le", .close = true, .why = FETCH_RESET, .body = ""},
    /* what is not HTTP */
    {.bytes = "garbage\r\n\r\n", .why = FETCH_BAD_RESPONSE, .body = ""},
    {.bytes = "<html>hello</html>\r\n\r\n", .why = FETCH_BAD_RESPONSE, .body = ""},
    {.bytes = OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        .why = FETCH_BAD_RESPONSE,
        .body = ""},
    {.bytes = OK "Content-Length: -5\r\n\r\nhello", .why = FETCH_BAD_RESPONSE, .body = ""},
    {.bytes = OK "Content-Length: 99999999999999999999\r\n\r\nhello",
        .why = FETCH_BAD_RESPONSE,
        .body = ""},
    {.bytes = OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        .why = FETCH_BAD_RESPONSE,
        .body = ""},
    {.bytes = OK "Transfer-Encoding: xchunked, chunked\r\n\r\n0\r\n\r\n",
        .why = FETCH_BAD_RESPONSE,
        .body = ""},
    /* nobody would decode it, RFC 9112 §7 */
    {.bytes = OK "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", .why = FETCH_BAD_RESPONSE, .body = ""},
    {.bytes = OK "X : a\r\n\r\n", .why = FETCH_BAD_RESPONSE, .body = ""},
    {.bytes = OK " folded\r\n\r\n", .why = FETCH_BAD_RESPONSE, .body = ""},
    {.bytes = "HTTP/2.0 200 OK\r\n\r\n", .why = FETCH_BAD_RESPONSE, .body = ""},
    {.bytes = "HTTP/1.1 2000 OK\r\n\r\n", .why = FETCH_BAD_RESPONSE, .body = ""},
    {.bytes = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        .why = FETCH_BAD_RESPONSE,
        .body = ""},
};

static void say_and_see(struct server *s)
{
    const struct said *said = s->arg;
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, span_of(said->bytes));
    if (!said->close && said->why != FETCH_DONE)
        server_expect_close(s, fd);
    close(fd);
}

static void every_response(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
        struct ask a = {.method = responses[i].method};
        struct server s;

        server_start(&s, say_and_see, &responses[i]);
        a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
        ask_run(&a);
        server_join(&s);
        ask_expect(&a, responses[i].why, responses[i].status, responses[i].body);
        assert_int_equal(a.heads, responses[i].status != 0);
        ask_free(&a);
    }
}

/* The same bytes, one at a time. */
static void drip(struct server *s)
{
    const struct said *said = s->arg;
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    for (const char *p = said->bytes; *p != '\0' && s->trouble[0] == '\0'; p++) {
        server_say(s, fd, span_make(p, 1));
        usleep(100);
    }
    close(fd);
}

static void every_byte_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
        struct ask a = {.method = responses[i].method};
        struct server s;

        if (responses[i].why != FETCH_DONE && !responses[i].close)
            continue; /* found out before the last byte */
        server_start(&s, drip, &responses[i]);
        a.origin = harness_origin("server http://127.0.0.1:%u; keepalive 0;", s.port);
        ask_run(&a);
        server_join(&s);
        ask_expect(&a, responses[i].why, responses[i].status, responses[i].body);
        ask_free(&a);
    }
}

static void interim_responses(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd,
        SPAN(
            "HTTP/1.1 100 Continue\r\n\r\n"
            "HTTP/1.1 102 Processing\r\n\r\n"
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" OK "Content-Length: 2\r\n\r\nok"));
    close(fd);
}

static void interim_are_passed_on(void **state)
{
    struct ask a = {0};
    struct server s;

    (void)state;
    server_start(&s, interim_responses, NULL);
    a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_run(&a);
    server_join(&s);
    ask_expect(&a, FETCH_DONE, 200, "ok");
    assert_int_equal(a.interims_n, 2);
    assert_int_equal(a.interims[0], 102);
    assert_int_equal(a.interims[1], 103);
    ask_free(&a);
}

static void endless_interim(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    for (int i = 0; i < 17; i++)
        server_say(s, fd, SPAN("HTTP/1.1 102 Processing\r\n\r\n"));
    server_expect_close(s, fd);
    close(fd);
}

static void interim_are_bounded(void **state)
{
    struct ask a = {0};
    struct server s;

    (void)state;
    server_start(&s, endless_interim, NULL);
    a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_run(&a);
    server_join(&s);
    ask_expect(&a, FETCH_BAD_RESPONSE, 0, "");
    assert_int_equal(a.interims_n, 16);
    ask_free(&a);
}

static void trailing(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd,
        SPAN(OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
                "X-Sum: 7\r\nContent-Length: 9\r\n\r\n"));
    close(fd);
}

static void trailers_are_passed_on(void **state)
{
    struct ask a = {0};
    struct server s;

    (void)state;
    server_start(&s, trailing, NULL);
    a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_run(&a);
    server_join(&s);
    ask_expect(&a, FETCH_DONE, 200, "ok");
    assert_int_equal(a.trailers.n, 1);
    assert_true(span_eq(fields_get_named(&a.trailers, SPAN("x-sum")), SPAN("7")));
    ask_free(&a);
}

static void large_head(struct server *s)
{
    int fd = server_accept(s);
    char line[1024];

    if (fd < 0 || !server_head(s, fd))
        return;
    memset(line, 'a', sizeof(line));
    memcpy(line, "X: ", 3);
    memcpy(line + sizeof(line) - 2, "\r\n", 2);
    server_say(s, fd, SPAN(OK));
    for (int i = 0; i < 4; i++)
        server_say(s, fd, span_make(line, sizeof(line)));
    server_expect_close(s, fd);
    close(fd);
}

static void heads_are_bounded(void **state)
{
    struct ask a = {0};
    struct server s;

    (void)state;
    server_start(&s, large_head, NULL);
    a.origin = harness_origin("server http://127.0.0.1:%u; response-head 4KiB;", s.port);
    ask_run(&a);
    server_join(&s);
    ask_expect(&a, FETCH_BAD_RESPONSE, 0, "");
    ask_free(&a);
}

/* --- requests ----------------------------------------------------------------------------- */

struct sent {
    struct ask ask;
    const char *head; /* as the server must see it */
    const char *body;
};

static void read_and_answer(struct server *s)
{
    const struct sent *sent = s->arg;
    int fd = server_accept(s);
    char body[4096] = "";

    if (fd < 0 || !server_head(s, fd) || !server_body(s, fd, body, strlen(sent->body)))
        return;
    if (strcmp(body, sent->body) != 0)
        server_trouble(s, body);
    server_say(s, fd, SPAN(OK "Content-Length: 2\r\n\r\nok"));
    close(fd);
}

#define HOST "Host: www.example.com\r\n"

static void every_request(void **state)
{
    struct sent cases[] = {
        {.head = "GET / HTTP/1.1\r\n" HOST "\r\n", .body = ""},
        {.ask = {.target = "/a%20b?q=1", .fields = {{"Accept", "*/*"}, {"X", "1"}, {"X", "2"}}},
            .head = "GET /a%20b?q=1 HTTP/1.1\r\n" HOST "Accept: */*\r\nX: 1\r\nX: 2\r\n\r\n",
            .body = ""},
        {.ask = {.method = "POST", .body = "hello"},
            .head = "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n",
            .body = "hello"},
        {.ask = {.method = "POST", .body = ""},
            .head = "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
            .body = ""},
        {.ask = {.method = "PUT", .body = "hello", .pull_at_once = 2, .hungry = 2},
            .head = "PUT / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n",
            .body = "hello"},
        {.ask = {.method = "POST", .body = "hello", .chunked = true, .pull_at_once = 3},
            .head = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
            .body = "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"},
        {.ask = {.method = "POST", .body = "", .chunked = true, .hungry = 1},
            .head = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
            .body = "0\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ask a = cases[i].ask;
        struct server s;

        server_start(&s, read_and_answer, &cases[i]);
        a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
        ask_run(&a);
        server_join(&s);
        assert_string_equal(s.head[0], cases[i].head);
        ask_expect(&a, FETCH_DONE, 200, "ok");
        ask_free(&a);
    }
}

static void host_and_close_by_option(void **state)
{
    struct sent sent = {.body = ""};
    struct ask a = {0};
    struct server s;

    (void)state;
    server_start(&s, read_and_answer, &sent);
    a.origin =
        harness_origin("server http://127.0.0.1:%u; host inner.example:81; keepalive 0;", s.port);
    ask_run(&a);
    server_join(&s);
    assert_string_equal(
        s.head[0], "GET / HTTP/1.1\r\nHost: inner.example:81\r\nConnection: close\r\n\r\n");
    ask_free(&a);
}

static void expect_cut_request(struct server *s)
{
    int fd = server_accept(s);
    char body[64] = "";

    if (fd < 0 || !server_head(s, fd) || !server_body(s, fd, body, strlen(s->arg)))
        return;
    if (strcmp(body, s->arg) != 0)
        server_trouble(s, body);
    server_expect_close(s, fd);
    close(fd);
}

/* A body that its client does not finish is never finished for it. */
static void client_goes(void **state)
{
    static const char *const sent[] = {"hello", "5\r\nhello\r\n"};

    (void)state;
    for (int chunked = 0; chunked < 2; chunked++) {
        struct ask a = {.method = "POST", .body = "hello", .client_gone = true, .chunked = chunked};
        struct server s;

        server_start(&s, expect_cut_request, sent[chunked]);
        a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
        ask_run(&a);
        server_join(&s);
        ask_expect(&a, FETCH_CLIENT_GONE, 0, "");
        ask_free(&a);
    }
}

/* Neither is one that ends before its length. */
static void client_ends_early(void **state)
{
    struct ask a = {.method = "POST", .body = "hello", .client_ends = true};
    struct server s;

    (void)state;
    server_start(&s, expect_cut_request, "hello");
    a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_run(&a);
    server_join(&s);
    ask_expect(&a, FETCH_CLIENT_GONE, 0, "");
    ask_free(&a);
}

static void refuse_early(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"));
    server_expect_close(s, fd); /* the body is owed, so nothing else may follow here */
    close(fd);
    fd = server_accept(s);
    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK "Content-Length: 2\r\n\r\nok"));
    close(fd);
}

static void early_answer_ends_the_connection(void **state)
{
    struct ask first = {.method = "POST", .body = "hello", .hungry = 1000000};
    struct ask second = {0};
    struct server s;

    (void)state;
    server_start(&s, refuse_early, NULL);
    first.origin = second.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_run(&first);
    ask_expect(&first, FETCH_DONE, 413, "no");
    ask_run(&second);
    ask_expect(&second, FETCH_DONE, 200, "ok");
    server_join(&s);
    ask_free(&first);
    ask_free(&second);
}

static void answer_and_reset(struct server *s)
{
    struct linger hard = {1, 0};
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"));
    usleep(50000);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd);
}

/* Large and not read: the write fails; what was answered before is still had. */
static void early_answer_outlives_the_upload(void **state)
{
    struct ask a = {.method = "POST"};
    char *body = malloc((16 << 20) + 1);
    struct server s;

    (void)state;
    memset(body, 'x', 16 << 20);
    body[16 << 20] = '\0';
    a.body = body;
    server_start(&s, answer_and_reset, NULL);
    a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_run(&a);
    server_join(&s);
    ask_expect(&a, FETCH_DONE, 413, "no");
    ask_free(&a);
    free(body);
}

static void swallow(struct server *s)
{
    int fd = server_accept(s);
    size_t n = 16 << 20;
    char *body = malloc(n);

    if (fd < 0 || !server_head(s, fd) || !server_body(s, fd, body, n))
        return;
    for (size_t i = 0; i < n; i++) {
        if (body[i] != (char)('a' + i % 26)) {
            server_trouble(s, "the body is not what was sent");
            break;
        }
    }
    server_say(s, fd, SPAN(OK "Content-Length: 2\r\n\r\nok"));
    close(fd);
    free(body);
}

static void large_upload(void **state)
{
    struct ask a = {.method = "POST", .pull_at_once = 10007};
    size_t n = 16 << 20;
    char *body = malloc(n + 1);
    struct server s;

    (void)state;
    for (size_t i = 0; i < n; i++)
        body[i] = (char)('a' + i % 26);
    body[n] = '\0';
    a.body = body;
    server_start(&s, swallow, NULL);
    a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_run(&a);
    server_join(&s);
    ask_expect(&a, FETCH_DONE, 200, "ok");
    ask_free(&a);
    free(body);
}

/* --- pace --------------------------------------------------------------------------------- */

static void flood(struct server *s)
{
    static char block[65536];
    const char *head = s->arg;
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    memset(block, 'y', sizeof(block));
    server_say(s, fd, span_of(head));
    for (int i = 0; i < 64; i++) {
        if (strstr(head, "chunked") != NULL)
            server_say(s, fd, SPAN("10000\r\n"));
        server_say(s, fd, span_make(block, sizeof(block)));
        if (strstr(head, "chunked") != NULL)
            server_say(s, fd, SPAN("\r\n"));
    }
    if (strstr(head, "chunked") != NULL)
        server_say(s, fd, SPAN("0\r\n\r\n"));
    close(fd);
}

/* A consumer that takes little at a time gets all of it, in order, and nothing while it is full
 * (which the harness watches). */
static void slow_consumer(void **state)
{
    static const char *const heads[] = {
        OK "Content-Length: 4194304\r\n\r\n", OK "Transfer-Encoding: chunked\r\n\r\n", OK "\r\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct ask a = {.take_at_once = 30011};
        struct server s;

        server_start(&s, flood, heads[i]);
        a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
        ask_run(&a);
        server_join(&s);
        assert_false(a.wrong);
        assert_int_equal(a.why, FETCH_DONE);
        assert_int_equal(a.got.n, 4194304);
        for (size_t at = 0; at < a.got.n; at++)
            assert_int_equal(a.got.p[at], 'y');
        ask_free(&a);
    }
}

static void say_and_wait(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK "Content-Length: 10\r\n\r\n01234"));
    usleep(250000);
    server_say(s, fd, SPAN("56789"));
    close(fd);
}

/* While the consumer has no room, the origin is not late. */
static void a_pause_is_no_timeout(void **state)
{
    struct ask a = {.take_at_once = 4, .pause_ms = 300};
    struct server s;

    (void)state;
    server_start(&s, say_and_wait, NULL);
    a.origin = harness_origin("server http://127.0.0.1:%u; between-bytes-timeout 100ms;", s.port);
    ask_run(&a);
    server_join(&s);
    ask_expect(&a, FETCH_DONE, 200, "0123456789");
    ask_free(&a);
}

static void cancelled(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct ask a = {.cancel_at_head = i == 0, .cancel_at_body = i == 1};
        static const struct said said = {
            .bytes = OK "Content-Length: 10\r\n\r\nhello", .why = FETCH_CUT};
        struct server s;

        server_start(&s, say_and_see, &said);
        a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
        ask_run(&a);
        server_join(&s); /* it saw the connection close */
        assert_false(a.wrong);
        assert_int_equal(a.ends, 0);
        assert_int_equal(a.heads, 1);
        ask_free(&a);
    }
}

/* --- timeouts and failures ---------------------------------------------------------------- */

static void silence(struct server *s)
{
    int fd = server_accept(s);
    const char *first = s->arg;

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, span_of(first));
    server_expect_close(s, fd);
    close(fd);
}

static void timeouts(void **state)
{
    static const struct {
        const char *first;
        enum fetch_end why;
        int status;
        const char *body, *detail;
    } cases[] = {
        {"", FETCH_FIRST_BYTE_TIMEOUT, 0, "", "first-byte timeout: no response after 150 ms"},
        {"HTTP/1.1 200", FETCH_FIRST_BYTE_TIMEOUT, 0, "", "first-byte timeout"},
        {"HTTP/1.1 103 Early Hints\r\n\r\n", FETCH_FIRST_BYTE_TIMEOUT, 0, "", "first-byte"},
        {OK "Content-Length: 10\r\n\r\nhello", FETCH_BETWEEN_BYTES_TIMEOUT, 200, "hello",
            "between-bytes timeout: it sent nothing for 100 ms"},
        {OK "\r\nhello", FETCH_BETWEEN_BYTES_TIMEOUT, 200, "hello", "between-bytes timeout"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ask a = {0};
        struct server s;

        server_start(&s, silence, cases[i].first);
        a.origin = harness_origin("server http://127.0.0.1:%u; first-byte-timeout 150ms; "
                                  "between-bytes-timeout 100ms;",
            s.port);
        ask_run(&a);
        server_join(&s);
        ask_expect(&a, cases[i].why, cases[i].status, cases[i].body);
        assert_non_null(strstr(a.detail, cases[i].detail));
        assert_int_equal(fetch_end_status(a.why), 504);
        ask_free(&a);
    }
}

/* A head that comes drop by drop has no more time than one that does not come. */
static void drip_head(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    for (const char *p = OK "Content-Length: 0\r\n\r\n";
         *p != '\0' && send(fd, p, 1, MSG_NOSIGNAL) == 1; p++)
        usleep(30000);
    close(fd);
}

static void a_head_in_drops(void **state)
{
    struct ask a = {0};
    struct server s;

    (void)state;
    server_start(&s, drip_head, NULL);
    a.origin = harness_origin("server http://127.0.0.1:%u; first-byte-timeout 150ms;", s.port);
    ask_run(&a);
    server_join(&s);
    ask_expect(&a, FETCH_FIRST_BYTE_TIMEOUT, 0, "");
    ask_free(&a);
}

static void say_and_reset(struct server *s)
{
    struct linger hard = {1, 0};
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    server_say(s, fd, SPAN(OK "\r\nhello"));
    usleep(50000);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd);
}

/* "Until close" means an orderly one. */
static void a_reset_is_no_end(void **state)
{
    struct ask a = {0};
    struct server s;

    (void)state;
    server_start(&s, say_and_reset, NULL);
    a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_run(&a);
    server_join(&s);
    ask_expect(&a, FETCH_CUT, 200, "hello");
    ask_free(&a);
}

static void do_not_read(struct server *s)
{
    int fd = server_accept(s);

    if (fd < 0 || !server_head(s, fd))
        return;
    usleep(400000);
    close(fd);
}

static void upload_that_nobody_reads(void **state)
{
    struct ask a = {.method = "POST"};
    char *body = malloc((32 << 20) + 1);
    struct server s;

    (void)state;
    memset(body, 'x', 32 << 20);
    body[32 << 20] = '\0';
    a.body = body;
    server_start(&s, do_not_read, NULL);
    a.origin = harness_origin("server http://127.0.0.1:%u; between-bytes-timeout 150ms;", s.port);
    ask_run(&a);
    server_join(&s);
    ask_expect(&a, FETCH_BETWEEN_BYTES_TIMEOUT, 0, "");
    assert_non_null(strstr(a.detail, "it took nothing for 150 ms"));
    ask_free(&a);
    free(body);
}

static void nothing_to_do(struct server *s)
{
    (void)s;
}

static void nobody_listens(void **state)
{
    struct ask a = {0};
    struct server s;
    char expected[128];

    (void)state;
    server_start(&s, nothing_to_do, NULL);
    server_join(&s); /* its port is free now */
    a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
    ask_run(&a);
    ask_expect(&a, FETCH_REFUSED, 0, "");
    snprintf(expected, sizeof(expected), "origin app (127.0.0.1:%u): connection refused", s.port);
    assert_string_equal(a.detail, expected);
    assert_int_equal(fetch_end_status(a.why), 502);
    ask_free(&a);
}

static void our_own_limit(void **state)
{
    struct rlimit before, none;
    struct ask a = {0};
    struct server s;

    (void)state;
    server_start(&s, nothing_to_do, NULL);
    a.origin = harness_origin("server http://127.0.0.1:%u;", s.port);
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    ask_run(&a);
    setrlimit(RLIMIT_NOFILE, &before);
    server_join(&s);
    ask_expect(&a, FETCH_OVERLOAD, 0, "");
    ask_free(&a);
}

static void a_head_too_large(void **state)
{
    struct ask a = {.origin = harness_origin("server http://127.0.0.1:1;")};
    char *value = malloc(2 << 20);

    (void)state;
    memset(value, 'v', 2 << 20);
    value[(2 << 20) - 1] = '\0';
    a.fields[0][0] = "X";
    a.fields[0][1] = value;
    ask_run(&a);
    ask_expect(&a, FETCH_OVERLOAD, 0, "");
    ask_free(&a);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_response),
        cmocka_unit_test(every_byte_alone),
        cmocka_unit_test(interim_are_passed_on),
        cmocka_unit_test(interim_are_bounded),
        cmocka_unit_test(trailers_are_passed_on),
        cmocka_unit_test(heads_are_bounded),
        cmocka_unit_test(every_request),
        cmocka_unit_test(host_and_close_by_option),
        cmocka_unit_test(client_goes),
        cmocka_unit_test(client_ends_early),
        cmocka_unit_test(early_answer_ends_the_connection),
        cmocka_unit_test(early_answer_outlives_the_upload),
        cmocka_unit_test(large_upload),
        cmocka_unit_test(slow_consumer),
        cmocka_unit_test(a_pause_is_no_timeout),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(timeouts),
        cmocka_unit_test(a_head_in_drops),
        cmocka_unit_test(a_reset_is_no_end),
        cmocka_unit_test(upload_that_nobody_reads),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(our_own_limit),
        cmocka_unit_test(a_head_too_large),
    };

    return cmocka_run_group_tests_name("exchange", tests, harness_start, harness_stop);
}
