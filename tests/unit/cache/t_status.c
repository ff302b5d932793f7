/*
 * t_status.c - Cache-Status, read back as the structured field that it is.
 */
#include "rules.h"

#include "cache/status.h"
#include "http/sfv.h"

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

static void members(void **state)
{
    static const struct {
        struct cache_status cs;
        const char *name, *want;
    } rows[] = {
        {{0}, "edge", "edge"},
        {{.hit = true, .has_ttl = true, .ttl_s = 376}, "edge", "edge; hit; ttl=376"},
        {{.hit = true, .has_ttl = true, .ttl_s = -412}, "edge", "edge; hit; ttl=-412"},
        {{.hit = true, .has_ttl = true}, "edge", "edge; hit; ttl=0"},
        {{.fwd = FWD_URI_MISS}, "edge", "edge; fwd=uri-miss"},
        {{.fwd = FWD_VARY_MISS, .stored = true}, "edge", "edge; fwd=vary-miss; stored"},
        {{.fwd = FWD_URI_MISS, .collapsed = true}, "edge", "edge; fwd=uri-miss; collapsed"},
        {{.fwd = FWD_STALE, .fwd_status = 304, .has_ttl = true, .ttl_s = 60}, "edge",
            "edge; fwd=stale; fwd-status=304; ttl=60"},
        {{.fwd = FWD_BYPASS}, "edge", "edge; fwd=bypass"},
        {{.fwd = FWD_METHOD}, "edge", "edge; fwd=method"},
        {{.fwd = FWD_MISS}, "edge", "edge; fwd=miss"},
        {{.fwd = FWD_REQUEST}, "edge", "edge; fwd=request"},
        {{.fwd = FWD_PARTIAL}, "edge", "edge; fwd=partial"},
        /* 9211 §2.2: never both */
        {{.hit = true, .fwd = FWD_STALE, .fwd_status = 200, .stored = true, .collapsed = true},
            "edge", "edge; hit"},
        {{.hit = true, .key = SPAN("h/a?b")}, "edge", "edge; hit; key=\"h/a?b\""},
        {{.fwd = FWD_URI_MISS, .detail = SPAN("no-store")}, "edge",
            "edge; fwd=uri-miss; detail=no-store"},
        {{.detail = SPAN("connect timeout")}, "edge", "edge; detail=\"connect timeout\""},
        {{.detail = SPAN("a\"b\\c\r\n\x80")}, "edge", "edge; detail=\"a\\\"b\\\\c???\""},
        {{.hit = true}, "edge1.example.com:80", "edge1.example.com:80; hit"},
        {{.hit = true}, "1edge", "\"1edge\"; hit"},
        {{.hit = true}, "the edge", "\"the edge\"; hit"},
        {{.hit = true}, "", "\"\"; hit"},
        {{.has_ttl = true, .ttl_s = INT64_MIN}, "e", "e; ttl=-999999999999999"},
        {{.has_ttl = true, .ttl_s = INT64_MAX}, "e", "e; ttl=999999999999999"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[CACHE_STATUS_MAX];
        size_t n = cache_status_write(&rows[i].cs, span_of(rows[i].name), text);
        struct sfv_members list;

        row_text(rows[i].want, span_make(text, n), rows[i].want);
        row_check(rows[i].want, sfv_list_parse(span_make(text, n), &arena, &list) && list.n == 1);
    }
}

static void longest(void **state)
{
    static char quotes[1000];
    struct span many = {quotes, sizeof(quotes)};
    struct cache_status cs = {.fwd = FWD_VARY_MISS,
        .fwd_status = INT32_MIN,
        .has_ttl = true,
        .ttl_s = INT64_MIN,
        .stored = true,
        .collapsed = true,
        .key = many,
        .detail = many};
    char text[CACHE_STATUS_MAX];
    struct sfv_members list;
    size_t n;

    (void)state;
    memset(quotes, '"', sizeof(quotes));
    n = cache_status_write(&cs, many, text);
    assert_true(n > 6 * CACHE_STATUS_TEXT_MAX && n <= CACHE_STATUS_MAX);
    assert_true(sfv_list_parse(span_make(text, n), &arena, &list));
    assert_int_equal(list.v[0].value.text.n, CACHE_STATUS_TEXT_MAX);
    assert_int_equal(list.v[0].value.params_n, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members),
        cmocka_unit_test(longest),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
