#include "edge/notstored.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct hash128 key_of(uint64_t n)
{
    return hash128(span_make((const char *)&n, sizeof(n)));
}

static void the_last_counts(void **state)
{
    struct notstored_table *t = notstored_new();
    struct notstored got;

    (void)state;
    assert_false(notstored_get(t, key_of(1), &got));
    notstored_put(t, key_of(1), &(struct notstored){NOSTORE_PRIVATE, 200, 1000});
    notstored_put(t, key_of(2), &(struct notstored){NOSTORE_NO_STORE, 404, 1001});
    notstored_put(t, key_of(1), &(struct notstored){NOSTORE_SET_COOKIE, 203, 1002});
    assert_true(notstored_get(t, key_of(1), &got));
    assert_int_equal(got.reason, NOSTORE_SET_COOKIE);
    assert_int_equal(got.status, 203);
    assert_int_equal(got.at_s, 1002);
    assert_true(notstored_get(t, key_of(2), &got));
    assert_int_equal(got.reason, NOSTORE_NO_STORE);
    assert_false(notstored_get(t, key_of(3), &got));
    notstored_free(&t);
    assert_null(t);
    notstored_free(&t);
}

/* Ten times as many keys as fit: the newest are there, the oldest are not, and nothing is wrong. */
static void bounded(void **state)
{
    struct notstored_table *t = notstored_new();
    struct notstored got;
    unsigned found = 0, newest = 0;

    (void)state;
    for (uint64_t n = 0; n < 10 * NOTSTORED_MAX; n++)
        notstored_put(t, key_of(n), &(struct notstored){NOSTORE_PRIVATE, 200, (wall_s)n});
    for (uint64_t n = 0; n < 10 * NOTSTORED_MAX; n++) {
        if (!notstored_get(t, key_of(n), &got))
            continue;
        assert_int_equal(got.at_s, n);
        found++;
        newest += n >= 10 * NOTSTORED_MAX - NOTSTORED_MAX / 8;
    }
    assert_int_equal(found, NOTSTORED_MAX);
    /* Sets are of uneven luck, but an eighth of the capacity is nearly always still there. */
    assert_true(newest > NOTSTORED_MAX / 8 * 99 / 100);
    assert_false(notstored_get(t, key_of(0), &got));
    notstored_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_counts),
        cmocka_unit_test(bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
