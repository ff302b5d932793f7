#include "edge/variants.h"

#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct hash128 key_of(uint64_t n)
{
    return hash128(span_make((const char *)&n, sizeof(n)));
}

/* The variants of `resource` are these numbers, in that order. */
static void expect(struct variants *v, uint64_t resource, unsigned n, const uint64_t *numbers)
{
    struct hash128 got[VARIANTS_WAYS];

    assert_int_equal(variants_get(v, key_of(resource), got), n);
    for (unsigned i = 0; i < n; i++)
        assert_true(hash128_eq(got[i], key_of(numbers[i])));
}

static void newest_first_and_once(void **state)
{
    struct variants *v = variants_new();

    (void)state;
    expect(v, 1, 0, NULL);
    for (uint64_t n = 10; n <= 13; n++)
        variants_put(v, key_of(1), key_of(n));
    expect(v, 1, 4, (uint64_t[]){13, 12, 11, 10});
    variants_put(v, key_of(1), key_of(11));
    expect(v, 1, 4, (uint64_t[]){11, 13, 12, 10});
    variants_put(v, key_of(1), key_of(11));
    expect(v, 1, 4, (uint64_t[]){11, 13, 12, 10});
    expect(v, 2, 0, NULL);
    variants_free(&v);
    assert_null(v);
    variants_free(&v);
}

static void the_oldest_go(void **state)
{
    struct variants *v = variants_new();
    uint64_t numbers[VARIANTS_WAYS];

    (void)state;
    for (uint64_t n = 0; n < 3 * VARIANTS_WAYS; n++)
        variants_put(v, key_of(1), key_of(1000 + n));
    for (uint64_t i = 0; i < VARIANTS_WAYS; i++)
        numbers[i] = 1000 + 3 * VARIANTS_WAYS - 1 - i;
    expect(v, 1, VARIANTS_WAYS, numbers);
    variants_free(&v);
}

/* What is said of a resource is only its own, however full the table is. */
static void others_do_not_mix(void **state)
{
    struct variants *v = variants_new();
    struct hash128 got[VARIANTS_WAYS];
    unsigned found = 0;

    (void)state;
    for (uint64_t n = 0; n < 2 * VARIANTS_MAX; n++)
        variants_put(v, key_of(n % 5000), key_of(1000000 + n));
    for (uint64_t r = 0; r < 5000; r++) {
        unsigned n = variants_get(v, key_of(r), got);

        for (unsigned i = 0; i < n; i++) {
            bool own = false;

            for (uint64_t k = r; k < 2 * VARIANTS_MAX && !own; k += 5000)
                own = hash128_eq(got[i], key_of(1000000 + k));
            assert_true(own);
        }
        found += n;
    }
    assert_true(found > VARIANTS_MAX / 10 * 9); /* some sets are not full yet */
    variants_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_first_and_once),
        cmocka_unit_test(the_oldest_go),
        cmocka_unit_test(others_do_not_mix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
