/*
 * t_purge_threaded.c - readers, writers and purgers at once, in a table and an arena too small for
 * all of it: nobody finds what was purged hard before he looked, nor takes for fresh what was
 * purged softly; and many wait for one journal. Prints how often it looked.
 */
#include "purging.h"

#include "base/log.h"
#include "cache/cache_impl.h"
#include "cache/purge_impl.h"

#include <pthread.h>
#include <unistd.h>

enum { THREADS = 6, KEYS = 2000, TAGS = 50, ROUNDS = 60000, SYNCED = 40 };

static struct cache *cache;
static _Atomic uint64_t hard[TAGS], soft[TAGS]; /* the last purge of each that has returned */
static _Atomic uint64_t all_hard, looked, found;

struct walker {
    pthread_t thread;
    uint64_t random;
};

static unsigned rnd(struct walker *t, unsigned below)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return (unsigned)((t->random >> 11) % below);
}

static void lift(_Atomic uint64_t *v, uint64_t to)
{
    uint64_t was = atomic_load(v);

    while (was < to && !atomic_compare_exchange_weak(v, &was, to))
        continue;
}

/* Key k has the tags k % TAGS, and (k / TAGS) % TAGS in another field. */
static void texts(unsigned k, char key[static 32], char tag[static 32])
{
    snprintf(key, 32, "h%u/%u", k % 7, k);
    snprintf(tag, 32, "t%u,t%u", k % TAGS, k / TAGS % TAGS);
}

static void write_one(struct walker *t)
{
    char key[32], tag[32];
    uint64_t born = cache_purge_seq(cache);

    texts(rnd(t, KEYS), key, tag);
    store(cache, key, born, "site", tag);
}

static void look_one(struct walker *t)
{
    unsigned k = rnd(t, KEYS);
    uint64_t gone = atomic_load(&all_hard), stale = 0, one = k % TAGS, two = k / TAGS % TAGS;
    char key[32], tag[32];
    struct cache_key ck;
    struct object *obj;

    texts(k, key, tag);
    gone = atomic_load(&hard[one]) > gone ? atomic_load(&hard[one]) : gone;
    gone = atomic_load(&hard[two]) > gone ? atomic_load(&hard[two]) : gone;
    stale = atomic_load(&soft[one]);
    stale = atomic_load(&soft[two]) > stale ? atomic_load(&soft[two]) : stale;
    ck = cache_key_of(span_of(key));
    obj = cache_find(cache, &ck);
    atomic_fetch_add(&looked, 1);
    if (obj == NULL)
        return;
    atomic_fetch_add(&found, 1);
    if (obj->born < gone)
        check_failed("it was purged hard", __FILE__, __LINE__, __func__);
    if (obj->born < stale && !obj->soft_purged)
        check_failed("it was purged softly", __FILE__, __LINE__, __func__);
    object_release(&obj);
}

static void purge_one(struct walker *t)
{
    unsigned tag = rnd(t, TAGS), what = rnd(t, 200);
    struct purge p = {.scope = PURGE_TAG, .hard = rnd(t, 2) == 0};
    char text[32];

    if (what == 0)
        p = (struct purge){.scope = PURGE_ALL, .hard = true};
    else if (what < 120) /* labels of nobody, so that the table is too small */
        snprintf(text, sizeof(text), "x%u", rnd(t, 1 << 20));
    else
        snprintf(text, sizeof(text), "t%u", tag);
    p.text = what == 0 ? SPAN_EMPTY : span_of(text);
    if (what == 0)
        lift(&all_hard, cache_purge(cache, &p));
    else if (what < 120)
        (void)!cache_purge(cache, &p);
    else
        lift(p.hard ? &hard[tag] : &soft[tag], cache_purge(cache, &p));
}

static void *walk(void *arg)
{
    struct walker *t = arg;

    for (int i = 0; i < ROUNDS; i++) {
        unsigned what = rnd(t, 100);

        if (what < 70)
            look_one(t);
        else if (what < 95)
            write_one(t);
        else
            purge_one(t);
    }
    return NULL;
}

static void run(void *(*main)(void *))
{
    struct walker walkers[THREADS];

    for (int i = 0; i < THREADS; i++) {
        walkers[i].random = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(i + 1);
        assert_int_equal(pthread_create(&walkers[i].thread, NULL, main, &walkers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(walkers[i].thread, NULL);
}

static void nobody_finds_what_is_purged(void **state)
{
    struct cache_stats stats;

    (void)state;
    cache = cache_of(4 << 20);
    run(walk);
    cache_stats(cache, &stats);
    printf("looked %llu times, found %llu, after %llu purges with %llu labels left\n",
        (unsigned long long)looked, (unsigned long long)found, (unsigned long long)stats.purge_seq,
        (unsigned long long)stats.purge_labels);
    assert_true(found > 1000);
    cache_close(&cache);
}

/* --- one journal -------------------------------------------------------------------------- */

static _Atomic uint64_t synced_last;

static void *purge_and_wait(void *arg)
{
    struct walker *t = arg;
    char text[32];

    for (int i = 0; i < SYNCED; i++) {
        struct purge p = {.scope = PURGE_TAG, .hard = true};
        uint64_t seq;

        snprintf(text, sizeof(text), "%u-%d", (unsigned)(t->random & 0xffff), i);
        p.text = span_of(text);
        seq = cache_purge(cache, &p);
        check(cache_purge_sync(cache, seq));
        lift(&synced_last, seq);
    }
    return NULL;
}

static void many_wait_for_one_journal(void **state)
{
    char path[] = "/tmp/selvage-journal-XXXXXX", err[256] = "";
    int fd = mkstemp(path);
    struct cache_conf conf = {.memory_bytes = 4 << 20, .journal = span_of(path)};

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    cache = cache_open(&conf, err, sizeof(err));
    assert_non_null(cache);
    run(purge_and_wait);
    assert_int_equal(synced_last, cache_purge_seq(cache));
    cache_close(&cache);
    cache = cache_open(&conf, err, sizeof(err));
    assert_non_null(cache);
    assert_true(cache_purge_seq(cache) > THREADS * SYNCED);
    for (int i = 0; i < THREADS; i++) {
        for (int k = 0; k < SYNCED; k++) {
            char tag[32];

            snprintf(tag, sizeof(tag), "%u-%d",
                (unsigned)(UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(i + 1) & 0xffff), k);
            store(cache, "h/x", 0, "", tag);
            assert_int_equal(state_of(cache, "h/x"), 'h');
        }
    }
    cache_close(&cache);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_finds_what_is_purged),
        cmocka_unit_test(many_wait_for_one_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
