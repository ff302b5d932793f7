/* Content codings: names, and what a response has. */
#include "table.h"

#include "http/coding.h"

static void names(void **state)
{
    static const struct {
        const char *token;
        int want; /* -1: unknown */
    } rows[] = {
        /* 9110 §8.4.1 */
        {"gzip", CODING_GZIP},
        {"GZip", CODING_GZIP},
        {"x-gzip", CODING_GZIP},
        {"X-GZIP", CODING_GZIP},
        {"identity", CODING_IDENTITY},
        {"br", CODING_BR},
        {"zstd", CODING_ZSTD},
        {"deflate", -1},
        {"compress", -1},
        {"x-compress", -1},
        {"dcb", -1},
        {"gzi", -1},
        {"", -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum coding coding;
        bool known = coding_of(span_of(rows[i].token), &coding);

        row_check(rows[i].token, known == (rows[i].want >= 0));
        row_check(rows[i].token, !known || (int)coding == rows[i].want);
    }
    for (int i = 0; i < CODING_KINDS; i++) {
        enum coding coding;

        assert_true(coding_of(coding_name((enum coding)i), &coding));
        assert_int_equal(coding, i);
    }
}

static void contents(void **state)
{
    static const struct {
        const char *fields;
        int want;
    } rows[] = {
        {"", CODING_IDENTITY},
        {"Content-Encoding:", CODING_IDENTITY},
        {"Content-Encoding: gzip", CODING_GZIP},
        {"Content-Encoding: X-Gzip", CODING_GZIP},
        {"Content-Encoding: , br ,", CODING_BR},
        {"Content-Encoding: zstd", CODING_ZSTD},
        {"Content-Encoding: identity", CODING_IDENTITY},
        {"Content-Encoding: identity, gzip", CODING_GZIP},
        {"Content-Encoding: gzip\nContent-Encoding: identity", CODING_GZIP},
        {"Content-Encoding: gzip, gzip", -1},
        {"Content-Encoding: gzip\nContent-Encoding: br", -1},
        {"Content-Encoding: deflate", -1},
        {"Content-Encoding: deflate, gzip", -1},
        {"Content-Encoding: gzip;q=1", -1},
        {"Transfer-Encoding: gzip", CODING_IDENTITY},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].fields);
        enum coding coding;
        bool one = coding_of_content(&f, &coding);

        row_check(rows[i].fields, one == (rows[i].want >= 0));
        row_check(rows[i].fields, !one || (int)coding == rows[i].want);
    }
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(contents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
