/* Rows of good and bad heads; each is also fed byte by byte and must give the same. */
#include "table.h"

#include "base/buf.h"
#include "http/h1_parse.h"

#define H "Host: a.example\r\n"

static const struct h1_limits limits = H1_LIMITS_DEFAULT;

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* At once, and byte by byte from a copy that is exactly as large as what has come. */
static enum h1_result request_both(
    const char *row, struct span in, struct h1_scan *s, struct http_request *req)
{
    struct h1_scan slow;
    struct http_request other;
    enum h1_result whole, piece = H1_MORE;
    size_t n;

    h1_scan_init(s, &limits);
    whole = h1_request_parse(s, in, &arena, req);
    h1_scan_init(&slow, &limits);
    for (n = 0; n <= in.n && piece == H1_MORE; n++)
        piece = h1_request_parse(&slow, span_make(in.p, n), &arena, &other);
    row_check(row, whole == piece);
    if (whole == H1_OK) {
        row_check(row, slow.used == s->used && n == s->used + 1);
        row_check(row, other.fields.n == req->fields.n && other.body == req->body);
    }
    if (whole == H1_BAD) {
        row_check(row, s->why != NULL && slow.why != NULL);
    }
    return whole;
}

static void bad_requests(void **state)
{
    static const struct {
        const char *why; /* with the section that says so */
        struct span in;
        int status;
    } rows[] = {
#define ROW(why, status, text) {why, {text, sizeof(text) - 1}, status}
        ROW("9112 §2.2 bare LF after the request line", 400, "GET / HTTP/1.1\n" H "\r\n"),
        ROW("9112 §2.2 a byte and LF for CRLF", 400, "GET / HTTP/1.1x\n" H "\r\n"),
        ROW("9112 §2.2 bare CR, then what looks like a field", 400,
            "GET / HTTP/1.1\r\n" H "A: b\rXC: d\r\n\r\n"),
        ROW("9112 §2.2 bare LF after a field", 400, "GET / HTTP/1.1\r\nHost: a.example\n\r\n"),
        ROW("9112 §2.2 bare LF as the empty line", 400, "GET / HTTP/1.1\r\n" H "\n"),
        ROW("9112 §2.2 bare CR in a value", 400, "GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n"),
        ROW("9112 §2.2 CR CR LF", 400, "GET / HTTP/1.1\r\n" H "A: b\r\r\n\r\n"),
        ROW("9112 §2.2 CR before a name", 400, "GET / HTTP/1.1\r\n" H "\rA: b\r\n\r\n"),
        ROW("9112 §2.2 CR in the request line", 400, "GET /\r HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §2.2 three empty lines", 400, "\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §2.2 space before the request line", 400, " GET / HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §2.2 space after the request line", 400, "GET / HTTP/1.1\r\n A: b\r\n" H "\r\n"),
        ROW("9112 §3 two spaces", 400, "GET  / HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §3 tab for a space", 400, "GET\t/ HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §3 space at the end", 400, "GET / HTTP/1.1 \r\n" H "\r\n"),
        ROW("9112 §3 no target", 400, "GET HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §3 empty target", 400, "GET  HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §3 no version (HTTP/0.9)", 400, "GET /\r\n\r\n"),
        ROW("9112 §3 method is no token", 400, "G@T / HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §3 method too long", 501,
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §2.3 lower case version", 400, "GET / http/1.1\r\n" H "\r\n"),
        ROW("9112 §2.3 long minor", 400, "GET / HTTP/1.10\r\n" H "\r\n"),
        ROW("9112 §2.3 no minor", 400, "GET / HTTP/1\r\n" H "\r\n"),
        ROW("9110 §2.5 HTTP/2.0", 505, "GET / HTTP/2.0\r\n" H "\r\n"),
        ROW("9113 §3.4 the HTTP/2 preface", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ROW("9110 §2.5 HTTP/0.9", 505, "GET / HTTP/0.9\r\n" H "\r\n"),
        ROW("a TLS hello", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ROW("9112 §3.2 NUL in the target", 400, "GET /\0 HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §3.2 fragment in the target", 400, "GET /a#b HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §3.2 space in the target", 400, "GET /a b HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §3.2.1 no leading slash", 400, "GET a HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §3.2.4 * with GET", 400, "GET * HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §3.2.3 CONNECT without a port", 400, "CONNECT a.example HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §3.2.3 CONNECT with a path", 400, "CONNECT /a HTTP/1.1\r\n" H "\r\n"),
        ROW("9110 §4.2.4 userinfo", 400, "GET http://u@a.example/ HTTP/1.1\r\n" H "\r\n"),
        ROW("9110 §4.2.1 empty host", 400, "GET http:///x HTTP/1.1\r\n" H "\r\n"),
        ROW("another scheme", 400, "GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n"),
        ROW("a scheme without //", 400, "GET http:a.example/ HTTP/1.1\r\n" H "\r\n"),
        ROW("9112 §3.2 no Host", 400, "GET / HTTP/1.1\r\nA: b\r\n\r\n"),
        ROW("9112 §3.2 no fields at all", 400, "GET / HTTP/1.1\r\n\r\n"),
        ROW("9112 §3.2 two Hosts", 400, "GET / HTTP/1.1\r\n" H H "\r\n"),
        ROW("9112 §3.2 two Hosts in HTTP/1.0", 400, "GET / HTTP/1.0\r\n" H "HOST: b\r\n\r\n"),
        ROW("9112 §3.2 no Host with absolute-form", 400, "GET http://a/ HTTP/1.1\r\n\r\n"),
        ROW("9112 §3.2 empty Host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        ROW("9112 §3.2 list in Host", 400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        ROW("9112 §3.2 path in Host", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        ROW("9112 §3.2 userinfo in Host", 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        ROW("9112 §3.2 NUL in Host", 400, "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"),
        ROW("9112 §3.2 port out of range", 400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
        ROW("9112 §3.2 port is no number", 400, "GET / HTTP/1.1\r\nHost: a:8o\r\n\r\n"),
        ROW("9112 §3.2 bracket not closed", 400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        ROW("9112 §3.2 no address in brackets", 400, "GET / HTTP/1.1\r\nHost: [a]\r\n\r\n"),
        ROW("9112 §5.1 space before the colon", 400, "GET / HTTP/1.1\r\n" H "A : b\r\n\r\n"),
        ROW("9112 §5.1 tab before the colon", 400, "GET / HTTP/1.1\r\n" H "A\t: b\r\n\r\n"),
        ROW("9110 §5.1 empty name", 400, "GET / HTTP/1.1\r\n" H ": b\r\n\r\n"),
        ROW("9110 §5.1 no colon", 400, "GET / HTTP/1.1\r\n" H "A\r\n\r\n"),
        ROW("9110 §5.1 high byte in a name", 400, "GET / HTTP/1.1\r\n" H "A\xe4: b\r\n\r\n"),
        ROW("9110 §5.1 NUL in a name", 400, "GET / HTTP/1.1\r\n" H "A\0: b\r\n\r\n"),
        ROW("9112 §5.2 folded line", 400, "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n"),
        ROW("9112 §5.2 folded with a tab", 400, "GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n"),
        ROW("9110 §5.5 NUL in a value", 400, "GET / HTTP/1.1\r\n" H "A: b\0c\r\n\r\n"),
        ROW("9110 §5.5 DEL in a value", 400, "GET / HTTP/1.1\r\n" H "A: b\177c\r\n\r\n"),
        ROW("9110 §5.5 control late in a value", 400,
            "GET / HTTP/1.1\r\n" H "A: bbbbbbbbbbbbbbbbbb\001\r\n\r\n"),
        ROW("9110 §5.5 DEL late in a value", 400,
            "GET / HTTP/1.1\r\n" H "A: bbbbbbbbbbb\177bbbbbbbbb\r\n\r\n"),
        ROW("9112 §6.1 both", 400,
            "GET / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ROW("9112 §6.1 in HTTP/1.0", 400,
            "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n"),
        ROW("9112 §6.1 twice", 400,
            "POST / HTTP/1.1\r\n" H
            "Transfer-Encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n"),
        ROW("9112 §6.1 chunked twice", 400,
            "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n"),
        ROW("9112 §6.3 chunked not last", 400,
            "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n"),
        ROW("9112 §6.1 another coding first", 501,
            "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n"),
        ROW("9112 §6.1 unknown", 501,
            "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n"),
        ROW("9112 §6.1 identity", 501,
            "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"),
        ROW("9112 §6.1 empty", 400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n"),
        ROW("9112 §6.1 comma first", 501,
            "POST / HTTP/1.1\r\n" H "Transfer-Encoding: ,chunked\r\n\r\n"),
        ROW("9110 §8.6 two lengths", 400,
            "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
        ROW("9110 §8.6 list of lengths", 400,
            "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n"),
        ROW("9110 §8.6 empty length", 400, "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"),
        ROW("9110 §8.6 sign", 400, "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n"),
        ROW("9110 §8.6 minus", 400, "POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n"),
        ROW("9110 §8.6 hex", 400, "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n"),
        ROW("9110 §8.6 underscore", 400, "POST / HTTP/1.1\r\n" H "Content-Length: 1_0\r\n\r\n"),
        ROW("9110 §8.6 2^63", 400,
            "POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n"),
        ROW("9110 §8.6 2^64 + 5", 400,
            "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\n"),
        ROW("9110 §10.1.1 unknown expectation", 417, "GET / HTTP/1.1\r\n" H "Expect: x\r\n\r\n"),
#undef ROW
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request req;
        struct h1_scan s;

        row_check(rows[i].why, request_both(rows[i].why, rows[i].in, &s, &req) == H1_BAD);
        if (s.status != rows[i].status)
            fail_msg("%s: status %d (%s)", rows[i].why, s.status, s.why);
    }
}

static void good_requests(void **state)
{
    static const struct {
        const char *in;
        enum target_form form;
        const char *authority, *host;
        unsigned port;
        const char *path, *query; /* query NULL: none */
        enum http_body body;
        uint64_t length;
        bool keep_alive;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" H "\r\n", TARGET_ORIGIN, "a.example", "a.example", 0, "/", NULL,
            BODY_NONE, 0, true},
        {"\r\n\r\nGET /x?y=1?2 HTTP/1.1\r\n" H "\r\n", TARGET_ORIGIN, "a.example", "a.example", 0,
            "/x", "y=1?2", BODY_NONE, 0, true},
        {"GET //? HTTP/1.1\r\nhOsT:\tA.example:8080 \t\r\n\r\n", TARGET_ORIGIN, "A.example:8080",
            "A.example", 8080, "//", "", BODY_NONE, 0, true},
        {"GET http://B.example:81 HTTP/1.1\r\n" H "\r\n", TARGET_ABSOLUTE, "B.example:81",
            "B.example", 81, "/", NULL, BODY_NONE, 0, true},
        {"GET HTTPS://b?q HTTP/1.1\r\n" H "\r\n", TARGET_ABSOLUTE, "b", "b", 0, "/", "q", BODY_NONE,
            0, true},
        {"OPTIONS http://b HTTP/1.1\r\n" H "\r\n", TARGET_ABSOLUTE, "b", "b", 0, "*", NULL,
            BODY_NONE, 0, true},
        {"OPTIONS * HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n", TARGET_ASTERISK,
            "[2001:db8::1]:443", "[2001:db8::1]", 443, "*", NULL, BODY_NONE, 0, true},
        {"CONNECT b:443 HTTP/1.1\r\n" H "\r\n", TARGET_AUTHORITY, "b:443", "b", 443, "", NULL,
            BODY_NONE, 0, true},
        {"GET / HTTP/1.0\r\n\r\n", TARGET_ORIGIN, "", "", 0, "/", NULL, BODY_NONE, 0, false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", TARGET_ORIGIN, "", "", 0, "/", NULL,
            BODY_NONE, 0, true},
        {"GET / HTTP/1.1\r\n" H "Connection: x, CLOSE\r\n\r\n", TARGET_ORIGIN, "a.example",
            "a.example", 0, "/", NULL, BODY_NONE, 0, false},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 0042\r\n\r\n", TARGET_ORIGIN, "a.example",
            "a.example", 0, "/", NULL, BODY_LENGTH, 42, true},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775807\r\n\r\n", TARGET_ORIGIN,
            "a.example", "a.example", 0, "/", NULL, BODY_LENGTH, INT64_MAX, true},
        {"POST / HTTP/1.7\r\n" H "Transfer-Encoding: Chunked\r\n\r\n", TARGET_ORIGIN, "a.example",
            "a.example", 0, "/", NULL, BODY_CHUNKED, 0, true},
        {"GET /\xc3\xa4%zz HTTP/1.1\r\n" H "A:\r\nB: x\ty\xff\r\n\r\n", TARGET_ORIGIN, "a.example",
            "a.example", 0, "/\xc3\xa4%zz", NULL, BODY_NONE, 0, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *row = rows[i].in;
        struct http_request req;
        struct h1_scan s;
        struct field *host;

        row_check(row, request_both(row, span_of(row), &s, &req) == H1_OK);
        row_check(row, s.used == strlen(row));
        row_check(row, req.form == rows[i].form && req.port == rows[i].port);
        row_text(row, req.authority, rows[i].authority);
        row_text(row, req.host, rows[i].host);
        row_text(row, req.path, rows[i].path);
        row_check(row, req.has_query == (rows[i].query != NULL));
        row_text(row, req.query, rows[i].query);
        row_check(row, req.body == rows[i].body && req.content_length == rows[i].length);
        row_check(row, req.keep_alive == rows[i].keep_alive);
        host = fields_find(&req.fields, FIELD_HOST);
        if (host != NULL)
            row_text(row, host->value, rows[i].authority);
    }
}

static void expect(void **state)
{
    struct http_request req;
    struct h1_scan s;

    (void)state;
    assert_int_equal(request_both("body",
                         SPAN("PUT / HTTP/1.1\r\n" H "Content-Length: 1\r\n"
                              "Expect: 100-Continue\r\n\r\n"),
                         &s, &req),
        H1_OK);
    assert_true(req.expect_continue);
    assert_int_equal(request_both("no body",
                         SPAN("PUT / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n"), &s, &req),
        H1_OK);
    assert_false(req.expect_continue);
    assert_int_equal(request_both("1.0 knows no expectations",
                         SPAN("PUT / HTTP/1.0\r\n" H "Content-Length: 1\r\n"
                              "Expect: 100-continue\r\n\r\n"),
                         &s, &req),
        H1_OK);
    assert_false(req.expect_continue);
}

static void pipelined(void **state)
{
    struct span in = SPAN("GET /1 HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\n");
    struct http_request req;
    struct h1_scan s;

    (void)state;
    h1_scan_init(&s, &limits);
    assert_int_equal(h1_request_parse(&s, in, &arena, &req), H1_OK);
    row_text("first", req.path, "/1");
    in = span_from(in, s.used);
    h1_scan_init(&s, &limits);
    assert_int_equal(h1_request_parse(&s, in, &arena, &req), H1_OK);
    row_text("second", req.path, "/2");
    assert_int_equal(s.used, in.n);
}

/* Feeds `head`, then `n` times `more`, then the rest; returns the status, 0 when it was good. */
static int grown(const char *head, unsigned n, const char *more, const char *rest)
{
    struct buf b;
    struct http_request req;
    struct h1_scan s;
    enum h1_result result;

    buf_init(&b, 1 << 20);
    assert_true(buf_append(&b, span_of(head)));
    for (unsigned i = 0; i < n; i++)
        assert_true(buf_append(&b, span_of(more)));
    assert_true(buf_append(&b, span_of(rest)));
    h1_scan_init(&s, &limits);
    result = h1_request_parse(&s, buf_span(&b), &arena, &req);
    buf_free(&b);
    assert_int_not_equal(result, H1_MORE);
    return result == H1_OK ? 0 : s.status;
}

static void limits_hold(void **state)
{
    unsigned line = 8192 - strlen("GET / HTTP/1.1\r\n");

    (void)state;
    assert_int_equal(grown("GET /", line, "a", " HTTP/1.1\r\n" H "\r\n"), 0);
    assert_int_equal(grown("GET /", line + 1, "a", " HTTP/1.1\r\n" H "\r\n"), 414);
    assert_int_equal(grown("GET /", 9000, "a", ""), 414);
    assert_int_equal(grown("GET / HTTP/1.1\r\n" H, 99, "A: b\r\n", "\r\n"), 0);
    assert_int_equal(grown("GET / HTTP/1.1\r\n" H, 100, "A: b\r\n", "\r\n"), 431);
    assert_int_equal(grown("GET / HTTP/1.1\r\n" H "A: ", 65000, "a", "\r\n\r\n"), 0);
    assert_int_equal(grown("GET / HTTP/1.1\r\n" H "A: ", 65536, "a", "\r\n\r\n"), 431);
    assert_int_equal(grown("GET / HTTP/1.1\r\n" H "A: ", 65536, "a", ""), 431);
    assert_int_equal(grown("GET / HTTP/1.1\r\n" H, 1024, "a", ": b\r\n\r\n"), 0);
    assert_int_equal(grown("GET / HTTP/1.1\r\n" H, 1025, "a", ": b\r\n\r\n"), 431);
    assert_int_equal(grown("GET / HTTP/1.1\r\n" H "Connection: b", 99, ",a", "\r\n\r\n"), 0);
    assert_int_equal(grown("GET / HTTP/1.1\r\n" H "Connection: b", 100, ",a", "\r\n\r\n"), 400);
}

static void what_is_bad_is_answered_early(void **state)
{
    struct http_request req;
    struct h1_scan s;

    (void)state;
    h1_scan_init(&s, &limits);
    assert_int_equal(h1_request_parse(&s, SPAN("GET /\r\n"), &arena, &req), H1_BAD);
    h1_scan_init(&s, &limits);
    assert_int_equal(h1_request_parse(&s, SPAN("GET / HTTP/1.1\r\nA: b\n"), &arena, &req), H1_BAD);
    h1_scan_init(&s, &limits);
    assert_int_equal(h1_request_parse(&s, SPAN(""), &arena, &req), H1_MORE);
    assert_false(h1_scan_begun(&s));
    assert_int_equal(h1_request_parse(&s, SPAN("\r\nG"), &arena, &req), H1_MORE);
    assert_true(h1_scan_begun(&s));
}

static enum h1_result response(const char *in, enum http_method asked, struct http_response *resp)
{
    struct h1_scan s;
    enum h1_result result, piece = H1_MORE;

    h1_scan_init(&s, &limits);
    for (size_t n = 0; n <= strlen(in) && piece == H1_MORE; n++)
        piece = h1_response_parse(&s, span_make(in, n), asked, &arena, resp);
    h1_scan_init(&s, &limits);
    result = h1_response_parse(&s, span_of(in), asked, &arena, resp);
    row_check(in, result == piece);
    if (result == H1_BAD)
        assert_int_equal(s.status, 502);
    return result;
}

static void responses(void **state)
{
    static const struct {
        const char *in;
        enum http_method asked;
        int status;
        const char *reason;
        enum http_body body;
        int64_t length; /* -1: none */
        bool keep_alive;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", METHOD_GET, 200, "OK", BODY_LENGTH, 5,
            true},
        {"HTTP/1.1 200\r\n\r\n", METHOD_GET, 200, "", BODY_UNTIL_CLOSE, -1, false},
        {"HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n", METHOD_GET, 599, "", BODY_LENGTH, 0, true},
        {"HTTP/1.1 200 Not so bad\r\nTransfer-Encoding: chunked\r\n\r\n", METHOD_GET, 200,
            "Not so bad", BODY_CHUNKED, -1, true},
        /* 9112 §6.3: what is no coding at all leaves the end of the connection */
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: qwertz\r\n\r\n", METHOD_GET, 200, "OK",
            BODY_UNTIL_CLOSE, -1, false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", METHOD_HEAD, 200, "OK", BODY_NONE,
            -1, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", METHOD_HEAD, 200, "OK", BODY_NONE, 7,
            true},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", METHOD_GET, 304, "Not Modified",
            BODY_NONE, 7, true},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", METHOD_GET, 204, "No Content",
            BODY_NONE, 7, true},
        {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", METHOD_GET, 103, "Early Hints",
            BODY_NONE, -1, true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", METHOD_GET, 200, "OK", BODY_LENGTH, 5,
            false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", METHOD_GET, 200, "OK",
            BODY_LENGTH, 5, false},
        {"HTTP/1.1 200 OK\r\n\r\n", METHOD_CONNECT, 200, "OK", BODY_UNTIL_CLOSE, -1, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *row = rows[i].in;
        struct http_response resp;

        row_check(row, response(row, rows[i].asked, &resp) == H1_OK);
        row_check(row, resp.status == rows[i].status && resp.body == rows[i].body);
        row_text(row, resp.reason, rows[i].reason);
        row_check(row, resp.has_content_length == (rows[i].length >= 0));
        row_check(row, !resp.has_content_length || resp.content_length == (uint64_t)rows[i].length);
        row_check(row, resp.keep_alive == rows[i].keep_alive);
    }
}

static void bad_responses(void **state)
{
    static const char *const rows[] = {
        "\r\nHTTP/1.1 200 OK\r\n\r\n", /* 9112 §2.2: forgiven before requests only */
        "hello, world\r\n\r\n",        /* HTTP/0.9 */
        "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", /* 9112 §4 */
        "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n", /* 9110 §15 */
        "HTTP/1.1 200 O\001K\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", /* 9112 §6.3 */
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", /* 9112 §7: it would pass undecoded */
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: qwertz x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: qwertz, gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",        /* 9112 §5.2 */
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",             /* 9112 §5.1 */
        "HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1 ok\r\n", /* at once, not when the head is whole */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_response resp;

        row_check(rows[i], response(rows[i], METHOD_GET, &resp) == H1_BAD);
    }
}

static void sections(void **state)
{
    const char *why;
    struct fields f;

    (void)state;
    assert_true(h1_fields_parse(SPAN("A: b\r\nC: d\r\n\r\n"), &limits, &arena, &f, &why));
    assert_int_equal(f.n, 2);
    assert_true(h1_fields_parse(SPAN("\r\n"), &limits, &arena, &f, &why));
    assert_int_equal(f.n, 0);
    assert_false(h1_fields_parse(SPAN("A: b\r\n"), &limits, &arena, &f, &why));
    assert_false(h1_fields_parse(SPAN("A: b\r\n\r\nC: d\r\n\r\n"), &limits, &arena, &f, &why));
    assert_false(h1_fields_parse(SPAN(""), &limits, &arena, &f, &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_requests),
        cmocka_unit_test(good_requests),
        cmocka_unit_test(expect),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(what_is_bad_is_answered_early),
        cmocka_unit_test(responses),
        cmocka_unit_test(bad_responses),
        cmocka_unit_test(sections),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
