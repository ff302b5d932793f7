#include "http/h2_head.h"
#include "table.h"

#include <string.h>

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

static const struct h1_limits limits = {200, 2000, 10};

/* "name:value" lines, up to an empty one. */
static enum h2_field add_all(struct h2_head *h, const char *text)
{
    struct span rest = span_of(text), line;

    while (span_cut(&rest, '\n', &line) && line.n > 0) {
        size_t skip = line.n > 0 && line.p[0] == ':';
        size_t colon = skip + span_find(span_from(line, skip), ':');
        enum h2_field f =
            h2_head_add(h, &arena, &limits, span_make(line.p, colon), span_from(line, colon + 1));

        if (f != H2_FIELD_FINE)
            return f;
    }
    return H2_FIELD_FINE;
}

/* 0, a status, or -1: malformed. A '+' before the text: the request goes on after its head. */
static int judge(const char *text, struct http_request *req)
{
    struct h2_head h = {0};
    bool ended = text[0] != '+';
    const char *why = NULL;
    int status;

    if (add_all(&h, ended ? text : text + 1) != H2_FIELD_FINE)
        return -1;
    status = h2_head_finish(&h, &arena, &limits, ended, req, &why);
    assert_true((status == 0) == (why == NULL));
    return status;
}

#define GET ":method:GET\n:scheme:https\n:authority:a.test\n:path:/x?y\n"

static void test_request(void **state)
{
    struct http_request req;

    (void)state;
    assert_int_equal(
        judge("+" GET "user-agent:me\ncookie:a=1\nx-y:1\ncookie:b=2\ncookie:c", &req), 0);
    assert_int_equal(req.method, METHOD_GET);
    assert_true(req.h2 && req.minor == 1 && req.keep_alive);
    row_text("target", req.target, "/x?y");
    row_text("path", req.path, "/x");
    row_text("query", req.query, "y");
    row_text("authority", req.authority, "a.test");
    row_text("host", req.host, "a.test");
    row_text("Host", fields_get(&req.fields, FIELD_HOST), "a.test");
    row_text("Cookie", fields_get(&req.fields, FIELD_COOKIE), "a=1; b=2; c");
    assert_int_equal(fields_count(&req.fields, FIELD_COOKIE), 1);
    row_text("name", fields_find(&req.fields, FIELD_USER_AGENT)->name, "User-Agent");
    row_text("other name", req.fields.v[2].name, "x-y");
    assert_int_equal(req.body, BODY_CHUNKED);
    assert_int_equal(req.form, TARGET_ORIGIN);
}

static void test_bodies(void **state)
{
    struct http_request req;

    (void)state;
    assert_int_equal(judge(GET, &req), 0);
    assert_int_equal(req.body, BODY_NONE);
    assert_int_equal(judge("+" GET "content-length:7\nexpect:100-continue", &req), 0);
    assert_int_equal(req.body, BODY_LENGTH);
    assert_int_equal(req.content_length, 7);
    assert_true(req.expect_continue);
    assert_int_equal(judge(GET "expect:100-continue", &req), 0);
    assert_false(req.expect_continue);
}

static void test_connect(void **state)
{
    struct http_request req;

    (void)state;
    assert_int_equal(judge("+:method:CONNECT\n:authority:a.test:443", &req), 0);
    assert_int_equal(req.form, TARGET_AUTHORITY);
    assert_int_equal(req.port, 443);
}

static void test_judgements(void **state)
{
    static const struct {
        const char *text;
        int status;
    } rows[] = {
        {GET, 0},
        {":method:OPTIONS\n:scheme:http\n:authority:a.test\n:path:*", 0},
        {":method:GET\n:scheme:http\n:path:/\nhost:a.test", 0},
        {GET "host:a.test", 0},
        {GET "host:A.TEST", 0},
        {GET "te:trailers", 0},
        {GET "x:", 0},
        {GET "host:b.test", 400},
        {GET "host:a.test:80", 400},
        {GET "host:a.test\nhost:a.test", 400},
        {":method:GET\n:scheme:http\n:path:/", 400},
        {":method:GET\n:scheme:http\n:authority:\n:path:/", 400},
        {":method:GET\n:scheme:http\n:authority:a@b\n:path:/", 400},
        {":method:GET\n:scheme:http\n:authority:a.test", 400},
        {":method:GET\n:authority:a.test\n:path:/", 400},
        {":scheme:http\n:authority:a.test\n:path:/", 400},
        {":method:GET\n:scheme:ftp\n:authority:a.test\n:path:/", 400},
        {":method:GET\n:scheme:http\n:authority:a.test\n:path:", 400},
        {":method:GET\n:scheme:http\n:authority:a.test\n:path:*", 400},
        {":method:GET\n:scheme:http\n:authority:a.test\n:path:x", 400},
        {":method:GET\n:scheme:http\n:authority:a.test\n:path:http://a.test/", 400},
        {":method:GET\n:scheme:http\n:authority:a.test\n:path:/a b", 400},
        {":method:GET\n:scheme:http\n:authority:a.test\n:path:/a#b", 400},
        {":method:G T\n:scheme:http\n:authority:a.test\n:path:/", 400},
        {":method:CONNECT\n:scheme:http\n:authority:a.test:1\n:path:/", 400},
        {":method:CONNECT\n:authority:a.test", 400},
        {":method:"
         "MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM\n:scheme:http\n:authority:a.test\n:path:/",
            501},
        {GET "expect:tea", 417},
        {GET "content-length:x", 400},
        {GET "content-length:1", 400},
        {"+" GET "content-length:1\ncontent-length:1", 400},
        {"+" GET "content-length:9223372036854775808", 400},
        {GET "a:1\nb:1\nc:1\nd:1\ne:1\nf:1\ng:1\nh:1\ni:1\nj:1", 0},
        {GET "a:1\nb:1\nc:1\nd:1\ne:1\nf:1\ng:1\nh:1\ni:1\nj:1\nk:1", 431},
        {GET "a:1\nb:1\nc:1\nd:1\ne:1\nf:1\ng:1\nh:1\ni:1\ncookie:1\ncookie:1\ncookie:1", 0},
        {GET ":method:GET", -1},
        {GET ":status:200", -1},
        {GET "x:y\n:authority:a.test", -1},
        {GET "X:y", -1},
        {GET "x y:z", -1},
        {GET "x: y", -1},
        {GET "x:y ", -1},
        {GET "x:y\tz", 0},
        {GET "x:y\rz", -1},
        {GET "x:y\x7fz", -1},
        {GET "connection:close", -1},
        {GET "keep-alive:5", -1},
        {GET "proxy-connection:close", -1},
        {GET "transfer-encoding:chunked", -1},
        {GET "upgrade:h2c", -1},
        {GET "te:gzip", -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request req;
        int got = judge(rows[i].text, &req);

        if (got != rows[i].status)
            fail_msg("%d instead of %d for:\n%s", got, rows[i].status, rows[i].text);
    }
}

static void test_long_path(void **state)
{
    char path[300];
    struct h2_head h = {0};
    struct http_request req;
    const char *why;

    (void)state;
    memset(path, '/', sizeof(path));
    assert_int_equal(add_all(&h, ":method:GET\n:scheme:http\n:authority:a.test"), H2_FIELD_FINE);
    assert_int_equal(h2_head_add(&h, &arena, &limits, SPAN(":path"), span_make(path, sizeof(path))),
        H2_FIELD_FINE);
    assert_int_equal(h2_head_finish(&h, &arena, &limits, true, &req, &why), 414);
    assert_int_equal(req.method, METHOD_GET);
}

/* Beyond the limit nothing is kept; far beyond it is no request any more. */
static void test_large(void **state)
{
    struct h2_head h = {0};
    struct http_request req;
    const char *why;
    size_t kept;

    (void)state;
    assert_int_equal(add_all(&h, GET), H2_FIELD_FINE);
    while (!h.large)
        assert_int_equal(
            h2_head_add(&h, &arena, &limits, SPAN("cookie"), SPAN("a")), H2_FIELD_FINE);
    assert_true(h.bytes > 2000 && h.bytes < 2050);
    kept = arena.bytes;
    while (h.bytes + 39 <= 8000)
        assert_int_equal(
            h2_head_add(&h, &arena, &limits, SPAN("cookie"), SPAN("a")), H2_FIELD_FINE);
    assert_int_equal(arena.bytes, kept);
    assert_int_equal(h2_head_finish(&h, &arena, &limits, true, &req, &why), 431);
    row_text("target", req.target, "/x?y");
    assert_int_equal(h2_head_add(&h, &arena, &limits, SPAN("cookie"), SPAN("a")), H2_FIELD_FLOOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_judgements),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
