/* t_volume.c - made only when somebody says so, opened only when it is one of ours and whole. */
#include "rig.h"

#include <sys/stat.h>

static char path[64];

static int no_file(void **state)
{
    int fd;

    (void)state;
    strcpy(path, "/tmp/selvage-volume-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return unlink(path);
}

static int remove_file(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

static bool count_progress(void *ctx, uint64_t done, uint64_t of)
{
    assert_true(done <= of);
    ++*(unsigned *)ctx;
    return true;
}

static bool give_up(void *ctx, uint64_t done, uint64_t of)
{
    (void)ctx;
    (void)done;
    (void)of;
    return false;
}

static const struct volume_plan small = {.bytes = 8 << 20};

static void make(void)
{
    char err[VOLUME_ERR_MAX];

    assert_true(volume_init(path, &small, false, NULL, NULL, err));
}

static void t_made_and_opened(void **state)
{
    char err[VOLUME_ERR_MAX] = "";
    unsigned calls = 0;
    struct volume *v, *again;
    struct stat st;
    struct hash128 a, b;

    (void)state;
    assert_null(volume_open(path, NULL, err)); /* never made by the way */
    assert_non_null(strstr(err, "No such file"));
    assert_true(volume_init(path, &small, false, count_progress, &calls, err));
    assert_true(calls > 0);
    assert_int_equal(stat(path, &st), 0);
    assert_true((uint64_t)st.st_blocks * 512 >= small.bytes); /* not sparse */
    assert_int_equal(st.st_mode & 0777, 0600);

    v = volume_open(path, NULL, err);
    assert_non_null(v);
    assert_int_equal(v->sb.bytes, small.bytes);
    assert_true(v->sb.segments >= VOLUME_SEGMENTS_MIN);
    assert_int_equal(v->sb.segment_bytes, 2 * VOLUME_SEGMENT_MIN);
    again = volume_open(path, NULL, err);
    assert_null(again);
    assert_non_null(strstr(err, "in use"));
    assert_false(volume_init(path, &small, true, NULL, NULL, err));
    assert_non_null(strstr(err, "in use"));

    /* Keys hash alike after a restart. */
    a = volume_key(v, SPAN("a key"));
    assert_true(volume_set_journal(v, 42));
    volume_close(&v);
    v = volume_open(path, NULL, err);
    assert_non_null(v);
    b = volume_key(v, SPAN("a key"));
    assert_true(hash128_eq(a, b));
    assert_int_equal(v->sb.journal, 42);
    volume_close(&v);
}

static void t_not_made_over_something(void **state)
{
    char err[VOLUME_ERR_MAX] = "";
    struct volume *v;
    uint64_t id;

    (void)state;
    make();
    assert_false(volume_init(path, &small, false, NULL, NULL, err));
    assert_non_null(strstr(err, "is a volume already"));
    v = volume_open(path, NULL, err);
    id = v->sb.id;
    volume_close(&v);
    assert_true(volume_init(path, &small, true, NULL, NULL, err));
    v = volume_open(path, NULL, err);
    assert_int_not_equal(v->sb.id, id);
    volume_close(&v);
}

static void t_plans_that_do_not_work(void **state)
{
    static const struct volume_plan bad[] = {
        {.bytes = 1 << 20},
        {.bytes = 8 << 20, .segment_bytes = 4 << 20}, /* too few of them */
        {.bytes = 8 << 20, .segment_bytes = 300000},
        {.bytes = 8 << 20, .segment_bytes = 128 << 10},
        {.bytes = 8 << 20, .object_mean = 10},
        {.bytes = UINT64_C(17) << 40, .sparse = true},
        {.bytes = UINT64_C(1) << 62, .sparse = true},
    };
    char err[VOLUME_ERR_MAX];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        err[0] = '\0';
        assert_false(volume_init(path, &bad[i], false, NULL, NULL, err));
        assert_true(strlen(err) > 10);
        assert_int_equal(access(path, F_OK), -1); /* and nothing is left */
    }
    assert_false(volume_init(path, &small, false, give_up, NULL, err));
    assert_int_equal(access(path, F_OK), -1);
    assert_false(volume_init("/tmp", &small, true, NULL, NULL, err));
    assert_false(volume_init("/dev/null", &small, true, NULL, NULL, err));
}

static void scribble(uint64_t at, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY);

    assert_int_equal(pwrite(fd, p, n, (off_t)at), n);
    close(fd);
}

static void t_what_is_no_volume_is_refused(void **state)
{
    char err[VOLUME_ERR_MAX] = "", zeros[2 * DISK_PAGE] = {0};
    uint32_t version = 9999;
    struct volume *v;

    (void)state;
    /* One superblock of two is enough. */
    make();
    scribble(0, zeros, DISK_PAGE);
    v = volume_open(path, NULL, err);
    assert_non_null(v);
    volume_close(&v);
    scribble(0, zeros, sizeof(zeros));
    assert_null(volume_open(path, NULL, err));
    assert_non_null(strstr(err, "not a volume"));

    assert_true(volume_init(path, &small, true, NULL, NULL, err));
    scribble(20, zeros, 100);
    scribble(DISK_PAGE + 20, zeros, 100);
    assert_null(volume_open(path, NULL, err));
    assert_non_null(strstr(err, "damaged"));

    assert_true(volume_init(path, &small, true, NULL, NULL, err));
    scribble(8, &version, sizeof(version));
    scribble(DISK_PAGE + 8, &version, sizeof(version));
    assert_null(volume_open(path, NULL, err));
    assert_non_null(strstr(err, "format 9999"));

    assert_true(volume_init(path, &small, true, NULL, NULL, err));
    assert_int_equal(truncate(path, 7 << 20), 0);
    assert_null(volume_open(path, NULL, err));
    assert_non_null(strstr(err, "7340032 bytes of the 8388608"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_made_and_opened, no_file, remove_file),
        cmocka_unit_test_setup_teardown(t_not_made_over_something, no_file, remove_file),
        cmocka_unit_test_setup_teardown(t_plans_that_do_not_work, no_file, remove_file),
        cmocka_unit_test_setup_teardown(t_what_is_no_volume_is_refused, no_file, remove_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
