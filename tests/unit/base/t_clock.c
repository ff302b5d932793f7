/* Two kinds of time: units agree, one never goes back, the other can be shifted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/clock.h"

#include <time.h>

static void units_agree(void **state)
{
    mono_ms ms = clock_mono_ms();
    mono_us us = clock_mono_us();
    mono_ms later = clock_mono_ms();
    wall_s s = clock_wall_s();
    wall_ms wall = clock_wall_ms();

    (void)state;
    assert_in_range(us / 1000, ms, later);
    assert_in_range(wall / 1000, s, s + 60);
    assert_in_range(s, time(NULL) - 60, time(NULL) + 60);
}

static void goes_on(void **state)
{
    struct timespec pause = {.tv_nsec = 20 * 1000000};
    mono_us before = clock_mono_us(), was = before;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        mono_us now = clock_mono_us();

        assert_true(now >= was);
        was = now;
    }
    nanosleep(&pause, NULL);
    assert_true(clock_mono_us() - before >= 20000);
}

static void wall_is_shifted(void **state)
{
    wall_s before = clock_wall_s();
    mono_ms mono = clock_mono_ms();

    (void)state;
    clock_wall_shift(86400);
    assert_in_range(clock_wall_s(), before + 86400, before + 86460);
    assert_in_range(clock_wall_ms() / 1000, before + 86400, before + 86460);
    clock_wall_shift(86400); /* from now on: shifts add up */
    assert_in_range(clock_wall_s(), before + 172800, before + 172860);
    clock_wall_shift(-172800);
    assert_in_range(clock_wall_s(), before, before + 60);
    assert_in_range(clock_mono_ms(), mono, mono + 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_agree),
        cmocka_unit_test(goes_on),
        cmocka_unit_test(wall_is_shifted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
