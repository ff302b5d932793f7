/* When files of databases count as changed, and as whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "director/map_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/t_map_files.XXXXXX";
static char paths_text[2][64];
static struct span spans[2];
static struct conf_strings paths = {spans, 2};

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(paths_text[i], sizeof(paths_text[i]), "%s/%u", dir, i);
        spans[i] = span_of(paths_text[i]);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++)
        unlink(paths_text[i]);
    return rmdir(dir);
}

static void put(unsigned i, const char *text)
{
    FILE *f = fopen(paths_text[i], "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Content and size stay; only dates tell. */
static void date(unsigned i, int64_t ms)
{
    const struct timespec times[2] = {{.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000},
        {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}};

    assert_int_equal(utimensat(AT_FDCWD, paths_text[i], times, 0), 0);
}

static void changes_are_seen(void **state)
{
    struct map_files a, b;

    (void)state;
    put(0, "one");
    map_files_look(&paths, &a);
    assert_int_equal(a.n, 2);
    assert_true(a.v[0].there);
    assert_int_equal(a.v[0].bytes, 3);
    assert_false(a.v[1].there);
    map_files_look(&paths, &b);
    assert_true(map_files_same(&a, &b));
    assert_int_equal(map_files_hash(&a), map_files_hash(&b));

    date(0, 1000000000000);
    map_files_look(&paths, &b);
    assert_false(map_files_same(&a, &b));
    assert_int_not_equal(map_files_hash(&a), map_files_hash(&b));

    a = b;
    put(1, "two");
    map_files_look(&paths, &b);
    assert_true(b.v[1].there);
    assert_false(map_files_same(&a, &b));

    /* Another file under the same name with the same size and date. */
    date(1, 1000000000000);
    map_files_look(&paths, &a);
    assert_int_equal(rename(paths_text[0], paths_text[1]), 0);
    map_files_look(&paths, &b);
    assert_false(map_files_same(&a, &b));
}

static void what_is_no_file(void **state)
{
    struct map_files f;

    (void)state;
    unlink(paths_text[0]);
    assert_int_equal(mkdir(paths_text[0], 0700), 0);
    map_files_look(&paths, &f);
    assert_false(f.v[0].there);
    assert_int_equal(rmdir(paths_text[0]), 0);
}

static void settling(void **state)
{
    struct map_files f = {.n = 1};
    const wall_ms now = 1000000;

    (void)state;
    assert_true(map_files_settled(&f, now)); /* there is nothing that could change */
    f.v[0] = (struct map_file){.there = true,
        .changed_ns = (now - MAP_FILES_SETTLE_MS) * 1000000,
        .touched_ns = (now - MAP_FILES_SETTLE_MS) * 1000000};
    assert_true(map_files_settled(&f, now));
    f.v[0].touched_ns += 1000000;
    assert_false(map_files_settled(&f, now));
    assert_true(map_files_settled(&f, now + 1));
    f.v[0].changed_ns = (now + 3600000) * 1000000; /* the clock was wrong, or is */
    assert_false(map_files_settled(&f, now + 1));
}

/* The number of a device changes with a boot; that alone is no other file. */
static void devices_do_not_count(void **state)
{
    struct map_files f, g;

    (void)state;
    put(0, "one");
    map_files_look(&paths, &f);
    memcpy(&g, &f, sizeof(g));
    g.v[0].device++;
    assert_int_equal(map_files_hash(&f), map_files_hash(&g));
    g.v[0].inode++;
    assert_int_not_equal(map_files_hash(&f), map_files_hash(&g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_seen),
        cmocka_unit_test(what_is_no_file),
        cmocka_unit_test(settling),
        cmocka_unit_test(devices_do_not_count),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
