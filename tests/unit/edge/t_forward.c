#include "edge/forward.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena arena;

static const struct setup edge = {
    .via_11 = {"1.1 edge-1", 10}, .via_10 = {"1.0 edge-1", 10}, .loop_id = {"edge-1", 6}};
static const struct forward_from from = {
    .client = {"192.0.2.7", 9}, .host = {"www.example.com", 15}, .proto = {"http", 4}, .minor = 1};

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
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

/* The reverse. */
static const char *text_of(const struct fields *f)
{
    struct buf b;
    struct span text;

    buf_init(&b, 64 * 1024);
    fields_each (it, f)
        assert_true(buf_printf(&b, "%.*s: %.*s\n", SPAN_ARG(it->name), SPAN_ARG(it->value)));
    text = arena_dup(&arena, buf_span(&b));
    buf_free(&b);
    return text.p;
}

/* What the origin gets to see of a client's fields. */
static const char *request_of(const char *text, bool whole)
{
    const struct fields f = fields_of(text);
    struct fields out = forward_request(&f, &from, &edge, whole, &arena);

    assert_string_equal(text_of(&f), text); /* the client's stay as they are */
    return text_of(&out);
}

/* What is added to every request. */
#define ADDED                                                                                      \
    "X-Forwarded-For: 192.0.2.7\n"                                                                 \
    "X-Forwarded-Proto: http\n"                                                                    \
    "X-Forwarded-Host: www.example.com\n"                                                          \
    "Forwarded: for=192.0.2.7;host=www.example.com;proto=http\n"                                   \
    "Via: 1.1 edge-1\n"                                                                            \
    "CDN-Loop: edge-1\n"

static void an_empty_request_says_who_asked(void **state)
{
    (void)state;
    assert_string_equal(request_of("", true), ADDED);
}

static void end_to_end_fields_pass_in_order(void **state)
{
    static const char sent[] = "User-Agent: x\nAccept: a\naccept: b\nX-Any: \nCookie: c=d\n"
                               "Cache-Control: no-cache\nAuthorization: Basic eDp5\n";

    (void)state;
    assert_string_equal(request_of(sent, false),
        "User-Agent: x\nAccept: a\naccept: b\nX-Any: \nCookie: c=d\n"
        "Cache-Control: no-cache\nAuthorization: Basic eDp5\n" ADDED);
}

static void hop_by_hop_fields_end_here(void **state)
{
    (void)state;
    assert_string_equal(request_of("Connection: close, X-Mine\nX-Mine: 1\nKeep-Alive: timeout=5\n"
                                   "Proxy-Connection: keep-alive\nTE: trailers\n"
                                   "Transfer-Encoding: chunked\nUpgrade: h2c\n"
                                   "HTTP2-Settings: AAAA\nProxy-Authorization: Basic eA==\n"
                                   "Content-Length: 3\nExpect: 100-continue\nTrailer: X-Sum\n"
                                   "Host: evil.example\nX-Kept: 1\n",
                            true),
        "X-Kept: 1\n" ADDED);
}

/* RFC 9110 §7.6.1 lets a client name fields of its own only, none that protect others. */
static void nobody_lists_away_what_protects(void **state)
{
    (void)state;
    assert_string_equal(
        request_of("Connection: Cookie, X-Forwarded-For, Via, CDN-Loop, Authorization\n"
                   "Cookie: a=b\nX-Forwarded-For: 198.51.100.1\nVia: 1.1 other\n"
                   "CDN-Loop: other\nAuthorization: Basic eDp5\n",
            true),
        "Cookie: a=b\n"
        "X-Forwarded-For: 198.51.100.1, 192.0.2.7\n"
        "Via: 1.1 other, 1.1 edge-1\n"
        "CDN-Loop: other, edge-1\n"
        "Authorization: Basic eDp5\n"
        "X-Forwarded-Proto: http\n"
        "X-Forwarded-Host: www.example.com\n"
        "Forwarded: for=192.0.2.7;host=www.example.com;proto=http\n");
}

static void our_part_goes_behind_that_of_others(void **state)
{
    (void)state;
    assert_string_equal(request_of("Via: 1.0 a\nX: 1\nVia: 1.1 b (c)\nCDN-Loop: d; v=1\n"
                                   "X-Forwarded-For: 2001:db8::1\nX-Forwarded-For: 10.0.0.1\n"
                                   "CDN-Loop: e\n",
                            true),
        "Via: 1.0 a, 1.1 b (c), 1.1 edge-1\n"
        "X: 1\n"
        "CDN-Loop: d; v=1, e, edge-1\n"
        "X-Forwarded-For: 2001:db8::1, 10.0.0.1, 192.0.2.7\n"
        "X-Forwarded-Proto: http\n"
        "X-Forwarded-Host: www.example.com\n"
        "Forwarded: for=192.0.2.7;host=www.example.com;proto=http\n");
}

/* The key does not have them, so one client's would be answered to all others. */
static void what_is_not_in_the_key_does_not_pass(void **state)
{
    static const char *const names[] = {"X-Forwarded-Port", "X-Forwarded-Scheme",
        "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Forwarded-Ssl", "X-Forwarded-Protocol",
        "X-Forwarded-Path", "X-Forwarded-Uri", "X-Host", "X-HTTP-Host-Override", "X-Original-URL",
        "X-Original-Host", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method",
        "X-Method-Override", "X-Url-Scheme", "Front-End-Https", "Proxy"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct span twice =
            arena_printf(&arena, "%s: evil\nX-Kept: 1\n%s: worse\n", names[i], names[i]);
        char *lower = arena_zalloc(&arena, twice.n + 1);

        for (size_t k = 0; k < twice.n; k++)
            lower[k] = ascii_lower(twice.p[k]);
        assert_string_equal(request_of(twice.p, true), "X-Kept: 1\n" ADDED);
        assert_string_equal(request_of(lower, true), "x-kept: 1\n" ADDED);
    }
    assert_string_equal(request_of("X-Forwarded-Host: evil\nX-Forwarded-Proto: https\n"
                                   "Forwarded: host=evil;proto=https\nForwarded: for=_x\n",
                            true),
        "X-Forwarded-Proto: http\n"
        "Forwarded: for=192.0.2.7;host=www.example.com;proto=http\n"
        "X-Forwarded-For: 192.0.2.7\nX-Forwarded-Host: www.example.com\nVia: 1.1 edge-1\nCDN-Loop: "
        "edge-1\n");
}

/* What a gateway would take for another field does not pass; '_' in other names means nothing. */
static void underscores_are_no_disguise(void **state)
{
    (void)state;
    assert_string_equal(
        request_of(
            "X_Forwarded_For: 198.51.100.1\nx-forwarded_host: evil\nContent_Length: 5\n"
            "TRANSFER_ENCODING: chunked\nX_Original_URL: /evil\nX-Http_Method_Override: PUT\n"
            "CDN_Loop: x\nCache_Control: no-cache\nX_Mine: 1\n_: 2\n",
            true),
        "X_Mine: 1\n_: 2\n" ADDED);
}

static void conditions_pass_only_with_the_whole(void **state)
{
    static const char sent[] = "If-Match: \"a\"\nIf-None-Match: \"b\"\n"
                               "If-Modified-Since: Sat, 21 Nov 2026 00:00:00 GMT\n"
                               "If-Unmodified-Since: Sat, 21 Nov 2026 00:00:00 GMT\n"
                               "If-Range: \"c\"\nRange: bytes=0-1\nX-Kept: 1\n";

    (void)state;
    assert_string_equal(request_of(sent, false), "X-Kept: 1\n" ADDED);
    assert_string_equal(request_of(sent, true), arena_printf(&arena, "%s%s", sent, ADDED).p);
}

static void the_client_is_named_as_it_is(void **state)
{
    const struct forward_from v6 = {.client = SPAN("2001:db8::1"),
        .host = SPAN("a.example:8080"),
        .proto = SPAN("https"),
        .minor = 0};
    struct fields none = {0}, out = forward_request(&none, &v6, &edge, true, &arena);

    (void)state;
    assert_string_equal(text_of(&out),
        "X-Forwarded-For: 2001:db8::1\n"
        "X-Forwarded-Proto: https\n"
        "X-Forwarded-Host: a.example:8080\n"
        "Forwarded: for=\"[2001:db8::1]\";host=\"a.example:8080\";proto=https\n"
        "Via: 1.0 edge-1\n"
        "CDN-Loop: edge-1\n");
}

/* A client on a Unix socket, or a host that cannot be quoted: no Forwarded is better than a false
 * one. */
static void what_cannot_be_said_is_left_out(void **state)
{
    const struct forward_from odd = {
        .client = SPAN("unix:"), .host = SPAN("a\"b"), .proto = SPAN("http"), .minor = 1};
    struct fields f = fields_of("Forwarded: for=evil\n"),
                  out = forward_request(&f, &odd, &edge, true, &arena);

    (void)state;
    assert_false(fields_has(&out, FIELD_FORWARDED));
}

/* A 1xx frames nothing and says nothing of the hop (RFC 9110 §15.2). */
static void interim_fields_are_end_to_end(void **state)
{
    const struct fields f =
        fields_of("Link: </a>\nContent-Length: 5\nTransfer-Encoding: chunked\nTrailer: X\n"
                  "Connection: X-Hop, close\nX-Hop: 1\nUpgrade: h2c\nX-Own: 1\n");
    struct fields out = forward_interim(&f, &arena);

    (void)state;
    assert_string_equal(text_of(&out), "Link: </a>\nX-Own: 1\n");
    assert_int_equal(f.n, 8); /* as they were */
}

/* --- responses ------------------------------------------------------------------------------ */

enum { NOW = 1795219200 }; /* Sat, 21 Nov 2026 00:00:00 GMT */
#define NOW_TEXT "Sat, 21 Nov 2026 00:00:00 GMT"

static const char *response_of(const char *text, int minor, bool stored, bool keep_length)
{
    struct http_response head = {.status = 200, .minor = minor, .fields = fields_of(text)};

    forward_response(&head, &edge, stored, keep_length, NOW, &arena);
    return text_of(&head.fields);
}

static void responses_lose_what_was_for_one_connection(void **state)
{
    (void)state;
    assert_string_equal(response_of("Connection: keep-alive, X-Mine\nKeep-Alive: timeout=5\n"
                                    "X-Mine: 1\nTransfer-Encoding: chunked\nUpgrade: h2c\n"
                                    "Proxy-Authenticate: Basic\nTrailer: X-Sum\n"
                                    "Content-Type: text/plain\nSet-Cookie: a=b\n"
                                    "Set-Cookie: c=d\nDate: Fri, 20 Nov 2026 00:00:00 GMT\n",
                            1, false, false),
        "Content-Type: text/plain\nSet-Cookie: a=b\nSet-Cookie: c=d\n"
        "Date: Fri, 20 Nov 2026 00:00:00 GMT\nVia: 1.1 edge-1\n");
}

static void responses_keep_what_caches_need(void **state)
{
    (void)state;
    assert_string_equal(
        response_of("Connection: Cache-Control, ETag, Vary, Set-Cookie\nCache-Control: private\n"
                    "ETag: \"a\"\nVary: Cookie\nSet-Cookie: a=b\nDate: " NOW_TEXT "\n",
            1, true, true),
        "Cache-Control: private\nETag: \"a\"\nVary: Cookie\nSet-Cookie: a=b\nDate: " NOW_TEXT
        "\nVia: 1.1 edge-1\n");
}

/* RFC 9110 §6.6.1 */
static void a_missing_date_is_added(void **state)
{
    (void)state;
    assert_string_equal(response_of("", 1, true, true), "Date: " NOW_TEXT "\nVia: 1.1 edge-1\n");
    assert_string_equal(response_of("Date: Fri, 20 Nov 2026 00:00:00 GMT\n", 1, true, true),
        "Date: Fri, 20 Nov 2026 00:00:00 GMT\nVia: 1.1 edge-1\n");
}

static void age_stays_unless_it_is_counted_anew(void **state)
{
    static const char sent[] = "Age: 5\nAge: 7\nDate: " NOW_TEXT "\n";

    (void)state;
    assert_string_equal(response_of(sent, 1, true, true), "Date: " NOW_TEXT "\nVia: 1.1 edge-1\n");
    assert_string_equal(
        response_of(sent, 1, false, true), "Age: 5\nAge: 7\nDate: " NOW_TEXT "\nVia: 1.1 edge-1\n");
}

static void the_length_stays_when_asked_for(void **state)
{
    static const char sent[] = "Content-Length: 5\nDate: " NOW_TEXT "\n";

    (void)state;
    assert_string_equal(response_of(sent, 1, true, false), "Date: " NOW_TEXT "\nVia: 1.1 edge-1\n");
    assert_string_equal(response_of(sent, 1, true, true),
        "Content-Length: 5\nDate: " NOW_TEXT "\nVia: 1.1 edge-1\n");
}

static void via_says_what_the_origin_spoke(void **state)
{
    (void)state;
    assert_string_equal(response_of("Via: 1.1 a\nDate: " NOW_TEXT "\nVia: 1.1 b\n", 0, false, true),
        "Via: 1.1 a, 1.1 b, 1.0 edge-1\nDate: " NOW_TEXT "\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_request_says_who_asked),
        TEST(end_to_end_fields_pass_in_order),
        TEST(hop_by_hop_fields_end_here),
        TEST(nobody_lists_away_what_protects),
        TEST(our_part_goes_behind_that_of_others),
        TEST(what_is_not_in_the_key_does_not_pass),
        TEST(underscores_are_no_disguise),
        TEST(conditions_pass_only_with_the_whole),
        TEST(the_client_is_named_as_it_is),
        TEST(what_cannot_be_said_is_left_out),
        TEST(interim_fields_are_end_to_end),
        TEST(responses_lose_what_was_for_one_connection),
        TEST(responses_keep_what_caches_need),
        TEST(a_missing_date_is_added),
        TEST(age_stays_unless_it_is_counted_anew),
        TEST(the_length_stays_when_asked_for),
        TEST(via_says_what_the_origin_spoke),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
