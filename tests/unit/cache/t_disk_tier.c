/* t_disk_tier.c - the disk tier over small volumes: what comes back from them, and what must not.
 */
#include "things.h"

#include "base/counters.h"
#include "cache/cache_impl.h"
#include "cache/disk_tier_impl.h"
#include "cache/index.h"
#include "cache/load.h"
#include "cache/memory.h"
#include "cache/purge.h"
#include "cache/slice.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

enum { VOLUME_BYTES = 64 << 20, MEMORY_BYTES = 48 << 20, PATIENCE_MS = 20000 };

static struct worker *w;
static struct cache *c;
static char dir[32];
static char paths[3][64];

/* --- life ----------------------------------------------------------------------------------- */

static void start(unsigned volumes)
{
    struct disk_volume_conf v[3];
    struct cache_conf conf = {
        .memory_bytes = MEMORY_BYTES, .volumes = v, .disk_wait_ms = PATIENCE_MS};
    char err[256] = "";

    for (unsigned i = 0; i < volumes; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/v%u", dir, i);
        v[i] = (struct disk_volume_conf){
            paths[i], VOLUME_BYTES * (i + 1), i + 1 < volumes ? &v[i + 1] : NULL};
    }
    c = cache_open(&conf, err, sizeof(err));
    if (c == NULL)
        fail_msg("%s", err);
    w = worker_new(1);
}

static void stop(void)
{
    worker_turn(w);
    cache_stop(c);
    worker_join(&w);
    cache_close(&c);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/t_disk_tier.XXXXXX");
    assert_non_null(mkdtemp(dir));
    start(1);
    return 0;
}

static int tear_down(void **state)
{
    struct dirent *e;
    DIR *d;

    (void)state;
    stop();
    assert_non_null(d = opendir(dir));
    while ((e = readdir(d)) != NULL)
        (void)unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(dir);
    return 0;
}

static void a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Until everything that was kept so far has been written, or was not. */
static void settle(void)
{
    mono_ms until = clock_mono_ms() + PATIENCE_MS;
    bool busy;

    do {
        a_moment();
        busy = false;
        for (uint64_t i = 0; i < 256; i++) {
            char text[32];

            busy |= disk_writer_has(c->disk->writer, key_number(text, i).text);
        }
    } while (busy && clock_mono_ms() < until);
    assert_false(busy);
}

/* --- objects -------------------------------------------------------------------------------- */

/* `n` bytes of body `seed` under the key `i`. */
static struct object *made(uint64_t i, uint64_t seed, size_t n, const char *etag)
{
    struct field lines[] = {{SPAN("ETag"), span_of(etag), FIELD_ETAG}};
    struct http_response head = {.status = 200, .fields = {lines, 1, 1}};
    char text[32];
    struct cache_key key = key_number(text, i);
    struct object *o = object_new(c, &key, &head, NULL, NULL);
    struct chunk **link = &o->body;
    char *bytes = xmalloc(n);

    body_write(bytes, seed, 0, n);
    for (size_t at = 0; at < n; at += CHUNK_MAX) {
        size_t part = n - at < CHUNK_MAX ? n - at : CHUNK_MAX;

        *link = chunk_new(c->memory, (uint32_t)part, at, index_hash(o->hash));
        assert_non_null(*link);
        (*link)->n = chunk_write(*link, span_make(bytes + at, part));
        link = &(*link)->next;
    }
    free(bytes);
    o->body_bytes = n;
    o->whole = true;
    return o;
}

static void put(uint64_t i, uint64_t seed, size_t n, const char *etag)
{
    struct object *o = made(i, seed, n, etag);

    cache_put(c, o);
    object_release(&o);
}

static void evict(uint64_t i)
{
    char text[32];
    struct cache_key key = key_number(text, i);

    assert_true(memory_remove(c->memory, &key));
}

static bool on_disk(uint64_t i)
{
    char text[32];
    struct cache_key key = key_number(text, i);

    return cache_on_disk(c, &key);
}

static void on_ready(void *ctx)
{
    ++*(int *)ctx;
}

static void turn_until(const int *ready, int n)
{
    mono_ms until = clock_mono_ms() + PATIENCE_MS;

    while (*ready < n && clock_mono_ms() < until) {
        worker_turn(w);
        a_moment();
    }
    assert_int_equal(*ready, n);
}

/* What a request finds that asks the disk, too. */
static struct object *found(uint64_t i)
{
    char text[32];
    struct cache_key key = key_number(text, i);
    struct object *o = cache_find(c, &key);
    int ready = 0;

    if (o == NULL && cache_load(c, &key, w, on_ready, &ready) != NULL) {
        turn_until(&ready, 1);
        o = cache_find(c, &key);
    }
    return o;
}

static void expect(uint64_t i, uint64_t seed, size_t n)
{
    struct object *o = found(i);
    uint64_t at = 0;

    assert_non_null(o);
    assert_int_equal(o->body_bytes, n);
    for (const struct chunk *k = o->body; k != NULL; at += k->n, k = k->next)
        assert_true(body_is(k->data, seed, at, k->n));
    assert_int_equal(at, n);
    object_release(&o);
}

static void expect_nothing(uint64_t i)
{
    struct object *o = found(i);

    assert_null(o);
}

/* --- coming back ---------------------------------------------------------------------------- */

static void t_comes_back(void **state)
{
    static const size_t sizes[] = {0, 1, 4000, 70000, DISK_TIER_WHOLE_MAX};

    (void)state;
    for (uint64_t i = 0; i < ARRAY_LEN(sizes); i++)
        put(i, i + 1, sizes[i], "\"a\"");
    settle();
    for (uint64_t i = 0; i < ARRAY_LEN(sizes); i++) {
        evict(i);
        assert_true(on_disk(i));
        expect(i, i + 1, sizes[i]);
    }
    stop();
    start(1);
    for (uint64_t i = 0; i < ARRAY_LEN(sizes); i++)
        expect(i, i + 1, sizes[i]);
}

static struct object *found_at_once(uint64_t i)
{
    char text[32];
    struct cache_key key = key_number(text, i);

    return cache_load_now(c, &key);
}

/* Others may empty the page cache at any time; NULL: there is no such thing here. */
static struct object *at_once(uint64_t i)
{
    struct object *o = found_at_once(i);

    for (int tries = 0; o == NULL && tries < 20; tries++) {
        o = found(i);
        assert_non_null(o);
        object_release(&o);
        evict(i);
        o = found_at_once(i);
    }
    return o;
}

/* From the page cache; into memory when it is asked for so twice. */
static void t_comes_at_once(void **state)
{
    static const size_t sizes[] = {1, 4000, 20000, 70000, 200000};
    char text[32];
    struct cache_key key = key_number(text, 2);
    struct object *o = NULL;

    (void)state;
    for (uint64_t i = 0; i < ARRAY_LEN(sizes); i++) {
        put(i, i + 1, sizes[i], "\"a\"");
        settle();
        disk_flush(c->disk->volumes[0]);
        for (int k = 0; k < 2; k++) {
            evict(i);
            assert_null(found_at_once(i));
            expect(i, i + 1, sizes[i]);
        }
        evict(i);
        o = at_once(i);
        if (o == NULL)
            skip();
        assert_int_equal(o->body_bytes, sizes[i]);
        for (const struct chunk *k = o->body; k != NULL; k = k->next)
            assert_true(body_is(k->data, i + 1, k->at, k->n));
        object_release(&o);
    }
    assert_null(cache_find(c, &key));
    for (int tries = 0; o == NULL && tries < 20; tries++) {
        assert_non_null(o = at_once(2));
        object_release(&o);
        o = cache_find(c, &key);
    }
    assert_non_null(o);
    object_release(&o);
    /* What is purged or removed does not come back so, either. */
    cache_remove(c, &key);
    assert_null(found_at_once(2));
    assert_int_not_equal(
        cache_purge(c, &(struct purge){PURGE_ALL, true, SPAN_EMPTY, SPAN_EMPTY}), 0);
    assert_null(found_at_once(3));
}

static void t_newer_replaces(void **state)
{
    (void)state;
    for (uint64_t version = 1; version <= 20; version++) {
        put(1, version, 5000, "\"a\"");
        if (version % 3 == 0)
            settle();
    }
    settle();
    evict(1);
    expect(1, 20, 5000);
    stop();
    start(1);
    expect(1, 20, 5000);
}

static void t_older_stays_away(void **state)
{
    (void)state;
    /* Too large for one record, and without a validator it cannot be cut. */
    put(1, 1, 5000, "\"a\"");
    settle();
    put(1, 2, DISK_TIER_WHOLE_MAX + 1, "W/\"a\"");
    settle();
    evict(1);
    expect_nothing(1);
    /* What waits is not what is stored any more. */
    put(2, 1, 5000, "\"a\"");
    put(2, 2, DISK_TIER_WHOLE_MAX + 1, "W/\"a\"");
    settle();
    evict(2);
    expect_nothing(2);
}

/* A full queue is no reason either. */
static void t_full_queue(void **state)
{
    enum { N = 12, BYTES = 900 << 10 };
    uint64_t refused = counter_sum(C_DISK_NOT_WRITTEN);
    struct object *o[N];

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        put(i, 1, BYTES, "\"a\"");
        settle();
    }
    for (uint64_t i = 0; i < N; i++)
        o[i] = made(i, 2, BYTES, "\"a\"");
    for (uint64_t i = 0; i < N; i++) { /* faster than anybody writes */
        cache_put(c, o[i]);
        object_release(&o[i]);
    }
    settle();
    assert_true(counter_sum(C_DISK_NOT_WRITTEN) > refused);
    for (uint64_t i = 0; i < N; i++) {
        evict(i);
        o[i] = found(i);
        if (o[i] != NULL)
            assert_true(body_is(o[i]->body->data, 2, 0, o[i]->body->n));
        object_release(&o[i]);
    }
}

static void t_removed(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 1);

    (void)state;
    put(1, 1, 5000, "\"a\"");
    cache_remove(c, &key); /* waits, or is being written */
    settle();
    expect_nothing(1);
    put(1, 2, 5000, "\"a\"");
    settle();
    cache_remove(c, &key);
    expect_nothing(1);
    stop();
    start(1);
    expect_nothing(1);
}

static void t_soft_purged(void **state)
{
    struct object *o;

    (void)state;
    put(1, 1, 5000, "\"a\"");
    settle();
    assert_non_null(o = found(1));
    cache_soft_purge(c, o);
    object_release(&o);
    settle();
    evict(1);
    assert_non_null(o = found(1));
    assert_true(o->soft_purged);
    object_release(&o);
}

static void t_purged(void **state)
{
    (void)state;
    put(1, 1, 5000, "\"a\"");
    settle();
    evict(1);
    assert_int_not_equal(
        cache_purge(c, &(struct purge){PURGE_ALL, true, SPAN_EMPTY, SPAN_EMPTY}), 0);
    expect_nothing(1);
    assert_false(on_disk(1));
}

/* --- loads ---------------------------------------------------------------------------------- */

static void t_removed_during_load(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 1);

    (void)state;
    for (int i = 0; i < 50; i++) {
        int ready = 0;

        put(1, 1, 5000, "\"a\"");
        settle();
        evict(1);
        assert_non_null(cache_load(c, &key, w, on_ready, &ready));
        if (i % 2 == 1)
            a_moment(); /* it may have been read */
        cache_remove(c, &key);
        /* Whoever comes now does not get what is on its way, either. */
        assert_null(cache_load(c, &key, w, on_ready, &ready));
        turn_until(&ready, 1);
        expect_nothing(1);
    }
}

static void t_replaced_during_load(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 1);

    (void)state;
    for (uint64_t i = 1; i < 50; i++) {
        int ready = 0;

        put(1, i, 5000, "\"a\"");
        settle();
        evict(1);
        assert_non_null(cache_load(c, &key, w, on_ready, &ready));
        put(1, i + 1, 6000, "\"a\"");
        settle();
        evict(1); /* not as it would be, but the load must not take its place */
        turn_until(&ready, 1);
        expect(1, i + 1, 6000);
    }
}

static void t_equal_loads(void **state)
{
    enum { LOADS = 200 };
    char text[32];
    struct cache_key key = key_number(text, 1);
    struct cache_stats before, after;
    int ready = 0;

    (void)state;
    put(1, 1, DISK_TIER_WHOLE_MAX, "\"a\"");
    settle();
    evict(1);
    cache_stats(c, &before);
    for (int i = 0; i < LOADS; i++)
        assert_non_null(cache_load(c, &key, w, on_ready, &ready));
    turn_until(&ready, LOADS);
    cache_stats(c, &after);
    assert_int_equal(after.objects, before.objects + 1);
    assert_true(after.used_bytes < before.used_bytes + 2 * DISK_TIER_WHOLE_MAX);
    expect(1, 1, DISK_TIER_WHOLE_MAX);
}

static void t_cancelled(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 1);
    struct cache_load *l;
    int ready = 0;

    (void)state;
    put(1, 1, 5000, "\"a\"");
    settle();
    evict(1);
    l = cache_load(c, &key, w, on_ready, &ready);
    assert_non_null(l);
    cache_load_cancel(&l);
    assert_null(l);
    expect(1, 1, 5000);
    assert_int_equal(ready, 0);
    /* And one that is still on its way when everything ends. */
    evict(1);
    l = cache_load(c, &key, w, on_ready, &ready);
    cache_load_cancel(&l);
}

/* --- volumes -------------------------------------------------------------------------------- */

static void t_several_volumes(void **state)
{
    enum { N = 120 };
    struct disk_stats stats;
    uint64_t sum = 0;

    (void)state;
    stop();
    start(3);
    for (uint64_t i = 0; i < N; i++)
        put(i, i, 3000 + i, "\"a\"");
    settle();
    stop();
    start(3);
    for (unsigned i = 0; i < 3; i++) {
        disk_stats(c->disk->volumes[i], &stats);
        assert_true(stats.objects > N / 6 * (i + 1) / 3);
        sum += stats.objects;
    }
    assert_int_equal(sum, N);
    for (uint64_t i = 0; i < N; i++)
        expect(i, i, 3000 + i);
}

static void t_large(void **state)
{
    const size_t n = (3 << 20) - 5;
    struct object *head, *slice;
    int ready = 0;

    (void)state;
    stop();
    c = NULL;
    {
        struct disk_volume_conf v = {paths[0], VOLUME_BYTES, NULL};
        struct cache_conf conf = {.memory_bytes = 128 << 20, .volumes = &v};
        char err[256];

        assert_non_null(c = cache_open(&conf, err, sizeof(err)));
        w = worker_new(1);
    }
    put(1, 9, n, "\"a\"");
    settle();
    evict(1);
    assert_non_null(head = found(1));
    assert_int_equal(head->sliced_bytes, n);
    for (uint32_t i = 0; i < 3; i++) {
        char text[SLICE_KEY_MAX];
        struct cache_key key = slice_key(head->id, i, text);
        uint64_t at = (uint64_t)i * DISK_TIER_WHOLE_MAX;

        assert_non_null(cache_load(c, &key, w, on_ready, &ready));
        turn_until(&ready, (int)i + 1);
        assert_non_null(slice = cache_find(c, &key));
        for (const struct chunk *k = slice->body; k != NULL; at += k->n, k = k->next)
            assert_true(body_is(k->data, 9, at, k->n));
        assert_int_equal(at, i < 2 ? (i + 1) * DISK_TIER_WHOLE_MAX : n);
        object_release(&slice);
    }
    object_release(&head);
}

/* What is removed before the directory has been read is not there afterwards. */
static void t_unread(void **state)
{
    struct disk *d = c->disk->volumes[0];
    char text[32];
    struct cache_key key = key_number(text, 1);
    struct unread *u = &c->disk->unread[0];

    (void)state;
    put(1, 1, 5000, "\"a\"");
    put(2, 2, 5000, "\"a\"");
    settle();
    evict(1);
    evict(2);
    atomic_store(&u->over, false);
    assert_false(on_disk(1));
    cache_remove(c, &key);
    assert_true(unread_end(u, d));
    expect_nothing(1);
    expect(2, 2, 5000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(t_comes_back),
        T(t_comes_at_once),
        T(t_newer_replaces),
        T(t_older_stays_away),
        T(t_full_queue),
        T(t_removed),
        T(t_soft_purged),
        T(t_purged),
        T(t_removed_during_load),
        T(t_replaced_during_load),
        T(t_equal_loads),
        T(t_cancelled),
        T(t_several_volumes),
        T(t_large),
        T(t_unread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
