/* How representations are cut into slices: limits, ranges, keys. */
#include "rules.h"

#include "base/hash.h"
#include "cache/slice.h"

#define GIB (1ULL << 30)

static void possible(void **state)
{
    (void)state;
    assert_true(slice_possible(1, SLICE_BYTES_MIN));
    assert_true(slice_possible(10 * GIB, SLICE_BYTES_DEFAULT));
    assert_false(slice_possible(0, SLICE_BYTES_DEFAULT));
    assert_false(slice_possible(GIB, 0));
    /* as many slices as there are numbers, and one byte more */
    assert_true(slice_possible((uint64_t)SLICE_BYTES_MIN << 32, SLICE_BYTES_MIN));
    assert_false(slice_possible(((uint64_t)SLICE_BYTES_MIN << 32) + 1, SLICE_BYTES_MIN));
    assert_false(slice_possible(UINT64_MAX, SLICE_BYTES_MAX));
    assert_true(slice_possible((uint64_t)UINT32_MAX + 1, 1));
    assert_false(slice_possible((uint64_t)UINT32_MAX + 2, 1));
}

/* Every byte is in exactly one slice, and the ranges touch. */
static void cut(void **state)
{
    static const struct {
        uint64_t total;
        uint32_t slice_bytes, slices;
    } rows[] = {
        {1, 10, 1},
        {9, 10, 1},
        {10, 10, 1},
        {11, 10, 2},
        {100, 10, 10},
        {101, 10, 11},
        {7, 1, 7},
        {5 * GIB + 1, SLICE_BYTES_DEFAULT, 5 * 1024 + 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t next = 0;

        for (uint32_t n = 0; n < rows[i].slices; n++) {
            struct byte_range r = slice_range(rows[i].total, rows[i].slice_bytes, n);

            assert_int_equal(r.first, next);
            assert_true(r.last >= r.first && r.last - r.first < rows[i].slice_bytes);
            assert_int_equal(slice_at(r.first, rows[i].slice_bytes), n);
            assert_int_equal(slice_at(r.last, rows[i].slice_bytes), n);
            next = r.last + 1;
        }
        assert_int_equal(next, rows[i].total);
    }
}

static void asked(void **state)
{
    struct byte_range r = slice_range_asked(SLICE_BYTES_MAX, UINT32_MAX);

    (void)state;
    assert_true(r.first == (uint64_t)UINT32_MAX * SLICE_BYTES_MAX);
    assert_true(r.last == r.first + SLICE_BYTES_MAX - 1);
    r = slice_range_asked(10, 3);
    assert_int_equal(r.first, 30);
    assert_int_equal(r.last, 39);
}

static void wanted(void **state)
{
    static const struct {
        const char *range;
        uint32_t n;
        uint64_t total; /* 0: not known */
    } rows[] = {
        {"bytes=-5", 9, 1000},
        {"bytes=-500", 5, 1000},
        {"bytes=-5000", 0, 1000},
        {"bytes=999-", 9, 1000},
        {"bytes=1000-", 0, 1000},
        {"bytes=1000-, 700-", 7, 1000},
        {"bytes=0-", 0},
        {"bytes=99-", 0},
        {"bytes=100-100", 1},
        {"bytes=250-1000000, 0-1", 2},
        {"bytes=-5", 0},
        {"bytes=9-1", 0},
        {"lines=900-901", 0},
        {"", 0},
        {"bytes=429496729599-", UINT32_MAX},
        {"bytes=429496729600-", 0},
        {"bytes=18446744073709551615-", 0},
        {"bytes=99999999999999999999999-", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(slice_wanted(span_of(rows[i].range), rows[i].total, 100), rows[i].n);
    assert_int_equal(slice_wanted(SPAN_EMPTY, 0, 100), 0);
}

static void keys(void **state)
{
    char one[SLICE_KEY_MAX], other[SLICE_KEY_MAX];
    struct cache_key k = slice_key(UINT64_MAX, UINT32_MAX, one), l;

    (void)state;
    assert_true(span_eq(k.text, SPAN("\nslice ffffffffffffffff 4294967295")));
    assert_true(hash128_eq(k.hash, hash128(k.text)));
    l = slice_key(0xff, 4, other);
    assert_true(span_eq(l.text, SPAN("\nslice 00000000000000ff 4")));
    assert_false(hash128_eq(k.hash, l.hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(possible),
        cmocka_unit_test(cut),
        cmocka_unit_test(asked),
        cmocka_unit_test(wanted),
        cmocka_unit_test(keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
