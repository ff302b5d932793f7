/* Up and down: rise, fall, the first word, and the hold for who flaps; against a slow model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health/standing.h"

#include <stdlib.h>

enum { RISE = 3, FALL = 2 };

static void says(struct standing *s, bool good, mono_ms at, bool changed, bool up)
{
    assert_int_equal(standing_take(s, RISE, FALL, good, at), changed);
    assert_int_equal(s->up, up);
}

static void the_first_probe_decides_alone(void **state)
{
    struct standing s;

    (void)state;
    standing_init(&s);
    assert_true(s.up);
    says(&s, false, 100, true, false);
    standing_init(&s);
    says(&s, true, 100, false, true);
    says(&s, false, 200, false, true);
}

static void fall_and_rise_in_a_row(void **state)
{
    struct standing s;

    (void)state;
    standing_init(&s);
    says(&s, true, 0, false, true);
    says(&s, false, 1, false, true);
    assert_true(standing_doubts(&s));
    says(&s, true, 2, false, true);
    assert_false(standing_doubts(&s));
    says(&s, false, 3, false, true);
    says(&s, false, 4, true, false);
    assert_false(standing_doubts(&s));
    assert_int_equal(s.since_ms, 4);
    says(&s, true, 5, false, false);
    says(&s, true, 6, false, false);
    says(&s, false, 7, false, false);
    says(&s, true, 8, false, false);
    says(&s, true, 9, false, false);
    says(&s, true, 10, true, true);
    assert_int_equal(s.since_ms, 10);
}

/* Down at `now`, and good from then on: when it is up again. */
static mono_ms back_at(struct standing *s, mono_ms now)
{
    says(s, false, now, false, true);
    says(s, false, now + 1, true, false);
    for (mono_ms t = now + 2;; t += 100) {
        if (standing_take(s, RISE, FALL, true, t))
            return t;
        assert_true(t < now + 2 * STANDING_HOLD_MAX_MS);
    }
}

static void who_flaps_is_held_longer_each_time_up_to_a_bound(void **state)
{
    struct standing s;
    mono_ms now = 1000, took, before = 0;

    (void)state;
    standing_init(&s);
    says(&s, true, 0, false, true);
    assert_true(back_at(&s, now) - now < 1000); /* the first time, none is held */
    for (int i = 0; i < 12; i++) {
        now = s.since_ms + 1000;
        took = back_at(&s, now) - now;
        assert_true(took >= STANDING_HOLD_MS);
        assert_true(took <= STANDING_HOLD_MAX_MS + 200);
        if (i > 0 && before < STANDING_HOLD_MAX_MS / 2)
            assert_true(took > before + before / 2);
        before = took;
    }
    assert_true(before >= STANDING_HOLD_MAX_MS);
    now = s.since_ms + STANDING_STEADY_MS; /* a clean slate */
    assert_true(back_at(&s, now) - now < 1000);
}

/* The rules again, from the whole history each time. */
static bool model_up(const bool *good, const mono_ms *at, int n)
{
    bool up = true;
    mono_ms since = 0, held = 0;
    int from = 0, flaps = 0; /* run counts from there */

    for (int i = 0; i < n; i++) {
        int run = 0;

        for (int k = i; k >= from && good[k] != up; k--)
            run++;
        if (up && (run >= FALL || (i == 0 && run == 1))) {
            flaps = since != 0 && at[i] - since < STANDING_STEADY_MS ? flaps + 1 : 0;
            held = at[i];
            if (flaps > 0)
                held += flaps > 6 || STANDING_HOLD_MS << (flaps - 1) > STANDING_HOLD_MAX_MS
                            ? STANDING_HOLD_MAX_MS
                            : STANDING_HOLD_MS << (flaps - 1);
            up = false;
        } else if (!up && run >= RISE && at[i] >= held) {
            up = true;
        } else {
            continue;
        }
        since = at[i];
        from = i + 1;
    }
    return up;
}

static void it_does_what_the_rules_say(void **state)
{
    enum { N = 300 };
    static bool good[N];
    static mono_ms at[N];

    (void)state;
    srand(7);
    for (int round = 0; round < 200; round++) {
        struct standing s;
        mono_ms now = 1;
        int luck = 1 + rand() % 9;

        standing_init(&s);
        for (int i = 0; i < N; i++) {
            now += 1 + rand() % (round % 2 == 0 ? 4000 : 200000);
            at[i] = now;
            good[i] = rand() % 10 < luck;
            (void)!standing_take(&s, RISE, FALL, good[i], now);
            assert_int_equal(s.up, model_up(good, at, i + 1));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_probe_decides_alone),
        cmocka_unit_test(fall_and_rise_in_a_row),
        cmocka_unit_test(who_flaps_is_held_longer_each_time_up_to_a_bound),
        cmocka_unit_test(it_does_what_the_rules_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
