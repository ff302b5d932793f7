#include "edge/unsliced.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct hash128 key_of(uint64_t n)
{
    return hash128(span_make((const char *)&n, sizeof(n)));
}

static void for_a_while(void **state)
{
    const wall_s now = 1800000000;
    struct unsliced *t = unsliced_new();

    (void)state;
    assert_false(unsliced_has(t, key_of(1), now));
    unsliced_put(t, key_of(1), now);
    assert_true(unsliced_has(t, key_of(1), now));
    assert_true(unsliced_has(t, key_of(1), now + UNSLICED_S - 1));
    assert_false(unsliced_has(t, key_of(1), now + UNSLICED_S));
    assert_false(unsliced_has(t, key_of(1), now - 1)); /* the clock was set back */
    assert_false(unsliced_has(t, key_of(2), now));
    unsliced_free(&t);
    assert_null(t);
    unsliced_free(&t);
}

/* More than fit: the newer ones are there, and others are not taken for them. */
static void bounded(void **state)
{
    const wall_s now = 1800000000;
    struct unsliced *t = unsliced_new();
    unsigned there = 0;

    (void)state;
    for (uint64_t i = 0; i < 4 * UNSLICED_MAX; i++) {
        unsliced_put(t, key_of(i), now);
        assert_true(unsliced_has(t, key_of(i), now));
    }
    for (uint64_t i = 0; i < 4 * UNSLICED_MAX; i++)
        there += unsliced_has(t, key_of(i), now);
    assert_true(there > UNSLICED_MAX / 2 && there <= UNSLICED_MAX);
    for (uint64_t i = 4 * UNSLICED_MAX; i < 8 * UNSLICED_MAX; i++)
        assert_false(unsliced_has(t, key_of(i), now));
    unsliced_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(for_a_while),
        cmocka_unit_test(bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
