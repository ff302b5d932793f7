/* t_reader.c - ranges, pieces and files, over stored objects and over fills that are on their way.
 */
#include "one_worker.h"

#include <fcntl.h>
#include <unistd.h>

static struct object *stored(uint64_t number, uint64_t n)
{
    char text[32];
    struct cache_key key = key_number(text, number);
    struct object *obj;

    assert_true(fill_whole(c, w, number, n, true));
    obj = cache_find(c, &key);
    assert_non_null(obj);
    return obj;
}

static void t_ranges(void **state)
{
    enum { N = 200000 };
    static const uint64_t marks[] = {0, 1, 65535, 65536, 65537, 131072, 199999, N, N + 5};
    struct object *obj = stored(1, N);

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(marks); i++)
        for (unsigned j = 0; j < ARRAY_LEN(marks); j++) {
            struct reader *r = reader_of_object(obj);
            uint64_t pos = marks[i], wanted = pos < N ? N - pos : 0;

            if (wanted > marks[j])
                wanted = marks[j];
            reader_range(r, marks[i], marks[j]);
            assert_int_equal(reader_eat(r, 1, &pos, SIZE_MAX), wanted);
            assert_true(reader_at_end(r));
            reader_close(&r);
        }
    object_release(&obj);
}

static void t_pieces_are_limited(void **state)
{
    struct object *obj = sent_often(stored(2, 200000));
    struct reader *r = reader_of_object(obj);
    struct piece p[8];
    char back[100];

    (void)state;
    assert_int_equal(reader_pieces(r, p, 0, 1000), 0);
    assert_int_equal(reader_pieces(r, p, 8, 0), 0);
    assert_int_equal(reader_pieces(r, p, 1, SIZE_MAX), 1);
    assert_int_equal(p[0].data.n, 65536);
    assert_int_equal(reader_pieces(r, p, 8, 70000), 2);
    assert_int_equal(p[1].data.n, 70000 - 65536);
    assert_int_equal(reader_pieces(r, p, 8, SIZE_MAX), 4);
    /* Asking again changes nothing; consuming less than was given does. */
    reader_consume(r, 65000, false);
    assert_int_equal(reader_pieces(r, p, 2, SIZE_MAX), 2);
    assert_int_equal(p[0].data.n, 536);
    assert_true(body_is(p[0].data.p, 2, 65000, 536));
    assert_true(p[0].fd >= 0);
    assert_int_equal(pread(p[0].fd, back, 100, p[0].offset), 100);
    assert_true(body_is(back, 2, 65000, 100));
    /* Across several chunks at once. */
    reader_consume(r, 536 + 65536 + 10, false);
    assert_int_equal(reader_pieces(r, p, 1, 50), 1);
    assert_true(body_is(p[0].data.p, 2, 131082, 50));
    assert_false(reader_at_end(r));
    reader_consume(r, 50, false);
    reader_close(&r);
    object_release(&obj);
}

static void t_empty_body(void **state)
{
    struct object *obj = stored(3, 0);
    struct reader *r = reader_of_object(obj);
    struct piece p;

    (void)state;
    assert_int_equal(reader_state(r), READ_READY);
    assert_ptr_equal(reader_object(r), obj);
    assert_int_equal(reader_pieces(r, &p, 1, 100), 0);
    assert_true(reader_at_end(r));
    reader_close(&r);
    object_release(&obj);
}

static void wake(void *ctx)
{
    ++*(int *)ctx;
}

/* A range that lies ahead: bytes before it are skipped as they come, and it does not hold up. */
static void t_range_ahead(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 4);
    uint64_t size = 3 << 20, first = 2 << 20, pos = first;
    struct fill *f = fill_led(c, &key, w, no_room, NULL);
    int woken = 0;
    struct reader *r = reader_of_fill(f, true, w, wake, &woken);

    (void)state;
    reader_range(r, first, 1000);
    assert_false(fill_head(f, object_of(c, &key), (int64_t)size));
    while (!fill_feed(f, 4, first - 1))
        assert_int_equal(reader_eat(r, 4, &pos, SIZE_MAX), 0);
    assert_int_equal(reader_eat(r, 4, &pos, SIZE_MAX), 0);
    worker_turn(w);
    woken = 0;
    assert_false(reader_at_end(r));
    assert_int_equal(reader_eat(r, 4, &pos, SIZE_MAX), 0);
    assert_true(fill_feed(f, 4, first + 400));
    worker_turn(w);
    assert_int_equal(woken, 1);
    assert_int_equal(reader_eat(r, 4, &pos, SIZE_MAX), 400);
    assert_true(fill_feed(f, 4, size));
    assert_int_equal(reader_eat(r, 4, &pos, SIZE_MAX), 600);
    assert_true(reader_at_end(r));
    fill_finish(f);
    assert_true(reader_at_end(r));
    reader_close(&r);
    fill_release(&f);
}

/* Two readers of one body are at their own paces; of a window only while its first byte is there.
 */
static void t_again(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 8);
    struct object *obj = stored(7, 200000);
    struct reader *r = reader_of_object(obj), *other = reader_again(r, NULL, NULL);
    struct fill *f = fill_led(c, &key, w, no_room, NULL);
    uint64_t size = 3 << 20, pos = 0;
    int woken = 0;

    (void)state;
    assert_int_equal(reader_eat(r, 7, &pos, SIZE_MAX), 200000);
    reader_close(&r);
    pos = 0;
    assert_int_equal(reader_eat(other, 7, &pos, SIZE_MAX), 200000);
    reader_close(&other);
    object_release(&obj);

    r = reader_of_fill(f, true, w, wake, &woken);
    assert_false(fill_head(f, object_of(c, &key), (int64_t)size));
    assert_true(fill_feed(f, 8, 1000));
    pos = 0;
    assert_int_equal(reader_eat(r, 8, &pos, SIZE_MAX), 1000);
    other = reader_again(r, wake, &woken);
    assert_non_null(other);
    pos = 0;
    assert_int_equal(reader_eat(other, 8, &pos, SIZE_MAX), 1000);
    reader_close(&other);
    pos = 1000;
    for (uint64_t to = 100000; to <= 1000000; to += 100000) {
        assert_true(fill_feed(f, 8, to));
        assert_int_equal(reader_eat(r, 8, &pos, SIZE_MAX), to == 100000 ? 99000 : 100000);
    }
    assert_null(reader_again(r, wake, &woken));
    fill_fail(f, 502, "enough");
    reader_close(&r);
    fill_release(&f);
}

/* What was sent by file stays what it was, while the memory goes round. */
static void t_by_file(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 5);
    struct object *obj = sent_often(stored(5, 100000));
    struct reader *r = reader_of_object(obj);
    struct piece p[4];
    int n;
    size_t sum = 0, at = 0;
    int fd[2];
    char *back = malloc(100000);

    (void)state;
    assert_int_equal(pipe(fd), 0);
    assert_true(fcntl(fd[1], F_SETPIPE_SZ, 1 << 20) >= 1 << 20);
    n = reader_pieces(r, p, 4, SIZE_MAX);
    for (int i = 0; i < n; i++) {
        loff_t off = p[i].offset;

        assert_true(p[i].fd >= 0);
        assert_int_equal(splice(p[i].fd, &off, fd[1], NULL, p[i].data.n, 0), (ssize_t)p[i].data.n);
        sum += p[i].data.n;
    }
    assert_int_equal(sum, 100000);
    reader_consume(r, sum, true);
    reader_close(&r);
    object_release(&obj);
    assert_true(cache_remove(c, &key));
    for (uint64_t i = 100; i < 400; i++)
        fill_whole(c, w, i, 100000, true);
    while (at < sum)
        at += (size_t)read(fd[0], back + at, sum - at);
    assert_true(body_is(back, 5, 0, sum));
    free(back);
    close(fd[0]);
    close(fd[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_ranges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_pieces_are_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_empty_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_range_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_by_file, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
