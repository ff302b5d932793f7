/* What MaxMind's own test databases say of addresses, and what damaged ones do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "geo/database.h"

#include <arpa/inet.h>
#include <glob.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILE_OF(name) DATA_DIR "/maxmind-db/" name ".mmdb"

static void find(const struct geo *g, const char *text, struct geo_place *out)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in = {.sin_family = AF_INET};

    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        geo_find(g, (struct sockaddr *)&in, out);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        geo_find(g, (struct sockaddr *)&in6, out);
    }
}

static void all_that_is_known(void **state)
{
    struct geo *g = geo_new();
    struct geo_place p;
    struct geo_why why;

    (void)state;
    assert_true(geo_add(g, FILE_OF("GeoIP2-City-Test"), &why));
    assert_true(geo_add(g, FILE_OF("GeoLite2-ASN-Test"), &why));
    find(g, "81.2.69.142", &p);
    assert_string_equal(p.country, "GB");
    assert_string_equal(p.continent, "EU");
    assert_true(p.has_location);
    assert_true(p.latitude > 51 && p.latitude < 52 && p.longitude > -1 && p.longitude < 0);
    find(g, "::ffff:81.2.69.142", &p);
    assert_string_equal(p.country, "GB");
    find(g, "2001:218::1", &p);
    assert_string_equal(p.country, "JP");
    assert_string_equal(p.continent, "AS");
    find(g, "1.128.0.1", &p);
    assert_int_equal(p.asn, 1221);
    find(g, "10.0.0.1", &p);
    assert_string_equal(p.country, "");
    assert_int_equal(p.asn, 0);
    assert_false(p.has_location);
    geo_free(&g);
    assert_null(g);
}

static void other_families(void **state)
{
    struct sockaddr sa = {.sa_family = AF_UNIX};
    struct geo *g = geo_new();
    struct geo_place p = {.asn = 1};

    (void)state;
    geo_find(g, &sa, &p);
    assert_int_equal(p.asn, 0);
    geo_free(&g);
}

/* A file of n bytes that mean nothing. */
static void assert_no_database(size_t n)
{
    char path[] = "/tmp/t_database.XXXXXX";
    int fd = mkstemp(path);
    struct geo *g = geo_new();
    struct geo_why why;

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)n), 0);
    close(fd);
    assert_false(geo_add(g, path, &why));
    assert_non_null(strstr(why.text, "this is no database in MaxMind's format"));
    unlink(path);
    geo_free(&g);
}

static void empty_and_tiny_files(void **state)
{
    (void)state;
    for (size_t n = 0; n < 200; n += 13)
        assert_no_database(n);
}

/* MaxMind's own broken files: each is refused with a reason, or can be asked. */
static void bad_files(void **state)
{
    glob_t g;

    (void)state;
    assert_int_equal(glob(DATA_DIR "/maxmind-db/bad/*/*.mmdb", 0, NULL, &g), 0);
    assert_true(g.gl_pathc > 20);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct geo *db = geo_new();
        struct geo_why why = {""};
        struct geo_place p;
        struct geo_file f;

        if (geo_add(db, g.gl_pathv[i], &why)) {
            geo_file(db, 0, &f);
            find(db, "1.1.1.1", &p);
            find(db, "2001:218::1", &p);
        } else {
            assert_non_null(strstr(why.text, g.gl_pathv[i]));
        }
        geo_free(&db);
    }
    globfree(&g);
}

static void what_files_say_of_themselves(void **state)
{
    struct geo *g = geo_new();
    struct geo_why why;
    struct geo_file f;

    (void)state;
    assert_true(geo_add(g, FILE_OF("GeoLite2-ASN-Test"), &why));
    geo_file(g, 0, &f);
    assert_string_equal(f.type, "GeoLite2-ASN");
    assert_true(f.built > 1500000000 && f.built < 4000000000);
    geo_free(&g);
}

static void refused_files(void **state)
{
    struct geo *g = geo_new();
    struct geo_why why;

    (void)state;
    assert_false(geo_add(g, "/nonexistent", &why));
    assert_non_null(strstr(why.text, "No such file"));
    assert_false(geo_add(g, "/", &why));
    assert_false(geo_add(g, __FILE__, &why));
    assert_non_null(strstr(why.text, "no database"));
    assert_false(geo_add(g, FILE_OF("GeoIP2-City-Test-Invalid-Node-Count"), &why));
    assert_false(geo_add(g, FILE_OF("MaxMind-DB-test-broken-search-tree-24"), &why));
    assert_non_null(strstr(why.text, "damaged"));
    geo_free(&g);
}

/* What a damaged file cannot say is not known, and nothing worse. */
static void damaged_data(void **state)
{
    static const char *const files[] = {FILE_OF("MaxMind-DB-test-broken-pointers-24"),
        FILE_OF("GeoIP2-City-Test-Broken-Double-Format")};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct geo *g = geo_new();
        struct geo_place p;
        struct geo_why why;

        if (geo_add(g, files[i], &why)) {
            find(g, "1.1.1.32", &p);
            assert_string_equal(p.country, "");
            for (uint32_t a = 0; a < 1u << 20; a++) {
                struct sockaddr_in in = {.sin_family = AF_INET};

                in.sin_addr.s_addr = htonl(a << 12);
                geo_find(g, (struct sockaddr *)&in, &p);
            }
        }
        geo_free(&g);
    }
}

/* Each byte of a good file changed in turn, all over it: opened or not, it never does harm. */
static void any_damage(void **state)
{
    FILE *f = fopen(FILE_OF("GeoIP2-Country-Test"), "rb");
    char path[] = "/tmp/selvage-geo-XXXXXX", *bytes = malloc(1 << 20);
    int fd = mkstemp(path);
    size_t n, opened = 0;

    (void)state;
    assert_non_null(f);
    assert_non_null(bytes);
    assert_true(fd >= 0);
    n = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    for (size_t at = 0; at < n; at += 37) {
        struct geo *g = geo_new();
        struct geo_place p;
        struct geo_why why;

        bytes[at] ^= (char)0xff;
        assert_int_equal(pwrite(fd, bytes, n, 0), n);
        bytes[at] ^= (char)0xff;
        if (geo_add(g, path, &why)) {
            opened++;
            find(g, "81.2.69.142", &p);
            find(g, "2001:218::1", &p);
            find(g, "216.160.83.56", &p);
        }
        geo_free(&g);
    }
    assert_true(opened > 0);
    close(fd);
    unlink(path);
    free(bytes);
}

/* Writing over the file, or cutting it, changes nothing of what was opened. */
static void written_over(void **state)
{
    FILE *f = fopen(FILE_OF("GeoIP2-Country-Test"), "rb");
    char path[] = "/tmp/selvage-geo-XXXXXX", *bytes = malloc(1 << 20);
    int fd = mkstemp(path);
    struct geo *g = geo_new();
    struct geo_place p;
    struct geo_why why;
    size_t n;

    (void)state;
    assert_non_null(f);
    assert_non_null(bytes);
    n = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    assert_int_equal(pwrite(fd, bytes, n, 0), n);
    assert_true(geo_add(g, path, &why));
    memset(bytes, 0xff, n);
    assert_int_equal(pwrite(fd, bytes, n, 0), n);
    find(g, "81.2.69.160", &p);
    assert_string_equal(p.country, "GB");
    assert_int_equal(ftruncate(fd, 0), 0);
    find(g, "2001:218::1", &p);
    assert_string_equal(p.country, "JP");
    geo_free(&g);
    close(fd);
    unlink(path);
    free(bytes);
}

static void cost(void **state)
{
    enum { N = 300000 };
    struct geo *g = geo_new();
    struct geo_why why;
    struct geo_place p;
    struct timespec a, b;
    double ns;

    (void)state;
    assert_true(geo_add(g, FILE_OF("GeoIP2-City-Test"), &why));
    assert_true(geo_add(g, FILE_OF("GeoLite2-ASN-Test"), &why));
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (unsigned i = 0; i < N; i++)
        find(g, "81.2.69.142", &p);
    clock_gettime(CLOCK_MONOTONIC, &b);
    ns = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / N;
    print_message("geo_find(): %.0f ns in two databases\n", ns);
    assert_true(ns < 100000);
    geo_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_known),
        cmocka_unit_test(other_families),
        cmocka_unit_test(empty_and_tiny_files),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(what_files_say_of_themselves),
        cmocka_unit_test(refused_files),
        cmocka_unit_test(damaged_data),
        cmocka_unit_test(any_damage),
        cmocka_unit_test(written_over),
        cmocka_unit_test(cost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
