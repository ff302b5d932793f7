/* Authorities, normal forms, decoding. Targets are tested with the request parser. */
#include "table.h"

#include "http/uri.h"

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

static void authorities(void **state)
{
    static const struct {
        const char *in, *host; /* NULL: refused */
        unsigned port;
    } rows[] = {
        {"a.example", "a.example", 0},
        {"a.example:80", "a.example", 80},
        {"a.example:", "a.example", 0}, /* 3986 §3.2.3 */
        {"A_b-1.Example.:65535", "A_b-1.Example.", 65535},
        {"192.0.2.1:1", "192.0.2.1", 1},
        {"[::1]", "[::1]", 0},
        {"[2001:db8::192.0.2.1]:00443", "[2001:db8::192.0.2.1]", 443},
        {"", NULL, 0},
        {":80", NULL, 0},
        {".", NULL, 0},
        {".a", NULL, 0},
        {"a..b", NULL, 0},
        {"a:0", NULL, 0},
        {"a:65536", NULL, 0},
        {"a:123456", NULL, 0},
        {"a:1:2", NULL, 0},
        {"a:+1", NULL, 0},
        {"a b", NULL, 0},
        {"a@b", NULL, 0},
        {"a/b", NULL, 0},
        {"a%41", NULL, 0},
        {"[]", NULL, 0},
        {"[::1", NULL, 0},
        {"[::1]x", NULL, 0},
        {"[::1]]", NULL, 0},
        {"[fe80::1%25eth0]", NULL, 0},
        {"[v1.a]", NULL, 0},
        {"[192.0.2.1]", NULL, 0},
        {"::1", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span host = SPAN_EMPTY;
        unsigned port = 0;

        row_check(rows[i].in,
            uri_authority_parse(span_of(rows[i].in), &host, &port) == (rows[i].host != NULL));
        row_text(rows[i].in, host, rows[i].host);
        row_check(rows[i].in, port == rows[i].port);
    }
}

static void hosts(void **state)
{
    static const struct {
        const char *in;
        unsigned port, default_port;
        const char *out;
    } rows[] = {
        {"WWW.Example.COM.", 0, 80, "www.example.com"}, /* 3986 §6.2.2.1 */
        {"a.example", 80, 80, "a.example"},             /* 3986 §6.2.3 */
        {"a.example", 80, 443, "a.example:80"},
        {"A.example", 8080, 80, "a.example:8080"},
        {"[2001:DB8::A]", 0, 80, "[2001:db8::a]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        row_text(rows[i].in,
            uri_host_normalise(&arena, span_of(rows[i].in), rows[i].port, rows[i].default_port),
            rows[i].out);
    assert_int_equal(uri_default_port(SPAN("HTTPS")), 443);
    assert_int_equal(uri_default_port(SPAN("ws")), 0);
}

static void paths(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: refused */
        unsigned flags;
    } rows[] = {
        {"/", "/", 0},
        {"/a/b;c=d/e,f@g:h!$&'()*+~", "/a/b;c=d/e,f@g:h!$&'()*+~", 0},
        {"/%7Ea%2d%41", "/~a-A", 0}, /* 3986 §6.2.2.2 */
        {"/%2f%c3%a4", "/%2F%C3%A4", 0},
        {"/\xc3\xa4\"<>\\^`{|}[]", "/%C3%A4%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D", 0},
        {"/a/./b/../c", "/a/c", 0}, /* 3986 §5.2.4 */
        {"/a/b/c/./../../g", "/a/g", 0},
        {"/.", "/", 0},
        {"/..", "/", 0},
        {"/../../a", "/a", 0},
        {"//..", "/", 0},
        {"/a/.", "/a/", 0},
        {"/a/..", "/", 0},
        {"/a/b/..", "/a/", 0},
        {"/%2e%2E/a", "/a", 0},
        {"/a/%2e", "/a/", 0},
        {"/.a/..b/c./...", "/.a/..b/c./...", 0},
        {"//a//b//", "//a//b//", 0},
        {"//a//b//", "/a/b/", URI_MERGE_SLASHES},
        {"/a//..", "/a/", 0},
        {"/a//..", "/", URI_MERGE_SLASHES},
        {"/a//./", "/a/", URI_MERGE_SLASHES},
        {"*", "*", 0},
        {"/%252e%252e/a", "/%252e%252e/a", 0}, /* decoded once only */
        {"/%", NULL, 0},
        {"/%4", NULL, 0},
        {"/%zz", NULL, 0},
        {"/%00", NULL, 0},
        {"", NULL, 0},
        {"a", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span out = SPAN_EMPTY, again;
        bool good = uri_path_normalise(&arena, span_of(rows[i].in), rows[i].flags, &out);

        row_check(rows[i].in, good == (rows[i].out != NULL));
        if (!good)
            continue;
        row_text(rows[i].in, out, rows[i].out);
        row_check(rows[i].in, uri_path_normalise(&arena, out, rows[i].flags, &again));
        row_text(rows[i].in, again, rows[i].out);
    }
}

static void queries(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"a=b&c=/?:@", "a=b&c=/?:@"},
        {"%61=%7e&b=%2f", "a=~&b=%2F"},
        {"q=100%", "q=100%25"},
        {"%%4141", "%25A41"},
        {"a[]=1|2", "a%5B%5D=1%7C2"},
        {"%00", "%00"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span out = uri_query_normalise(&arena, span_of(rows[i].in));

        row_text(rows[i].in, out, rows[i].out);
        row_text(rows[i].in, uri_query_normalise(&arena, out), rows[i].out);
    }
}

static void decoding(void **state)
{
    struct span out;

    (void)state;
    assert_true(uri_decode(&arena, SPAN("a%2Fb%20%41"), &out));
    row_text("decoded", out, "a/b A");
    assert_false(uri_decode(&arena, SPAN("a%0"), &out));
    assert_false(uri_decode(&arena, SPAN("a%00"), &out));
    assert_true(uri_path_decode(&arena, SPAN("/a%20b/c"), &out));
    row_text("file", out, "/a b/c");
    assert_false(uri_path_decode(&arena, SPAN("/a%2Fb"), &out));
    assert_false(uri_path_decode(&arena, SPAN("/a/%2e%2E/b"), &out));
    assert_false(uri_path_decode(&arena, SPAN("/a/."), &out));
    row_text("encoded", uri_path_encode(&arena, SPAN("/a b%?\xff")), "/a%20b%25%3F%FF");
}

static void pairs(void **state)
{
    struct span rest = SPAN("a=1&&b&=2&c=3=4&"), name, value;

    (void)state;
    assert_true(uri_query_next(&rest, &name, &value));
    row_text("a", name, "a");
    row_text("a", value, "1");
    assert_true(uri_query_next(&rest, &name, &value));
    row_text("b", name, "b");
    assert_null(value.p);
    assert_true(uri_query_next(&rest, &name, &value));
    row_text("empty", name, "");
    row_text("empty", value, "2");
    assert_true(uri_query_next(&rest, &name, &value));
    row_text("c", value, "3=4");
    assert_false(uri_query_next(&rest, &name, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(authorities),
        cmocka_unit_test(hosts),
        cmocka_unit_test(paths),
        cmocka_unit_test(queries),
        cmocka_unit_test(decoding),
        cmocka_unit_test(pairs),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
