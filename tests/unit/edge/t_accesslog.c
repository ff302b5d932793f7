#include "edge/accesslog.h"

#include "base/sink.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/t_accesslog.XXXXXX";

static int set_up(void **state)
{
    int fd;

    (void)state;
    memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

/* All that is in a file. */
static struct span contents(const char *name)
{
    static char text[256 * 1024];
    FILE *f = fopen(name, "r");
    size_t n;

    assert_non_null(f);
    n = fread(text, 1, sizeof(text), f);
    assert_true(n < sizeof(text));
    fclose(f);
    return span_make(text, n);
}

/* What one record becomes, newline included. */
static struct span line_of(const struct access_record *r, enum access_format format)
{
    struct sink *s = access_log_open(path, format);

    assert_non_null(s);
    assert_int_equal(truncate(path, 0), 0);
    access_log_put(s, r);
    sink_close(&s);
    return contents(path);
}

static void assert_line(const struct access_record *r, const char *want)
{
    struct span got = line_of(r, ACCESS_COMBINED);

    if (!span_eq(got, span_of(want)))
        fail_msg("\n%.*sinstead of\n%s", SPAN_ARG(got), want);
}

/* The object that one line is; to be freed. It must be the whole line and strict JSON: no member
 * twice. */
static json_t *object_of(const struct access_record *r)
{
    struct span line = line_of(r, ACCESS_JSON);
    json_error_t error;
    json_t *o;

    assert_true(line.n > 1 && line.p[line.n - 1] == '\n');
    assert_int_equal(span_find(line, '\n'), line.n - 1);
    o = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (o == NULL)
        fail_msg("%s at %d: %.*s", error.text, error.position, SPAN_ARG(line));
    assert_true(json_is_object(o));
    return o;
}

static void assert_text(const json_t *o, const char *name, struct span want)
{
    const json_t *v = json_object_get(o, name);

    if (!json_is_string(v) ||
        !span_eq(span_make(json_string_value(v), json_string_length(v)), want))
        fail_msg("%s: \"%s\" instead of \"%.*s\"", name, json_string_value(v), SPAN_ARG(want));
}

/* 2026-11-21T12:34:56.789Z */
static struct access_record full_record(void)
{
    struct access_record r = {
        .at_ms = 1795264496789,
        .method = SPAN("GET"),
        .target = SPAN("/a/b?c=d"),
        .host = SPAN("www.example.com"),
        .referer = SPAN("https://example.com/"),
        .user_agent = SPAN("curl/7.88.1"),
        .server = SPAN("127.0.0.1:8000"),
        .detail = SPAN("connect-timeout"),
        .protocol = "HTTP/1.1",
        .status = 200,
        .cache = CACHE_MISS,
        .bytes_out = 1300,
        .body_bytes_out = 1024,
        .bytes_in = 77,
        .total_us = 2345678,
        .first_byte_us = 999,
        .origin_us = 1000000,
        .connection = 12,
        .nth = 3,
        .end = "sent",
    };

    assert_true(addr_parse(SPAN("192.0.2.7:51000"), &r.peer));
    return r;
}

static struct access_record bare_record(void)
{
    return (struct access_record){
        .protocol = "HTTP/1.1", .status = 400, .first_byte_us = -1, .origin_us = -1, .end = "cut"};
}

static void combined_is_what_log_readers_know(void **state)
{
    struct access_record r = full_record();

    (void)state;
    assert_line(&r,
        "192.0.2.7 - - [21/Nov/2026:12:34:56 +0000] \"GET /a/b?c=d HTTP/1.1\" 200 1024 "
        "\"https://example.com/\" \"curl/7.88.1\" \"www.example.com\" cache=MISS total=2.345 "
        "origin=1.000 end=sent detail=\"connect-timeout\"\n");
    assert_true(addr_parse(SPAN("[2001:db8::1]:1"), &r.peer));
    r.detail = SPAN_EMPTY;
    r.protocol = "HTTP/1.0";
    r.origin_us = 999;
    assert_line(&r,
        "2001:db8::1 - - [21/Nov/2026:12:34:56 +0000] \"GET /a/b?c=d HTTP/1.0\" 200 1024 "
        "\"https://example.com/\" \"curl/7.88.1\" \"www.example.com\" cache=MISS total=2.345 "
        "origin=0.000 end=sent\n");
}

static void combined_has_dashes_for_what_is_not_there(void **state)
{
    const struct access_record r = bare_record();

    (void)state;
    assert_line(&r, "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 400 0 \"-\" \"-\" \"-\" cache=- "
                    "total=0.000 origin=- end=cut\n");
}

static void json_says_it_all(void **state)
{
    static const struct {
        const char *name;
        json_int_t value;
    } numbers[] = {{"status", 200}, {"bytes_out", 1300}, {"body_bytes_out", 1024}, {"bytes_in", 77},
        {"connection", 12}, {"nth", 3}};
    static const struct {
        const char *name, *value;
    } texts[] = {{"time", "2026-11-21T12:34:56.789Z"}, {"client", "192.0.2.7"}, {"method", "GET"},
        {"host", "www.example.com"}, {"target", "/a/b?c=d"}, {"protocol", "HTTP/1.1"},
        {"cache", "MISS"}, {"detail", "connect-timeout"}, {"server", "127.0.0.1:8000"},
        {"referer", "https://example.com/"}, {"user_agent", "curl/7.88.1"}, {"end", "sent"}};
    const struct access_record r = full_record();
    json_t *o = object_of(&r);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_text(o, texts[i].name, span_of(texts[i].value));
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const json_t *v = json_object_get(o, numbers[i].name);

        assert_true(json_is_integer(v));
        assert_int_equal(json_integer_value(v), numbers[i].value);
    }
    assert_true(json_real_value(json_object_get(o, "total_s")) == 2.345678);
    assert_true(json_real_value(json_object_get(o, "first_byte_s")) == 0.000999);
    assert_true(json_real_value(json_object_get(o, "origin_s")) == 1.0);
    assert_int_equal(json_object_size(o), ARRAY_LEN(texts) + ARRAY_LEN(numbers) + 3);
    json_decref(o);
}

static void json_leaves_out_what_is_not_there(void **state)
{
    static const char *const absent[] = {
        "detail", "first_byte_s", "origin_s", "server", "referer", "user_agent"};
    const struct access_record r = bare_record();
    json_t *o = object_of(&r);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(absent); i++)
        assert_null(json_object_get(o, absent[i]));
    assert_text(o, "method", SPAN(""));
    assert_text(o, "cache", SPAN("-"));
    assert_true(json_real_value(json_object_get(o, "total_s")) == 0.0);
    json_decref(o);
}

static void the_largest_numbers_stay_numbers(void **state)
{
    struct access_record r = full_record();
    struct span line;

    (void)state;
    r.bytes_out = r.body_bytes_out = r.bytes_in = r.connection = UINT64_MAX;
    r.total_us = INT64_MAX;
    r.nth = UINT32_MAX;
    line = line_of(&r, ACCESS_COMBINED);
    assert_non_null(memmem(line.p, line.n, " 200 18446744073709551615 ", 26));
    assert_non_null(memmem(line.p, line.n, " total=9223372036854.775 ", 25));
    line = line_of(&r, ACCESS_JSON);
    assert_non_null(memmem(line.p, line.n, "\"bytes_out\":18446744073709551615,", 33));
    assert_non_null(memmem(line.p, line.n, "\"total_s\":9223372036854.775807,", 31));
    assert_non_null(memmem(line.p, line.n, "\"nth\":4294967295,", 17));
}

static void every_cache_word_is_written(void **state)
{
    static const char *const words[] = {[CACHE_NONE] = "-",
        [CACHE_HIT] = "HIT",
        [CACHE_PARTIAL] = "PARTIAL",
        [CACHE_MISS] = "MISS",
        [CACHE_EXPIRED] = "EXPIRED",
        [CACHE_STALE] = "STALE",
        [CACHE_UPDATING] = "UPDATING",
        [CACHE_REVALIDATED] = "REVALIDATED",
        [CACHE_BYPASS] = "BYPASS"};
    struct access_record r = full_record();

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        char want[32];
        struct span line;
        json_t *o;

        r.cache = (enum cache_word)i;
        assert_string_equal(cache_word_text(r.cache), words[i]);
        snprintf(want, sizeof(want), "\" cache=%s total=", words[i]);
        line = line_of(&r, ACCESS_COMBINED);
        assert_non_null(memmem(line.p, line.n, want, strlen(want)));
        o = object_of(&r);
        assert_text(o, "cache", span_of(words[i]));
        json_decref(o);
    }
}

/* A stranger's text can neither end its quotes nor its line, whatever is in it. */
static void a_line_cannot_be_forged(void **state)
{
    struct access_record r = bare_record();

    (void)state;
    r.method = SPAN("G\"T");
    r.target = SPAN("/\n1.2.3.4 - - \"\\\t\x7f\x00\xff");
    r.host = SPAN("h\r\nx");
    r.referer = SPAN("\" 200 0 \"");
    r.user_agent = SPAN("\\\"");
    r.detail = SPAN("a\"b");
    assert_line(&r,
        "- - - [01/Jan/1970:00:00:00 +0000] "
        "\"G\\x22T /\\x0a1.2.3.4 - - \\x22\\x5c\\x09\\x7f\\x00\\xff HTTP/1.1\" 400 0 "
        "\"\\x22 200 0 \\x22\" \"\\x5c\\x22\" \"h\\x0d\\x0ax\" cache=- total=0.000 origin=- "
        "end=cut detail=\"a\\x22b\"\n");
}

static void every_byte_stays_in_its_place(void **state)
{
    struct access_record r = bare_record();
    char all[256];
    struct span line, rest, piece;
    unsigned quotes = 0;
    json_t *o;

    (void)state;
    for (unsigned i = 0; i < sizeof(all); i++)
        all[i] = (char)i;
    r.method = r.target = r.host = r.referer = r.user_agent = r.detail = r.server =
        span_make(all, sizeof(all));
    line = line_of(&r, ACCESS_COMBINED);
    assert_int_equal(span_find(line, '\n'), line.n - 1);
    for (size_t i = 0; i + 1 < line.n; i++) {
        assert_in_range((unsigned char)line.p[i], 0x20, 0x7e);
        quotes += line.p[i] == '"';
    }
    assert_int_equal(quotes, 10); /* request, Referer, User-Agent, Host, detail */
    rest = line;
    assert_true(span_cut(&rest, '"', &piece));
    assert_true(span_cut(&rest, '"', &piece));
    assert_true(span_ends(piece, SPAN("\\xff HTTP/1.1")));

    o = object_of(&r);
    /* ASCII is itself; no byte above it begins or continues a character here. */
    for (unsigned i = 0; i < 128; i++)
        assert_int_equal(json_string_value(json_object_get(o, "target"))[i], i);
    assert_int_equal(json_string_length(json_object_get(o, "target")), 128 + 128 * 3);
    json_decref(o);
}

static void json_is_utf8(void **state)
{
#define BAD "\xef\xbf\xbd" /* U+FFFD */
    static const struct {
        struct span sent, written;
    } rows[] = {
        {SPAN("gr\xc3\xbc\xc3\x9f"), SPAN("gr\xc3\xbc\xc3\x9f")},
        {SPAN("\xe2\x82\xac"), SPAN("\xe2\x82\xac")},         /* U+20AC */
        {SPAN("\xf0\x9f\x98\x80"), SPAN("\xf0\x9f\x98\x80")}, /* U+1F600 */
        {SPAN("\xf4\x8f\xbf\xbf"), SPAN("\xf4\x8f\xbf\xbf")}, /* the last one */
        {SPAN("\xed\x9f\xbf\xee\x80\x80"), SPAN("\xed\x9f\xbf\xee\x80\x80")},
        {SPAN("\xc3"), SPAN(BAD)}, /* cut */
        {SPAN("\xe2\x82"), SPAN(BAD BAD)},
        {SPAN("\xf0\x9f\x98x"), SPAN(BAD BAD BAD "x")},
        {SPAN("\x80"), SPAN(BAD)},         /* no beginning */
        {SPAN("\xc0\xaf"), SPAN(BAD BAD)}, /* longer than need be */
        {SPAN("\xc1\x81"), SPAN(BAD BAD)},
        {SPAN("\xe0\x9f\xbf"), SPAN(BAD BAD BAD)},
        {SPAN("\xf0\x8f\xbf\xbf"), SPAN(BAD BAD BAD BAD)},
        {SPAN("\xed\xa0\x80"), SPAN(BAD BAD BAD)}, /* a surrogate */
        {SPAN("\xed\xbf\xbf"), SPAN(BAD BAD BAD)},
        {SPAN("\xf4\x90\x80\x80"), SPAN(BAD BAD BAD BAD)}, /* past U+10FFFF */
        {SPAN("\xf5\x80\x80\x80"), SPAN(BAD BAD BAD BAD)},
        {SPAN("\xfe\xff"), SPAN(BAD BAD)},
        {SPAN("a\0b\x1f\x7f\"\\/"), SPAN("a\0b\x1f\x7f\"\\/")},
    };
    struct access_record r = bare_record();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *o;

        r.user_agent = rows[i].sent;
        o = object_of(&r);
        assert_text(o, "user_agent", rows[i].written);
        json_decref(o);
    }
#undef BAD
}

static void long_texts_are_cut(void **state)
{
    enum { CUT = 2048, SENT = 65536 };
    struct access_record r = bare_record();
    char *text = malloc(SENT);
    struct span line;
    json_t *o;

    (void)state;
    assert_non_null(text);
    memset(text, '"', SENT); /* the worst case for room: each becomes four or six bytes */
    r.method = r.target = r.host = r.referer = r.user_agent = r.server = r.detail =
        span_make(text, SENT);
    line = line_of(&r, ACCESS_COMBINED);
    assert_in_range(line.n, 6 * CUT * 4, 6 * CUT * 4 + 256);
    assert_true(span_ends(line, SPAN("\\x22\"\n")));
    o = object_of(&r);
    assert_int_equal(json_string_length(json_object_get(o, "target")), CUT);
    assert_int_equal(json_string_length(json_object_get(o, "detail")), CUT);
    json_decref(o);
    r = bare_record();
    r.target = span_make(text, CUT);
    o = object_of(&r);
    assert_int_equal(json_string_length(json_object_get(o, "target")), CUT);
    json_decref(o);
    free(text);
}

/* NULL as path: lines go to descriptor 2, and closing the log leaves that open. */
static void standard_error_is_a_log_too(void **state)
{
    const struct access_record r = full_record();
    int saved = dup(STDERR_FILENO), fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    struct sink *s;
    struct span line;

    (void)state;
    assert_true(saved >= 0 && fd >= 0);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    s = access_log_open(NULL, ACCESS_COMBINED);
    if (s != NULL) {
        access_log_put(s, &r);
        (void)sink_reopen(s);
        sink_close(&s);
        fputs("still open\n", stderr);
    }
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fd);
    line = contents(path);
    assert_true(span_starts(line, SPAN("192.0.2.7 - - [")));
    assert_true(span_ends(line, SPAN("\nstill open\n")));
}

static void a_log_that_cannot_be_opened_is_none(void **state)
{
    (void)state;
    assert_null(access_log_open("/nowhere/access.log", ACCESS_JSON));
    assert_null(access_log_open("", ACCESS_COMBINED));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(combined_is_what_log_readers_know),
        TEST(combined_has_dashes_for_what_is_not_there),
        TEST(json_says_it_all),
        TEST(json_leaves_out_what_is_not_there),
        TEST(the_largest_numbers_stay_numbers),
        TEST(every_cache_word_is_written),
        TEST(a_line_cannot_be_forged),
        TEST(every_byte_stays_in_its_place),
        TEST(json_is_utf8),
        TEST(long_texts_are_cut),
        TEST(standard_error_is_a_log_too),
        TEST(a_log_that_cannot_be_opened_is_none),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
