/* Memory that dies together: aligned, apart, and back to one block after a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { PIECES = 2000 };

/* Each piece keeps its own pattern while thousands of others come, small ones and large ones. */
static void pieces_stay_apart(void **state)
{
    static struct {
        unsigned char *p;
        size_t n;
    } pieces[PIECES];
    struct arena a;

    (void)state;
    srand(1);
    arena_init(&a);
    for (size_t i = 0; i < PIECES; i++) {
        size_t n = (size_t)rand() % (i % 50 == 0 ? 20000 : 200);

        pieces[i].n = n;
        pieces[i].p = arena_alloc(&a, n);
        assert_non_null(pieces[i].p);
        assert_int_equal((uintptr_t)pieces[i].p % 16, 0);
        memset(pieces[i].p, (int)(i & 0xff), n);
    }
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t k = 0; k < pieces[i].n; k++)
            assert_int_equal(pieces[i].p[k], i & 0xff);
    }
    arena_free(&a);
    assert_int_equal(a.bytes, 0);
}

static void empty_pieces_differ(void **state)
{
    struct arena a;
    void *x, *y;

    (void)state;
    arena_init(&a);
    x = arena_alloc(&a, 0);
    y = arena_alloc(&a, 0);
    assert_non_null(x);
    assert_ptr_not_equal(x, y);
    arena_free(&a);
}

static void starts_with_nothing(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a);
    assert_int_equal(a.bytes, 0);
    arena_reset(&a);
    arena_free(&a);
    arena_free(&a);
    assert_int_equal(a.bytes, 0);
}

/* What a large request took is given back; a small one's block is used again. */
static void reset_keeps_one_block(void **state)
{
    struct arena a;
    void *first;
    size_t block;

    (void)state;
    arena_init(&a);
    first = arena_alloc(&a, 100);
    block = a.bytes;
    arena_reset(&a);
    assert_int_equal(a.bytes, block);
    assert_ptr_equal(arena_alloc(&a, 100), first);
    for (int i = 0; i < 100; i++)
        arena_alloc(&a, 1000);
    arena_alloc(&a, 1 << 20);
    assert_true(a.bytes > (1 << 20));
    arena_reset(&a);
    assert_int_equal(a.bytes, block);
    arena_alloc(&a, 1000);
    assert_int_equal(a.bytes, block);
    arena_free(&a);

    /* A large piece alone is no ordinary block. */
    arena_alloc(&a, 1 << 20);
    arena_reset(&a);
    assert_int_equal(a.bytes, 0);
    arena_free(&a);
}

/* A large piece does not waste the room of the block in use. */
static void large_pieces_go_aside(void **state)
{
    struct arena a;
    char *x, *y;

    (void)state;
    arena_init(&a);
    x = arena_alloc(&a, 16);
    arena_alloc(&a, 100000);
    y = arena_alloc(&a, 16);
    assert_ptr_equal(y, x + 16);
    arena_free(&a);
}

static void text(void **state)
{
    struct arena a;
    struct span s, long_one;
    char big[5000];
    unsigned char *zeros;

    (void)state;
    arena_init(&a);
    s = arena_dup(&a, SPAN("a\0b"));
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "a\0b", 4); /* terminated */
    assert_string_equal(arena_dup(&a, SPAN_EMPTY).p, "");
    s = arena_join(&a, SPAN("x"), SPAN("yz"));
    assert_string_equal(s.p, "xyz");
    assert_int_equal(s.n, 3);
    assert_string_equal(arena_join(&a, SPAN_EMPTY, SPAN_EMPTY).p, "");
    assert_string_equal(arena_join(&a, SPAN_EMPTY, SPAN("b")).p, "b");
    s = arena_printf(&a, "%d-%s", 5, "x");
    assert_string_equal(s.p, "5-x");
    assert_int_equal(s.n, 3);
    /* Around and far above the size that is tried on the stack. */
    memset(big, 'q', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    for (int n = 250; n < 260; n++) {
        s = arena_printf(&a, "%.*s", n, big);
        assert_int_equal(s.n, n);
        assert_int_equal(strlen(s.p), n);
    }
    long_one = arena_printf(&a, "%s!", big);
    assert_int_equal(long_one.n, sizeof(big));
    assert_string_equal(long_one.p + sizeof(big) - 3, "qq!");
    arena_reset(&a);
    memset(arena_alloc(&a, 512), 0xff, 512);
    arena_reset(&a);
    zeros = arena_zalloc(&a, 512);
    for (int i = 0; i < 512; i++)
        assert_int_equal(zeros[i], 0);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_stay_apart),
        cmocka_unit_test(empty_pieces_differ),
        cmocka_unit_test(starts_with_nothing),
        cmocka_unit_test(reset_keeps_one_block),
        cmocka_unit_test(large_pieces_go_aside),
        cmocka_unit_test(text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
