/* A buffer grows up to its limit, and then says no without losing what it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

static void grows(void **state)
{
    struct buf b;
    size_t n = 0;

    (void)state;
    buf_init(&b, 1 << 20);
    assert_null(b.p);
    for (int i = 0; i < 5000; i++) {
        assert_true(buf_printf(&b, "%d,", i));
        assert_true(buf_append(&b, SPAN("ab\0")));
    }
    for (int i = 0; i < 5000; i++) {
        char want[32];
        int k = snprintf(want, sizeof(want), "%d,ab", i) + 1;

        assert_memory_equal(b.p + n, want, k);
        n += (size_t)k;
    }
    assert_int_equal(b.n, n);
    assert_true(b.cap <= b.limit);
    buf_free(&b);
    assert_int_equal(b.n, 0);
    assert_int_equal(b.limit, 1 << 20);
    assert_true(buf_append(&b, SPAN("again")));
    buf_free(&b);
}

static void stops_at_its_limit(void **state)
{
    static const size_t limits[] = {0, 1, 10, 511, 512, 513, 1000, 70000};
    char text[70001];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct buf b;

        buf_init(&b, limits[i]);
        assert_true(buf_append(&b, SPAN_EMPTY));
        assert_true(buf_append(&b, span_make(text, limits[i])));
        assert_int_equal(b.n, limits[i]);
        assert_false(buf_append(&b, SPAN("y")));
        assert_false(buf_printf(&b, "%c", 'y'));
        assert_false(buf_reserve(&b, 1));
        assert_int_equal(b.n, limits[i]);
        assert_true(b.cap <= limits[i]);
        assert_true(limits[i] == 0 || memcmp(b.p, text, limits[i]) == 0);
        buf_free(&b);
        assert_false(buf_append(&b, span_make(text, limits[i] + 1)));
        assert_int_equal(b.n, 0);
        buf_free(&b);
    }
}

/* Sums of sizes beyond size_t are refused, not wrapped round. */
static void refuses_what_cannot_be(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, SIZE_MAX);
    assert_true(buf_append(&b, SPAN("0123456789")));
    assert_false(buf_reserve(&b, SIZE_MAX));
    assert_false(buf_reserve(&b, SIZE_MAX - 9));
    assert_int_equal(b.n, 10);
    assert_memory_equal(b.p, "0123456789", 10);
    buf_free(&b);
}

static void consumes(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_consume(&b, 0);
    assert_true(buf_append(&b, SPAN("0123456789")));
    buf_consume(&b, 0);
    assert_int_equal(b.n, 10);
    buf_consume(&b, 3);
    assert_true(span_eq(buf_span(&b), SPAN("3456789")));
    buf_consume(&b, 7);
    assert_int_equal(b.n, 0);
    assert_true(buf_append(&b, SPAN("z")));
    assert_true(span_eq(buf_span(&b), SPAN("z")));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows),
        cmocka_unit_test(stops_at_its_limit),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(consumes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
