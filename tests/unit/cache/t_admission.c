/*
 * t_admission.c - what is written to a disk at each level, how the level keeps the budget, and how
 * much goes another round.
 */
#include "cache/admission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { PLACES = 1 << 16, RING = 64 << 20, LARGE = ADMISSION_SMALL_BYTES + 1 };

static uint32_t places[PLACES];

static void admission_of(struct admission *a, enum admission_level floor, uint64_t budget_bytes_s)
{
    struct admission_conf conf = {
        .ring_bytes = RING, .floor = floor, .budget_bytes_s = budget_bytes_s};

    memset(places, 0, sizeof(places));
    admission_init(a, &conf, places, PLACES, 1, 1000);
}

static uint64_t print_of(uint64_t i)
{
    i = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    i ^= i >> 32;
    i *= UINT64_C(0xd6e8feb86659fd93);
    return i ^ i >> 32;
}

static bool admission_round(const struct admission *a)
{
    return a->seen.passed_bytes >= RING;
}

/* The ring has gone round, and the time for a change of level as well. */
static void go_round(struct admission *a)
{
    admission_wrote(a, RING);
    admission_tick(a, a->ticked_ms + 1000, admission_round(a));
}

static void t_all_until_round(void **state)
{
    struct admission a;

    (void)state;
    admission_of(&a, ADMISSION_SMALL, 0);
    admission_wrote(&a, RING - 1);
    admission_tick(&a, 60000, admission_round(&a));
    assert_int_equal(a.level, ADMISSION_ALL);
    assert_true(admission_take(&a, print_of(1), 10 * LARGE));
    admission_wrote(&a, 1);
    admission_tick(&a, 61000, admission_round(&a));
    assert_int_equal(a.level, ADMISSION_SMALL);
}

static void t_large_on_second_request(void **state)
{
    struct admission a;

    (void)state;
    admission_of(&a, ADMISSION_SMALL, 0);
    go_round(&a);
    assert_true(admission_take(&a, print_of(1), ADMISSION_SMALL_BYTES));
    assert_false(admission_take(&a, print_of(2), LARGE));
    assert_true(admission_take(&a, print_of(2), LARGE));
    /* Too long ago. */
    assert_false(admission_take(&a, print_of(3), LARGE));
    admission_wrote(&a, RING + RING / 100);
    assert_false(admission_take(&a, print_of(3), LARGE));
}

static void t_second_request_for_all(void **state)
{
    struct admission a;

    (void)state;
    admission_of(&a, ADMISSION_SECOND, 0);
    go_round(&a);
    assert_false(admission_take(&a, print_of(1), 100));
    assert_true(admission_take(&a, print_of(1), 100));
}

static void t_scarce_takes_the_small(void **state)
{
    struct admission a;
    unsigned taken = 0;

    (void)state;
    admission_of(&a, ADMISSION_SCARCE, 0);
    go_round(&a);
    assert_false(admission_take(&a, print_of(1), 100));
    assert_true(admission_take(&a, print_of(1), 100));
    assert_false(admission_take(&a, print_of(2), 16 * ADMISSION_SMALL_BYTES));
    for (unsigned i = 0; i < 1600; i++)
        taken += admission_take(&a, print_of(2), 16 * ADMISSION_SMALL_BYTES);
    assert_in_range(taken, 70, 130);
}

/* Newcomers of `bytes` each, never the same, one every second; returns what was written. */
static uint64_t flood(struct admission *a, uint64_t from, unsigned seconds, uint64_t bytes)
{
    uint64_t written = 0;

    for (unsigned i = 0; i < seconds; i++) {
        if (admission_take(a, print_of(from + i), bytes)) {
            admission_wrote(a, bytes);
            written += bytes;
        }
        admission_tick(a, a->ticked_ms + 1000, admission_round(a));
    }
    return written;
}

static void t_level_keeps_the_budget(void **state)
{
    struct admission a;
    uint64_t written;

    (void)state;
    admission_of(&a, ADMISSION_SMALL, 4096);
    /* Four times the budget: what was saved up is used, then the level rises. */
    written = flood(&a, 0, 3600, 16384);
    assert_true(written >= UINT64_C(4096) * 3600 / 2);
    assert_true(written <= UINT64_C(4096) * (3600 + 3 * 600));
    written = flood(&a, 10000, 36000, 16384);
    assert_true(written <= UINT64_C(4096) * (36000 + 2 * 600));
    assert_true(written >= UINT64_C(4096) * 36000 * 9 / 10);
    /* With half the budget it comes down, to the floor and no further. */
    written = flood(&a, 100000, 3600, 2048);
    assert_int_equal(a.level, ADMISSION_SMALL);
    assert_true(a.seen.passed_bytes > RING);
}

static void t_overdrawn_writes_nothing(void **state)
{
    struct admission a;

    (void)state;
    admission_of(&a, ADMISSION_ALL, 1000);
    assert_true(admission_take(&a, print_of(1), 100));
    admission_wrote(&a, 600 * 1000 * 2 + 1);
    assert_false(admission_take(&a, print_of(2), 100));
    admission_tick(&a, a.ticked_ms + 1000, admission_round(&a));
    assert_true(admission_take(&a, print_of(3), 100));
    /* A clock that jumped does not fill the bucket. */
    admission_wrote(&a, 600 * 1000);
    admission_tick(&a, a.ticked_ms + 1000 * 1000 * 1000, admission_round(&a));
    assert_false(admission_take(&a, print_of(4), 100));
}

static void t_another_round_for_what_was_used(void **state)
{
    struct admission a;

    (void)state;
    admission_of(&a, ADMISSION_SMALL, 0);
    assert_false(admission_keep(&a, 0, 1));
    assert_true(admission_keep(&a, 1, 1)); /* a sixteenth of the ring to begin with */
    assert_false(admission_keep(&a, 3, RING / 16));
    assert_true(admission_keep(&a, 3, RING / 16 - 1));
    assert_false(admission_keep(&a, 3, 1));
    /* As much as newcomers were; those that are refused give nothing. */
    assert_true(admission_take(&a, print_of(1), 1000));
    assert_true(admission_take(&a, print_of(2), 1000));
    assert_false(admission_keep(&a, 3, 2001));
    assert_true(admission_keep(&a, 3, 2000));
    go_round(&a);
    assert_false(admission_take(&a, print_of(3), LARGE));
    assert_false(admission_keep(&a, 3, 1));
    /* What is only asked about neither. */
    assert_true(admission_wants(&a, print_of(3), LARGE));
    assert_false(admission_keep(&a, 3, 1));
    /* Half as much while the budget binds. */
    a.level = ADMISSION_SECOND;
    assert_false(admission_take(&a, print_of(4), 1000));
    assert_true(admission_take(&a, print_of(4), 1000));
    assert_false(admission_keep(&a, 3, 501));
    assert_true(admission_keep(&a, 3, 500));
    /* It cannot be saved up without end. */
    admission_of(&a, ADMISSION_SMALL, 0);
    assert_true(admission_take(&a, print_of(5), RING));
    assert_false(admission_keep(&a, 1, RING / 16 + 1));
    assert_true(admission_keep(&a, 1, RING / 16));
}

static void t_scarce_rounds_for_what_was_used_most(void **state)
{
    struct admission a;

    (void)state;
    admission_of(&a, ADMISSION_SMALL, 0);
    assert_true(admission_keep(&a, 1, RING / 32 + 1));
    assert_false(admission_keep(&a, 1, 1));
    assert_true(admission_keep(&a, 2, RING / 64));
    assert_false(admission_keep(&a, 2, 1));
    assert_true(admission_keep(&a, 3, 1));
    /* Nor is anything while the budget is overdrawn. */
    admission_of(&a, ADMISSION_SMALL, 1000);
    admission_wrote(&a, 600 * 1000 * 2 + 1);
    assert_false(admission_keep(&a, 3, 1));
}

/* Without a budget the level is the floor, wherever that moves. */
static void t_level_follows_the_floor(void **state)
{
    struct admission a;

    (void)state;
    admission_of(&a, ADMISSION_SMALL, 0);
    go_round(&a);
    assert_int_equal(a.level, ADMISSION_SMALL);
    a.conf.floor = ADMISSION_ALL;
    admission_tick(&a, a.ticked_ms, true);
    assert_int_equal(a.level, ADMISSION_ALL);
    a.conf.floor = ADMISSION_SECOND;
    admission_tick(&a, a.ticked_ms, true);
    assert_int_equal(a.level, ADMISSION_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_all_until_round),
        cmocka_unit_test(t_large_on_second_request),
        cmocka_unit_test(t_second_request_for_all),
        cmocka_unit_test(t_scarce_takes_the_small),
        cmocka_unit_test(t_level_keeps_the_budget),
        cmocka_unit_test(t_overdrawn_writes_nothing),
        cmocka_unit_test(t_another_round_for_what_was_used),
        cmocka_unit_test(t_scarce_rounds_for_what_was_used_most),
        cmocka_unit_test(t_level_follows_the_floor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
