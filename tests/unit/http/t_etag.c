/* Entity tags: grammar, the two comparisons, lists. */
#include "table.h"

#include "http/etag.h"

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

static void grammar(void **state)
{
    static const struct {
        const char *in, *opaque; /* NULL: refused */
        bool weak;
    } rows[] = {
        /* 9110 §8.8.3 */
        {"\"xyzzy\"", "\"xyzzy\"", false},
        {"W/\"xyzzy\"", "\"xyzzy\"", true},
        {"\"\"", "\"\"", false},
        {"\"a\\\"", "\"a\\\"", false}, /* a backslash is no escape */
        {"\"\xe4!#\"", "\"\xe4!#\"", false},
        {"", NULL, false},
        {"xyzzy", NULL, false},
        {"w/\"xyzzy\"", NULL, false},
        {"\"a", NULL, false},
        {"a\"", NULL, false},
        {"\"a\"b", NULL, false},
        {"\"a\"\"b\"", NULL, false},
        {"\"a b\"", NULL, false},
        {"W/", NULL, false},
        {"W/ \"a\"", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct etag tag = {0};

        row_check(rows[i].in, etag_parse(span_of(rows[i].in), &tag) == (rows[i].opaque != NULL));
        row_text(rows[i].in, tag.opaque, rows[i].opaque);
        row_check(rows[i].in, tag.weak == rows[i].weak);
    }
}

static void comparison(void **state)
{
    /* The table of 9110 §8.8.3.2. */
    static const struct {
        const char *a, *b;
        bool strong, weak;
    } rows[] = {
        {"W/\"1\"", "W/\"1\"", false, true},
        {"W/\"1\"", "W/\"2\"", false, false},
        {"W/\"1\"", "\"1\"", false, true},
        {"\"1\"", "\"1\"", true, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct etag a, b;

        assert_true(etag_parse(span_of(rows[i].a), &a));
        assert_true(etag_parse(span_of(rows[i].b), &b));
        row_check(rows[i].a, etag_strong_eq(a, b) == rows[i].strong);
        row_check(rows[i].a, etag_weak_eq(a, b) == rows[i].weak);
    }
}

static void lists(void **state)
{
    static const struct {
        const char *fields;
        enum etag_match weak, strong; /* against "b" */
    } rows[] = {
        {"X: 1", ETAG_ABSENT, ETAG_ABSENT},
        {"If-None-Match: *", ETAG_ANY, ETAG_ANY},
        {"If-None-Match: *\nIf-None-Match: \"b\"", ETAG_NONE, ETAG_NONE},
        {"If-None-Match: \"a\", \"b\"", ETAG_LISTED, ETAG_LISTED},
        {"If-None-Match: \"a\",,\t\"b\",", ETAG_LISTED, ETAG_LISTED},
        {"If-None-Match: W/\"b\"", ETAG_LISTED, ETAG_NONE},
        {"If-None-Match: \"a\"\nIf-None-Match: \"b\"", ETAG_LISTED, ETAG_LISTED},
        {"If-None-Match: \"a,\", \"b\"", ETAG_LISTED, ETAG_LISTED},
        {"If-None-Match: \"a\\\", \"b\"", ETAG_LISTED, ETAG_LISTED},
        {"If-None-Match: \"a\"", ETAG_NONE, ETAG_NONE},
        {"If-None-Match: b", ETAG_NONE, ETAG_NONE},
        {"If-None-Match: \"b\" \"a\"", ETAG_NONE, ETAG_NONE},
        {"If-None-Match: \"b\", c", ETAG_NONE, ETAG_NONE},
        {"If-None-Match: ", ETAG_NONE, ETAG_NONE},
    };
    struct etag tag;

    (void)state;
    assert_true(etag_parse(SPAN("\"b\""), &tag));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].fields);

        row_check(
            rows[i].fields, etag_list_match(&f, FIELD_IF_NONE_MATCH, &tag, false) == rows[i].weak);
        row_check(
            rows[i].fields, etag_list_match(&f, FIELD_IF_NONE_MATCH, &tag, true) == rows[i].strong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar),
        cmocka_unit_test(comparison),
        cmocka_unit_test(lists),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
