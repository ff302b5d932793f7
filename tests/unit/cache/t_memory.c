/*
 * t_memory.c - the memory tier: the budget under changing sizes, what stays and what goes, speed.
 */
#include "things.h"

#include "base/counters.h"
#include "cache/cache_impl.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED false
#endif

static struct worker *w;

static int set_up(void **state)
{
    (void)state;
    w = worker_new(1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    worker_join(&w);
    return 0;
}

/* Resident pages of this process, shared ones (the arena) included. */
static uint64_t rss_bytes(void)
{
    unsigned long size, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    check(f != NULL && fscanf(f, "%lu %lu", &size, &resident) == 2);
    fclose(f);
    return resident * 4096;
}

static bool is_here(struct cache *c, uint64_t number)
{
    char text[32];
    struct cache_key key = key_number(text, number);
    struct object *obj = cache_peek(c, &key);
    bool here = obj != NULL;

    object_release(&obj);
    return here;
}

static void use(struct cache *c, uint64_t number)
{
    char text[32];
    struct cache_key key = key_number(text, number);
    struct object *obj = cache_find(c, &key);

    object_release(&obj);
}

/* Asked for until it is stored (what is much larger than others is taken in on its second request),
 * and once again: else it would stay a newcomer, for whom those who were used do not make room. */
static void fill_and_use(struct cache *c, uint64_t number, uint64_t bytes)
{
    while (!fill_whole(c, w, number, bytes, true))
        continue;
    use(c, number);
}

/* One size after the other takes the whole arena, however little is left of the one before. */
static void sizes_change(uint64_t budget, unsigned per_cent)
{
    static const uint32_t sizes[] = {1 << 10, 60 << 10, 3 << 10, 150 << 10, 20 << 10, 1 << 10};
    struct cache *c = cache_of(budget);
    uint64_t number = 0, rss = rss_bytes();
    struct cache_stats st;

    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        uint64_t first = number, used, here = 0;

        /* Twice the budget's worth. */
        for (uint64_t sum = 0; sum < 2 * budget; sum += sizes[i] + 400)
            fill_and_use(c, number++, sizes[i]);
        cache_stats(c, &st);
        assert_true(st.used_bytes <= st.memory_bytes);
        for (uint64_t n = first; n < number; n++)
            here += is_here(c, n);
        /* Bodies with their objects; the rest is the price of size classes and of tables. */
        used = st.body_bytes + st.objects * (sizeof(struct object) + 150);
        print_message("budget %5llu KiB, %6u B: %2llu %% in objects; %llu of %llu are new\n",
            (unsigned long long)budget >> 10, sizes[i], (unsigned long long)(used * 100 / budget),
            (unsigned long long)here, (unsigned long long)st.objects);
        assert_true(used * 100 >= budget * per_cent);
        assert_true(here * sizes[i] * 10 >= st.body_bytes * 7);
        if (!SANITIZED) /* they have memory of their own */
            assert_true(rss_bytes() <= rss + budget + (2 << 20));
    }
    cache_clear(c);
    cache_stats(c, &st);
    assert_int_equal(st.objects, 0);
    assert_int_equal(st.body_bytes, 0);
    assert_true(st.used_bytes < budget / 16);
    cache_close(&c);
}

/* Everything that is stored, once each, in steps of a bounded size; and nothing is held after it.
 */
static void t_walk_sees_everything_once(void **state)
{
    enum { MANY = 3000 };
    struct cache *c = cache_of(32 << 20);
    struct object *objects[MEMORY_WALK_MAX];
    struct memory_walk at = {0};
    static uint8_t seen[MANY];
    unsigned n, steps = 0;
    bool more;

    (void)state;
    for (uint64_t i = 0; i < MANY; i++)
        fill_and_use(c, i, 500);
    do {
        more = memory_walk(c->memory, &at, objects, &n);
        assert_true(n <= MEMORY_WALK_MAX);
        for (unsigned i = 0; i < n; i++) {
            struct span digits = span_from(objects[i]->key, strlen("example.com/"));
            uint64_t number = strtoull(digits.p, NULL, 10);

            assert_true(number < MANY);
            assert_int_equal(seen[number]++, 0);
            object_release(&objects[i]);
        }
        steps++;
    } while (more);
    for (uint64_t i = 0; i < MANY; i++)
        assert_int_equal(seen[i], is_here(c, i));
    assert_true(steps > MANY / MEMORY_WALK_MAX);
    at = (struct memory_walk){.shard = UINT32_MAX, .bucket = 7};
    assert_false(memory_walk(c->memory, &at, objects, &n));
    assert_int_equal(n, 0);
    at = (struct memory_walk){.bucket = UINT32_MAX};
    assert_true(memory_walk(c->memory, &at, objects, &n)); /* on with the next shard */
    assert_int_equal(n, 0);
    cache_close(&c);
}

static void t_sizes_change_64_mib(void **state)
{
    (void)state;
    sizes_change(64 << 20, 85);
}

static void t_sizes_change_8_mib(void **state)
{
    (void)state;
    sizes_change(8 << 20, 75);
}

static void t_mixed_sizes(void **state)
{
    struct cache *c = cache_of(128 << 20);
    struct cache_stats st;
    uint64_t x = 88172645463325252, least = UINT64_MAX, id, bytes;

    (void)state;
    for (unsigned i = 0; i < 40000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        id = (x % 16000) * (x >> 32 & 0xffff) >> 16; /* some more often than others */
        bytes = UINT64_C(256) << id % 10;            /* 256 B .. 256 KiB, log-uniform */
        bytes += id * 7919 % bytes;
        if (is_here(c, id))
            use(c, id);
        else
            fill_whole(c, w, id, bytes, x >> 60 != 0);
        cache_stats(c, &st);
        assert_true(st.used_bytes <= st.memory_bytes);
        if (i > 20000 && st.body_bytes < least)
            least = st.body_bytes;
    }
    print_message("mixed sizes: bodies never below %llu %% of the budget\n",
        (unsigned long long)(least * 100 / (128 << 20)));
    assert_true(least * 100 > UINT64_C(80) * (128 << 20));
    cache_close(&c);
}

static void t_what_is_used_stays(void **state)
{
    struct cache *c = cache_of(8 << 20);
    unsigned hot = 0;

    (void)state;
    for (uint64_t i = 0; i < 100; i++)
        fill_whole(c, w, i, 2000, true);
    for (uint64_t i = 1000; i < 40000; i++) {
        fill_whole(c, w, i, 2000, true);
        use(c, i % 100);
    }
    for (uint64_t i = 0; i < 100; i++)
        hot += is_here(c, i);
    assert_in_range(hot, 98, 100);
    assert_false(is_here(c, 1000));
    cache_close(&c);
}

static void t_large_newcomer_needs_a_second_request(void **state)
{
    struct cache *c = cache_of(8 << 20);

    (void)state;
    assert_true(fill_whole(c, w, 0, 400000, true)); /* there is room */
    for (uint64_t i = 1; i < 10000; i++)
        fill_whole(c, w, i, 2000, true);
    assert_false(fill_whole(c, w, 20000, 400000, true));
    assert_false(is_here(c, 20000));
    assert_true(fill_whole(c, w, 20000, 400000, true));
    assert_true(is_here(c, 20000));
    /* Also when the length is only known at the end. */
    fill_whole(c, w, 20001, 300000, false);
    assert_false(is_here(c, 20001));
    fill_whole(c, w, 20001, 300000, false);
    assert_true(is_here(c, 20001));
    cache_close(&c);
}

/* What somebody reads is passed over: evicting it would free nothing. */
static void t_read_objects_stay(void **state)
{
    enum { HELD = 20 };
    struct cache *c = cache_of(8 << 20);
    struct reader *readers[HELD];
    char text[32];

    (void)state;
    for (uint64_t i = 0; i < HELD; i++) {
        struct cache_key key = key_number(text, i);
        struct object *obj;

        fill_whole(c, w, i, 200000, true);
        obj = cache_find(c, &key);
        assert_non_null(obj);
        readers[i] = reader_of_object(obj);
        object_release(&obj);
    }
    for (uint64_t i = 1000; i < 20000; i++)
        fill_whole(c, w, i, 3000, true);
    for (uint64_t i = 0; i < HELD; i++) {
        uint64_t pos = 0;

        assert_true(is_here(c, i));
        assert_int_equal(reader_eat(readers[i], i, &pos, SIZE_MAX), 200000);
        reader_close(&readers[i]);
    }
    cache_close(&c);
}

/* So many small objects that the index is full: it forgets, and nothing is lost but them. */
static void t_full_index(void **state)
{
    struct cache *c = cache_of(4 << 20);
    struct cache_stats st;
    char text[32];
    uint64_t evicted = counter_sum(C_CACHE_EVICTED);

    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        struct cache_key key = key_number(text, i);
        struct http_response head = {.status = 200, .reason = SPAN("-")};
        struct object *obj = object_new(c, &key, &head, NULL, NULL);

        obj->whole = true;
        cache_put(c, obj);
        object_release(&obj);
        assert_true(is_here(c, i));
    }
    cache_stats(c, &st);
    assert_in_range(st.objects, 3500, 4096);
    assert_int_equal(counter_sum(C_CACHE_EVICTED) - evicted, 20000 - st.objects);
    cache_close(&c);
}

static void t_too_little(void **state)
{
    struct cache_conf conf = {.memory_bytes = CACHE_MEMORY_MIN_BYTES - 1};
    char err[128];

    (void)state;
    assert_null(cache_open(&conf, err, sizeof(err)));
    assert_string_equal(err, "the cache needs at least 4 MiB of memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_walk_sees_everything_once),
        cmocka_unit_test(t_sizes_change_64_mib),
        cmocka_unit_test(t_sizes_change_8_mib),
        cmocka_unit_test(t_mixed_sizes),
        cmocka_unit_test(t_what_is_used_stays),
        cmocka_unit_test(t_large_newcomer_needs_a_second_request),
        cmocka_unit_test(t_read_objects_stay),
        cmocka_unit_test(t_full_index),
        cmocka_unit_test(t_too_little),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
