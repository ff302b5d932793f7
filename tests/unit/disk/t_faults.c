/* t_faults.c - a disk that fails: nothing wrong is handed out, and the state says what is left. */
#include "faults.h"
#include "rig.h"

enum { N = 200 };

static struct faults faults;

static void faulty_rig(struct rig *r)
{
    faults_init(&faults, seed_of_run());
    rig_init(r, 8 << 20, 0);
    r->io = &faults.io;
    rig_open(r);
}

static void put_all(struct rig *r, uint64_t version)
{
    for (uint64_t i = 0; i < N; i++)
        rig_put(r, i, version, (uint32_t)(i * 50));
    disk_flush(r->d);
}

/* How many are found; each of them is of that version, and right (rig_take()). */
static unsigned get_all(struct rig *r, uint64_t version)
{
    unsigned found = 0;

    for (uint64_t i = 0; i < N; i++) {
        uint64_t got = rig_get(r, i);

        assert_true(got == 0 || got == version);
        found += got != 0;
    }
    return found;
}

static void t_short_transfers_are_no_errors(void **state)
{
    struct rig r;

    (void)state;
    faulty_rig(&r);
    faults.read_short = faults.write_short = 2;
    put_all(&r, 1);
    assert_int_equal(get_all(&r, 1), N);
    disk_close(&r.d);
    rig_open(&r);
    assert_true(rig_stats(&r).clean);
    assert_int_equal(get_all(&r, 1), N);
    disk_abandon(&r.d);
    rig_open(&r);
    assert_int_equal(get_all(&r, 1), N);
    assert_true(faults.done > 100);
    rig_free(&r);
}

static void t_flipped_bits_are_misses(void **state)
{
    struct rig r;
    unsigned found;

    (void)state;
    faulty_rig(&r);
    put_all(&r, 1);
    faults.read_flip = 4;
    found = get_all(&r, 1);
    assert_true(found < N && found > N / 4);
    /* A bit in what was read around the record does no harm. */
    assert_int_equal(rig_stats(&r).corrupt, N - found);
    assert_int_equal(rig_stats(&r).objects, found);
    faults.read_flip = 0;
    assert_int_equal(get_all(&r, 1), found);
    /* And on the way to the disk: in records, headers, footers and checkpoints. */
    for (uint64_t version = 2; version < 12; version++) {
        faults.write_flip = 3;
        faults.write_lost = 7;
        put_all(&r, version);
        if (version % 2 == 0)
            disk_close(&r.d);
        else
            disk_abandon(&r.d);
        faults.write_flip = faults.write_lost = 0;
        rig_open(&r);
        for (uint64_t i = 0; i < N; i++)
            assert_true(rig_get(&r, i) <= version);
        put_all(&r, version);
        assert_int_equal(get_all(&r, version), N);
    }
    assert_int_equal(disk_state(r.d), DISK_READY);
    rig_free(&r);
}

static void t_read_errors(void **state)
{
    struct rig r;
    unsigned found;
    struct rig_read g = {.left = NULL};

    (void)state;
    faulty_rig(&r);
    put_all(&r, 1);
    faults.read_error = 1;
    for (uint64_t i = 0; i < DISK_ERRORS_READ_ONLY; i++) {
        assert_int_equal(disk_state(r.d), DISK_READY);
        assert_int_equal(rig_get(&r, i), 0);
    }
    assert_int_equal(disk_state(r.d), DISK_READ_ONLY);
    assert_int_equal(rig_try_put(&r, 1, 2, 100), DISK_PUT_OFF);
    assert_false(disk_checkpoint(r.d));
    faults.read_error = 0;
    found = get_all(&r, 1);
    assert_int_equal(found, N - DISK_ERRORS_READ_ONLY);
    faults.read_error = 1;
    for (uint64_t i = N - 1; disk_state(r.d) == DISK_READ_ONLY; i--)
        assert_int_equal(rig_get(&r, i), 0);
    assert_int_equal(disk_state(r.d), DISK_OFFLINE);
    assert_int_equal(rig_stats(&r).read_errors, DISK_ERRORS_OFFLINE);
    assert_int_equal(rig_start(&r, &g, 50), DISK_GET_REFUSED);
    /* It comes back when it is opened again. */
    faults.read_error = 0;
    disk_close(&r.d);
    rig_open(&r);
    assert_int_equal(disk_state(r.d), DISK_READY);
    assert_int_equal(get_all(&r, 1), N);
    rig_free(&r);
}

static void wait_for_state(struct rig *r, enum disk_state state)
{
    for (int ms = 0; disk_state(r->d) != state; ms++) {
        assert_true(ms < 20000);
        usleep(1000);
    }
}

/* Everything fails for a while; then it is there again, and so is what it had. */
static void t_comes_back(void **state)
{
    struct rig r;
    unsigned found;

    (void)state;
    faulty_rig(&r);
    put_all(&r, 1);
    disk_close(&r.d);
    r.conf.look_ms = 20;
    rig_open(&r);
    faults.read_error = faults.write_error = 1;
    for (uint64_t i = 0; disk_state(r.d) == DISK_READY; i++)
        assert_int_equal(rig_get(&r, i), 0);
    wait_for_state(&r, DISK_OFFLINE);
    /* It can be read, but not written; then both. */
    faults.read_error = 0;
    wait_for_state(&r, DISK_READ_ONLY);
    found = get_all(&r, 1);
    assert_int_equal(found, N - rig_stats(&r).read_errors);
    faults.write_error = 0;
    wait_for_state(&r, DISK_READY);
    put_all(&r, 2);
    assert_int_equal(get_all(&r, 2), N);
    assert_true(disk_checkpoint(r.d));
    disk_abandon(&r.d);
    rig_open(&r);
    assert_int_equal(get_all(&r, 2), N);
    rig_free(&r);
}

/* Another volume at its path, a copy of which nobody knows how old it is, or none at all, is not
 * taken for it; when its own file is there again it is. */
static void t_another_one_is_not_taken(void **state)
{
    char away[80], err[VOLUME_ERR_MAX];
    struct rig r;

    (void)state;
    faulty_rig(&r);
    put_all(&r, 1);
    disk_flush(r.d);
    disk_close(&r.d);
    r.conf.look_ms = 20;
    rig_open(&r);
    snprintf(away, sizeof(away), "%s.away", r.path);
    assert_int_equal(rename(r.path, away), 0);
    faults.read_error = 1;
    for (uint64_t i = 0; disk_state(r.d) == DISK_READY; i++)
        assert_int_equal(rig_get(&r, i), 0);
    faults.read_error = 0;
    wait_for_state(&r, DISK_OFFLINE);
    assert_true(volume_init(r.path, &r.plan, false, NULL, NULL, err));
    usleep(100000);
    assert_int_equal(disk_state(r.d), DISK_OFFLINE);
    assert_int_equal(rename(away, r.path), 0);
    wait_for_state(&r, DISK_READY);
    assert_int_equal(get_all(&r, 1), N - DISK_ERRORS_READ_ONLY);
    rig_free(&r);
}

static void t_no_room_on_the_device(void **state)
{
    struct rig r;

    (void)state;
    faulty_rig(&r);
    put_all(&r, 1);
    faults.write_full = 1;
    for (uint64_t i = 0; disk_state(r.d) == DISK_READY; i++) {
        assert_true(i < 100);
        rig_put(&r, 1000 + i, 1, 1000);
        assert_int_equal(rig_get(&r, 1000 + i), 1); /* still in memory */
        disk_flush(r.d);
        assert_int_equal(rig_get(&r, 1000 + i), 0); /* lost, and known to be */
    }
    assert_int_equal(disk_state(r.d), DISK_READ_ONLY);
    assert_int_equal(rig_try_put(&r, 1, 2, 100), DISK_PUT_OFF);
    assert_int_equal(get_all(&r, 1), N);
    assert_int_equal(rig_stats(&r).corrupt, 0);
    faults.write_full = 0;
    disk_close(&r.d);
    rig_open(&r);
    assert_int_equal(get_all(&r, 1), N);
    rig_free(&r);
}

/* Nothing can be read while it is recovered: there is no volume, and nobody is stopped by it. */
static void t_dead_on_arrival(void **state)
{
    struct rig r;
    char err[VOLUME_ERR_MAX];

    (void)state;
    faulty_rig(&r);
    put_all(&r, 1);
    disk_close(&r.d);
    faults.read_error = 1;
    assert_null(volume_open(r.path, &faults.io, err));
    assert_non_null(strstr(err, "Input/output error"));
    faults.read_error = 0;
    rig_open(&r);
    assert_int_equal(get_all(&r, 1), N);
    /* The checkpoint cannot be made unclean: it must not be written over. */
    disk_close(&r.d);
    faults.write_error = 1;
    rig_open(&r);
    assert_int_equal(disk_state(r.d), DISK_OFFLINE);
    assert_int_equal(rig_try_put(&r, 1, 2, 100), DISK_PUT_OFF);
    faults.write_error = 0;
    disk_close(&r.d);
    rig_open(&r);
    assert_true(rig_stats(&r).clean);
    assert_int_equal(get_all(&r, 1), N);
    rig_free(&r);
}

static void t_a_slow_disk_is_left_alone(void **state)
{
    enum { SLOW_MS = 50 };
    static struct rig_read reads[N];
    struct rig r;
    unsigned left = 0, started = 0, refused = 0;

    (void)state;
    faulty_rig(&r);
    put_all(&r, 1);
    disk_close(&r.d);
    r.conf.slow_ms = SLOW_MS;
    r.conf.readers = 2;
    r.conf.reads_max = 8;
    rig_open(&r);
    faults.read_wait_ms = 10 * SLOW_MS;
    left = UINT32_MAX;
    for (uint64_t i = 0; i < 4; i++) {
        reads[i].left = &left;
        started += rig_start(&r, &reads[i], i) == DISK_GET_READING;
    }
    assert_int_equal(started, 4);
    while (!disk_slow(r.d))
        usleep(1000);
    reads[4].left = &left;
    assert_int_equal(rig_start(&r, &reads[4], 4), DISK_GET_REFUSED);
    assert_int_equal(rig_stats(&r).refused_reads, 1);
    faults.read_wait_ms = 0;
    left = started - (UINT32_MAX - left);
    while (left != 0)
        worker_run(r.w);
    assert_false(disk_slow(r.d));
    /* A queue that is full refuses as well. */
    faults.read_wait_ms = 20;
    left = UINT32_MAX;
    started = refused = 0;
    for (uint64_t i = 0; i < N && refused == 0; i++) {
        reads[i].left = &left;
        if (rig_start(&r, &reads[i], i) == DISK_GET_READING)
            started++;
        else
            refused++;
    }
    assert_true(refused != 0 && started >= 8);
    left = started - (UINT32_MAX - left);
    while (left != 0)
        worker_run(r.w);
    faults.read_wait_ms = 0;
    assert_int_equal(get_all(&r, 1), N);
    rig_free(&r);
}

/* One place of the disk that takes for ever does not take the rest with it. */
static void t_one_stuck_reader(void **state)
{
    enum { SLOW_MS = 50, STUCK_MS = 20 * SLOW_MS };
    struct rig_read stuck = {.left = NULL};
    struct disk_entry e;
    struct rig r;
    mono_ms start;

    (void)state;
    faulty_rig(&r);
    put_all(&r, 1);
    disk_close(&r.d);
    r.conf.slow_ms = SLOW_MS;
    r.conf.readers = 2;
    rig_open(&r);
    assert_true(disk_peek(r.d, rig_key(&r, 150), &e));
    faults.wait_at = e.loc * DISK_SECTOR;
    faults.read_wait_ms = STUCK_MS;
    start = clock_mono_ms();
    assert_int_equal(rig_start(&r, &stuck, 150), DISK_GET_READING);
    while (clock_mono_ms() - start < 4 * SLOW_MS) {
        assert_false(disk_slow(r.d));
        assert_int_equal(rig_get(&r, 3), 1);
    }
    while (stuck.dones == 0)
        worker_run(r.w);
    assert_true(stuck.found);
    rig_free(&r);
}

/* A read that began before a put does not answer one that came after it. */
static void t_no_older_record_by_joining(void **state)
{
    static struct rig_read first, second;
    struct rig r;
    unsigned left = 2;

    (void)state;
    faulty_rig(&r);
    put_all(&r, 1);
    first.left = second.left = &left;
    faults.read_wait_ms = 300;
    assert_int_equal(rig_start(&r, &first, 7), DISK_GET_READING);
    usleep(100 * 1000); /* it is likely under way; if not, this proves less */
    rig_put(&r, 7, 2, 100);
    assert_int_equal(rig_start(&r, &second, 7), DISK_GET_READING);
    while (left != 0)
        worker_run(r.w);
    faults.read_wait_ms = 0;
    assert_true(first.found && second.found);
    assert_int_equal(second.version, 2);
    rig_free(&r);
}

/* All of it at once, with laps, crashes and restarts: what is found is what was put. */
static void t_everything_at_once(void **state)
{
    enum { ROUNDS = 12, PUTS = 400 };
    static uint64_t last[N];
    struct rig r;
    uint64_t rng, version = 0, found = 0, checkpoints = 0;

    (void)state;
    memset(last, 0, sizeof(last));
    faulty_rig(&r);
    rng = faults.rng;
    for (unsigned round = 0; round < ROUNDS; round++) {
        faults.read_error = faults.write_error = faults.sync_error = 800;
        faults.read_short = faults.write_short = 10;
        faults.read_flip = faults.write_flip = 40;
        faults.write_full = 800;
        faults.write_lost = 120;
        for (unsigned i = 0; i < PUTS && disk_state(r.d) == DISK_READY; i++) {
            uint64_t key = rnd_below(&rng, N), got;
            enum disk_put_result res =
                rig_try_put(&r, key, version + 1, (uint32_t)rnd_below(&rng, 30000));

            if (res == DISK_PUT_DONE)
                last[key] = ++version;
            if (res == DISK_PUT_BUSY)
                disk_flush(r.d);
            key = rnd_below(&rng, N);
            got = rig_get(&r, key);
            assert_true(got <= last[key]);
            found += got != 0;
            if (i % 100 == 50)
                checkpoints += disk_checkpoint(r.d);
        }
        if (round % 2 == 0)
            disk_close(&r.d);
        else
            disk_abandon(&r.d);
        /* Opening needs a superblock; the rest of it may fail. */
        faults.read_error = 0;
        rig_open(&r);
    }
    assert_true(found > 100 && faults.done > 100 && checkpoints > 0);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_short_transfers_are_no_errors),
        cmocka_unit_test(t_flipped_bits_are_misses),
        cmocka_unit_test(t_read_errors),
        cmocka_unit_test(t_comes_back),
        cmocka_unit_test(t_another_one_is_not_taken),
        cmocka_unit_test(t_no_room_on_the_device),
        cmocka_unit_test(t_dead_on_arrival),
        cmocka_unit_test(t_a_slow_disk_is_left_alone),
        cmocka_unit_test(t_one_stuck_reader),
        cmocka_unit_test(t_no_older_record_by_joining),
        cmocka_unit_test(t_everything_at_once),
    };

    alarm(240);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
