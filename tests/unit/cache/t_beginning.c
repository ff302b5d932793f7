/* t_beginning.c - fills that end short leave what came, and others go on from there. */
#include "one_worker.h"

static uint64_t used(void)
{
    struct cache_stats s;

    cache_stats(c, &s);
    return s.used_bytes;
}

/* A fill of `number` that has `have` of `size` bytes. */
static struct fill *begun(uint64_t number, uint64_t have, uint64_t size)
{
    char text[32];
    struct cache_key key = key_number(text, number);
    struct fill *f = fill_led(c, &key, w, no_room, NULL);

    assert_true(fill_head(f, object_of(c, &key), (int64_t)size));
    assert_true(fill_feed(f, number, have));
    return f;
}

static bool leave(struct fill *f, uint64_t under)
{
    char text[32];
    struct cache_key key = key_number(text, under);
    bool kept = fill_keep_beginning(f, object_of(c, &key));

    fill_fail(f, 502, "test");
    return kept;
}

static struct object *found(uint64_t number)
{
    char text[32];
    struct cache_key key = key_number(text, number);

    return cache_find(c, &key);
}

static void remove_number(uint64_t number)
{
    char text[32];
    struct cache_key key = key_number(text, number);

    cache_remove(c, &key);
}

static void t_kept_and_continued(void **state)
{
    static const uint64_t sizes[] = {1, 1000, 65536, 65537, 300000};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        uint64_t have = sizes[i], pos = 0, before = used();
        struct fill *f = begun(1, have, 400000);
        struct object *obj;
        struct reader *r;

        assert_true(leave(f, 2));
        fill_release(&f);
        assert_null(found(1));
        obj = found(2);
        assert_int_equal(obj->body_bytes, have);
        assert_false(fill_can_continue(obj)); /* stored */
        remove_number(2);
        assert_true(fill_can_continue(obj));
        r = reader_of_object(obj);
        assert_false(fill_can_continue(obj)); /* read */
        assert_int_equal(reader_eat(r, 1, &pos, SIZE_MAX), have);
        reader_close(&r);
        assert_true(fill_can_continue(obj));

        f = begun(1, 0, 400000);
        r = reader_of_fill(f, false, w, no_room, NULL);
        worker_turn(w);
        fill_continue(f, obj);
        assert_null(obj->body);
        object_release(&obj);
        assert_int_equal(fill_bytes(f), have);
        pos = 0;
        assert_int_equal(reader_eat(r, 1, &pos, 100000), have < 100000 ? have : 100000);
        assert_true(fill_feed(f, 1, 400000));
        fill_finish(f);
        reader_eat(r, 1, &pos, SIZE_MAX);
        assert_int_equal(pos, 400000);
        assert_int_equal(reader_state(r), READ_READY);
        reader_close(&r);
        fill_release(&f);
        obj = found(1);
        assert_int_equal(obj->body_bytes, 400000);
        pos = 0;
        r = reader_of_object(obj);
        assert_int_equal(reader_eat(r, 1, &pos, SIZE_MAX), 400000);
        reader_close(&r);
        object_release(&obj);
        remove_number(1);
        worker_turn(w);
        assert_int_equal(used(), before); /* all of it was charged once, and came back */
    }
}

/* Somebody still reads the fill that failed. */
static void t_readers_of_the_cut_one(void **state)
{
    struct fill *f = begun(3, 100000, 400000);
    struct reader *r = reader_of_fill(f, true, w, no_room, NULL);
    struct object *obj;
    uint64_t pos = 0;

    (void)state;
    worker_turn(w);
    assert_int_equal(reader_eat(r, 3, &pos, 70000), 70000);
    assert_true(leave(f, 4));
    fill_release(&f);
    obj = found(4);
    remove_number(4);
    assert_false(fill_can_continue(obj));
    assert_int_equal(reader_eat(r, 3, &pos, SIZE_MAX), 30000);
    assert_int_equal(reader_state(r), READ_CUT);
    reader_close(&r);
    worker_turn(w);
    assert_true(fill_can_continue(obj));
    object_release(&obj);
}

static void t_nothing_to_keep(void **state)
{
    struct fill *f = begun(5, 0, 1000);

    (void)state;
    assert_false(leave(f, 6));
    fill_release(&f);
    f = begun(5, 10, 1000); /* what its key named was removed meanwhile */
    remove_number(5);
    assert_false(leave(f, 6));
    fill_release(&f);
    assert_null(found(6));
}

/* Beginnings are evicted and moved like any object while memory goes round. */
static void t_moved_and_evicted(void **state)
{
    int kept_n = 0;

    (void)state;
    for (uint64_t i = 0; i < 400; i++) {
        char text[32];
        struct cache_key key = key_number(text, 1000 + i);
        struct fill *f = fill_led(c, &key, w, no_room, NULL);
        struct object *obj;
        bool kept = fill_head(f, object_of(c, &key), 200000);

        assert_true(fill_feed(f, 1000 + i, 5000 + i * 100));
        assert_int_equal(leave(f, 2000 + i), kept);
        kept_n += kept;
        fill_release(&f);
        fill_whole(c, w, 3000 + i, 1000 + i * 731 % 90000, true);
        obj = found(2000 + i / 2);
        if (obj != NULL) {
            struct reader *r = reader_of_object(obj);
            uint64_t pos = 0;

            assert_int_equal(reader_eat(r, 1000 + i / 2, &pos, SIZE_MAX), obj->body_bytes);
            reader_close(&r);
        }
        object_release(&obj);
    }
    assert_true(kept_n > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_kept_and_continued, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_readers_of_the_cut_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_nothing_to_keep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_moved_and_evicted, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
