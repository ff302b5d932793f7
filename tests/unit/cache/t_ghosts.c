/*
 * t_ghosts.c - what is remembered, for how long, and who goes when there is no place.
 */
#include "cache/ghosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { PLACES = 1 << 16 };

static uint32_t places[PLACES];

static void ghosts_clear(struct ghosts *g, uint64_t n, uint64_t life_bytes)
{
    memset(places, 0, sizeof(places));
    ghosts_init(g, places, n, life_bytes);
}

/* A mix of the number, as a hash is. */
static uint64_t print_of(uint64_t i)
{
    i = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    i ^= i >> 32;
    i *= UINT64_C(0xd6e8feb86659fd93);
    return i ^ i >> 32;
}

static void t_remembers_and_forgets(void **state)
{
    struct ghosts g;

    (void)state;
    ghosts_clear(&g, PLACES, 1 << 20);
    assert_false(ghosts_have(&g, print_of(1)));
    assert_false(ghosts_take(&g, print_of(1)));
    ghosts_add(&g, print_of(1));
    assert_true(ghosts_have(&g, print_of(1)));
    assert_false(ghosts_have(&g, print_of(2)));
    assert_true(ghosts_take(&g, print_of(1)));
    assert_false(ghosts_have(&g, print_of(1)));
}

static void t_lives_as_long_as_said(void **state)
{
    struct ghosts g;

    (void)state;
    for (uint64_t life = 1 << 14; life <= UINT64_C(1) << 50; life <<= 6) {
        ghosts_clear(&g, PLACES, life);
        ghosts_pass(&g, life / 3); /* does not begin at nought */
        ghosts_add(&g, print_of(7));
        ghosts_pass(&g, life / 100 * 99);
        assert_true(ghosts_have(&g, print_of(7)));
        assert_in_range(ghosts_age(&g, print_of(7)), life / 100 * 98, life);
        ghosts_pass(&g, life / 50);
        assert_false(ghosts_have(&g, print_of(7)));
        assert_true(ghosts_age(&g, print_of(7)) == UINT64_MAX);
        /* Being seen again makes it young. */
        ghosts_add(&g, print_of(7));
        ghosts_pass(&g, life / 2);
        ghosts_add(&g, print_of(7));
        ghosts_pass(&g, life / 100 * 99);
        assert_true(ghosts_have(&g, print_of(7)));
    }
}

/* All sets are used, and hardly anybody is taken for somebody else. */
static void t_fills_its_table(void **state)
{
    struct ghosts g;
    unsigned known = 0, mistaken = 0;

    (void)state;
    ghosts_clear(&g, PLACES, UINT64_C(1) << 40);
    for (unsigned i = 0; i < PLACES / 2; i++)
        ghosts_add(&g, print_of(i));
    for (unsigned i = 0; i < PLACES / 2; i++)
        known += ghosts_have(&g, print_of(i));
    assert_true(known > PLACES / 2 / 100 * 98);
    for (unsigned i = 0; i < 1000000; i++)
        mistaken += ghosts_have(&g, print_of(PLACES + i));
    assert_in_range(mistaken, 60, 250); /* 8 in a set, of 65536: 122 */
}

static void t_the_oldest_goes(void **state)
{
    struct ghosts g;

    (void)state;
    ghosts_clear(&g, GHOSTS_WAYS, 1 << 20); /* one set */
    for (unsigned i = 0; i < GHOSTS_WAYS + 1; i++) {
        ghosts_pass(&g, 1000);
        ghosts_add(&g, print_of(i));
    }
    assert_false(ghosts_have(&g, print_of(0)));
    for (unsigned i = 1; i < GHOSTS_WAYS + 1; i++)
        assert_true(ghosts_have(&g, print_of(i)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_remembers_and_forgets),
        cmocka_unit_test(t_lives_as_long_as_said),
        cmocka_unit_test(t_fills_its_table),
        cmocka_unit_test(t_the_oldest_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
