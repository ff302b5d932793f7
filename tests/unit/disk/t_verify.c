/* t_verify.c - what the looker sees: nothing wrong where nothing is, and each kind of damage. */
#include "rig.h"

#include "disk/verify.h"

#include <sys/stat.h>

enum { BYTES = 8 << 20, SEGMENT = 256 << 10 };

static struct verify look(const struct rig *r)
{
    char err[VOLUME_ERR_MAX] = "";
    struct verify v;

    if (!volume_verify(r->path, &v, NULL, NULL, err))
        fail_msg("%s", err);
    return v;
}

/* Some records, or several laps of them. */
static void fill(struct rig *r, uint64_t n)
{
    rig_open(r);
    for (uint64_t k = 1; k <= n; k++)
        rig_put(r, k, k, 3000);
    disk_flush(r->d);
}

static void end(struct rig *r)
{
    worker_join(&r->w);
    assert_int_equal(unlink(r->path), 0);
}

/* Turns a bit where the record of that key has its body. */
static void damage(const struct rig *r, uint64_t at)
{
    int fd = open(r->path, O_RDWR);
    char c;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &c, 1, (off_t)at), 1);
    c ^= 4;
    assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
    close(fd);
}

static uint64_t place_of(struct rig *r, uint64_t key)
{
    struct disk_entry e;

    assert_true(disk_peek(r->d, rig_key(r, key), &e));
    return e.loc * DISK_SECTOR;
}

static void t_sound(void **state)
{
    struct rig r;
    struct verify v;

    (void)state;
    rig_init(&r, BYTES, SEGMENT);
    v = look(&r); /* new */
    assert_true(verify_ok(&v));
    assert_int_equal(v.used + v.index + v.checkpoints, 0);
    fill(&r, 100);
    disk_close(&r.d);
    v = look(&r);
    assert_true(verify_ok(&v));
    assert_true(v.clean);
    assert_int_equal(v.records, 100);
    assert_int_equal(v.index_right, 100);
    assert_int_equal(v.unclosed, 0);
    end(&r);
}

static void t_sound_after_a_crash_and_laps(void **state)
{
    static const uint64_t counts[] = {100, 10000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct rig r;
        struct verify v;
        struct disk_stats s;

        rig_init(&r, BYTES, SEGMENT);
        fill(&r, counts[i]);
        disk_abandon(&r.d);
        v = look(&r);
        assert_true(verify_ok(&v));
        assert_false(v.clean);
        assert_int_equal(v.unclosed, 1);
        assert_true(v.index > 0 && v.index <= counts[i]);
        /* It changed nothing, and the next disk_open() finds the same. */
        assert_int_equal(look(&r).unclosed, 1);
        rig_open(&r);
        s = rig_stats(&r);
        assert_int_equal(s.recovered, v.index);
        rig_free(&r);
    }
}

static void t_damage(void **state)
{
    struct rig r;
    struct verify v;
    uint64_t at;

    (void)state;
    rig_init(&r, BYTES, SEGMENT);
    fill(&r, 100);
    at = place_of(&r, 50);
    disk_close(&r.d);
    damage(&r, at + 2000);
    v = look(&r);
    assert_false(verify_ok(&v));
    assert_int_equal(v.damaged, 1);
    assert_int_equal(v.records, 99);
    assert_int_equal(v.index - v.index_right, 1);
    damage(&r, at + 2000);
    v = look(&r);
    assert_true(verify_ok(&v));

    damage(&r, 100); /* a superblock */
    v = look(&r);
    assert_false(verify_ok(&v));
    assert_int_equal(v.superblocks, 1);
    damage(&r, 100);
    end(&r);
}

/* The newest checkpoint is what a clean stop relies on. */
static void t_damaged_checkpoint(void **state)
{
    struct rig r;
    struct verify v;
    uint64_t at;

    (void)state;
    rig_init(&r, BYTES, SEGMENT);
    fill(&r, 100);
    at = disk_volume(r.d)->sb.checkpoint_at[1]; /* that of the first generation */
    disk_close(&r.d);
    damage(&r, at + DISK_PAGE + 100);
    v = look(&r);
    assert_false(verify_ok(&v));
    assert_false(v.checkpoint);
    assert_int_equal(v.damaged, 0);
    assert_int_equal(v.index_right, 100); /* the log has all of it */
    end(&r);
}

/* Not while somebody writes to it, and not what is no volume. */
static void t_refused(void **state)
{
    char err[VOLUME_ERR_MAX] = "";
    struct verify v;
    struct rig r;

    (void)state;
    rig_init(&r, BYTES, SEGMENT);
    fill(&r, 1);
    assert_false(volume_verify(r.path, &v, NULL, NULL, err));
    assert_non_null(strstr(err, "in use"));
    disk_close(&r.d);
    assert_int_equal(truncate(r.path, 0), 0);
    assert_false(volume_verify(r.path, &v, NULL, NULL, err));
    end(&r);
}

static void t_blank(void **state)
{
    char err[VOLUME_ERR_MAX] = "";
    struct volume *v;
    struct rig r;

    (void)state;
    rig_init(&r, BYTES, SEGMENT);
    v = volume_open_dry(r.path, err);
    assert_true(volume_is_blank(v));
    volume_close(&v);
    fill(&r, 1);
    disk_abandon(&r.d); /* no checkpoint, no footer */
    v = volume_open(r.path, NULL, err);
    assert_false(volume_is_blank(v));
    volume_close(&v);
    assert_true(volume_init(r.path, &r.plan, true, NULL, NULL, err));
    v = volume_open(r.path, NULL, err);
    assert_true(volume_is_blank(v)); /* what stands there is another volume's */
    volume_close(&v);
    end(&r);
}

static void t_waiting(void **state)
{
    struct disk_stats s;
    struct rig r;

    (void)state;
    rig_init(&r, BYTES, SEGMENT);
    rig_open(&r);
    rig_put(&r, 1, 1, 3000);
    s = rig_stats(&r);
    assert_int_equal(s.admitted, 1);
    assert_true(s.waiting_bytes == s.admitted_bytes || s.written_bytes > 0);
    disk_flush(r.d);
    assert_int_equal(rig_stats(&r).waiting_bytes, 0);
    assert_true(rig_stats(&r).written_bytes > 0);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_sound),
        cmocka_unit_test(t_sound_after_a_crash_and_laps),
        cmocka_unit_test(t_damage),
        cmocka_unit_test(t_damaged_checkpoint),
        cmocka_unit_test(t_refused),
        cmocka_unit_test(t_blank),
        cmocka_unit_test(t_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
