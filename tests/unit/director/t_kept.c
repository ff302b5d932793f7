/* Signatures that are kept: what was put is found, whole or not at all, whoever writes meanwhile.
 */
#include "tests/unit/http/table.h"

#include "director/kept.h"

#include <pthread.h>
#include <string.h>

enum { ROUNDS = 200000 };

static struct kept kept_of(uint32_t n)
{
    struct kept k = {.inception = n, .expiration = n + 1};

    memset(k.signature, (int)(n & 0xff), sizeof(k.signature));
    return k;
}

static bool is_whole(const struct kept *k)
{
    struct kept want = kept_of(k->inception);

    return memcmp(k, &want, sizeof(want)) == 0;
}

static struct hash128 key_of(uint64_t n)
{
    return (struct hash128){n * 0x9e3779b97f4a7c15u, n};
}

static void an_empty_place_has_nothing(void **state)
{
    struct kept_place p = {0};
    struct hash128 key;
    struct kept k, found;

    (void)state;
    assert_false(kept_read(&p, &key, &found));
    k = kept_of(7);
    kept_write(&p, key_of(3), &k);
    assert_true(kept_read(&p, &key, &found));
    assert_true(hash128_eq(key, key_of(3)));
    assert_memory_equal(&k, &found, sizeof(k));
}

static void a_table_keeps_as_many_as_it_has_places(void **state)
{
    struct kept_table t;
    struct kept k;
    unsigned found = 0;

    (void)state;
    kept_table_init(&t, 1024);
    for (uint32_t i = 0; i < 512; i++) {
        k = kept_of(i);
        kept_put(&t, key_of(i), &k);
        kept_put(&t, key_of(i), &k); /* once is enough */
    }
    for (uint32_t i = 0; i < 512; i++) {
        if (kept_find(&t, key_of(i), &k)) {
            assert_int_equal(k.inception, i);
            found++;
        }
    }
    assert_in_range(found, 480, 512);
    assert_false(kept_find(&t, key_of(513), &k));
    kept_table_free(&t);
}

/* Of a full set the one goes that ends first. */
static void what_ends_first_goes(void **state)
{
    struct kept_table t;
    struct kept k;

    (void)state;
    kept_table_init(&t, KEPT_WAYS);
    for (uint32_t i = 1; i <= KEPT_WAYS + 1; i++) {
        k = kept_of(i == 1 ? 1000 : i);
        kept_put(&t, key_of(i), &k);
    }
    assert_false(kept_find(&t, key_of(2), &k));
    for (uint32_t i = 1; i <= KEPT_WAYS + 1; i++)
        assert_int_equal(kept_find(&t, key_of(i), &k), i != 2);
    /* the same key in place of itself, whatever else there is */
    k = kept_of(2000);
    kept_put(&t, key_of(3), &k);
    assert_true(kept_find(&t, key_of(3), &k));
    assert_int_equal(k.inception, 2000);
    assert_true(kept_find(&t, key_of(1), &k));
    kept_table_free(&t);
}

static void *write_all(void *arg)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct kept k = kept_of(i);

        kept_put(arg, key_of(i % 7), &k);
    }
    return NULL;
}

static void *read_all(void *arg)
{
    uintptr_t torn = 0;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct kept k;

        if (kept_find(arg, key_of(i % 7), &k))
            torn += !is_whole(&k) || k.inception % 7 != i % 7;
    }
    return (void *)torn;
}

static void readers_never_see_half_of_it(void **state)
{
    struct kept_table t;
    pthread_t threads[4];

    (void)state;
    kept_table_init(&t, 2 * KEPT_WAYS);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i < 2 ? write_all : read_all, &t), 0);
    for (unsigned i = 0; i < 4; i++) {
        void *torn;

        assert_int_equal(pthread_join(threads[i], &torn), 0);
        assert_null(torn);
    }
    kept_table_free(&t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_place_has_nothing),
        cmocka_unit_test(a_table_keeps_as_many_as_it_has_places),
        cmocka_unit_test(what_ends_first_goes),
        cmocka_unit_test(readers_never_see_half_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
