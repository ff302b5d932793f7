/* Accept-Encoding: weights, and the choice they make. */
#include "table.h"

#include "http/accept_encoding.h"

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

static void weights(void **state)
{
    static const struct {
        const char *fields;
        bool present;
        unsigned identity, gzip, br, zstd;
    } rows[] = {
        {"", false, 1000, 1, 1, 1},
        /* 9110 §12.5.3, its examples */
        {"Accept-Encoding: compress, gzip", true, 1, 1000, 0, 0},
        {"Accept-Encoding:", true, 1, 0, 0, 0},
        {"Accept-Encoding: *", true, 1000, 1000, 1000, 1000},
        {"Accept-Encoding: compress;q=0.5, gzip;q=1.0", true, 1, 1000, 0, 0},
        {"Accept-Encoding: gzip;q=1.0, identity; q=0.5, *;q=0", true, 500, 1000, 0, 0},
        /* what is sent in the world */
        {"Accept-Encoding: gzip, deflate, br, zstd", true, 1, 1000, 1000, 1000},
        {"Accept-Encoding: br;q=1.0, gzip;q=0.8, *;q=0.1", true, 100, 800, 1000, 100},
        {"Accept-Encoding: identity", true, 1000, 0, 0, 0},
        {"Accept-Encoding: identity;q=1, *;q=0", true, 1000, 0, 0, 0},
        {"Accept-Encoding: identity;q=0", true, 0, 0, 0, 0},
        {"Accept-Encoding: *;q=0", true, 0, 0, 0, 0},
        {"Accept-Encoding: *;q=0, gzip", true, 0, 1000, 0, 0},
        {"Accept-Encoding: gzip;q=0, *", true, 1000, 0, 1000, 1000},
        {"Accept-Encoding: GZIP\t;\tQ=0.123", true, 1, 123, 0, 0},
        {"Accept-Encoding: x-gzip", true, 1, 1000, 0, 0},
        {"Accept-Encoding: x-gzip;q=0.2, gzip", true, 1, 200, 0, 0},
        {"Accept-Encoding: *;q=0.2, *", true, 200, 200, 200, 200},
        {"Accept-Encoding: br\nAccept-Encoding: zstd;q=0.5", true, 1, 0, 1000, 500},
        {"Accept-Encoding: br;x=1;q=0.5", true, 1, 0, 500, 0},
        /* 9110 §12.4.2: not a weight */
        {"Accept-Encoding: gzip;q=1.001", true, 1, 0, 0, 0},
        {"Accept-Encoding: gzip;q=2", true, 1, 0, 0, 0},
        {"Accept-Encoding: gzip;q=-1", true, 1, 0, 0, 0},
        {"Accept-Encoding: gzip;q=.5", true, 1, 0, 0, 0},
        {"Accept-Encoding: gzip;q=0.0001", true, 1, 0, 0, 0},
        {"Accept-Encoding: gzip;q=", true, 1, 0, 0, 0},
        {"Accept-Encoding: gzip;q=1.", true, 1, 1000, 0, 0},
        {"Accept-Encoding: g zip, br", true, 1, 0, 1000, 0},
        {"Accept-Encoding: \"gzip\", ;q=1, br", true, 1, 0, 1000, 0},
        {"Accept-Encoding: ,,,", true, 1, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].fields);
        struct accept_encoding a = accept_encoding_of(&f);

        row_check(rows[i].fields, a.present == rows[i].present);
        row_check(rows[i].fields, a.weight[CODING_IDENTITY] == rows[i].identity);
        row_check(rows[i].fields, a.weight[CODING_GZIP] == rows[i].gzip);
        row_check(rows[i].fields, a.weight[CODING_BR] == rows[i].br);
        row_check(rows[i].fields, a.weight[CODING_ZSTD] == rows[i].zstd);
        row_check(rows[i].fields, accept_encoding_takes(&a, CODING_BR) == (rows[i].br > 0));
    }
}

static void best(void **state)
{
    static const enum coding all[] = {CODING_BR, CODING_ZSTD, CODING_GZIP, CODING_IDENTITY},
                             stored[] = {CODING_GZIP}, two[] = {CODING_GZIP, CODING_IDENTITY};
    static const struct {
        const char *fields;
        enum coding of_all, of_stored, of_two;
    } rows[] = {
        {"", CODING_IDENTITY, CODING_GZIP, CODING_IDENTITY},
        {"Accept-Encoding:", CODING_IDENTITY, CODING_IDENTITY, CODING_IDENTITY},
        {"Accept-Encoding: gzip, zstd, br", CODING_BR, CODING_GZIP, CODING_GZIP},
        {"Accept-Encoding: gzip, zstd", CODING_ZSTD, CODING_GZIP, CODING_GZIP},
        {"Accept-Encoding: gzip, zstd;q=0.9", CODING_GZIP, CODING_GZIP, CODING_GZIP},
        {"Accept-Encoding: br;q=0.1, identity;q=0.5", CODING_IDENTITY, CODING_IDENTITY,
            CODING_IDENTITY},
        {"Accept-Encoding: *", CODING_BR, CODING_GZIP, CODING_GZIP},
        {"Accept-Encoding: *;q=0.5, gzip;q=0.1", CODING_BR, CODING_GZIP, CODING_IDENTITY},
        {"Accept-Encoding: zstd;q=0.001", CODING_ZSTD, CODING_IDENTITY, CODING_IDENTITY},
        {"Accept-Encoding: *;q=0", CODING_IDENTITY, CODING_IDENTITY, CODING_IDENTITY},
        {"Accept-Encoding: identity;q=0, gzip;q=0.001", CODING_GZIP, CODING_GZIP, CODING_GZIP},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].fields);
        struct accept_encoding a = accept_encoding_of(&f);

        row_check(rows[i].fields, accept_encoding_best(&a, all, 4) == rows[i].of_all);
        row_check(rows[i].fields, accept_encoding_best(&a, stored, 1) == rows[i].of_stored);
        row_check(rows[i].fields, accept_encoding_best(&a, two, 2) == rows[i].of_two);
        row_check(rows[i].fields, accept_encoding_best(&a, NULL, 0) == CODING_IDENTITY);
    }
}

static void named(void **state)
{
    static const struct {
        const char *fields, *coding;
        bool want;
    } rows[] = {
        {"Accept-Encoding: deflate, gzip", "deflate", true},
        {"Accept-Encoding: Deflate;q=0.1", "deflate", true},
        {"Accept-Encoding: deflate;q=0, *", "deflate", false},
        {"Accept-Encoding: *;q=0.1", "deflate", true},
        {"Accept-Encoding: *;q=0, *", "deflate", false},
        {"Accept-Encoding: gzip", "deflate", false},
        {"Accept-Encoding: x-gzip", "gzip", true},
        {"Accept-Encoding: gzip;q=0", "gzip", false},
        {"Accept-Encoding:", "gzip", false},
        {"", "gzip", false},
        {"Accept-Encoding: \"br\nAccept-Encoding: gzip", "gzip", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].fields);

        row_check(
            rows[i].fields, accept_encoding_names(&f, span_of(rows[i].coding)) == rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights),
        cmocka_unit_test(best),
        cmocka_unit_test(named),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
