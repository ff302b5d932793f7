/* t_index.c - the index against a dictionary; full tables; dumps; readers beside a writer. */
#include "things.h"

#include "disk/index.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static void t_classes(void **state)
{
    uint8_t last = 0;

    (void)state;
    for (uint32_t n = 1; n < 5000; n++) {
        uint8_t c = disk_size_class(n);
        uint32_t is = disk_class_sectors(c);

        assert_true(is >= n && is - n <= n / 8);
        assert_true(c >= last);
        assert_int_equal(disk_size_class(is), c);
        last = c;
    }
}

static struct disk_entry entry_for(uint64_t i)
{
    return (struct disk_entry){.loc = 1 + i,
        .sectors = 1 + (uint32_t)(i % 15),
        .born = i * 3,
        .site = (uint16_t)i,
        .kind = i % 4,
        .used = (i / 4) % 4};
}

static bool entry_eq(const struct disk_entry *a, const struct disk_entry *b)
{
    return a->loc == b->loc && a->sectors == b->sectors && a->born == b->born &&
           a->site == b->site && a->kind == b->kind && a->used == b->used;
}

static void t_what_was_put_is_found(void **state)
{
    struct disk_index *x = disk_index_new(4);
    struct disk_entry e = entry_for(7), got;
    uint64_t hash = UINT64_C(0xfedcba9876543210);

    (void)state;
    assert_false(disk_index_find(x, hash, &got));
    assert_false(disk_index_put(x, hash, &e));
    assert_true(disk_index_find(x, hash, &got));
    assert_true(entry_eq(&got, &e));
    assert_int_equal(disk_index_count(x), 1);

    e.born = UINT64_MAX;
    e.loc = INDEX_LOC_MAX;
    e.site = UINT16_MAX;
    e.sectors = 2304;
    e.kind = e.used = 3;
    assert_false(disk_index_put(x, hash, &e)); /* in its place */
    assert_int_equal(disk_index_count(x), 1);
    assert_true(disk_index_find(x, hash, &got));
    e.born = INDEX_BORN_MAX;
    assert_true(entry_eq(&got, &e));

    /* Only who knows where it is may drop or move it. */
    assert_false(disk_index_drop(x, hash, 5));
    e.loc = 9;
    assert_false(disk_index_move(x, hash, 5, &e));
    assert_true(disk_index_move(x, hash, INDEX_LOC_MAX, &e));
    assert_true(disk_index_find(x, hash, &got) && got.loc == 9);
    assert_true(disk_index_drop(x, hash, 9));
    assert_false(disk_index_drop(x, hash, 9));
    assert_false(disk_index_find(x, hash, &got));
    assert_int_equal(disk_index_count(x), 0);
    disk_index_free(&x);
    assert_null(x);
}

static void t_uses_are_counted_to_three(void **state)
{
    struct disk_index *x = disk_index_new(1);
    struct disk_entry e = entry_for(0), got;

    (void)state;
    assert_false(disk_index_put(x, 1, &e));
    assert_false(disk_index_used(x, 1, e.loc + 1));
    assert_false(disk_index_used(x, UINT64_MAX, e.loc));
    for (unsigned i = 1; i < 6; i++) {
        assert_true(disk_index_used(x, 1, e.loc));
        assert_true(disk_index_find(x, 1, &got));
        assert_int_equal(got.used, i < 3 ? i : 3);
        assert_int_equal(got.loc, e.loc);
    }
    disk_index_free(&x);
}

/* Nine tenths full: (nearly) nothing is forgotten for want of a slot. */
static void t_nine_tenths(void **state)
{
    enum { N = 400000 };
    uint64_t rng = seed_of_run(), first = rng, lost = 0;
    struct disk_index *x = disk_index_new(disk_index_buckets(N));
    struct disk_entry got;

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        struct disk_entry e = entry_for(i);

        lost += disk_index_put(x, rnd(&rng), &e);
    }
    assert_true(lost <= N / 10000);
    rng = first;
    for (uint64_t i = 0; i < N; i++) {
        struct disk_entry e = entry_for(i);

        /* Of what was put, all but the forgotten and a tag or two that met are there. */
        if (!disk_index_find(x, rnd(&rng), &got) || !entry_eq(&e, &got))
            lost++;
    }
    assert_true(lost <= N / 5000 + 2);
    assert_true(disk_index_bytes(x) <= N * 20);
    disk_index_free(&x);
}

static void t_a_full_table_forgets_what_was_used_least(void **state)
{
    uint64_t rng = seed_of_run(), kept = 0;
    struct disk_index *x = disk_index_new(1); /* four slots in a shard, and both buckets the same */
    struct disk_entry got;

    (void)state;
    for (uint64_t i = 0; i < 4; i++) {
        struct disk_entry e = {.loc = 1 + i, .sectors = 1, .used = 3};

        assert_false(disk_index_put(x, i << 32, &e));
    }
    for (unsigned i = 0; i < 200; i++) {
        struct disk_entry e = {.loc = 100 + i, .sectors = 1};
        uint64_t hash = (100 + rnd_below(&rng, 10000)) << 32;

        if (i == 0) {
            struct disk_entry weak = {.loc = 2, .sectors = 1, .used = 1};

            assert_true(disk_index_move(x, UINT64_C(1) << 32, 2, &weak));
        }
        (void)disk_index_put(x, hash, &e);
        assert_true(disk_index_find(x, hash, &got) && got.loc == e.loc);
    }
    for (uint64_t i = 0; i < 4; i++)
        kept += disk_index_find(x, i << 32, &got) && got.loc == 1 + i;
    assert_int_equal(kept, 3);
    assert_int_equal(disk_index_count(x), 4);
    disk_index_free(&x);
}

/* Random operations against an array by key. */
static void t_model(void **state)
{
    enum { KEYS = 3000, STEPS = 200000 };
    static struct disk_entry model[KEYS];
    static uint64_t hashes[KEYS];
    uint64_t rng = seed_of_run();
    struct disk_index *x = disk_index_new(disk_index_buckets(KEYS * 2));
    uint64_t loc = 0, there = 0;

    (void)state;
    memset(model, 0, sizeof(model));
    for (unsigned i = 0; i < KEYS; i++)
        hashes[i] = rnd(&rng);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned k = (unsigned)rnd_below(&rng, KEYS);
        struct disk_entry e = entry_for(loc++), got;

        switch (rnd_below(&rng, 5)) {
        case 0:
        case 1:
            there += model[k].loc == 0;
            assert_false(disk_index_put(x, hashes[k], &e));
            model[k] = e;
            break;
        case 2:
            assert_int_equal(disk_index_drop(x, hashes[k], model[k].loc), model[k].loc != 0);
            there -= model[k].loc != 0;
            model[k].loc = 0;
            break;
        case 3:
            assert_int_equal(disk_index_move(x, hashes[k], model[k].loc, &e), model[k].loc != 0);
            if (model[k].loc != 0)
                model[k] = e;
            break;
        case 4:
            assert_int_equal(disk_index_used(x, hashes[k], model[k].loc), model[k].loc != 0);
            if (model[k].loc != 0 && model[k].used < 3)
                model[k].used++;
            break;
        }
        assert_int_equal(disk_index_find(x, hashes[k], &got), model[k].loc != 0);
        if (model[k].loc != 0)
            assert_true(entry_eq(&got, &model[k]));
    }
    assert_int_equal(disk_index_count(x), there);
    disk_index_free(&x);
}

static bool keep_even(void *ctx, const struct disk_entry *e)
{
    (void)ctx;
    return e->loc % 2 == 0;
}

static void t_dump_and_load(void **state)
{
    enum { N = 20000 };
    uint64_t rng = seed_of_run(), first = rng, even = 0, loaded = 0;
    struct disk_index *x = disk_index_new(disk_index_buckets(N * 2));
    struct disk_index *y = disk_index_new(disk_index_buckets(N * 2));
    void *page = xmalloc(disk_index_shard_bytes(x));
    struct disk_entry a, b;

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        struct disk_entry e = entry_for(i);

        (void)disk_index_put(x, rnd(&rng), &e);
    }
    for (unsigned s = 0; s < INDEX_SHARDS; s++) {
        disk_index_dump(x, s, page);
        loaded += disk_index_load(y, s, page, keep_even, NULL);
    }
    rng = first;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t hash = rnd(&rng);
        bool in_x = disk_index_find(x, hash, &a), in_y = disk_index_find(y, hash, &b);

        assert_int_equal(in_y, in_x && a.loc % 2 == 0);
        if (in_y)
            assert_true(entry_eq(&a, &b));
    }
    even = disk_index_count(y);
    assert_int_equal(even, loaded);
    assert_int_equal(disk_index_drop_range(y, 1000, 2000), 500);
    assert_int_equal(disk_index_count(y), even - 500);
    /* What is no dump of ours is not believed further than its bits go. */
    memset(page, 0xff, disk_index_shard_bytes(x));
    (void)disk_index_load(y, 3, page, NULL, NULL);
    for (uint64_t i = 0; i < 1000; i++)
        if (disk_index_find(y, (UINT64_C(3) << 56) | (rnd(&rng) >> 8), &b))
            assert_int_equal(b.loc, INDEX_LOC_MAX);
    free(page);
    disk_index_free(&x);
    disk_index_free(&y);
}

/* --- readers beside a writer: what is found is one entry, never a mixture --- */

enum { THREAD_KEYS = 64, READERS = 2 };
static struct disk_index *shared;
static uint64_t shared_hashes[THREAD_KEYS];
static _Atomic bool stop;

static void *reader(void *arg)
{
    uint64_t rng = (uint64_t)(uintptr_t)arg, found = 0;

    while (!atomic_load(&stop) || found == 0) {
        uint64_t k = rnd_below(&rng, THREAD_KEYS);
        struct disk_entry e;

        if (!disk_index_find(shared, shared_hashes[k], &e))
            continue;
        found++;
        (void)disk_index_used(shared, shared_hashes[k], e.loc);
        check(e.born == e.loc * 7 && e.site == k && e.loc % THREAD_KEYS == k);
    }
    return (void *)(uintptr_t)(found != 0);
}

static void t_readers_see_whole_entries(void **state)
{
    enum { STEPS = 200000 };
    uint64_t rng = seed_of_run();
    pthread_t threads[READERS];

    (void)state;
    /* All in one shard that is nearly full, so that entries are moved and forgotten. */
    shared = disk_index_new(THREAD_KEYS / 4 + 1);
    for (unsigned i = 0; i < THREAD_KEYS; i++)
        shared_hashes[i] = rnd(&rng) >> 8;
    for (uintptr_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, (void *)(i + 1)), 0);
    for (uint64_t i = 1; i < STEPS; i++) {
        uint64_t k = rnd_below(&rng, THREAD_KEYS);
        struct disk_entry e = {.loc = i * THREAD_KEYS + k, .sectors = 1, .site = (uint16_t)k};
        struct disk_entry was;

        e.born = e.loc * 7;
        if (rnd_below(&rng, 3) == 0 && disk_index_find(shared, shared_hashes[k], &was))
            (void)disk_index_drop(shared, shared_hashes[k], was.loc);
        else
            (void)disk_index_put(shared, shared_hashes[k], &e);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < READERS; i++) {
        void *found;

        assert_int_equal(pthread_join(threads[i], &found), 0);
        assert_non_null(found);
    }
    disk_index_free(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_classes),
        cmocka_unit_test(t_what_was_put_is_found),
        cmocka_unit_test(t_uses_are_counted_to_three),
        cmocka_unit_test(t_nine_tenths),
        cmocka_unit_test(t_a_full_table_forgets_what_was_used_least),
        cmocka_unit_test(t_model),
        cmocka_unit_test(t_dump_and_load),
        cmocka_unit_test(t_readers_see_whole_entries),
    };

    alarm(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
