/*
 * t_fresh.c - ages and what they allow.
 */
#include "rules.h"

#include "cache/policy.h"

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

/* Age at arrival, and some seconds later. The request was sent `delay` before. */
static void ages(void **state)
{
    static const struct {
        const char *row, *fields;
        int64_t delay, initial, later, then;
    } rows[] = {
        {"9111 §4.2.3 nothing: no age", "X: 1", 0, 0, 5, 5},
        {"9111 §4.2.3 Date now", DATE_NOW, 0, 0, 5, 5},
        {"9111 §4.2.3 apparent_age", "Date: " AT_100_AGO, 0, 100, 5, 105},
        {"9111 §4.2.3 a Date ahead has no age", "Date: " AT_100_ON, 0, 0, 5, 5},
        {"9111 §4.2.3 response_delay", DATE_NOW "\nAge: 10", 3, 13, 5, 18},
        {"9111 §4.2.3 the larger of both", "Date: " AT_100_AGO "\nAge: 10", 3, 100, 0, 100},
        {"9111 §4.2.3 the larger of both", "Date: " AT_100_AGO "\nAge: 200", 3, 203, 0, 203},
        {"9111 §4.2.3 a clock that went back", DATE_NOW "\nAge: 10", -5, 10, -5, 10},
        {"9110 §6.6.1 an invalid Date is none", "Date: foo\nAge: 10", 0, 10, 0, 10},
        {"9111 §5.1 not a number", DATE_NOW "\nAge: abc", 0, 0, 0, 0},
        {"9111 §5.1 negative", DATE_NOW "\nAge: -7200", 0, 0, 0, 0},
        {"9111 §5.1 a fraction", DATE_NOW "\nAge: 7200.0", 0, 0, 0, 0},
        {"9111 §5.1 a parameter", DATE_NOW "\nAge: 7200;a=b", 0, 0, 0, 0},
        {"9111 §5.1 empty", DATE_NOW "\nAge:", 0, 0, 0, 0},
        {"9111 §5.1 the first of a list", DATE_NOW "\nAge: 7200, 0", 0, 7200, 0, 7200},
        {"9111 §5.1 the first of a list", DATE_NOW "\nAge: 0, 7200", 0, 0, 0, 0},
        {"9111 §5.1 the first line", DATE_NOW "\nAge: 5\nAge: 9", 0, 5, 0, 5},
        {"9111 §5.1 an invalid first one hides the rest", DATE_NOW "\nAge: x, 9", 0, 0, 0, 0},
        {"9111 §1.2.2 2^31 - 1", DATE_NOW "\nAge: 2147483647", 0, 2147483647, 1, 2147483648},
        {"9111 §1.2.2 2^31", DATE_NOW "\nAge: 2147483648", 1, 2147483648, 1, 2147483648},
        {"9111 §1.2.2 beyond", DATE_NOW "\nAge: 2147483649", 0, 2147483648, 0, 2147483648},
        {"9111 §1.2.2 far beyond", DATE_NOW "\nAge: 99999999999999999999", 0, 2147483648, 0,
            2147483648},
        {"9111 §1.2.2 a Date of long ago", "Date: Mon, 01 Jan 0001 00:00:00 GMT", 0, 2147483648, 0,
            2147483648},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].fields);
        struct freshness fresh = {0};

        fresh_set_age(&fresh, &f, NOW - rows[i].delay, NOW);
        row_check(rows[i].row, fresh.initial_age_s == rows[i].initial);
        row_check(rows[i].row, fresh_age(&fresh, NOW + rows[i].later) == rows[i].then);
    }
}

static void extremes(void **state)
{
    struct freshness f = {.response_s = INT64_MIN, .initial_age_s = UINT32_MAX};
    struct fields none = {0};

    (void)state;
    assert_int_equal(fresh_age(&f, INT64_MAX), FRESH_SECONDS_MAX);
    assert_int_equal(fresh_age(&f, INT64_MIN), FRESH_SECONDS_MAX);
    assert_int_equal(fresh_ttl(&f, INT64_MAX), -FRESH_SECONDS_MAX);
    fresh_set_age(&f, &none, INT64_MIN, INT64_MAX);
    assert_int_equal(f.initial_age_s, FRESH_SECONDS_MAX);
    assert_int_equal(fresh_age(&f, INT64_MIN), FRESH_SECONDS_MAX);
    assert_int_equal(fresh_seconds(INT64_MIN), 0);
    assert_int_equal(fresh_seconds(INT64_MAX), FRESH_SECONDS_MAX);
}

#define U FRESH_USE
#define R FRESH_USE_AND_REFRESH
#define V FRESH_VALIDATE

/* What a client asks; empty: not honoured. */
static struct fresh_ask ask_of(const char *cache_control)
{
    struct cache_options options = cache_options_default();
    struct fields f = {0};

    options.honour_request = cache_control[0] != '\0';
    fields_add(&f, &arena, FIELD_CACHE_CONTROL, span_of(cache_control));
    return policy_ask(&f, &options, &arena);
}

static void judged(void **state)
{
    static const struct {
        const char *row;
        struct freshness fresh; /* came NOW */
        const char *ask;
        int64_t age;
        bool soft_purged;
        enum fresh_use want;
        bool on_error;
    } rows[] = {
        {"9111 §4.2 fresh", {.lifetime_s = 10}, "", 9, false, U, true},
        {"9111 §4.2 lifetime must be greater than age", {.lifetime_s = 10}, "", 10, false, V,
            false},
        {"9111 §4.2 all zero", {0}, "", 0, false, V, false},
        {"9111 §4.2 age at arrival", {.lifetime_s = 10, .initial_age_s = 9}, "", 0, false, U, true},
        {"9111 §4.2 age at arrival", {.lifetime_s = 10, .initial_age_s = 9}, "", 1, false, V,
            false},
        {"9111 §5.2.2.4 no-cache", {.lifetime_s = 10, .no_cache = true, .if_error_s = 100}, "", 0,
            false, V, false},
        {"9111 §5.2.2.4 no-cache and the client's max-stale", {.lifetime_s = 10, .no_cache = true},
            "max-stale=100", 0, false, V, false},
        {"5861 §3 within the window", {.lifetime_s = 10, .while_revalidate_s = 5}, "", 10, false, R,
            false},
        {"5861 §3 its last second", {.lifetime_s = 10, .while_revalidate_s = 5}, "", 14, false, R,
            false},
        {"5861 §3 past the window", {.lifetime_s = 10, .while_revalidate_s = 5}, "", 15, false, V,
            false},
        {"5861 §4 stale-if-error does not excuse from asking", {.lifetime_s = 10, .if_error_s = 5},
            "", 14, false, V, true},
        {"5861 §4 past the window", {.lifetime_s = 10, .if_error_s = 5}, "", 15, false, V, false},
        {"5861 §4 the client's window is wider", {.lifetime_s = 10, .if_error_s = 5},
            "stale-if-error=60", 69, false, V, true},
        {"5861 §4 the client's window is narrower", {.lifetime_s = 10, .if_error_s = 5},
            "stale-if-error=0", 12, false, V, false},
        {"9111 §4.2.4 the client cannot overrule must-revalidate",
            {.lifetime_s = 10, .must_revalidate = true}, "stale-if-error=60", 12, false, V, false},
        {"9111 §4.2.4 windows of s-maxage's own response",
            {.lifetime_s = 10, .must_revalidate = true, .if_error_s = 5, .while_revalidate_s = 5},
            "", 12, false, R, true},
        {"9111 §5.2.1.4 no-cache", {.lifetime_s = 10}, "no-cache", 0, false, V, true},
        {"9111 §5.2.1.4 no-cache takes nothing stale", {.lifetime_s = 10, .while_revalidate_s = 50},
            "no-cache", 20, false, V, false},
        {"9111 §5.2.1.1 max-age", {.lifetime_s = 10}, "max-age=5", 5, false, U, true},
        {"9111 §5.2.1.1 max-age", {.lifetime_s = 10}, "max-age=5", 6, false, V, true},
        {"9111 §5.2.1.1 max-age=0", {.lifetime_s = 10}, "max-age=0", 1, false, V, true},
        {"9111 §5.2.1.1 no stale one by refresh", {.lifetime_s = 10, .while_revalidate_s = 9},
            "max-age=50", 12, false, V, false},
        {"8246 §2 reload of an immutable one", {.lifetime_s = 10, .immutable = true}, "max-age=0",
            5, false, U, true},
        {"8246 §2 forced reload", {.lifetime_s = 10, .immutable = true}, "no-cache", 5, false, V,
            true},
        {"8246 §2 only while fresh", {.lifetime_s = 10, .immutable = true},
            "max-age=0, max-stale=100", 15, false, V, false},
        {"9111 §5.2.1.3 min-fresh", {.lifetime_s = 10}, "min-fresh=5", 5, false, U, true},
        {"9111 §5.2.1.3 min-fresh", {.lifetime_s = 10}, "min-fresh=5", 6, false, V, true},
        {"9111 §5.2.1.2 max-stale", {.lifetime_s = 10}, "max-stale=5", 15, false, U, false},
        {"9111 §5.2.1.2 max-stale", {.lifetime_s = 10}, "max-stale=5", 16, false, V, false},
        {"9111 §5.2.1.2 any", {.lifetime_s = 10}, "max-stale", 1000000000, false, U, false},
        {"9111 §4.2.4 max-stale and must-revalidate", {.lifetime_s = 10, .must_revalidate = true},
            "max-stale=5", 12, false, V, false},
        {"9111 §5.2.1.2 more than max-stale but within the window",
            {.lifetime_s = 10, .while_revalidate_s = 50}, "max-stale=5", 20, false, R, false},
        {"soft purge", {.lifetime_s = 10}, "", 0, true, V, false},
        {"soft purge: no window to refresh meanwhile", {.lifetime_s = 10, .while_revalidate_s = 5},
            "", 12, true, V, false},
        {"soft purge: the client's max-stale does not excuse from asking", {.lifetime_s = 10},
            "max-stale=100", 0, true, V, false},
        {"soft purge: when the origin fails", {.lifetime_s = 10, .if_error_s = 5}, "", 0, true, V,
            true},
        {"soft purge: the window is the response's", {.lifetime_s = 10, .if_error_s = 5}, "", 14,
            true, V, true},
        {"soft purge: past the window", {.lifetime_s = 10, .if_error_s = 5}, "", 15, true, V,
            false},
        {"soft purge: the client's window", {.lifetime_s = 10}, "stale-if-error=5", 0, true, V,
            true},
        {"soft purge: never stale, as must-revalidate says",
            {.lifetime_s = 10, .must_revalidate = true}, "stale-if-error=5", 0, true, V, false},
        {"soft purge: no-cache", {.lifetime_s = 10, .no_cache = true, .if_error_s = 5}, "", 0, true,
            V, false},
        {"saturated", {.lifetime_s = (uint32_t)FRESH_SECONDS_MAX}, "", INT64_MAX - NOW, false, V,
            false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct freshness f = rows[i].fresh;
        struct fresh_ask ask = ask_of(rows[i].ask);
        wall_s now = NOW + rows[i].age;
        enum fresh_use got;

        f.response_s = NOW;
        got = fresh_judge(&f, &ask, now, rows[i].soft_purged);
        if (got != rows[i].want)
            fail_msg("%s (row %zu): %d instead of %d", rows[i].row, i, got, rows[i].want);
        if (!ask.honoured)
            row_check(rows[i].row, fresh_judge(&f, NULL, now, rows[i].soft_purged) == got);
        if (fresh_may_serve_on_error(&f, &ask, now, rows[i].soft_purged) != rows[i].on_error)
            fail_msg("%s (row %zu): on error not %d", rows[i].row, i, rows[i].on_error);
    }
}

static void ttl(void **state)
{
    struct freshness f = {.lifetime_s = 60, .initial_age_s = 10, .response_s = NOW};

    (void)state;
    assert_int_equal(fresh_ttl(&f, NOW), 50);
    assert_int_equal(fresh_ttl(&f, NOW + 50), 0);
    assert_int_equal(fresh_ttl(&f, NOW + 112), -62);
}

static void names(void **state)
{
    (void)state;
    for (uint8_t s = FRESH_FROM_DEFAULT; s <= FRESH_FROM_MAXIMUM; s++) {
        const struct freshness f = {.source = s};

        assert_true(fresh_source_name((enum fresh_source)s).n > 0);
        assert_int_equal(fresh_is_explicit(&f), s >= FRESH_FROM_CDN && s <= FRESH_FROM_EXPIRES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages),
        cmocka_unit_test(extremes),
        cmocka_unit_test(judged),
        cmocka_unit_test(ttl),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
