/* The precedence of preconditions, RFC 9110 §13.2.2, row by row. */
#include "table.h"

#include "http/conditional.h"

#define OLD   "Sun, 06 Nov 1994 08:49:36 GMT"
#define SAME  "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER "Sun, 06 Nov 1994 08:49:38 GMT"

enum { SAME_S = 784111777 };

static const wall_s now = 1783857600;

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

#define GO   CONDITIONAL_PROCEED
#define SAVE CONDITIONAL_NOT_MODIFIED
#define FAIL CONDITIONAL_FAILED

/* The representation: ETag "a", Last-Modified SAME. */
static const struct validators strong = {
    {"\"a\"", 3}, .has_last_modified = true, .last_modified = SAME_S, true, SAME_S + 10};

static void precedence(void **state)
{
    static const struct {
        const char *fields;
        enum http_method method;
        enum conditional origin, cache;
    } rows[] = {
        {"X: 1", METHOD_GET, GO, GO},
        /* step 1 */
        {"If-Match: \"a\"", METHOD_PUT, GO, GO},
        {"If-Match: \"b\"", METHOD_PUT, FAIL, GO},
        {"If-Match: *", METHOD_PUT, GO, GO},
        {"If-Match: W/\"a\"", METHOD_PUT, FAIL, GO},
        /* step 2, and not when step 1 applies */
        {"If-Unmodified-Since: " OLD, METHOD_PUT, FAIL, GO},
        {"If-Unmodified-Since: " SAME, METHOD_PUT, GO, GO},
        {"If-Unmodified-Since: yesterday", METHOD_PUT, GO, GO},
        {"If-Unmodified-Since: " OLD "\nIf-Unmodified-Since: " OLD, METHOD_PUT, GO, GO},
        {"If-Match: \"a\"\nIf-Unmodified-Since: " OLD, METHOD_PUT, GO, GO},
        /* step 3 */
        {"If-None-Match: \"a\"", METHOD_GET, SAVE, SAVE},
        {"If-None-Match: W/\"a\"", METHOD_HEAD, SAVE, SAVE},
        {"If-None-Match: \"a\"", METHOD_PUT, FAIL, FAIL},
        {"If-None-Match: *", METHOD_PUT, FAIL, FAIL},
        {"If-None-Match: *", METHOD_GET, SAVE, SAVE},
        {"If-None-Match: \"b\"", METHOD_GET, GO, GO},
        {"If-Match: \"a\"\nIf-None-Match: \"a\"", METHOD_GET, SAVE, SAVE},
        {"If-Match: \"b\"\nIf-None-Match: \"a\"", METHOD_GET, FAIL, SAVE},
        /* step 4, and not when step 3 applies */
        {"If-Modified-Since: " SAME, METHOD_GET, SAVE, SAVE},
        {"If-Modified-Since: " LATER, METHOD_HEAD, SAVE, SAVE},
        {"If-Modified-Since: " OLD, METHOD_GET, GO, GO},
        {"If-Modified-Since: " SAME, METHOD_POST, GO, GO},
        {"If-Modified-Since: 0", METHOD_GET, GO, GO},
        {"If-None-Match: \"b\"\nIf-Modified-Since: " SAME, METHOD_GET, GO, GO},
        {"If-None-Match: \"a\"\nIf-Modified-Since: " OLD, METHOD_GET, SAVE, SAVE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request req = {
            .method = rows[i].method, .fields = fields_of(&arena, rows[i].fields)};

        row_check(rows[i].fields,
            conditional_evaluate(&req, &strong, CONDITIONAL_ORIGIN, now) == rows[i].origin);
        row_check(rows[i].fields,
            conditional_evaluate(&req, &strong, CONDITIONAL_CACHE, now) == rows[i].cache);
    }
}

static void nothing_there(void **state)
{
    static const struct {
        const char *fields;
        enum conditional origin;
    } rows[] = {
        {"If-Match: *", FAIL}, /* 9110 §13.1.1 */
        {"If-Match: \"a\"", FAIL},
        {"If-None-Match: *", GO}, /* 9110 §13.1.2 */
        {"If-None-Match: \"a\"", GO},
        {"If-Modified-Since: " SAME, GO},
        {"If-Unmodified-Since: " SAME, GO},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request req = {
            .method = METHOD_PUT, .fields = fields_of(&arena, rows[i].fields)};

        row_check(rows[i].fields,
            conditional_evaluate(&req, NULL, CONDITIONAL_ORIGIN, now) == rows[i].origin);
    }
}

static void by_date_only(void **state)
{
    struct validators v = {.has_date = true, .date = SAME_S};
    struct http_request req = {.fields = fields_of(&arena, "If-Modified-Since: " SAME)};

    (void)state; /* 9111 §4.3.2 */
    assert_int_equal(conditional_evaluate(&req, &v, CONDITIONAL_CACHE, now), SAVE);
    assert_int_equal(conditional_evaluate(&req, &v, CONDITIONAL_ORIGIN, now), GO);
}

static void if_range(void **state)
{
    static const struct {
        const char *fields;
        bool applies;
    } rows[] = {
        /* 9110 §13.1.5 */
        {"X: 1", true},
        {"If-Range: \"a\"", true},
        {"If-Range: \"b\"", false},
        {"If-Range: W/\"a\"", false},
        {"If-Range: \"a\", \"b\"", false},
        {"If-Range: *", false},
        {"If-Range: " SAME, true},
        {"If-Range: " LATER, false},
        {"If-Range: " OLD, false},
        {"If-Range: \"a\"\nIf-Range: \"a\"", false},
    };
    struct validators young = strong;
    struct http_request req;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        req = (struct http_request){.fields = fields_of(&arena, rows[i].fields)};
        row_check(rows[i].fields, conditional_range_applies(&req, &strong, now) == rows[i].applies);
    }
    /* 9110 §8.8.2.2: made in the second in which it was modified, the date is weak. */
    young.date = young.last_modified;
    req = (struct http_request){.fields = fields_of(&arena, "If-Range: " SAME)};
    assert_false(conditional_range_applies(&req, &young, now));
}

static void validators(void **state)
{
    struct fields f = fields_of(&arena, "ETag: \"a\"\nLast-Modified: " SAME "\nDate: " LATER);
    struct validators v = validators_of(&f, now);

    (void)state;
    row_text("tag", v.etag, "\"a\"");
    assert_true(v.has_last_modified && v.last_modified == SAME_S);
    assert_true(v.has_date && v.date == SAME_S + 1);
    f = fields_of(&arena, "ETag: a\nLast-Modified: now");
    v = validators_of(&f, now);
    assert_true(v.etag.n == 0 && !v.has_last_modified && !v.has_date);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precedence),
        cmocka_unit_test(nothing_there),
        cmocka_unit_test(by_date_only),
        cmocka_unit_test(if_range),
        cmocka_unit_test(validators),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
