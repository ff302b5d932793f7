/* Maps on disk: written whole, opened only when they are ours and as they were written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "geo/map.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_OF(name) DATA_DIR "/maxmind-db/" name ".mmdb"

static const struct geo_point points[] = {
    {true, 50, 8}, {true, 39, -77}, {true, 35, 139}, {true, -33, 151}, {true, -23, -46}};
static const struct geo_map_conf conf = {.points = points, .points_n = 5, .alike_km = -1};
static const struct hash128 stamp = {.lo = 7, .hi = 11};

static char folder[] = "/tmp/selvage-maps-XXXXXX";
static char path[128];

static struct geo_map *compile(void)
{
    struct geo *g = geo_new();
    struct geo_map *m;
    struct geo_why why;

    assert_true(geo_add(g, FILE_OF("GeoIP2-City-Test"), &why));
    assert_true(geo_maps_compile(g, &conf, 1, NULL, &m, &why));
    geo_free(&g);
    return m;
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/cdn.map", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails if a temporary file was left */
}

static void assert_same(const struct geo_map *a, const struct geo_map *b)
{
    struct geo_map_facts fa, fb;
    uint64_t x = 88172645463325252u;

    geo_map_facts(a, &fa);
    geo_map_facts(b, &fb);
    assert_memory_equal(&fa, &fb, sizeof(fa));
    for (unsigned i = 0; i < 20000; i++) {
        struct geo_client c = {.family = i % 2 == 0 ? 4 : 6, .prefix = i % 3 == 0 ? 24 : 32};
        struct geo_order oa, ob;
        struct geo_found a1, b1;

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(c.address, &x, 8);
        memset(&oa, 0, sizeof(oa));
        memset(&ob, 0, sizeof(ob));
        memset(&a1, 0, sizeof(a1));
        memset(&b1, 0, sizeof(b1));
        geo_map_find(a, &c, &a1);
        geo_map_find(b, &c, &b1);
        assert_memory_equal(&a1, &b1, sizeof(a1));
        geo_map_order(a, &c, &oa);
        geo_map_order(b, &c, &ob);
        assert_memory_equal(&oa, &ob, sizeof(oa));
    }
}

static void written_and_opened(void **state)
{
    struct geo_map *m = compile(), *opened;
    struct hash128 got;
    struct geo_why why;
    struct stat st;

    (void)state;
    assert_true(geo_map_write(m, path, stamp, &why));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    opened = geo_map_open(path, &got, &why);
    assert_non_null(opened);
    assert_true(hash128_eq(got, stamp));
    assert_same(m, opened);
    /* One that is in use is not touched by the next one. */
    assert_true(geo_map_write(m, path, got, &why));
    assert_same(m, opened);
    geo_map_free(&opened);
    geo_map_free(&m);
    assert_false(geo_map_write((opened = compile()), "/nonexistent/cdn.map", stamp, &why));
    assert_non_null(strstr(why.text, "No such file"));
    geo_map_free(&opened);
}

static void not_ours(void **state)
{
    struct geo_map *m = compile();
    struct geo_why why;
    char link[160];

    (void)state;
    assert_true(geo_map_write(m, path, stamp, &why));
    geo_map_free(&m);
    assert_int_equal(chmod(path, 0666), 0);
    assert_null(geo_map_open(path, NULL, &why));
    assert_non_null(strstr(why.text, "can write"));
    assert_int_equal(chmod(path, 0600), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 12345), 0);
        assert_null(geo_map_open(path, NULL, &why));
        assert_int_equal(chown(path, 0, 0), 0);
    }
    snprintf(link, sizeof(link), "%s/link.map", folder);
    assert_int_equal(symlink(path, link), 0);
    assert_null(geo_map_open(link, NULL, &why));
    unlink(link);
    assert_null(geo_map_open(folder, NULL, &why));
    assert_null(geo_map_open(FILE_OF("GeoIP2-City-Test"), NULL, &why));
    assert_null(geo_map_open("/nonexistent", NULL, &why));
    m = geo_map_open(path, NULL, &why);
    assert_non_null(m);
    geo_map_free(&m);
}

/* Bytes all over the file changed, or its end cut off: it is refused, every time. All bytes of the
 * head and of what is small; of the tries' roots, which are much of the same, one in 4099. */
static void any_damage(void **state)
{
    struct geo_map *m = compile();
    struct geo_why why;
    struct stat st;
    unsigned tried = 0;
    int fd;

    (void)state;
    assert_true(geo_map_write(m, path, stamp, &why));
    geo_map_free(&m);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    for (off_t at = 0; at < st.st_size; at += at < 1500 ? 1 : 4099) {
        uint8_t byte, wrong;

        assert_int_equal(pread(fd, &byte, 1, at), 1);
        wrong = byte ^ (uint8_t)(1u << at % 8);
        assert_int_equal(pwrite(fd, &wrong, 1, at), 1);
        assert_null(geo_map_open(path, NULL, &why));
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        tried++;
    }
    assert_true(tried > 2500);
    for (off_t size = st.st_size - 1; size > 0; size = size * 3 / 4) {
        assert_int_equal(ftruncate(fd, size), 0);
        assert_null(geo_map_open(path, NULL, &why));
    }
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_opened),
        cmocka_unit_test(not_ours),
        cmocka_unit_test(any_damage),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
