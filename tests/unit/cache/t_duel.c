/*
 * t_duel.c - the scale models: that they choose what misses fewer bytes, and stay small.
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
static void ask_twice(struct duel *d, uint64_t from, uint64_t n)
{
    for (uint64_t i = from; i < from + n; i++) {
        ask(d, i, LARGE);
        if (i >= from + FIT / 4)
            ask(d, i - FIT / 4, LARGE);
    }
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
        cmocka_unit_test(t_a_draw),
        cmocka_unit_test(t_any_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
