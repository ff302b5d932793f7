/* t_recode.c - what may be recoded, what a request gets, and what becomes of the head. */
#include "edge/recode.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST = 100000 };

static struct arena arena;
static struct coding_options off, on;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    off = coding_options_default();
    off.min_bytes = 1024;
    off.decode = true;
    on = off;
    on.encode[on.encode_n++] = CODING_BR;
    on.encode[on.encode_n++] = CODING_ZSTD;
    on.encode[on.encode_n++] = CODING_GZIP;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* "Name: value" lines, each with its newline. */
static struct fields fields_of(const char *text)
{
    struct span rest = span_of(text), line, name;
    struct fields f = {0};

    while (span_cut(&rest, '\n', &line)) {
        if (line.n > 0 && span_cut(&line, ':', &name))
            fields_add_named(&f, &arena, name, span_trim(line));
    }
    return f;
}

static void expect_fields(const struct fields *f, const char *expected)
{
    struct buf b;

    buf_init(&b, 64 * 1024);
    fields_each (it, f)
        assert_true(buf_printf(&b, "%.*s: %.*s\n", SPAN_ARG(it->name), SPAN_ARG(it->value)));
    assert_true(buf_append(&b, span_make("", 1)));
    assert_string_equal(b.p, expected);
    buf_free(&b);
}

#define HTML "Content-Type: text/html\n"

static void t_judged(void **state)
{
    static const struct {
        int status;
        const char *fields;
        int64_t length;
        enum recode_why encode, with_off;
    } rows[] = {
        {200, HTML, 1024, RECODE_CHOSEN, RECODE_OFF},
        {200, HTML, -1, RECODE_CHOSEN, RECODE_OFF},
        {200, HTML, MOST, RECODE_CHOSEN, RECODE_OFF},
        {200, HTML, MOST + 1, RECODE_LARGE, RECODE_LARGE},
        {200, HTML, 1023, RECODE_SMALL, RECODE_OFF},
        {200, HTML, 0, RECODE_SMALL, RECODE_OFF},
        {404, HTML, 5000, RECODE_CHOSEN, RECODE_OFF},
        {201, HTML, 5000, RECODE_STATUS, RECODE_STATUS},
        {206, HTML, 5000, RECODE_STATUS, RECODE_STATUS},
        {304, HTML, 0, RECODE_STATUS, RECODE_STATUS},
        {200, HTML "Content-Range: bytes 0-4999/9000\n", 5000, RECODE_PART, RECODE_PART},
        {200, "", 5000, RECODE_TYPE, RECODE_OFF},
        {200, "Content-Type: image/png\n", 5000, RECODE_TYPE, RECODE_OFF},
        {200, HTML "Cache-Control: public, No-Transform\n", 5000, RECODE_NO_TRANSFORM,
            RECODE_NO_TRANSFORM},
        {200, HTML "Cache-Control: x=\"no-transform\"\n", 5000, RECODE_CHOSEN, RECODE_OFF},
        {200, HTML "Cache-Control: no-transform\nCDN-Cache-Control: max-age=5\n", 5000,
            RECODE_NO_TRANSFORM, RECODE_NO_TRANSFORM},
        {200, HTML "CDN-Cache-Control: max-age=5, no-transform\n", 5000, RECODE_NO_TRANSFORM,
            RECODE_NO_TRANSFORM},
        {200, HTML "CDN-Cache-Control: max-age=, no-transform\n", 5000, RECODE_CHOSEN, RECODE_OFF},
        /* Decoding asks neither for the type nor for the size. */
        {200, "Content-Encoding: gzip\n", 3, RECODE_CHOSEN, RECODE_CHOSEN},
        {200, "Content-Encoding: X-GZIP\n", 3, RECODE_CHOSEN, RECODE_CHOSEN},
        {200, "Content-Encoding: gzip\nContent-Encoding: br\n", 3, RECODE_UNKNOWN, RECODE_UNKNOWN},
        {200, "Content-Encoding: aes128gcm\n", 3, RECODE_UNKNOWN, RECODE_UNKNOWN},
        {200, HTML "Content-Encoding: identity\n", 5000, RECODE_CHOSEN, RECODE_OFF},
        {500, "Content-Encoding: gzip\n", 3, RECODE_STATUS, RECODE_STATUS},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_response head = {.status = rows[i].status, .fields = fields_of(rows[i].fields)};
        enum recode_why why;
        unsigned may = recode_judge(&on, &head, rows[i].length, MOST, &arena, &why);

        print_message("row %zu\n", i);
        assert_int_equal(why, rows[i].encode);
        assert_int_equal(may != RECODE_NOT, why == RECODE_CHOSEN);
        recode_judge(&off, &head, rows[i].length, MOST, &arena, &why);
        assert_int_equal(why, rows[i].with_off);
    }
    off.decode = false;
    {
        struct http_response head = {.status = 200, .fields = fields_of("Content-Encoding: br\n")};
        enum recode_why why;

        assert_int_equal(recode_judge(&off, &head, 5, MOST, &arena, &why), RECODE_NOT);
        assert_int_equal(why, RECODE_OFF);
    }
}

static void t_marked(void **state)
{
    static const struct {
        const char *fields, *after;
        unsigned may;
    } rows[] = {
        {HTML, HTML "Vary: Accept-Encoding\n", RECODE_SAYS | (RECODE_FROM + CODING_IDENTITY)},
        {HTML "Vary: accept-ENCODING\n", HTML "Vary: accept-ENCODING\n",
            RECODE_FROM + CODING_IDENTITY},
        {HTML "Vary: *\n", HTML "Vary: *\n", RECODE_FROM + CODING_IDENTITY},
        {HTML "Vary: Cookie\nX: 1\nVary: Accept\n",
            HTML "Vary: Cookie, Accept, Accept-Encoding\nX: 1\n",
            RECODE_SAYS | (RECODE_FROM + CODING_IDENTITY)},
        {"Content-Encoding: zstd\n", "Content-Encoding: zstd\nVary: Accept-Encoding\n",
            RECODE_SAYS | (RECODE_FROM + CODING_ZSTD)},
        {"Content-Type: image/png\n", "Content-Type: image/png\n", RECODE_NOT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_response head = {.status = 200, .fields = fields_of(rows[i].fields)};

        assert_int_equal(recode_mark(&on, &head, 5000, MOST, &arena), rows[i].may);
        expect_fields(&head.fields, rows[i].after);
        /* It is said once, and can be taken back. */
        assert_int_equal(
            recode_mark(&on, &head, 5000, MOST, &arena), rows[i].may & ~(unsigned)RECODE_SAYS);
        expect_fields(&head.fields, rows[i].after);
        recode_unmark(&(struct object){.recode = (uint8_t)rows[i].may}, &head.fields, &arena);
        assert_int_equal(recode_mark(&on, &head, 5000, MOST, &arena), rows[i].may);
    }
}

static void t_chosen(void **state)
{
    static const struct {
        enum coding has;
        enum http_method method;
        const char *fields;
        int64_t length;
        enum coding coding;
        enum recode_why why;
    } rows[] = {
        {CODING_IDENTITY, METHOD_GET, "", 5000, CODING_IDENTITY, RECODE_CHOSEN},
        {CODING_IDENTITY, METHOD_GET, "Accept-Encoding: gzip\n", 5000, CODING_GZIP, RECODE_CHOSEN},
        {CODING_IDENTITY, METHOD_HEAD, "Accept-Encoding: gzip\n", 5000, CODING_GZIP, RECODE_CHOSEN},
        {CODING_IDENTITY, METHOD_POST, "Accept-Encoding: gzip\n", 5000, CODING_IDENTITY,
            RECODE_METHOD},
        {CODING_IDENTITY, METHOD_GET, "Accept-Encoding: gzip, br\n", -1, CODING_BR, RECODE_CHOSEN},
        {CODING_IDENTITY, METHOD_GET, "Accept-Encoding: gzip\n", 1023, CODING_IDENTITY,
            RECODE_SMALL},
        {CODING_IDENTITY, METHOD_GET, "Accept-Encoding: gzip\nRange: bytes=0-1\n", 5000,
            CODING_IDENTITY, RECODE_BYTES},
        {CODING_IDENTITY, METHOD_GET, "Accept-Encoding: gzip\nIf-Match: \"x\"\n", 5000,
            CODING_IDENTITY, RECODE_BYTES},
        {CODING_IDENTITY, METHOD_GET, "Accept-Encoding: gzip, *;q=0\nRange: bytes=0-1\n", 5000,
            CODING_GZIP, RECODE_CHOSEN},
        {CODING_IDENTITY, METHOD_GET, "Accept-Encoding: gzip\nCache-Control: No-transform\n", 5000,
            CODING_IDENTITY, RECODE_ASKED_NOT_TO},
        {CODING_GZIP, METHOD_GET, "Accept-Encoding: gzip, br\n", 5, CODING_GZIP, RECODE_CHOSEN},
        {CODING_GZIP, METHOD_GET, "Accept-Encoding: gzip;q=0.1, br\n", 5, CODING_GZIP,
            RECODE_CHOSEN},
        {CODING_GZIP, METHOD_GET, "Accept-Encoding: br\n", 5, CODING_IDENTITY, RECODE_CHOSEN},
        {CODING_GZIP, METHOD_GET, "", 5, CODING_IDENTITY, RECODE_CHOSEN},
        {CODING_GZIP, METHOD_GET, "Range: bytes=0-1\n", 5, CODING_IDENTITY, RECODE_CHOSEN},
        {CODING_GZIP, METHOD_GET, "Accept-Encoding: gzip\nRange: bytes=0-1\n", 5, CODING_GZIP,
            RECODE_BYTES},
        {CODING_GZIP, METHOD_GET, "Cache-Control: no-transform\n", 5, CODING_GZIP,
            RECODE_ASKED_NOT_TO},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request req = {.method = rows[i].method, .fields = fields_of(rows[i].fields)};
        struct object obj = {.recode = (uint8_t)(RECODE_SAYS | (RECODE_FROM + rows[i].has))};
        struct recode_choice c = recode_choose(&on, &req, &obj, rows[i].length);

        print_message("row %zu\n", i);
        assert_int_equal(c.coding, rows[i].coding);
        assert_int_equal(c.other, c.coding != rows[i].has);
        assert_int_equal(c.why, rows[i].why);
    }
}

static void t_heads(void **state)
{
    static const char had[] = "Date: d\n" HTML "ETag: \"x\"\nAccept-Ranges: bytes\nDigest: a\n"
                              "content-digest: b\nREPR-DIGEST: c\nContent-MD5: d\n"
                              "Content-Length: 5\nLast-Modified: l\nVary: Accept-Encoding\n";
    struct fields f = fields_of(had);

    (void)state;
    recode_fields(&f, CODING_ZSTD, &arena);
    expect_fields(&f, "Date: d\n" HTML "ETag: W/\"x\"\nLast-Modified: l\nVary: Accept-Encoding\n"
                      "Content-Encoding: zstd\n");
    recode_fields(&f, CODING_IDENTITY, &arena);
    expect_fields(&f, "Date: d\n" HTML "ETag: W/\"x\"\nLast-Modified: l\nVary: Accept-Encoding\n");
    f = fields_of("X: 1\n");
    recode_weaken(&f, &arena);
    expect_fields(&f, "X: 1\n");
}

/* What an origin's 304 says to who asked so. */
static void t_not_modified(void **state)
{
    static const struct {
        const char *request, *had, *has;
    } rows[] = {
        {"If-None-Match: W/\"x\"\n", "ETag: \"x\"\n", "ETag: W/\"x\"\n"},
        {"If-None-Match: \"a\", W/\"x\"\n", "ETag: \"x\"\n", "ETag: W/\"x\"\n"},
        {"If-None-Match: \"x\"\n", "ETag: \"x\"\n", "ETag: \"x\"\n"},
        {"If-None-Match: W/\"x\", \"x\"\n", "ETag: \"x\"\n", "ETag: \"x\"\n"},
        {"If-None-Match: *\n", "ETag: \"x\"\n", "ETag: \"x\"\n"},
        {"If-None-Match: W/\"x\"\n", "ETag: W/\"x\"\n", "ETag: W/\"x\"\n"},
        {"If-Modified-Since: d\n", "ETag: \"x\"\n", "ETag: \"x\"\n"},
        {"If-None-Match: W/\"x\"\n", "X: 1\n", "X: 1\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(rows[i].had), request = fields_of(rows[i].request);

        recode_not_modified(&f, &request, &arena);
        expect_fields(&f, rows[i].has);
    }
}

static void t_keys(void **state)
{
    struct object obj = {.id = 0xabc};

    (void)state;
    assert_true(
        span_eq(recode_key(&obj, CODING_BR, &arena).text, SPAN("\ncoded 0000000000000abc br")));
    assert_true(span_eq(
        recode_key(&obj, CODING_IDENTITY, &arena).text, SPAN("\ncoded 0000000000000abc identity")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_judged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_marked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_chosen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_heads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_not_modified, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_keys, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
