/* The same text hashes alike, under one seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/hash.h"

#include <string.h>

static void repeats_itself(void **state)
{
    char a[300], b[301];

    (void)state;
    for (size_t n = 0; n < sizeof(a); n++) {
        memset(a, 'x', n);
        memset(b + 1, 'x', n); /* another place, another alignment */
        assert_int_equal(hash64(span_make(a, n)), hash64(span_make(b + 1, n)));
        assert_true(hash128_eq(hash128(span_make(a, n)), hash128(span_make(b + 1, n))));
    }
    assert_int_equal(hash64(SPAN_EMPTY), hash64(SPAN("")));
    assert_true(hash128_eq(hash128(SPAN_EMPTY), hash128(SPAN(""))));
}

/* One bit, one byte more, a NUL: all of it counts. */
static void tells_apart(void **state)
{
    char text[64] = {0};
    uint64_t plain = hash64(span_make(text, sizeof(text)));
    struct hash128 plain128 = hash128(span_make(text, sizeof(text)));

    (void)state;
    for (size_t i = 0; i < sizeof(text) * 8; i++) {
        text[i / 8] ^= (char)(1 << i % 8);
        assert_int_not_equal(hash64(span_make(text, sizeof(text))), plain);
        assert_false(hash128_eq(hash128(span_make(text, sizeof(text))), plain128));
        text[i / 8] ^= (char)(1 << i % 8);
    }
    for (size_t n = 0; n < sizeof(text); n++)
        assert_false(hash128_eq(hash128(span_make(text, n)), plain128));
    assert_false(hash128_eq((struct hash128){1, 2}, (struct hash128){1, 3}));
    assert_false(hash128_eq((struct hash128){1, 2}, (struct hash128){3, 2}));
}

static void seed_changes_all(void **state)
{
    uint64_t h = hash64(SPAN("key"));
    struct hash128 h128 = hash128(SPAN("key"));

    (void)state;
    hash_seed(1);
    assert_int_not_equal(hash64(SPAN("key")), h);
    assert_false(hash128_eq(hash128(SPAN("key")), h128));
    hash_seed(0);
    assert_int_equal(hash64(SPAN("key")), h);
    assert_true(hash128_eq(hash128(SPAN("key")), h128));
}

static void random_numbers_differ(void **state)
{
    uint64_t ones = 0, zeros = 0;

    (void)state;
    assert_int_not_equal(random_u64(), random_u64());
    for (int i = 0; i < 200; i++) {
        uint64_t v = random_u64();

        ones |= v;
        zeros |= ~v;
    }
    assert_int_equal(ones & zeros, UINT64_MAX); /* each bit was seen in both states */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_itself),
        cmocka_unit_test(tells_apart),
        cmocka_unit_test(seed_changes_all),
        cmocka_unit_test(random_numbers_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
