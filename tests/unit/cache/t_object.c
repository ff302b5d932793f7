/* t_object.c - a stored head and its fields; updates; what happens without memory for it. */
#include "things.h"

static struct cache *c;

static int set_up(void **state)
{
    (void)state;
    c = cache_of(4 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cache_close(&c);
    return 0;
}

static void assert_span(struct span s, const char *text)
{
    if (!span_eq(s, span_of(text)))
        fail_msg("\"%.*s\" is not \"%s\"", SPAN_ARG(s), text);
}

static void t_head(void **state)
{
    struct field lines[] = {
        {SPAN("Content-Type"), SPAN("text/html"), FIELD_CONTENT_TYPE},
        {SPAN("X-Empty"), SPAN_EMPTY, FIELD_OTHER},
        {SPAN("Vary"), SPAN("a"), FIELD_VARY},
        {SPAN("vary"), SPAN("b"), FIELD_VARY},
    };
    struct http_response head = {.status = 404, .fields = {lines, 4, 4}};
    struct freshness fresh = {.lifetime_s = 60};
    struct cache_key key = cache_key_of(SPAN("example.com/a"));
    struct object *o = object_new(c, &key, &head, &fresh, NULL);
    struct arena a;
    struct fields f;

    (void)state;
    assert_span(o->head_text, "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nX-Empty: \r\n"
                              "Vary: a\r\nvary: b\r\n");
    assert_span(o->key, "example.com/a");
    assert_int_equal(o->status, 404);
    assert_int_equal(o->fresh.lifetime_s, 60);
    assert_int_equal(o->fields_n, 4);
    assert_span(object_field_name(o, 1), "X-Empty");
    assert_span(object_field_value(o, 1), "");
    assert_span(object_get(o, FIELD_VARY), "a");
    assert_null(object_get(o, FIELD_ETAG).p);
    arena_init(&a);
    f = object_fields(o, &a);
    assert_int_equal(f.n, 4);
    assert_int_equal(fields_count(&f, FIELD_VARY), 2);
    assert_span(fields_get_named(&f, SPAN("content-type")), "text/html");
    arena_free(&a);
    object_release(&o);
    assert_null(o);
}

static void t_reason_and_no_fields(void **state)
{
    struct http_response head = {.status = 299, .reason = SPAN("Fine, thanks")};
    struct cache_key key = cache_key_of(SPAN("k"));
    struct object *o = object_new(c, &key, &head, NULL, NULL);
    struct arena a;

    (void)state;
    assert_span(o->head_text, "HTTP/1.1 299 Fine, thanks\r\n");
    arena_init(&a);
    assert_int_equal(object_fields(o, &a).n, 0);
    arena_free(&a);
    object_release(&o);
}

static void t_update(void **state)
{
    struct worker *w = worker_new(1);
    char text[32];
    struct cache_key key = key_number(text, 1);
    struct http_response head = {.status = 200};
    struct object *old, *obj, *late, *found;
    struct reader *r;
    uint64_t pos = 0;

    (void)state;
    assert_true(fill_whole(c, w, 1, 30000, true));
    old = cache_find(c, &key);
    obj = object_with_head(old, &head, NULL, NULL);
    assert_int_equal(obj->body_bytes, 30000);
    assert_int_equal(obj->fields_n, 0);
    assert_true(cache_replace(c, old, obj));
    late = object_with_head(old, &head, NULL, NULL);
    assert_false(cache_replace(c, old, late)); /* it is not what is stored any more */
    object_release(&late);
    found = cache_peek(c, &key);
    assert_ptr_equal(found, obj);
    object_release(&found);
    object_release(&old);
    r = reader_of_object(obj);
    object_release(&obj);
    assert_true(cache_remove(c, &key));
    assert_false(cache_remove(c, &key));
    assert_int_equal(reader_eat(r, 1, &pos, 1 << 20), 30000); /* the reader's own reference */
    reader_close(&r);
    worker_join(&w);
}

static void t_too_large_a_head(void **state)
{
    static char value[70000];
    struct worker *w = worker_new(1);
    struct field line = {SPAN("X-Large"), {value, sizeof(value)}, FIELD_OTHER};
    struct http_response head = {.status = 200, .fields = {&line, 1, 1}};
    struct cache_key key = cache_key_of(SPAN("k"));
    struct object *o;
    struct fill *f;

    (void)state;
    memset(value, 'x', sizeof(value));
    o = object_new(c, &key, &head, NULL, NULL);
    assert_int_equal(object_field_value(o, 0).n, sizeof(value));
    f = fill_led(c, &key, w, no_room, NULL);
    assert_false(fill_head(f, o, 10));
    assert_int_equal(fill_append(f, SPAN("0123456789")), 10);
    fill_finish(f);
    fill_release(&f);
    assert_null(cache_find(c, &key));
    o = object_new(c, &key, &head, NULL, NULL);
    o->whole = true;
    cache_put(c, o);
    assert_null(cache_find(c, &key));
    object_release(&o);
    worker_join(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_head, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_reason_and_no_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_update, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_too_large_a_head, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
