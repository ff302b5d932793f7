/*
 * t_eviction.c - the policy alone: its rules one by one, then replayed beside an LRU on a trace of
 * skewed popularity and one-hit wonders. An integer division in the wrong place shows here.
 */
#include "things.h"

#include "cache/eviction.h"

#include <math.h>

enum { GHOSTS = 4096 };

static uint32_t ghosts[1 << 17];

static void policy_init(struct eviction *e, uint64_t capacity, uint32_t ghosts_n)
{
    memset(ghosts, 0, sizeof(ghosts));
    eviction_init(e, ghosts, ghosts_n, capacity, 1);
}

/* As it is where most is asked for often or never. */
static void policy_init_settled(struct eviction *e, uint64_t capacity)
{
    policy_init(e, capacity, GHOSTS);
    e->small_bytes = capacity / 10;
}

/* A mix of the number, as a hash is. */
static uint32_t print_of(uint64_t i)
{
    i = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    i ^= i >> 32;
    i *= UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(i >> 32);
}

static void entry_add(struct eviction *e, struct eviction_entry *x, uint64_t id, uint64_t bytes)
{
    *x = (struct eviction_entry){.fingerprint = print_of(id), .bytes = bytes};
    list_init(&x->link);
    eviction_insert(e, x);
}

static void t_fifo_without_hits(void **state)
{
    struct eviction e;
    struct eviction_entry x[10];

    (void)state;
    policy_init(&e, 1000, GHOSTS);
    assert_null(eviction_victim(&e));
    for (unsigned i = 0; i < 10; i++)
        entry_add(&e, &x[i], i, 100);
    assert_int_equal(e.mean_bytes, 100);
    assert_int_equal(eviction_bytes(&e), 1000);
    for (unsigned i = 0; i < 10; i++)
        assert_ptr_equal(eviction_victim(&e), &x[i]);
    assert_null(eviction_victim(&e));
    assert_int_equal(eviction_bytes(&e), 0);
    assert_int_equal(e.mean_bytes, 0);
}

static void t_hit_and_ghost_go_to_main(void **state)
{
    struct eviction e;
    struct eviction_entry x[10];

    (void)state;
    policy_init(&e, 1000, GHOSTS);
    for (unsigned i = 0; i < 10; i++)
        entry_add(&e, &x[i], i, 100);
    eviction_hit(&e, &x[0]);
    assert_int_equal(x[0].credit, 2); /* twice the mean by its size */
    assert_ptr_equal(eviction_victim(&e), &x[1]);
    assert_int_equal(x[0].queue, EVICTION_MAIN);
    assert_int_equal(x[0].credit, 0);
    /* x[1] comes back while it is remembered, and is not a newcomer any more. */
    entry_add(&e, &x[1], 1, 100);
    assert_int_equal(x[1].queue, EVICTION_MAIN);
    /* Nobody remembers what has never been here. */
    eviction_remove(&e, &x[2]);
    entry_add(&e, &x[2], 77, 100);
    assert_int_equal(x[2].queue, EVICTION_SMALL);
}

static void t_ghosts_fade(void **state)
{
    struct eviction e;
    struct eviction_entry x, y;

    (void)state;
    policy_init(&e, 1 << 20, GHOSTS);
    entry_add(&e, &x, 1, 1000);
    assert_ptr_equal(eviction_victim(&e), &x);
    for (unsigned i = 0; i < 1000; i++) { /* of 1048 that fit, 943 fill 0.9 */
        entry_add(&e, &y, 1000 + i, 1000);
        assert_ptr_equal(eviction_victim(&e), &y);
        if (i == 900)
            assert_true(eviction_admit(&e, print_of(1), 1 << 19, false));
    }
    entry_add(&e, &x, 1, 1000);
    assert_int_equal(x.queue, EVICTION_SMALL);
}

static void t_credit_by_size(void **state)
{
    struct eviction e;
    struct eviction_entry small, large, many[98];
    unsigned credits = 0;

    (void)state;
    policy_init(&e, 1 << 20, GHOSTS);
    entry_add(&e, &small, 1, 10);
    entry_add(&e, &large, 2, 10000);
    for (unsigned i = 0; i < 98; i++)
        entry_add(&e, &many[i], 10 + i, 1000);
    eviction_hit(&e, &small);
    assert_int_equal(small.credit, EVICTION_CREDIT_MAX);
    /* The large one gets half a point each time, not a fifth. */
    for (unsigned i = 0; i < 1000; i++) {
        large.credit = 0;
        eviction_hit(&e, &large);
        credits += large.credit;
    }
    assert_in_range(credits, 430, 570);
}

static void t_main_pays(void **state)
{
    struct eviction e;
    struct eviction_entry x[3];

    (void)state;
    policy_init_settled(&e, 1000);
    for (unsigned i = 0; i < 3; i++) {
        entry_add(&e, &x[i], i, 100);
        eviction_hit(&e, &x[i]);
    }
    /* All go to main; then the oldest there leaves. */
    assert_ptr_equal(eviction_victim(&e), &x[0]);
    x[1].credit = 1;
    assert_ptr_equal(eviction_victim(&e), &x[2]);
    assert_int_equal(x[1].credit, 0);
    eviction_spare(&e, &x[2]);
    assert_ptr_equal(eviction_victim(&e), &x[1]);
    assert_ptr_equal(eviction_victim(&e), &x[2]);
}

static void t_large_on_second_request(void **state)
{
    struct eviction e;
    struct eviction_entry x[10];

    (void)state;
    policy_init(&e, 1 << 20, GHOSTS);
    assert_true(eviction_admit(&e, print_of(1), 1 << 19, false)); /* there is nothing else */
    for (unsigned i = 0; i < 10; i++)
        entry_add(&e, &x[i], i, 1000);
    assert_true(eviction_admit(&e, print_of(100), 16000, false));
    assert_true(eviction_admit(&e, print_of(100), 17000, true));
    assert_false(eviction_admit(&e, print_of(100), 17000, false));
    assert_true(eviction_admit(&e, print_of(100), 17000, false));
}

static void t_replace_keeps_its_place(void **state)
{
    struct eviction e;
    struct eviction_entry x[2], y = {.fingerprint = 1, .bytes = 300};

    (void)state;
    policy_init_settled(&e, 1000);
    entry_add(&e, &x[0], 0, 100);
    entry_add(&e, &x[1], 1, 100);
    eviction_hit(&e, &x[0]);
    assert_ptr_equal(eviction_victim(&e), &x[1]);
    x[0].credit = 5;
    list_init(&y.link);
    eviction_replace(&e, &x[0], &y);
    assert_int_equal(y.queue, EVICTION_MAIN);
    assert_int_equal(y.credit, 5);
    assert_int_equal(eviction_bytes(&e), 300);
}

/* Lets `id` come and go by way of the queue that is due. */
static void come_and_go(struct eviction *e, struct eviction_entry *x, uint64_t id)
{
    entry_add(e, x, id, 100);
    assert_ptr_equal(eviction_victim(e), x);
}

static void t_small_finds_its_size(void **state)
{
    struct eviction e;
    struct eviction_entry x[2], stays;
    uint64_t before;

    (void)state;
    policy_init_settled(&e, 100000);
    /* What comes back soon after it left `small` makes room there, four times its size. */
    come_and_go(&e, &x[0], 1);
    entry_add(&e, &x[0], 1, 100);
    assert_int_equal(x[0].queue, EVICTION_MAIN);
    assert_int_equal(e.small_bytes, 10000); /* there was no mean yet */
    entry_add(&e, &stays, 1000, 100);
    for (unsigned i = 0; i < 10; i++) {
        before = e.small_bytes;
        entry_add(&e, &x[1], 10 + i, 100);
        eviction_remove(&e, &stays);
        assert_ptr_equal(eviction_victim(&e), &x[1]);
        entry_add(&e, &x[1], 10 + i, 100);
        assert_int_equal(e.small_bytes, before + 4 * 100);
        eviction_remove(&e, &x[1]);
        entry_add(&e, &stays, 1000, 100);
    }
    /* What comes back later than that does not. */
    eviction_remove(&e, &stays);
    come_and_go(&e, &x[1], 50);
    for (unsigned i = 0; i < 110; i++)
        come_and_go(&e, &stays, 2000 + i);
    before = e.small_bytes;
    entry_add(&e, &x[1], 50, 100);
    assert_int_equal(x[1].queue, EVICTION_MAIN);
    assert_int_equal(e.small_bytes, before);
    /* What comes back to `main` takes four times as much, down to a tenth. */
    e.small_bytes = 12000;
    assert_ptr_equal(eviction_victim(&e), &x[0]);
    assert_int_equal(e.small_bytes, 12000 - 100 / 16); /* of what leaves `main`, a little */
    e.small_bytes = 12000;
    entry_add(&e, &x[0], 1, 100);
    assert_int_equal(x[0].queue, EVICTION_SMALL); /* and is a newcomer all the same */
    assert_int_equal(e.small_bytes, 12000 - 16 * 100);
    eviction_remove(&e, &x[0]);
    assert_ptr_equal(eviction_victim(&e), &x[1]);
    entry_add(&e, &stays, 3000, 100);
    entry_add(&e, &x[1], 50, 100);
    assert_int_equal(e.small_bytes, 10000);
    /* And it is never all. */
    e.small_bytes = 90000;
    eviction_remove(&e, &stays);
    eviction_remove(&e, &x[1]);
    entry_add(&e, &stays, 3001, 100);
    assert_ptr_equal(eviction_victim(&e), &stays);
    entry_add(&e, &x[0], 3002, 100);
    entry_add(&e, &stays, 3001, 100);
    assert_int_equal(e.small_bytes, 90000);
}

/* --- replay ----------------------------------------------------------------------------------- */

enum { REQUESTS = 300000, OBJECTS = 60000, IDS = OBJECTS + REQUESTS };

struct thing {
    struct eviction_entry entry;
    struct list lru;
    uint64_t bytes;
    bool here, in_lru;
};

struct misses {
    double objects, bytes; /* ratios */
};

static uint64_t trace_random;

static double uniform(void)
{
    trace_random ^= trace_random << 13;
    trace_random ^= trace_random >> 7;
    trace_random ^= trace_random << 17;
    return ((double)(trace_random >> 11) + 0.5) / 9007199254740992.0;
}

/* Log-normal around 12 KB. */
static uint64_t random_bytes(void)
{
    double z = sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
    double n = 12000 * exp(1.5 * z);

    return n < 200 ? 200 : n > 4e6 ? 4000000 : (uint64_t)n;
}

/* Zipf 0.9 over OBJECTS, and one request in five for what nobody asks for again. */
static uint32_t *trace_make(struct thing *things)
{
    double *sums = xcalloc(OBJECTS, sizeof(*sums)), sum = 0;
    uint32_t *trace = xcalloc(REQUESTS, sizeof(*trace)), once = OBJECTS;

    for (unsigned i = 0; i < OBJECTS; i++)
        sums[i] = sum += pow(i + 1, -0.9);
    for (unsigned i = 0; i < IDS; i++)
        things[i].bytes = random_bytes();
    for (unsigned i = 0; i < REQUESTS; i++) {
        double at = uniform() * sum;
        uint32_t lo = 0, hi = OBJECTS - 1;

        if (uniform() < 0.2) {
            trace[i] = once++;
            continue;
        }
        while (lo < hi) {
            uint32_t mid = (lo + hi) / 2;

            if (sums[mid] < at)
                lo = mid + 1;
            else
                hi = mid;
        }
        trace[i] = lo;
    }
    free(sums);
    return trace;
}

static struct misses replay_policy(struct thing *things, const uint32_t *trace, uint64_t capacity)
{
    struct misses m = {0, 0};
    struct eviction e;
    double bytes = 0;

    policy_init(&e, capacity, 1 << 15);
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct thing *t = &things[trace[i]];
        uint32_t print = print_of(trace[i]);

        bytes += (double)t->bytes;
        if (t->here) {
            eviction_hit(&e, &t->entry);
            continue;
        }
        m.objects++;
        m.bytes += (double)t->bytes;
        if (!eviction_admit(&e, print, t->bytes, eviction_bytes(&e) + t->bytes <= capacity))
            continue;
        while (eviction_bytes(&e) + t->bytes > capacity)
            container_of(eviction_victim(&e), struct thing, entry)->here = false;
        entry_add(&e, &t->entry, trace[i], t->bytes);
        t->here = true;
    }
    assert_true(eviction_bytes(&e) <= capacity && eviction_bytes(&e) > capacity / 10 * 9);
    m.objects /= REQUESTS;
    m.bytes /= bytes;
    return m;
}

static struct misses replay_lru(struct thing *things, const uint32_t *trace, uint64_t capacity)
{
    struct misses m = {0, 0};
    struct list lru;
    uint64_t used = 0;
    double bytes = 0;

    list_init(&lru);
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct thing *t = &things[trace[i]];

        bytes += (double)t->bytes;
        if (t->in_lru) {
            list_remove(&t->lru);
            list_push(&lru, &t->lru);
            continue;
        }
        m.objects++;
        m.bytes += (double)t->bytes;
        while (used + t->bytes > capacity) {
            struct thing *old = list_entry(lru.prev, struct thing, lru);

            list_remove(&old->lru);
            old->in_lru = false;
            used -= old->bytes;
        }
        list_push(&lru, &t->lru);
        t->in_lru = true;
        used += t->bytes;
    }
    m.objects /= REQUESTS;
    m.bytes /= bytes;
    return m;
}

static void t_better_than_lru(void **state)
{
    static const double parts[] = {0.01, 0.05};
    struct thing *things = xcalloc(IDS, sizeof(*things));
    uint32_t *trace;
    double footprint = 0;

    (void)state;
    trace_random = 20261121;
    trace = trace_make(things);
    for (unsigned i = 0; i < OBJECTS; i++)
        footprint += (double)things[i].bytes;
    for (unsigned p = 0; p < ARRAY_LEN(parts); p++) {
        uint64_t capacity = (uint64_t)(footprint * parts[p]);
        struct misses lru, ours;

        for (unsigned i = 0; i < IDS; i++)
            things[i].here = things[i].in_lru = false;
        lru = replay_lru(things, trace, capacity);
        ours = replay_policy(things, trace, capacity);
        print_message("capacity %4.1f MB: object/byte miss LRU %.3f/%.3f, ours %.3f/%.3f\n",
            (double)capacity / 1e6, lru.objects, lru.bytes, ours.objects, ours.bytes);
        assert_true(ours.objects < lru.objects * 0.86);
        assert_true(ours.bytes < lru.bytes * 0.91);
    }
    free(trace);
    free(things);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_fifo_without_hits),
        cmocka_unit_test(t_hit_and_ghost_go_to_main),
        cmocka_unit_test(t_ghosts_fade),
        cmocka_unit_test(t_credit_by_size),
        cmocka_unit_test(t_main_pays),
        cmocka_unit_test(t_large_on_second_request),
        cmocka_unit_test(t_replace_keeps_its_place),
        cmocka_unit_test(t_small_finds_its_size),
        cmocka_unit_test(t_better_than_lru),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
