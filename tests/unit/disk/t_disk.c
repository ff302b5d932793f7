/* t_disk.c - records are put and found, before and after they are written, and after a restart. */
#include "rig.h"

#include "disk/walk.h"

static void t_put_and_get(void **state)
{
    struct rig r;
    uint32_t sizes[] = {0, 1, 400, 4096, 30000, 0};

    (void)state;
    rig_init(&r, 8 << 20, 0);
    rig_open(&r);
    assert_int_equal(disk_state(r.d), DISK_READY);
    sizes[5] = disk_body_max(r.d, sizeof(struct record_head));
    assert_int_equal(rig_get(&r, 1), 0);
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        rig_put(&r, i, 10 + i, sizes[i]);
        assert_int_equal(rig_get(&r, i), 10 + i); /* most of them are not written yet */
    }
    assert_true(rig_stats(&r).reads_buffered > 0);
    assert_int_equal(rig_try_put(&r, 1, 1, sizes[5] + 1), DISK_PUT_LARGE);
    disk_flush(r.d);
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
        assert_int_equal(rig_get(&r, i), 10 + i);
    assert_int_equal(rig_stats(&r).objects, ARRAY_LEN(sizes));

    /* The last one that was put is the one. */
    rig_put(&r, 3, 99, 5000);
    assert_int_equal(rig_get(&r, 3), 99);
    disk_flush(r.d);
    assert_int_equal(rig_get(&r, 3), 99);
    assert_true(disk_drop(r.d, rig_key(&r, 3)));
    assert_false(disk_drop(r.d, rig_key(&r, 3)));
    assert_int_equal(rig_get(&r, 3), 0);
    assert_int_equal(rig_stats(&r).corrupt, 0);
    rig_free(&r);
}

static void t_head_and_body_bounds(void **state)
{
    struct rig r;
    struct disk_put p = {.head = {NULL, RECORD_HEAD_MAX + 1}};

    (void)state;
    rig_init(&r, UINT64_C(96) << 20, 8 << 20);
    rig_open(&r);
    assert_int_equal(disk_body_max(r.d, 1000), RECORD_BODY_MAX);
    assert_int_equal(disk_body_max(r.d, RECORD_HEAD_MAX), RECORD_BODY_MAX);
    assert_int_equal(disk_body_max(r.d, RECORD_HEAD_MAX + 1), 0);
    assert_int_equal(disk_put(r.d, &p), DISK_PUT_LARGE);
    rig_put(&r, 1, 2, RECORD_BODY_MAX);
    disk_flush(r.d);
    assert_int_equal(rig_get(&r, 1), 2);
    rig_free(&r);
}

static void t_written_in_time(void **state)
{
    struct rig r;
    mono_ms start;

    (void)state;
    rig_init(&r, 8 << 20, 0);
    rig_open(&r);
    rig_put(&r, 1, 1, 100);
    start = clock_mono_ms();
    while (rig_stats(&r).written_bytes == 0) {
        assert_true(clock_mono_ms() - start < 20000);
        usleep(10000);
    }
    assert_int_equal(rig_get(&r, 1), 1);
    rig_free(&r);
}

static void t_clean_restart(void **state)
{
    enum { N = 500 };
    struct rig r;

    (void)state;
    rig_init(&r, 8 << 20, 0);
    rig_open(&r);
    for (uint64_t i = 0; i < N; i++)
        rig_put(&r, i, 1 + i, (uint32_t)(i * 13));
    assert_true(disk_drop(r.d, rig_key(&r, 7)));
    for (int round = 0; round < 3; round++) {
        disk_close(&r.d);
        rig_open(&r);
        assert_true(rig_stats(&r).clean);
        assert_int_equal(rig_stats(&r).recovered, N - 1);
        for (uint64_t i = 0; i < N; i++)
            assert_int_equal(rig_get(&r, i), i == 7 ? 0 : 1 + i);
    }
    rig_free(&r);
}

static void t_after_a_crash(void **state)
{
    enum { N = 300 };
    struct rig r;

    (void)state;
    rig_init(&r, 8 << 20, 0);
    rig_open(&r);
    for (uint64_t i = 0; i < N; i++)
        rig_put(&r, i, 1 + i, (uint32_t)(i * 17));
    disk_flush(r.d);
    rig_put(&r, N, 1, 100); /* never written */
    disk_abandon(&r.d);
    rig_open(&r);
    assert_false(rig_stats(&r).clean);
    assert_int_equal(rig_stats(&r).recovered, N);
    for (uint64_t i = 0; i <= N; i++)
        assert_int_equal(rig_get(&r, i), i < N ? 1 + i : 0);
    /* With a checkpoint, and more after it. */
    assert_true(disk_checkpoint(r.d));
    for (uint64_t i = 0; i < N; i += 3)
        rig_put(&r, i, 1000 + i, (uint32_t)(i * 5));
    disk_flush(r.d);
    disk_abandon(&r.d);
    rig_open(&r);
    for (uint64_t i = 0; i < N; i++)
        assert_int_equal(rig_get(&r, i), i % 3 == 0 ? 1000 + i : 1 + i);
    /* A clean stop is no longer the last word once something was put. */
    disk_close(&r.d);
    rig_open(&r);
    assert_true(rig_stats(&r).clean);
    rig_put(&r, 5, 5555, 100);
    disk_flush(r.d);
    disk_abandon(&r.d);
    rig_open(&r);
    assert_false(rig_stats(&r).clean);
    assert_int_equal(rig_get(&r, 5), 5555);
    assert_int_equal(rig_get(&r, 6), 1006);
    assert_int_equal(rig_stats(&r).corrupt, 0);
    rig_free(&r);
}

/* What is used stays, what is not goes, and no more is written twice than is allowed. */
static void t_laps(void **state)
{
    enum { HOT = 20, ROUNDS = 2000, SIZE = 8000 };
    struct rig r;
    struct disk_stats s;
    uint64_t lost = 0;

    (void)state;
    rig_init(&r, 8 << 20, 0);
    rig_open(&r);
    for (uint64_t i = 0; i < HOT; i++)
        rig_put(&r, i, 1, SIZE);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        rig_put(&r, 1000 + i, 1, SIZE);
        if (i % 40 == 0)
            for (uint64_t k = 0; k < HOT; k++)
                disk_used(r.d, rig_key(&r, k));
    }
    for (uint64_t i = 0; i < HOT; i++)
        lost += rig_get(&r, i) != 1;
    assert_int_equal(lost, 0);
    assert_int_equal(rig_get(&r, 1000), 0);
    assert_int_equal(rig_get(&r, 1000 + ROUNDS - 1), 1);
    s = rig_stats(&r);
    assert_true(s.head > 2 * s.segments);
    assert_true(s.reinserted_bytes > 0);
    assert_true(s.reinserted_bytes <= s.admitted_bytes + (256 << 10));
    assert_true(s.objects < ROUNDS);
    assert_int_equal(s.corrupt + s.read_errors + s.write_errors, 0);
    /* The ring goes on where it was. */
    disk_close(&r.d);
    rig_open(&r);
    assert_true(rig_stats(&r).clean);
    for (uint64_t i = 0; i < HOT; i++)
        assert_int_equal(rig_get(&r, i), 1);
    assert_int_equal(rig_get(&r, 1000 + ROUNDS - 1), 1);
    for (uint64_t i = 0; i < ROUNDS; i++)
        rig_put(&r, 5000 + i, 1, SIZE);
    disk_abandon(&r.d);
    rig_open(&r);
    assert_int_equal(rig_get(&r, 1000 + ROUNDS - 1), 0);
    assert_int_equal(rig_stats(&r).corrupt, 0);
    rig_free(&r);
}

static bool odd_sites_are_dead(void *ctx, const struct disk_meta *m)
{
    (void)ctx;
    return m->site % 2 == 1;
}

static void t_the_dead_are_not_written_again(void **state)
{
    enum { HOT = 20, ROUNDS = 1500, SIZE = 8000 };
    struct rig r;

    (void)state;
    rig_init(&r, 8 << 20, 0);
    r.conf.dead = odd_sites_are_dead;
    rig_open(&r);
    for (uint64_t i = 0; i < HOT; i++)
        rig_put(&r, i, 1, SIZE);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        rig_put(&r, 1000 + 2 * i, 1, SIZE);
        for (uint64_t k = 0; k < HOT && i % 40 == 0; k++)
            disk_used(r.d, rig_key(&r, k));
    }
    for (uint64_t i = 0; i < HOT; i++)
        assert_int_equal(rig_get(&r, i), i % 2 == 0);
    assert_int_equal(rig_stats(&r).dropped_dead, HOT / 2);
    rig_free(&r);
}

/* Many at once, equal ones among them: each is answered once. */
static void t_reads_are_joined(void **state)
{
    enum { N = 40, READS = 400 };
    static struct rig_read reads[READS];
    struct rig r;
    unsigned left = READS;

    (void)state;
    rig_init(&r, 8 << 20, 0);
    r.conf.readers = 2;
    rig_open(&r);
    for (uint64_t i = 0; i < N; i++)
        rig_put(&r, i, 1 + i, 20000);
    disk_flush(r.d);
    for (unsigned i = 0; i < READS; i++) {
        reads[i].left = &left;
        assert_int_equal(rig_start(&r, &reads[i], i / (READS / N)), DISK_GET_READING);
    }
    while (left != 0)
        worker_run(r.w);
    for (unsigned i = 0; i < READS; i++)
        assert_true(reads[i].dones == 1 && reads[i].found && reads[i].version == 1 + reads[i].key);
    assert_true(rig_stats(&r).reads_joined > 0);
    rig_free(&r);
}

static void t_a_put_is_refused_when_the_writer_lags(void **state)
{
    struct rig r;
    unsigned refused = 0;

    (void)state;
    rig_init(&r, 8 << 20, 0);
    r.conf.buffers = 1;
    rig_open(&r);
    for (uint64_t i = 0; i < 2000; i++)
        refused += rig_try_put(&r, i, 1, 30000) == DISK_PUT_BUSY;
    assert_true(refused > 0);
    assert_int_equal(rig_stats(&r).refused_puts, refused);
    rig_free(&r);
}

struct seen {
    unsigned times[1000], damaged, all;
    uint64_t body_bytes;
};

static bool note_seen(void *ctx, const struct disk_seen *one)
{
    struct seen *s = ctx;
    struct record_head h;

    s->all++;
    s->damaged += one->damaged;
    if (one->damaged)
        return true;
    assert_int_equal(one->head.n, sizeof(h));
    memcpy(&h, one->head.p, sizeof(h));
    assert_int_equal(one->meta.born, h.version);
    assert_int_equal(one->body_n, h.body_n);
    s->times[h.key]++;
    s->body_bytes += one->body_n;
    return true;
}

static struct seen walk_all(struct rig *r, bool bodies)
{
    struct disk_walk w = {0};
    struct seen s = {.all = 0};

    while (disk_walk(r->d, &w, 7, bodies, note_seen, &s))
        ;
    return s;
}

/* Each record once: written, in a buffer, replaced, dropped, damaged. */
/* A third read of a record finds it in the page cache, if the file system here says so. */
static void t_read_at_once(void **state)
{
    static const uint32_t sizes[] = {0, 1, 400, 15000, 16384, 70000, 200000, DISK_NOW_MAX, 1 << 20};
    struct rig r;
    bool has = true;

    (void)state;
    rig_init(&r, 128 << 20, 0);
    rig_open(&r);
    for (uint64_t i = 0; i < ARRAY_LEN(sizes); i++)
        rig_put(&r, i, 10 + i, sizes[i]);
    assert_int_equal(rig_get_now(&r, 0), 0); /* in a buffer */
    disk_flush(r.d);
    for (uint64_t i = 0; i < ARRAY_LEN(sizes); i++) {
        assert_int_equal(rig_get_now(&r, i), 0);
        assert_int_equal(rig_get(&r, i), 10 + i);
        assert_int_equal(rig_get_now(&r, i), 0);
        assert_int_equal(rig_get(&r, i), 10 + i);
    }
    assert_int_equal(rig_stats(&r).reads, 2 * ARRAY_LEN(sizes));
    for (uint64_t i = 0; i < ARRAY_LEN(sizes) && has; i++) {
        uint64_t version = rig_get_now(&r, i);

        /* Others may empty the page cache at any time. */
        for (int tries = 0; version == 0 && tries < 20; tries++) {
            assert_int_not_equal(rig_get(&r, i), 0);
            version = rig_get_now(&r, i);
        }
        has = i > 0 || version != 0;
        if (has)
            assert_int_equal(version, sizes[i] < DISK_NOW_MAX ? 10 + i : 0);
    }
    assert_int_equal(rig_stats(&r).reads_now > 0, has);
    /* What is put later comes, and what is dropped does not. */
    rig_put(&r, 3, 99, 5000);
    assert_int_equal(rig_get_now(&r, 3), 0);
    assert_int_equal(rig_get(&r, 3), 99);
    disk_flush(r.d);
    for (int i = 0; i < 4; i++)
        assert_int_equal(rig_get(&r, 3), 99);
    assert_true(disk_drop(r.d, rig_key(&r, 3)));
    assert_int_equal(rig_get_now(&r, 3), 0);
    assert_int_equal(rig_stats(&r).corrupt, 0);
    disk_close(&r.d);

    /* And never, when it is not wanted. */
    r.conf.direct = true;
    rig_open(&r);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rig_get_now(&r, 2), 0);
        assert_int_equal(rig_get(&r, 2), 12);
    }
    rig_free(&r);
    if (!has)
        skip();
}

static void t_walk(void **state)
{
    enum { N = 300 };
    struct rig r;
    struct seen s;
    struct disk_entry e;
    char junk[DISK_PAGE] = {1};
    int fd;

    (void)state;
    rig_init(&r, 8 << 20, 0);
    rig_open(&r);
    s = walk_all(&r, true);
    assert_int_equal(s.all, 0);
    for (uint64_t i = 0; i < N; i++)
        rig_put(&r, i, 1 + i, (uint32_t)(i * 70));
    for (uint64_t i = 0; i < 100; i++)
        rig_put(&r, i, 1000 + i, (uint32_t)(i * 70));
    assert_true(disk_drop(r.d, rig_key(&r, 17)));
    for (int round = 0; round < 3; round++) {
        s = walk_all(&r, round > 0);
        assert_int_equal(s.all, N - 1);
        assert_int_equal(s.damaged, 0);
        for (unsigned i = 0; i < N; i++)
            assert_int_equal(s.times[i], i != 17);
        disk_close(&r.d);
        rig_open(&r);
    }
    /* A body that is not what it was: only who reads bodies sees it, and it is gone then. */
    assert_true(disk_peek(r.d, rig_key(&r, 299), &e));
    fd = open(r.path, O_WRONLY);
    assert_int_equal(
        pwrite(fd, junk, sizeof(junk), (off_t)(e.loc * DISK_SECTOR + 2 * DISK_PAGE)), DISK_PAGE);
    close(fd);
    s = walk_all(&r, false);
    assert_true(s.all == N - 1 && s.damaged == 0);
    s = walk_all(&r, true);
    assert_true(s.all == N - 1 && s.damaged == 1);
    assert_int_equal(rig_stats(&r).corrupt, 1);
    s = walk_all(&r, true);
    assert_true(s.all == N - 2 && s.damaged == 0 && s.all == rig_stats(&r).objects);
    rig_free(&r);
}

struct sight {
    uint64_t key, version;
    unsigned seen;
    bool body;
};

static void on_sight(void *ctx, const struct disk_seen *seen)
{
    struct sight *s = ctx;
    struct record_head h;
    char *want;

    memcpy(&h, seen->head.p, sizeof(h));
    assert_int_equal(seen->head.n, sizeof(h));
    assert_int_equal(h.key, s->key);
    assert_int_equal(seen->body_n, h.body_n);
    assert_int_equal(seen->meta.born, h.version);
    assert_true(seen->seq > 0);
    if (seen->body.n != 0) {
        want = xmalloc(h.body_n + 8);
        body_fill(want, h.key, h.version, h.body_n);
        assert_int_equal(seen->body.n, h.body_n);
        assert_memory_equal(seen->body.p, want, h.body_n);
        free(want);
        s->body = true;
    }
    s->version = h.version;
    s->seen++;
}

/* One record, while it is in a buffer and when it is on the disk, with its body or without. */
static void t_look(void **state)
{
    const uint32_t sizes[] = {1, 5000, 20000, 200000, 900000};
    struct rig r;

    (void)state;
    rig_init(&r, 32 << 20, 0);
    rig_open(&r);
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
        rig_put(&r, i, 10 + i, sizes[i]);
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        for (unsigned i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
            struct sight s = {.key = i / 2};

            assert_true(disk_look(r.d, rig_key(&r, s.key), i % 2 == 1, on_sight, &s));
            assert_int_equal(s.seen, 1);
            assert_int_equal(s.version, 10 + s.key);
            assert_true(s.body || i % 2 == 0);
        }
        assert_false(disk_look(r.d, rig_key(&r, 99), true, on_sight, NULL));
        disk_flush(r.d);
    }
    assert_true(disk_drop(r.d, rig_key(&r, 1)));
    assert_false(disk_look(r.d, rig_key(&r, 1), true, on_sight, NULL));
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_put_and_get),
        cmocka_unit_test(t_head_and_body_bounds),
        cmocka_unit_test(t_written_in_time),
        cmocka_unit_test(t_clean_restart),
        cmocka_unit_test(t_after_a_crash),
        cmocka_unit_test(t_laps),
        cmocka_unit_test(t_the_dead_are_not_written_again),
        cmocka_unit_test(t_read_at_once),
        cmocka_unit_test(t_walk),
        cmocka_unit_test(t_look),
        cmocka_unit_test(t_reads_are_joined),
        cmocka_unit_test(t_a_put_is_refused_when_the_writer_lags),
    };

    alarm(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
