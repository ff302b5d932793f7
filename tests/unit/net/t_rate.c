/* Token buckets: exact by one thread and by several, and what a flood of keys does to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "net/rate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { WAY_LATER = 1000000 /* us; any time but 0 will do */ };

static enum rate_word take(struct rate_table *t, unsigned which, uint64_t key, mono_us now)
{
    mono_us wait;

    return rate_take(t, which, span_make((const char *)&key, sizeof(key)), now, &wait);
}

static void a_burst_then_one_by_one(void **state)
{
    struct rate r = rate_of(10, 1000, 5);
    struct rate_table *t = rate_table_new(&r, 1, 4096);
    mono_us now = WAY_LATER, wait = 0;

    (void)state;
    assert_int_equal(r.interval_ns, 100000000);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(take(t, 0, 1, now), RATE_TAKEN);
    assert_int_equal(rate_take(t, 0, SPAN("\1\0\0\0\0\0\0\0"), now, &wait), RATE_EMPTY);
    assert_int_equal(wait, 100000);
    assert_int_equal(take(t, 0, 1, now + 99999), RATE_EMPTY);
    assert_int_equal(take(t, 0, 1, now + 100000), RATE_TAKEN);
    assert_int_equal(take(t, 0, 1, now + 100000), RATE_EMPTY);
    /* Another key has a bucket of its own. */
    assert_int_equal(take(t, 0, 2, now + 100000), RATE_TAKEN);
    /* It does not become fuller than full. */
    now += 3600 * 1000000LL;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(take(t, 0, 1, now), RATE_TAKEN);
    assert_int_equal(take(t, 0, 1, now), RATE_EMPTY);
    rate_table_free(&t);
}

static void a_clock_that_lags(void **state)
{
    struct rate r = rate_of(1, 1000, 2);
    struct rate_table *t = rate_table_new(&r, 1, 4096);

    (void)state;
    assert_int_equal(take(t, 0, 1, WAY_LATER), RATE_TAKEN);
    assert_int_equal(take(t, 0, 1, WAY_LATER - 1000), RATE_EMPTY); /* to the careful side */
    assert_int_equal(take(t, 0, 1, WAY_LATER), RATE_TAKEN);
    rate_table_free(&t);
}

static void rates_are_apart(void **state)
{
    struct rate r[2] = {rate_of(1, 1000, 1), rate_of(1, 60000, 2)};
    struct rate_table *t = rate_table_new(r, 2, 4096);

    (void)state;
    assert_int_equal(take(t, 0, 1, WAY_LATER), RATE_TAKEN);
    assert_int_equal(take(t, 0, 1, WAY_LATER), RATE_EMPTY);
    assert_int_equal(take(t, 1, 1, WAY_LATER), RATE_TAKEN);
    assert_int_equal(take(t, 1, 1, WAY_LATER), RATE_TAKEN);
    assert_int_equal(take(t, 1, 1, WAY_LATER), RATE_EMPTY);
    rate_table_free(&t);
}

/* Who is being refused stays so, however many others come; the places are a hundred times fewer. */
static void a_flood_of_keys(void **state)
{
    struct rate r = rate_of(1, 1000, 10);
    struct rate_table *t = rate_table_new(&r, 1, 1024 * RATE_PLACE_BYTES);
    unsigned unknown = 0, taken = 0;
    mono_us now = WAY_LATER;

    (void)state;
    for (uint64_t key = 0; key < 20; key++) {
        for (unsigned i = 0; i < 10; i++)
            assert_int_equal(take(t, 0, key, now), RATE_TAKEN);
        assert_int_equal(take(t, 0, key, now), RATE_EMPTY);
    }
    for (uint64_t key = 1000; key < 101000; key++)
        unknown += take(t, 0, key, now + 500000) == RATE_UNKNOWN;
    for (uint64_t key = 0; key < 20; key++)
        taken += take(t, 0, key, now + 500000) == RATE_TAKEN;
    assert_int_equal(taken, 0);
    assert_int_equal(unknown, 0); /* those of the flood made room for each other */
    rate_table_free(&t);
}

/* All of the flood are refused ones, too: then nobody makes room, and the rest passes. */
static void a_flood_of_refused(void **state)
{
    struct rate r = rate_of(1, 1000, 1);
    struct rate_table *t = rate_table_new(&r, 1, 128 * RATE_PLACE_BYTES);
    unsigned unknown = 0;

    (void)state;
    assert_int_equal(take(t, 0, 7, WAY_LATER), RATE_TAKEN);
    for (uint64_t key = 1000; key < 11000; key++)
        unknown += take(t, 0, key, WAY_LATER) == RATE_UNKNOWN;
    assert_true(unknown >= 10000 - 127);
    assert_int_equal(take(t, 0, 7, WAY_LATER), RATE_EMPTY);
    /* A second later all are full again, so there is room. */
    assert_int_equal(take(t, 0, 5, WAY_LATER + 1000000), RATE_TAKEN);
    assert_int_equal(take(t, 0, 7, WAY_LATER + 1000000), RATE_TAKEN);
    rate_table_free(&t);
}

/* --- several threads ----------------------------------------------------------------------- */

enum { THREADS = 4, KEYS = 64, ROUNDS = 20000, STEP_US = 50 };

static struct rate_table *shared;
static _Atomic uint64_t taken_of[KEYS];
static _Atomic uint64_t clock_us;

/* All threads share a clock that each of them pushes on. */
static void *take_many(void *arg)
{
    uint64_t x = (uint64_t)(uintptr_t)arg * 2654435761u + 1;

    for (unsigned i = 0; i < ROUNDS; i++) {
        mono_us now = (mono_us)(atomic_fetch_add(&clock_us, STEP_US) + WAY_LATER);

        x = x * 6364136223846793005u + 1442695040888963407u;
        if (take(shared, 0, x >> 58, now) == RATE_TAKEN)
            atomic_fetch_add(&taken_of[x >> 58], 1);
    }
    return NULL;
}

static void exact_by_threads(void **state)
{
    /* 64 keys, 80,000 questions in 4 s of the clock: 312 of each a second, of which 100 may pass.
     */
    struct rate r = rate_of(100, 1000, 20);
    pthread_t threads[THREADS];
    uint64_t most = 20 + 4 * 100;

    (void)state;
    shared = rate_table_new(&r, 1, 4096 * RATE_PLACE_BYTES);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_many, (void *)i), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned k = 0; k < KEYS; k++) {
        uint64_t n = atomic_load(&taken_of[k]);

        /* Never more than the bucket gives; and, as there were always askers, nearly all of it. */
        if (n > most || n < most * 95 / 100)
            fail_msg("key %u: %lu of %lu", k, (unsigned long)n, (unsigned long)most);
    }
    rate_table_free(&shared);
}

/* What it costs, for the eye; it fails only when it is out of all proportion. */
static void cost(void **state)
{
    enum { N = 2000000 };
    struct rate r = rate_of(1000, 1000, 1000);
    struct rate_table *t = rate_table_new(&r, 1, 16 << 20);
    struct timespec a, b;
    double ns;

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (uint64_t i = 0; i < N; i++)
        (void)!take(t, 0, i * 2654435761u >> 12 & 0xffff, WAY_LATER + (mono_us)i);
    clock_gettime(CLOCK_MONOTONIC, &b);
    ns = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / N;
    print_message("rate_take(): %.0f ns with 65,536 keys\n", ns);
    assert_true(ns < 20000);
    rate_table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_then_one_by_one),
        cmocka_unit_test(a_clock_that_lags),
        cmocka_unit_test(rates_are_apart),
        cmocka_unit_test(a_flood_of_keys),
        cmocka_unit_test(a_flood_of_refused),
        cmocka_unit_test(exact_by_threads),
        cmocka_unit_test(cost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
