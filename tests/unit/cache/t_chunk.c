/* t_chunk.c - who holds what in a chain of chunks, where bytes stand, trimming. */
#include "things.h"

#include "cache/chunk.h"
#include "cache/memory.h"

#include <unistd.h>

static struct memory *m;

static int set_up(void **state)
{
    (void)state;
    m = memory_new(4 << 20);
    assert_non_null(m);
    return 0;
}

/* memory_free() checks that everything came back. */
static int tear_down(void **state)
{
    (void)state;
    memory_free(&m);
    return 0;
}

static struct chunk *chunk_full(uint32_t n, uint64_t at)
{
    static char data[CHUNK_MAX];
    struct chunk *c = chunk_new(m, n, at, 7);

    assert_non_null(c);
    body_write(data, 1, at, n);
    c->n = chunk_write(c, span_make(data, n));
    assert_int_equal(c->n, n);
    return c;
}

static uint64_t used(void)
{
    struct cache_stats st;

    memory_stats(m, &st);
    return st.used_bytes;
}

static void t_places(void **state)
{
    static const uint32_t sizes[] = {1, 4000, 16335, 16336, 16383, 16384, 50000, 65536};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct chunk *c = chunk_full(sizes[i], 100);
        int64_t offset = -1;
        int fd;
        char *back;

        /* What is sent a few times only is copied. */
        for (int k = 0; k < CHUNK_COPIES; k++) {
            assert_int_equal(chunk_file(c, &offset), -1);
            chunk_sent(c, c->n, false);
        }
        fd = chunk_file(c, &offset);
        assert_true(body_is(c->data, 1, 100, c->n));
        assert_int_equal(chunk_write(c, SPAN("more")), 0);
        if (sizes[i] < CHUNK_FILE_MIN - sizeof(struct chunk)) {
            assert_int_equal(fd, -1);
        } else {
            assert_int_equal(offset % 4096, 0);
            back = malloc(c->n);
            assert_int_equal(pread(fd, back, c->n, offset), c->n);
            assert_true(body_is(back, 1, 100, c->n));
            free(back);
        }
        chunk_release(&c);
        assert_null(c);
    }
}

static void t_chain(void **state)
{
    struct chunk *first = chunk_full(20000, 0), *second = chunk_full(300, 20000), *third, *mine;
    uint64_t empty;

    (void)state;
    third = chunk_full(65536, 20300);
    first->next = second; /* hands over the reference */
    second->next = third;
    mine = chunk_ref(second);
    chunk_release(&first);
    assert_int_equal(mine->refs, 1);
    assert_ptr_equal(mine->next, third);
    assert_true(body_is(third->data, 1, 20300, 65536));
    chunk_release(&mine);
    empty = used();
    chunk_release(&mine); /* NULL is fine */
    /* So long that recursion would be felt. */
    for (unsigned i = 0; i < 30000; i++) {
        struct chunk *c = chunk_full(16, 0);

        c->next = first;
        first = c;
    }
    assert_true(used() > empty);
    chunk_release(&first);
    assert_int_equal(used(), empty);
}

static void t_trim(void **state)
{
    struct chunk *c = chunk_new(m, CHUNK_MAX, 500, 7), *t;
    char data[5000];

    (void)state;
    assert_null(chunk_trimmed(c, 7)); /* nothing in it */
    body_write(data, 1, 500, sizeof(data));
    c->n = chunk_write(c, span_make(data, sizeof(data)));
    t = chunk_trimmed(c, 7);
    assert_non_null(t);
    assert_int_equal(t->at, 500);
    assert_int_equal(t->n, sizeof(data));
    assert_int_equal(t->place, CHUNK_INLINE);
    assert_true(body_is(t->data, 1, 500, t->n));
    assert_null(chunk_trimmed(t, 7)); /* fits already */
    chunk_release(&c);
    chunk_release(&t);
}

static void t_loose(void **state)
{
    uint64_t before = used();
    struct chunk *c = chunk_new_loose(m, 1000, 0);
    int64_t offset;

    (void)state;
    c->n = chunk_write(c, SPAN("bytes"));
    assert_int_equal(c->n, 5);
    assert_int_equal(chunk_file(c, &offset), -1);
    assert_null(chunk_trimmed(c, 7));
    assert_int_equal(used(), before);
    chunk_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_chain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_trim, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_loose, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
