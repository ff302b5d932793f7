/* t_reader_parts.c - readers made of text, ranges of objects, fills on their way and each other. */
#include "one_worker.h"

/* A source that says what a test wrote down. */
struct script {
    struct {
        enum part_state state;
        struct reader_part part;
    } v[16];
    unsigned at;
    int asked, closed, woken, resumed;
    uint64_t sent;
};

static enum part_state next(void *ctx, struct reader *self, struct reader_part *out)
{
    struct script *s = ctx;

    (void)self;
    s->asked++;
    *out = s->v[s->at].part;
    s->v[s->at].part.reader = NULL;
    return s->v[s->at].state == PART_READY ? s->v[s->at++].state : s->v[s->at].state;
}

static void closed(void *ctx)
{
    ((struct script *)ctx)->closed++;
}

static void wake(void *ctx)
{
    ((struct script *)ctx)->woken++;
}

static bool resume(void *ctx, uint64_t sent)
{
    struct script *s = ctx;

    s->resumed++;
    s->sent = sent;
    return s->resumed < 3;
}

static const struct part_source source = {.next = next, .close = closed};
static const struct part_source resuming = {.next = next, .resume = resume, .close = closed};

static struct reader *reader_scripted(struct script *s, int64_t length)
{
    return reader_of_parts(NULL, &source, s, length, w, wake, s);
}

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

static struct reader_part text_part(const char *s)
{
    return (struct reader_part){.text = span_of(s)};
}

static struct reader_part range_part(struct object *obj, uint64_t first, uint64_t count)
{
    struct reader *r = reader_of_object(obj);

    reader_range(r, first, count);
    return (struct reader_part){.reader = r};
}

/* All that is there for now, `max` pieces and `bytes` at a time, of which `take` are consumed. */
static size_t drain(struct reader *r, char *to, int max, size_t bytes, size_t take)
{
    struct piece p[8];
    size_t got = 0, sum;
    int n;

    while ((n = reader_pieces(r, p, max, bytes)) > 0) {
        assert_true(n <= max);
        sum = 0;
        for (int i = 0; i < n; i++) {
            size_t k = p[i].data.n < take - sum ? p[i].data.n : take - sum;

            memcpy(to + got + sum, p[i].data.p, k);
            sum += k;
        }
        assert_true(sum <= bytes);
        reader_consume(r, sum, false);
        got += sum;
    }
    return got;
}

/* Text and ranges one after another, in whatever portions they are asked for. */
static void t_text_and_ranges(void **state)
{
    static const struct {
        int max;
        size_t bytes, take;
    } ways[] = {{8, 1 << 20, 1 << 20}, {1, 1 << 20, 1 << 20}, {2, 1000, 1000}, {8, 1 << 20, 777},
        {3, 70000, 65536}, {8, 7, 3}};
    struct object *obj = stored(1, 200000);
    char *got = malloc(1 << 20), *want = malloc(1 << 20);
    size_t n = 0;

    (void)state;
    memcpy(want, "one", 3);
    body_write(want + 3, 1, 100, 150000);
    memcpy(want + 150003, "two, three", 10);
    body_write(want + 150013, 1, 0, 1);
    body_write(want + 150014, 1, 199999, 1);
    memcpy(want + 150015, "end", 3);
    n = 150018;
    for (unsigned i = 0; i < ARRAY_LEN(ways); i++) {
        struct script s = {.v = {
                               {PART_READY, text_part("one")},
                               {PART_READY, range_part(obj, 100, 150000)},
                               {PART_READY, text_part("two, ")},
                               {PART_READY, text_part("")},
                               {PART_READY, range_part(obj, 500000, 10)},
                               {PART_READY, text_part("three")},
                               {PART_READY, range_part(obj, 0, 1)},
                               {PART_READY, range_part(obj, 199999, 1)},
                               {PART_READY, text_part("end")},
                               {PART_END, {.reader = NULL}},
                           }};
        struct reader *r = reader_scripted(&s, i % 2 ? -1 : (int64_t)n);

        assert_int_equal(reader_state(r), READ_READY);
        assert_false(reader_at_end(r));
        assert_int_equal(drain(r, got, ways[i].max, ways[i].bytes, ways[i].take), n);
        assert_memory_equal(got, want, n);
        assert_true(reader_at_end(r));
        assert_int_equal(reader_state(r), READ_READY);
        assert_int_equal(s.closed, 0);
        reader_close(&r);
        assert_int_equal(s.closed, 1);
    }
    object_release(&obj);
    free(got);
    free(want);
}

/* A part is not opened before those before it have been given out. */
static void t_opened_when_needed(void **state)
{
    struct object *obj = sent_often(stored(2, 300000));
    struct script s = {.v = {
                           {PART_READY, range_part(obj, 0, 100000)},
                           {PART_READY, range_part(obj, 100000, 200000)},
                           {PART_END, {.reader = NULL}},
                       }};
    struct reader *r = reader_scripted(&s, 300000);
    struct piece p[8];

    (void)state;
    assert_int_equal(reader_length(r), 300000);
    assert_int_equal(s.asked, 0);
    assert_int_equal(reader_pieces(r, p, 8, 1000), 1);
    assert_int_equal(s.asked, 1);
    assert_true(p[0].fd >= 0);
    reader_consume(r, 1000, true);
    assert_int_equal(reader_pieces(r, p, 8, 99000), 2);
    assert_int_equal(s.asked, 1);
    assert_int_equal(reader_pieces(r, p, 8, 99001), 3);
    assert_int_equal(s.asked, 2);
    assert_int_equal(p[2].data.n, 1);
    assert_true(body_is(p[2].data.p, 2, 100000, 1));
    reader_close(&r); /* with both open */
    assert_int_equal(s.closed, 1);
    object_release(&obj);
}

static void t_wait_and_cut(void **state)
{
    struct script s = {.v = {{PART_READY, text_part("abc")}, {PART_WAIT, {.reader = NULL}}}};
    struct reader *r = reader_scripted(&s, -1);
    char got[16];

    (void)state;
    reader_parts_ready(r); /* nobody waits */
    worker_turn(w);
    assert_int_equal(s.woken, 0);
    assert_int_equal(drain(r, got, 8, 100, 100), 3);
    assert_false(reader_at_end(r));
    reader_parts_ready(r);
    reader_parts_ready(r);
    assert_int_equal(s.woken, 0);
    worker_turn(w);
    assert_int_equal(s.woken, 1);
    s.v[1].state = PART_READY;
    s.v[1].part = text_part("d");
    s.v[2].state = PART_CUT;
    assert_int_equal(drain(r, got, 8, 100, 100), 1);
    assert_int_equal(reader_state(r), READ_CUT);
    assert_true(reader_at_end(r));
    reader_close(&r);
    assert_int_equal(s.closed, 1);
}

static void t_closed_while_posted(void **state)
{
    struct script s = {.v = {{PART_WAIT, {.reader = NULL}}}};
    struct reader *r = reader_scripted(&s, 5);
    struct piece p;

    (void)state;
    assert_int_equal(reader_pieces(r, &p, 1, 10), 0);
    reader_parts_ready(r);
    reader_close(&r);
    assert_int_equal(s.closed, 1);
    worker_turn(w);
    assert_int_equal(s.woken, 0);
}

/* Ranges of a fill that is on its way: a later one first, and what is there already. */
static void fill_parts(struct script *s, struct reader *outer, struct fill *f)
{
    static const uint64_t firsts[] = {150000, 10};

    for (unsigned i = 0; i < 2; i++) {
        struct reader *r = reader_of_fill(f, false, w, reader_parts_ready, outer);

        reader_range(r, firsts[i], 1000);
        s->v[i].state = PART_READY;
        s->v[i].part.reader = r;
    }
    s->v[2].state = PART_END;
}

static void t_of_a_fill(void **state)
{
    char text[32], got[2000];
    struct cache_key key = key_number(text, 3);

    (void)state;
    for (unsigned fails = 0; fails < 3; fails++) {
        struct fill *f = fill_led(c, &key, w, no_room, NULL);
        struct script s = {.at = 0};
        struct reader *r = reader_scripted(&s, 2000);

        assert_true(fill_head(f, object_of(c, &key), 200000));
        fill_parts(&s, r, f);
        worker_turn(w);
        assert_int_equal(drain(r, got, 8, 4000, 4000), 0);
        assert_true(fill_feed(f, 3, 150000));
        worker_turn(w);
        s.woken = 0;
        assert_int_equal(drain(r, got, 8, 4000, 4000), 0);
        assert_true(fill_feed(f, 3, 150400));
        worker_turn(w);
        assert_int_equal(s.woken, 1);
        assert_int_equal(drain(r, got, 8, 4000, 4000), 400);
        if (fails == 1) { /* the second range is there, but does not follow the first */
            fill_fail(f, 502, "test");
            worker_turn(w);
            assert_int_equal(s.woken, 2);
            assert_int_equal(drain(r, got, 8, 4000, 4000), 0);
            assert_int_equal(reader_state(r), READ_CUT);
            assert_true(reader_at_end(r));
        } else {
            assert_true(fill_feed(f, 3, 160000));
            if (fails == 2) /* behind all that is wanted */
                fill_fail(f, 502, "test");
            assert_int_equal(drain(r, got + 400, 8, 4000, 4000), 1600);
            assert_true(body_is(got, 3, 150000, 1000));
            assert_true(body_is(got + 1000, 3, 10, 1000));
            assert_true(reader_at_end(r));
            assert_int_equal(reader_state(r), READ_READY);
            if (fails == 0) {
                assert_true(fill_feed(f, 3, 200000));
                fill_finish(f);
            }
        }
        reader_close(&r);
        for (unsigned i = 0; i < 2; i++)
            reader_close(&s.v[i].part.reader);
        fill_release(&f);
        cache_remove(c, &key);
        worker_turn(w);
    }
}

/* A body without a head, without a range: its end is where the fill ends. */
static void t_of_a_whole_fill(void **state)
{
    char text[32], got[16];
    struct cache_key key = key_number(text, 4);
    struct fill *f = fill_led(c, &key, w, no_room, NULL);
    struct script s = {.v = {{PART_READY, {.reader = NULL}}, {PART_READY, text_part("x")},
                           {PART_END, {.reader = NULL}}}};
    struct reader *r = reader_scripted(&s, -1);

    (void)state;
    s.v[0].part.reader = reader_of_fill(f, false, w, reader_parts_ready, r);
    assert_true(fill_head(f, object_of(c, &key), -1));
    assert_true(fill_feed(f, 4, 5));
    assert_int_equal(drain(r, got, 8, 100, 100), 5);
    fill_finish(f);
    worker_turn(w);
    assert_int_equal(s.woken, 1);
    assert_int_equal(drain(r, got + 5, 8, 100, 100), 1);
    assert_true(body_is(got, 4, 0, 5) && got[5] == 'x');
    assert_true(reader_at_end(r));
    reader_close(&r);
    fill_release(&f);
}

/* A fill that turns out to be another's alone. */
static void t_alone(void **state)
{
    char text[32];
    struct cache_key key = key_number(text, 5);
    struct fill *f = fill_led(c, &key, w, no_room, NULL);
    struct script s = {.v = {{PART_READY, {.reader = NULL}}, {PART_END, {.reader = NULL}}}};
    struct reader *r = reader_scripted(&s, 10);
    struct piece p;

    (void)state;
    s.v[0].part.reader = reader_of_fill(f, false, w, reader_parts_ready, r);
    assert_int_equal(reader_pieces(r, &p, 1, 10), 0);
    assert_int_equal(reader_state(r), READ_READY);
    fill_pass(f, object_of(c, &key), 10, 0);
    worker_turn(w);
    assert_int_equal(s.woken, 1);
    assert_int_equal(reader_state(r), READ_CUT);
    assert_true(reader_at_end(r));
    reader_close(&r);
    fill_fail(f, 502, "test");
    fill_release(&f);
}

/* A source may go on behind a part that ended short, as often as it likes. */
static void t_resumed(void **state)
{
    char text[32], got[2000];
    struct cache_key key = key_number(text, 7);
    struct script s = {.at = 0};
    struct reader *r = reader_of_parts(NULL, &resuming, &s, 1000, w, wake, &s);

    (void)state;
    s.v[1].state = PART_WAIT;
    for (int i = 1; i <= 3; i++) {
        struct fill *f = fill_led(c, &key, w, no_room, NULL);

        s.v[0].state = PART_READY;
        s.v[0].part.reader = reader_of_fill(f, false, w, reader_parts_ready, r);
        s.at = 0;
        assert_true(fill_head(f, object_of(c, &key), 1000));
        assert_true(fill_feed(f, 7, 100));
        assert_int_equal(drain(r, got, 8, 4000, 70), 100);
        assert_int_equal(s.resumed, i - 1);
        fill_fail(f, 502, "test");
        worker_turn(w);
        assert_int_equal(s.woken, i);
        assert_int_equal(drain(r, got, 8, 4000, 4000), 0); /* asks the source */
        assert_int_equal(s.resumed, i);
        assert_int_equal(s.sent, 100 * i);
        assert_int_equal(reader_state(r), i < 3 ? READ_READY : READ_CUT);
        assert_int_equal(reader_at_end(r), i == 3);
        fill_release(&f);
    }
    reader_close(&r);
}

static void t_nested(void **state)
{
    struct object *obj = stored(6, 50000);
    struct script inner = {.v = {{PART_READY, range_part(obj, 5, 20000)},
                               {PART_WAIT, {.reader = NULL}}, {PART_END, {.reader = NULL}}}};
    struct script outer = {.v = {{PART_READY, text_part("<")}, {PART_READY, {.reader = NULL}},
                               {PART_READY, text_part(">")}, {PART_END, {.reader = NULL}}}};
    struct reader *r = reader_scripted(&outer, 30002);
    char *got = malloc(40000);

    (void)state;
    outer.v[1].part.reader = reader_of_parts(obj, &source, &inner, 30000, w, reader_parts_ready, r);
    assert_int_equal(drain(r, got, 8, 40000, 40000), 20001);
    inner.v[1].state = PART_READY;
    inner.v[1].part = range_part(obj, 20005, 10000);
    reader_parts_ready(r);
    worker_turn(w);
    assert_int_equal(outer.woken, 1);
    assert_int_equal(drain(r, got + 20001, 8, 40000, 5000), 10001);
    assert_true(got[0] == '<' && got[30001] == '>' && body_is(got + 1, 6, 5, 30000));
    assert_true(reader_at_end(r));
    assert_int_equal(inner.closed, 1);
    reader_close(&r);
    object_release(&obj);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_text_and_ranges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_opened_when_needed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_wait_and_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_closed_while_posted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_of_a_fill, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_of_a_whole_fill, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_resumed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_nested, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
