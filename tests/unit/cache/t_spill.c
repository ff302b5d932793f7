/* t_spill.c - fills that go to the disk as they come: random readers of random paces beside a
 * leader, bodies of both kinds of length, and what holds of memory and of the end. */
#include "things.h"

#include "base/counters.h"
#include "cache/cache_impl.h"
#include "cache/disk_tier_impl.h"
#include "cache/load.h"
#include "cache/slice.h"
#include "cache/spill.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

enum {
    MEMORY_BYTES = 16 << 20, /* so a sixteenth is a MiB */
    VOLUME_BYTES = 256 << 20,
    MIB = 1 << 20,
    READERS = 12,
    PATIENCE_MS = 60000,
};

static struct worker *w;
static struct cache *c;
static char dir[32], path[64];

static int set_up(void **state)
{
    struct disk_volume_conf v = {path, VOLUME_BYTES, NULL};
    struct cache_conf conf = {.memory_bytes = MEMORY_BYTES,
        .object_max_bytes = 24 << 20,
        .laggard_ms = PATIENCE_MS,
        .volumes = &v,
        .disk_wait_ms = PATIENCE_MS};
    char err[256] = "";

    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/t_spill.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/v", dir);
    c = cache_open(&conf, err, sizeof(err));
    if (c == NULL)
        fail_msg("%s", err);
    w = worker_new(1);
    assert_int_equal(disk_wait(c->disk->volumes[0]), DISK_READY);
    for (mono_ms end = clock_mono_ms() + PATIENCE_MS; !unread_over(&c->disk->unread[0]);) {
        assert_true(clock_mono_ms() < end);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return 0;
}

static int tear_down(void **state)
{
    struct dirent *e;
    DIR *d;

    (void)state;
    worker_turn(w);
    cache_stop(c);
    worker_join(&w);
    cache_close(&c);
    assert_non_null(d = opendir(dir));
    while ((e = readdir(d)) != NULL)
        (void)unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(dir);
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct viewer {
    struct reader *reader;
    uint64_t at, end; /* what is to be read next, and where it ends */
    unsigned every;   /* it reads in one turn of so many */
    unsigned wakes;
};

static void on_wake(void *ctx)
{
    ((struct viewer *)ctx)->wakes++;
}

static void view(struct viewer *v, struct fill *f, bool leads, uint64_t first, uint64_t n)
{
    *v = (struct viewer){.at = first, .end = first + n, .every = 1};
    v->reader = reader_of_fill(f, leads, w, on_wake, v);
    assert_non_null(v->reader);
    if (first != 0 || n != UINT64_MAX)
        reader_range(v->reader, first, n);
    else
        v->end = UINT64_MAX;
}

/* What is there now, at most `max` bytes; all of it is right. */
static void read_some(struct viewer *v, uint64_t seed, size_t max)
{
    struct piece pieces[8];
    int n = reader_pieces(v->reader, pieces, 8, max);

    for (int i = 0; i < n; i++) {
        if (!body_is(pieces[i].data.p, seed, v->at, pieces[i].data.n))
            fail_msg("wrong bytes at %llu", (unsigned long long)v->at);
        v->at += pieces[i].data.n;
        reader_consume(v->reader, pieces[i].data.n, false);
    }
    assert_int_not_equal(reader_state(v->reader), READ_CUT);
}

static void turn(void)
{
    worker_turn(w);
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static void read_to(struct viewer *v, uint64_t seed, uint64_t upto)
{
    mono_ms end = clock_mono_ms() + PATIENCE_MS;

    while (v->at < upto && !reader_at_end(v->reader)) {
        uint64_t before = v->at;

        read_some(v, seed, MIB);
        if (v->at == before)
            turn();
        assert_true(clock_mono_ms() < end);
    }
}

static void read_all(struct viewer *v, uint64_t seed)
{
    read_to(v, seed, UINT64_MAX);
    reader_close(&v->reader);
}

/* Feeds `n` bytes, as the leader takes them; `every` turn of the loop. */
static void feed(struct fill *f, uint64_t seed, uint64_t upto)
{
    mono_ms end = clock_mono_ms() + PATIENCE_MS;

    while (!fill_feed(f, seed, upto)) {
        turn();
        if (clock_mono_ms() >= end)
            fail_msg("after %llu bytes; given up: %llu", (unsigned long long)fill_bytes(f),
                (unsigned long long)counter_sum(C_SPILLS_GIVEN_UP));
    }
}

static struct fill *begin(uint64_t number, int64_t length)
{
    char text[32];
    struct cache_key key = key_number(text, number);
    struct fill *f = fill_led(c, &key, w, no_room, NULL);

    assert_true(fill_head(f, object_of(c, &key), length));
    return f;
}

static void on_loaded(void *ctx)
{
    *(bool *)ctx = true;
}

/* In memory, or out of the disk; NULL: it is nowhere. */
static struct object *stored(uint64_t number)
{
    char text[32];
    struct cache_key key = key_number(text, number);
    struct object *obj = cache_find(c, &key);
    bool loaded = false;

    if (obj != NULL || cache_load(c, &key, w, on_loaded, &loaded) == NULL)
        return obj;
    while (!loaded)
        turn();
    return cache_find(c, &key);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void is_stored_in_slices(uint64_t number, uint64_t bytes, unsigned slices)
{
    struct object *head = stored(number);

    assert_non_null(head);
    assert_int_equal(head->sliced_bytes, bytes);
    assert_int_equal(head->slice_bytes, SPILL_SLICE_BYTES);
    assert_int_equal(head->body_bytes, 0);
    for (unsigned i = 0; i < slices; i++) {
        char text[SLICE_KEY_MAX];
        struct cache_key key = slice_key(head->id, i, text);
        struct object *slice = cache_find(c, &key);
        mono_ms end = clock_mono_ms() + PATIENCE_MS;

        while (slice == NULL && !cache_on_disk(c, &key)) {
            turn();
            assert_true(clock_mono_ms() < end);
        }
        object_release(&slice);
    }
    object_release(&head);
}

/* Every boundary of slices and of the share of memory, by a byte more or less. */
static void test_lengths(void **state)
{
    static const uint64_t around[] = {MIB, MIB + SPILL_SLICE_BYTES, 3 * MIB};
    uint64_t number = 1;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(around); i++) {
        for (uint64_t n = around[i] - 1; n <= around[i] + 1; n++) {
            for (int known = 0; known < 2; known++, number++) {
                struct fill *f = begin(number, known ? (int64_t)n : -1);
                struct viewer v;
                struct object *obj;

                view(&v, f, true, 0, UINT64_MAX);
                feed(f, number, n);
                fill_finish(f);
                read_all(&v, number);
                assert_int_equal(v.at, n);
                fill_release(&f);
                if (n > MIB) {
                    is_stored_in_slices(
                        number, n, (unsigned)((n + SPILL_SLICE_BYTES - 1) / SPILL_SLICE_BYTES));
                } else {
                    obj = stored(number);
                    assert_int_equal(obj->body_bytes, n);
                    object_release(&obj);
                }
            }
        }
    }
}

/* Readers come when they like, from where they like, at any pace. */
static void test_readers(void **state)
{
    uint64_t seed = (uint64_t)time(NULL), size = (20 << 20) + 777;
    unsigned random = (unsigned)seed;
    struct viewer v[READERS];
    struct fill *f;
    unsigned n = 0;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int known = 0; known < 2; known++) {
        mono_ms end = clock_mono_ms() + PATIENCE_MS;
        bool fed = false;

        n = 0;
        f = begin(100 + (uint64_t)known, known ? (int64_t)size : -1);
        for (unsigned turns = 0; !fed; turns++) {
            uint64_t upto = fill_bytes(f) + (uint64_t)(rand_r(&random) % (256 << 10));

            if (n < READERS && fill_bytes(f) >= n * (size / READERS)) {
                uint64_t first = n % 3 == 2 ? (uint64_t)rand_r(&random) % size : 0;
                uint64_t count =
                    n % 3 == 2 ? 1 + (uint64_t)rand_r(&random) % (size - first) : UINT64_MAX;

                view(&v[n], f, n == 0, first, count);
                v[n].every = 1u << (n % 6 * 2);
                n++;
            }
            (void)fill_feed(f, 5, upto < size ? upto : size);
            fed = fill_bytes(f) == size;
            for (unsigned i = 0; i < n; i++) {
                if (turns % v[i].every == 0)
                    read_some(&v[i], 5, 1 + (size_t)rand_r(&random) % (512 << 10));
            }
            worker_turn(w);
            assert_true(clock_mono_ms() < end);
        }
        fill_finish(f);
        for (unsigned i = 0; i < n; i++) {
            uint64_t last = v[i].end < size ? v[i].end : size;

            read_all(&v[i], 5);
            assert_int_equal(v[i].at, last);
        }
        fill_release(&f);
        is_stored_in_slices(100 + (uint64_t)known, size, 81);
    }
}

/* A reader that stands still holds one slice, however far the fill goes on. */
static void test_one_that_stands_still(void **state)
{
    struct fill *f = begin(1, 24 << 20);
    struct viewer still, late;

    (void)state;
    view(&still, f, true, 0, UINT64_MAX);
    feed(f, 1, MIB);
    read_some(&still, 1, 100);
    feed(f, 1, 24 << 20);
    view(&late, f, false, 0, UINT64_MAX);
    read_to(&late, 1, 24 << 20);
    fill_finish(f);
    read_all(&late, 1);
    read_all(&still, 1);
    assert_int_equal(still.at, 24 << 20);
    fill_release(&f);
}

static void test_one_that_ends_short(void **state)
{
    struct fill *f = begin(1, 20 << 20);
    struct viewer v;
    struct object *obj;

    (void)state;
    view(&v, f, true, 0, UINT64_MAX);
    feed(f, 1, 10 * MIB + 5);
    fill_fail(f, 502, "cut");
    while (!reader_at_end(v.reader)) {
        struct piece piece;

        if (reader_pieces(v.reader, &piece, 1, MIB) == 0) {
            turn();
            continue;
        }
        assert_true(body_is(piece.data.p, 1, v.at, piece.data.n));
        v.at += piece.data.n;
        reader_consume(v.reader, piece.data.n, false);
    }
    assert_int_equal(reader_state(v.reader), READ_CUT);
    assert_int_equal(v.at, 10 * MIB + 5);
    reader_close(&v.reader);
    fill_release(&f);
    obj = stored(1);
    assert_null(obj);
}

/* What becomes larger than an object may be goes on as a window, and its readers have all of it. */
static void test_one_that_becomes_too_large(void **state)
{
    struct fill *f = begin(1, -1);
    uint64_t size = 26 << 20;
    struct viewer v[2];
    struct object *obj;
    mono_ms end = clock_mono_ms() + PATIENCE_MS;

    (void)state;
    view(&v[0], f, true, 0, UINT64_MAX);
    view(&v[1], f, false, 0, UINT64_MAX);
    feed(f, 1, 20 << 20);
    while (!fill_feed(f, 1, size)) {
        read_some(&v[0], 1, MIB);
        read_some(&v[1], 1, MIB);
        worker_turn(w);
        assert_true(clock_mono_ms() < end);
    }
    assert_null(reader_of_fill(f, false, w, on_wake, &v));
    fill_finish(f);
    for (int i = 0; i < 2; i++) {
        read_all(&v[i], 1);
        assert_int_equal(v[i].at, size);
    }
    fill_release(&f);
    obj = stored(1);
    assert_null(obj);
}

static void test_one_that_is_removed(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 1);
    struct fill *f = begin(1, 8 << 20);
    struct viewer v;
    struct object *obj;

    (void)state;
    view(&v, f, true, 0, UINT64_MAX);
    feed(f, 1, 4 << 20);
    (void)cache_remove(c, &key);
    feed(f, 1, 8 << 20);
    fill_finish(f);
    read_all(&v, 1);
    assert_int_equal(v.at, 8 << 20);
    fill_release(&f);
    obj = stored(1);
    assert_null(obj);
    assert_false(cache_on_disk(c, &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lengths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_readers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_stands_still, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_ends_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_becomes_too_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_that_is_removed, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
