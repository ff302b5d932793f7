/* t_fill.c - one worker: states, following, windows, pacing, laggards, storing. */
#include "base/counters.h"

#include "one_worker.h"

struct client {
    struct reader *r;
    int woken;
    uint64_t pos;
};

static void wake(void *ctx)
{
    ((struct client *)ctx)->woken++;
}

static void room(void *ctx)
{
    ++*(int *)ctx;
}

static struct client *client_of(struct fill *f, bool leader)
{
    struct client *cl = xcalloc(1, sizeof(*cl));

    cl->r = reader_of_fill(f, leader, w, wake, cl);
    assert_non_null(cl->r);
    return cl;
}

static void client_leave(struct client *cl)
{
    reader_close(&cl->r);
    free(cl);
}

static struct fill *follow(const struct cache_key *key)
{
    struct fill_request rq = {.key = key, .collapse = true, .worker = w};
    struct fill *f;

    assert_int_equal(fill_join(c, &rq, &f), FILL_FOLLOW);
    return f;
}

static void t_follow_and_store(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 1);
    struct fill *f = fill_led(c, &key, w, no_room, NULL), *f2 = follow(&key);
    struct client *a = client_of(f, true), *b = client_of(f2, false);
    struct object *obj;
    struct reader *r;
    uint64_t follows = counter_sum(C_FOLLOWS), pos = 0;

    (void)state;
    assert_ptr_equal(f, f2);
    assert_int_equal(reader_state(a->r), READ_WAIT);
    assert_int_equal(fill_readers(f), 2);
    assert_null(cache_find(c, &key));

    assert_true(fill_head(f, object_of(c, &key), -1));
    assert_int_equal(a->woken, 0); /* never from inside a call */
    worker_turn(w);
    assert_int_equal(a->woken, 1);
    assert_int_equal(b->woken, 1);
    assert_int_equal(reader_state(b->r), READ_READY);
    assert_int_equal(counter_sum(C_FOLLOWS), follows + 1);
    assert_int_equal(reader_object(b->r)->status, 200);
    assert_int_equal(reader_eat(a->r, 1, &a->pos, 100), 0);

    assert_true(fill_feed(f, 1, 100000));
    worker_turn(w);
    assert_int_equal(a->woken, 2); /* it had asked in vain */
    assert_int_equal(b->woken, 1); /* it had not */
    assert_int_equal(reader_eat(a->r, 1, &a->pos, 1 << 20), 100000);
    assert_false(reader_at_end(a->r));
    assert_int_equal(reader_eat(b->r, 1, &b->pos, 777), 777);

    assert_true(fill_feed(f, 1, 150001));
    fill_finish(f);
    worker_turn(w);
    assert_int_equal(a->woken, 3);
    assert_int_equal(reader_eat(a->r, 1, &a->pos, 1 << 20), 50001);
    assert_true(reader_at_end(a->r));
    assert_int_equal(reader_eat(b->r, 1, &b->pos, 1 << 20), 150001 - 777);
    assert_true(reader_at_end(b->r));
    assert_int_equal(reader_state(b->r), READ_READY);

    obj = cache_find(c, &key);
    assert_non_null(obj);
    assert_int_equal(obj->body_bytes, 150001);
    r = reader_of_object(obj);
    assert_int_equal(reader_eat(r, 1, &pos, 1 << 20), 150001);
    assert_true(reader_at_end(r));
    reader_close(&r);
    object_release(&obj);
    client_leave(a);
    client_leave(b);
    fill_release(&f);
    fill_release(&f2);
}

static void t_stored_meanwhile(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 2);
    struct fill_request rq = {.key = &key, .collapse = true, .worker = w, .on_room = no_room};
    struct object *seen;
    struct client *a;
    struct fill *f;

    (void)state;
    assert_true(fill_whole(c, w, 2, 5000, true));
    /* This one looked before that was stored. */
    f = follow(&key);
    a = client_of(f, false);
    assert_int_equal(reader_state(a->r), READ_READY);
    assert_int_equal(fill_length(f), 5000);
    assert_int_equal(reader_eat(a->r, 2, &a->pos, 10000), 5000);
    assert_true(reader_at_end(a->r));
    client_leave(a);
    fill_release(&f);
    /* This one has seen it and wants another. */
    rq.seen = seen = cache_find(c, &key);
    assert_int_equal(fill_join(c, &rq, &f), FILL_LEAD);
    fill_validated(f, seen);
    fill_release(&f);
    object_release(&seen);
}

static void t_pass(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 3);
    struct fill_request rq = {.key = &key, .collapse = true, .worker = w, .on_room = no_room};
    struct fill *f = fill_led(c, &key, w, no_room, NULL), *f2 = follow(&key), *f3;
    struct client *a = client_of(f, true), *b = client_of(f2, false), *late;

    (void)state;
    fill_pass(f, object_of(c, &key), 70000, 1000);
    late = client_of(f2, false);
    assert_int_equal(reader_state(late->r), READ_ALONE);
    worker_turn(w);
    assert_int_equal(b->woken, 1);
    assert_int_equal(reader_state(b->r), READ_ALONE);
    assert_int_equal(reader_state(a->r), READ_READY);
    assert_int_equal(fill_readers(f), 1);

    /* The key is marked: nobody waits for anybody. */
    assert_int_equal(fill_join(c, &rq, &f3), FILL_ALONE);
    assert_ptr_not_equal(f3, f);
    fill_fail(f3, 502, "test");
    fill_release(&f3);

    assert_true(fill_feed(f, 3, 70000));
    assert_int_equal(reader_eat(a->r, 3, &a->pos, 1 << 20), 70000);
    fill_finish(f);
    assert_true(reader_at_end(a->r));
    assert_int_equal(reader_state(b->r), READ_ALONE);
    assert_null(cache_find(c, &key));
    client_leave(a);
    client_leave(b);
    client_leave(late);
    fill_release(&f);
    fill_release(&f2);

    /* The mark ends with time, or with a response that can be stored. */
    assert_int_equal(fill_join(c, &rq, &f), FILL_ALONE);
    assert_true(fill_head(f, object_of(c, &key), 0));
    fill_finish(f);
    fill_release(&f);
    assert_true(cache_remove(c, &key));
    f = fill_led(c, &key, w, no_room, NULL);
    fill_pass(f, object_of(c, &key), 0, 1000);
    fill_finish(f);
    fill_release(&f);
    w->now_ms += 1000;
    f = fill_led(c, &key, w, no_room, NULL);
    fill_fail(f, 502, "test");
    fill_release(&f);
}

static void t_fail(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 4);
    struct fill *f = fill_led(c, &key, w, no_room, NULL);
    struct client *a = client_of(f, true), *b;

    (void)state;
    fill_fail(f, 504, "too slow");
    worker_turn(w);
    assert_int_equal(a->woken, 1);
    assert_int_equal(reader_state(a->r), READ_FAILED);
    assert_int_equal(reader_status(a->r), 504);
    assert_string_equal(reader_why(a->r), "too slow");
    client_leave(a);
    fill_release(&f);

    /* After the head, and by its length only. */
    f = fill_led(c, &key, w, no_room, NULL);
    a = client_of(f, true);
    b = client_of(f, false);
    assert_true(fill_head(f, object_of(c, &key), 5000));
    assert_true(fill_feed(f, 4, 4999));
    fill_finish(f);
    assert_int_equal(fill_state(f), FILL_FAILED);
    assert_int_equal(reader_eat(a->r, 4, &a->pos, 10000), 4999);
    assert_true(reader_at_end(a->r));
    assert_int_equal(reader_state(a->r), READ_CUT);
    assert_int_equal(reader_state(b->r), READ_CUT);
    assert_null(cache_find(c, &key));
    client_leave(a);
    client_leave(b);
    fill_release(&f);
}

static void t_window_paces(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 5);
    int rooms = 0;
    struct fill *f = fill_led(c, &key, w, room, &rooms);
    struct client *a = client_of(f, true);
    struct cache_stats st;
    uint64_t used, size = 20 << 20;

    (void)state;
    cache_stats(c, &st);
    used = st.used_bytes;
    assert_false(fill_head(f, object_of(c, &key), (int64_t)size)); /* larger than may be kept */
    assert_false(fill_feed(f, 5, size));
    assert_int_equal(fill_bytes(f), FILL_WINDOW_BYTES);
    worker_turn(w);
    assert_int_equal(rooms, 0);
    assert_int_equal(
        reader_eat(a->r, 5, &a->pos, FILL_WINDOW_BYTES / 4 - 1), FILL_WINDOW_BYTES / 4 - 1);
    worker_turn(w);
    assert_int_equal(rooms, 0); /* not for every little bit */
    assert_int_equal(reader_eat(a->r, 5, &a->pos, 1), 1);
    worker_turn(w);
    assert_int_equal(rooms, 1);
    assert_null(reader_of_fill(f, false, w, wake, a)); /* its first byte is gone */
    while (fill_bytes(f) < size) {
        fill_feed(f, 5, size);
        cache_stats(c, &st);
        assert_true(st.used_bytes < used + FILL_WINDOW_BYTES + (192 << 10));
        reader_eat(a->r, 5, &a->pos, 300000);
    }
    fill_finish(f);
    reader_eat(a->r, 5, &a->pos, SIZE_MAX);
    assert_int_equal(a->pos, size);
    assert_true(reader_at_end(a->r));
    assert_null(cache_find(c, &key));
    client_leave(a);
    fill_release(&f);
    worker_turn(w); /* the last on_room() message holds the fill */
    cache_stats(c, &st);
    assert_int_equal(st.used_bytes, used);
    assert_int_equal(st.fills, 0);
}

static void t_laggard(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 6);
    int rooms = 0;
    struct fill *f = fill_led(c, &key, w, room, &rooms);
    struct client *fast = client_of(f, true), *slow = client_of(f, false);
    uint64_t size = 3 << 20, cut = counter_sum(C_LAGGARDS_CUT);

    (void)state;
    assert_false(fill_head(f, object_of(c, &key), (int64_t)size));
    assert_false(fill_feed(f, 6, size));
    reader_eat(fast->r, 6, &fast->pos, SIZE_MAX);
    reader_eat(slow->r, 6, &slow->pos, 10);
    while (counter_sum(C_LAGGARDS_CUT) == cut) /* 50 ms by things.h */
        ev_run(w->loop, EVRUN_ONCE);
    worker_turn(w);
    assert_int_equal(rooms, 1);
    assert_int_equal(fill_readers(f), 1);
    assert_int_equal(reader_state(slow->r), READ_CUT);
    assert_true(slow->woken > 0);
    assert_int_equal(reader_eat(slow->r, 6, &slow->pos, 100), 0);
    assert_true(reader_at_end(slow->r));
    assert_int_equal(reader_state(fast->r), READ_READY);
    while (fill_bytes(f) < size) {
        fill_feed(f, 6, size);
        reader_eat(fast->r, 6, &fast->pos, SIZE_MAX);
    }
    fill_finish(f);
    assert_true(reader_at_end(fast->r));
    assert_int_equal(fast->pos, size);
    client_leave(fast);
    client_leave(slow);
    fill_release(&f);
}

/* Two who are equally slow hold up nobody. */
static void t_no_laggard(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 7);
    int rooms = 0;
    struct fill *f = fill_led(c, &key, w, room, &rooms);
    struct client *a = client_of(f, true), *b = client_of(f, false);
    mono_ms start = clock_mono_ms();

    (void)state;
    assert_false(fill_head(f, object_of(c, &key), 3 << 20));
    assert_false(fill_feed(f, 7, 3 << 20));
    while (clock_mono_ms() < start + 120)
        ev_run(w->loop, EVRUN_ONCE);
    assert_int_equal(reader_state(a->r), READ_READY);
    assert_int_equal(reader_state(b->r), READ_READY);
    client_leave(a);
    worker_turn(w);
    assert_int_equal(rooms, 0);
    client_leave(b);
    worker_turn(w);
    assert_int_equal(rooms, 1); /* nobody is left: the leader may decide */
    assert_int_equal(fill_readers(f), 0);
    assert_true(fill_feed(f, 7, 3 << 20)); /* and nobody paces it */
    fill_finish(f);
    fill_release(&f);
}

static void t_unknown_length_too_large(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 8);
    struct fill *f = fill_led(c, &key, w, no_room, NULL);
    struct client *a = client_of(f, true);
    uint64_t size = cache_object_max(c) + 1;

    (void)state;
    assert_true(fill_head(f, object_of(c, &key), -1));
    while (fill_bytes(f) < size) {
        fill_feed(f, 8, size);
        reader_eat(a->r, 8, &a->pos, SIZE_MAX);
    }
    fill_finish(f);
    assert_true(reader_at_end(a->r));
    assert_int_equal(a->pos, size);
    assert_null(cache_find(c, &key));
    client_leave(a);
    fill_release(&f);
    assert_true(fill_whole(c, w, 8, size - 1, false));
    assert_true(cache_remove(c, &key));
}

static void t_removed_in_flight(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 9);
    struct fill *f = fill_led(c, &key, w, no_room, NULL), *f2;
    struct client *a = client_of(f, true);

    (void)state;
    assert_true(fill_head(f, object_of(c, &key), 10));
    assert_true(fill_feed(f, 9, 10));
    assert_false(cache_remove(c, &key));
    f2 = fill_led(c, &key, w, no_room, NULL); /* the old one is not found any more */
    cache_clear(c);
    fill_finish(f);
    assert_int_equal(reader_eat(a->r, 9, &a->pos, 100), 10);
    assert_true(reader_at_end(a->r));
    assert_null(cache_find(c, &key));
    assert_false(fill_head(f2, object_of(c, &key), 0));
    fill_finish(f2);
    assert_null(cache_find(c, &key));
    client_leave(a);
    fill_release(&f);
    fill_release(&f2);
}

/* All of the budget is held by readers: fills still flow, in a small window outside of it. */
static void t_no_memory(void **state)
{
    enum { HELD = 64 };
    struct object *held[HELD];
    char text[32];
    struct cache_key key;
    struct cache_stats st;
    struct fill *f;
    struct client *a;
    int n = 0, rooms = 0;
    uint64_t size = 1 << 20;

    (void)state;
    for (uint64_t i = 100; i < 100 + HELD; i++) {
        key = key_number(text, i);
        fill_whole(c, w, i, 500000, true);
        held[n] = cache_find(c, &key);
        if (held[n] == NULL)
            break;
        n++;
    }
    assert_in_range(n, 10, 20);
    /* What is left goes in small pieces. */
    for (uint64_t i = 1000, full = 0; full == 0; i++) {
        uint64_t refused = counter_sum(C_CACHE_REFUSED);

        key = key_number(text, i);
        f = fill_led(c, &key, w, no_room, NULL);
        full = !fill_head(f, object_of(c, &key), -1);
        fill_feed(f, i, 4000);
        full |= counter_sum(C_CACHE_REFUSED) != refused;
        fill_finish(f);
        fill_release(&f);
        if (!full && n < HELD && (held[n] = cache_find(c, &key)) != NULL)
            n++;
        else
            break;
    }
    cache_stats(c, &st);
    assert_true(st.used_bytes <= st.memory_bytes);

    key = key_number(text, 99);
    f = fill_led(c, &key, w, room, &rooms);
    a = client_of(f, true);
    fill_head(f, object_of(c, &key), (int64_t)size);
    while (fill_bytes(f) < size) {
        if (!fill_feed(f, 99, size))
            assert_true(fill_bytes(f) - a->pos <= FILL_WINDOW_BYTES);
        assert_true(reader_eat(a->r, 99, &a->pos, 50000) > 0);
    }
    fill_finish(f);
    reader_eat(a->r, 99, &a->pos, SIZE_MAX);
    assert_int_equal(a->pos, size);
    client_leave(a);
    fill_release(&f);
    while (n > 0)
        object_release(&held[--n]);
}

/* Pieces stay what they were while the end of the fill trims the last chunk. */
static void t_pieces_over_the_end(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 12);
    struct fill *f = fill_led(c, &key, w, no_room, NULL);
    struct client *a = client_of(f, true);
    struct piece p[8];
    uint64_t at = 0;
    int n;

    (void)state;
    assert_true(fill_head(f, object_of(c, &key), -1));
    assert_true(fill_feed(f, 12, 66000));
    n = reader_pieces(a->r, p, 8, SIZE_MAX);
    assert_true(n > 1);
    fill_finish(f);
    fill_release(&f);
    for (uint64_t i = 100; i < 400; i++)
        fill_whole(c, w, i, 100000, true);
    for (int i = 0; i < n; i++) {
        assert_true(body_is(p[i].data.p, 12, at, p[i].data.n));
        at += p[i].data.n;
    }
    assert_int_equal(at, 66000);
    client_leave(a);
}

static void t_close_while_posted(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 10);
    struct fill *f = fill_led(c, &key, w, no_room, NULL);
    struct client *a = client_of(f, true);

    (void)state;
    fill_fail(f, 502, "test");
    fill_release(&f);
    reader_close(&a->r); /* the wake-up is on its way */
    worker_turn(w);
    assert_int_equal(a->woken, 0);
    free(a);
}

static void t_validated(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 11);
    struct object *old, *obj;
    struct http_response head = {.status = 200};
    struct fill_request rq = {.key = &key, .collapse = true, .worker = w, .on_room = no_room};
    struct fill *f;
    struct client *a, *b;

    (void)state;
    assert_true(fill_whole(c, w, 11, 40000, true));
    rq.seen = old = cache_find(c, &key);
    assert_int_equal(fill_join(c, &rq, &f), FILL_LEAD);
    a = client_of(f, true);
    b = client_of(f, false);
    obj = object_with_head(old, &head, NULL, NULL);
    assert_true(cache_replace(c, old, obj));
    fill_validated(f, obj);
    worker_turn(w);
    assert_int_equal(b->woken, 1);
    assert_ptr_equal(reader_object(b->r), obj);
    assert_int_equal(reader_eat(b->r, 11, &b->pos, 50000), 40000);
    reader_range(a->r, 39990, 100);
    a->pos = 39990;
    assert_int_equal(reader_eat(a->r, 11, &a->pos, 50000), 10);
    assert_true(reader_at_end(a->r));
    client_leave(a);
    client_leave(b);
    fill_release(&f);
    object_release(&old);
    object_release(&obj);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_follow_and_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_stored_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_window_paces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_laggard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_no_laggard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_unknown_length_too_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_removed_in_flight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_pieces_over_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_close_while_posted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_validated, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
