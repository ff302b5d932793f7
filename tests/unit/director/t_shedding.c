/* How much is handed over, as load and time go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "director/shedding.h"

static void above_capacity_steps_follow_at_their_pace(void **state)
{
    struct shedding s = {.steps = 0};
    mono_ms now = 1000000;
    unsigned changes = 0;

    (void)state;
    for (int i = 0; i < 100; i++, now += 100)
        changes += shedding_take(&s, true, 910, 900, now);
    assert_int_equal(changes, 2); /* at once, and after 5 s */
    assert_int_equal(s.steps, 2);
    now += SHEDDING_MORE_MS;
    assert_true(shedding_take(&s, true, 1000, 900, now));
    assert_int_equal(s.steps, 5); /* 10 % above: three at a time */
}

static void it_is_bounded_and_comes_back_slowly(void **state)
{
    struct shedding s = {.steps = 0};
    mono_ms now = 1000000, began;

    (void)state;
    for (int i = 0; i < 1000; i++, now += SHEDDING_MORE_MS)
        (void)!shedding_take(&s, true, 3000, 900, now);
    assert_int_equal(s.steps, SHEDDING_MOST);
    for (int i = 0; i < 1000; i++, now += 1000) /* within the slack it stays */
        assert_false(shedding_take(&s, true, 850, 900, now));
    began = now;
    for (; s.steps > 0; now += 1000)
        (void)!shedding_take(&s, true, 100, 900, now);
    assert_in_range(now - began, (SHEDDING_MOST - 1) * (mono_ms)SHEDDING_LESS_MS,
        (SHEDDING_MOST + 1) * (mono_ms)SHEDDING_LESS_MS);
    assert_false(shedding_take(&s, true, 100, 900, now + 100000));
}

static void what_is_not_known_is_not_acted_on_at_first(void **state)
{
    struct shedding s = {.steps = 0};
    mono_ms now = 1000000, last;

    (void)state;
    assert_true(shedding_take(&s, true, 2000, 900, now));
    last = now;
    while (now < last + SHEDDING_PATIENCE_MS)
        assert_false(shedding_take(&s, false, 0, 900, now++));
    assert_true(shedding_take(&s, false, 0, 900, now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(above_capacity_steps_follow_at_their_pace),
        cmocka_unit_test(it_is_bounded_and_comes_back_slowly),
        cmocka_unit_test(what_is_not_known_is_not_acted_on_at_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
