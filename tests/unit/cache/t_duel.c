/*
 * t_duel.c - the scale models: that they choose what misses fewer bytes and no more objects, not
 * too soon, and stay small.
 */
#include "cache/duel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { RING = 64 << 20, LARGE = 256 << 10, FIT = RING / LARGE };

static uint64_t print_of(uint64_t i)
{
    i = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    i ^= i >> 32;
    i *= UINT64_C(0xd6e8feb86659fd93);
    return i ^ i >> 32;
}

static void ask(struct duel *d, uint64_t i, uint64_t bytes)
{
    if (duel_samples(d, print_of(i)))
        duel_ask(d, print_of(i), bytes);
}

/* Everything comes twice, so soon that it is still there if it was written at once. */
static void ask_next_twice(struct duel *d, uint64_t from, uint64_t i)
{
    ask(d, from + i, LARGE);
    if (i >= FIT / 4)
        ask(d, from + i - FIT / 4, LARGE);
}

static void ask_twice(struct duel *d, uint64_t from, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        ask_next_twice(d, from, i);
}

/* Most comes once; the rest comes again when all of that would have gone round. */
static void ask_once(struct duel *d, uint64_t from, uint64_t n)
{
    for (uint64_t i = from; i < from + n; i++) {
        ask(d, i, LARGE);
        if (i % 4 == 0)
            ask(d, UINT64_C(1) << 40 | i / 4 % (FIT / 2), LARGE);
    }
}

static void t_the_better_one_wins(void **state)
{
    struct duel d;

    (void)state;
    duel_init(&d, RING);
    assert_int_equal(d.winner, ADMISSION_SMALL);
    ask_twice(&d, 0, FIT - 1);
    assert_int_equal(d.winner, ADMISSION_SMALL); /* not round yet */
    ask_twice(&d, 100000, 8 * FIT);
    assert_int_equal(d.winner, ADMISSION_ALL);
    ask_once(&d, 200000, 16 * FIT);
    assert_int_equal(d.winner, ADMISSION_SMALL);
    ask_twice(&d, 300000, 16 * FIT);
    assert_int_equal(d.winner, ADMISSION_ALL);
    duel_free(&d);
}

/* Both have gone round, and nothing came again. */
static void duel_of_round(struct duel *d)
{
    duel_init(d, RING);
    for (uint64_t i = 0; i < 2 * FIT; i++)
        ask(d, UINT64_C(1) << 50 | i, LARGE);
    assert_int_equal(d->winner, ADMISSION_SMALL);
}

/* How many judgements it takes until ADMISSION_ALL wins when everything large comes twice, among
 * that many small ones that come once. */
static unsigned judgements_until_all(struct duel *d, unsigned among)
{
    unsigned n = 0;

    for (uint64_t i = 0; d->winner != ADMISSION_ALL && n < 20; n++)
        for (uint64_t end = i + FIT / 4; i < end; i++) {
            ask_next_twice(d, 1000, i);
            for (unsigned k = 0; k < among; k++)
                ask(d, UINT64_C(1) << 45 | (i * among + k), 64);
        }
    return n;
}

static void t_little_has_to_last(void **state)
{
    struct duel d;
    unsigned n;

    (void)state;
    duel_of_round(&d);
    assert_true(judgements_until_all(&d, 0) <= 2);
    duel_free(&d);

    duel_of_round(&d);
    n = judgements_until_all(&d, 4);
    assert_int_equal(d.winner, ADMISSION_ALL);
    assert_in_range(n, 3, 5);
    ask_once(&d, 200000, 4 * FIT);
    assert_int_equal(d.winner, ADMISSION_SMALL);
    assert_in_range(judgements_until_all(&d, 4), 3, 8); /* and again */
    duel_free(&d);
}

/* To write all saves a fourth of the bytes, and drives out what is small and comes again. */
static void t_bytes_for_objects(void **state)
{
    enum { SMALL = 8 << 10, PER_LARGE = 8, SMALL_N = PER_LARGE * FIT * 3 / 4 };
    struct duel d;

    (void)state;
    duel_of_round(&d);
    for (uint64_t i = 0; i < UINT64_C(20) * FIT; i++) {
        ask_next_twice(&d, 1000, i);
        ask(&d, UINT64_C(1) << 46 | i, LARGE);
        for (unsigned k = 0; k < PER_LARGE; k++)
            ask(&d, UINT64_C(1) << 45 | (i * PER_LARGE + k) % SMALL_N, SMALL);
    }
    assert_true(d.models[0].missed_bytes < d.models[1].missed_bytes / 10 * 9);
    assert_true(d.models[0].missed_objects > d.models[1].missed_objects);
    assert_int_equal(d.winner, ADMISSION_SMALL);
    duel_free(&d);
}

/* Nothing comes again: both miss the same, and the one that writes less stays. */
static void t_a_draw(void **state)
{
    struct duel d;

    (void)state;
    duel_init(&d, RING);
    for (uint64_t i = 0; i < UINT64_C(20) * FIT; i++)
        ask(&d, i, LARGE);
    assert_int_equal(d.winner, ADMISSION_SMALL);
    duel_free(&d);
}

static void t_any_size(void **state)
{
    static const uint64_t rings[] = {0, 1, 1 << 20, RING, UINT64_C(1) << 40, UINT64_C(1) << 50};

    (void)state;
    for (unsigned i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
        struct duel d;

        duel_init(&d, rings[i]);
        assert_true(duel_memory(&d) <= DUEL_MEMORY_MAX);
        for (uint64_t k = 0; k < 200000; k++) {
            ask(&d, k % 50000, 1 + k % 977);
            ask(&d, k, k % 64 == 0 ? UINT64_MAX >> (k % 40) : 1);
        }
        /* In each model is what it says. */
        for (unsigned m = 0; m < DUEL_MODELS; m++) {
            const struct duel_model *model = &d.models[m];
            uint64_t bytes = 0;

            assert_true(model->end - model->begin <= model->n);
            for (uint64_t at = model->begin; at != model->end; at++)
                bytes += model->entries[at & (model->n - 1)].bytes;
            assert_true(bytes == model->bytes && bytes <= model->bytes_max);
        }
        duel_free(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_the_better_one_wins),
        cmocka_unit_test(t_little_has_to_last),
        cmocka_unit_test(t_bytes_for_objects),
        cmocka_unit_test(t_a_draw),
        cmocka_unit_test(t_any_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
