/* t_image.c - objects to bytes as they stand on a disk, and back; bytes that are none. */
#include "things.h"

#include "cache/image.h"
#include "cache/spec.h"
#include "cache/tags.h"

static struct cache *c;
static struct arena a;

static int set_up(void **state)
{
    (void)state;
    c = cache_of(4 << 20);
    arena_init(&a);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&a);
    cache_close(&c);
    return 0;
}

static struct object *page(struct span key_text)
{
    struct http_response head = {.status = 203, .reason = SPAN("Odd")};
    struct freshness fresh = {.lifetime_s = 60, .if_error_s = 7, .immutable = true};
    struct cache_key key = cache_key_of(key_text);
    struct tags tags;
    struct object_labels labels = {.born = 9, .site = SPAN("example.com"), .tags = &tags};

    fields_add(&head.fields, &a, FIELD_SURROGATE_KEY, SPAN("red blue"));
    tags = tags_of(&head.fields, TAGS_MAX, &a);
    fields_add(&head.fields, &a, FIELD_CONTENT_TYPE, SPAN("text/html"));
    fields_add_named(&head.fields, &a, SPAN("X-Empty"), SPAN_EMPTY);
    return object_new(c, &key, &head, &fresh, &labels);
}

static struct span image_of(const struct object *o, uint32_t slice_bytes)
{
    size_t n = image_bytes(o);
    char *to = arena_alloc(&a, n);

    image_write(o, slice_bytes, to);
    return span_make(to, n);
}

static void assert_same(const struct object *x, const struct object *y)
{
    assert_true(span_eq(x->key, y->key));
    assert_true(span_eq(x->head_text, y->head_text));
    assert_int_equal(x->status, y->status);
    assert_int_equal(x->fields_n, y->fields_n);
    assert_int_equal(x->id, y->id);
    assert_int_equal(x->head_id, y->head_id);
    assert_int_equal(x->recode, y->recode);
    assert_int_equal(x->born, y->born);
    assert_int_equal(x->site, y->site);
    assert_int_equal(x->tags_n, y->tags_n);
    assert_memory_equal(object_tags(x), object_tags(y), x->tags_n * sizeof(uint64_t));
    assert_int_equal(x->fresh.lifetime_s, y->fresh.lifetime_s);
    assert_int_equal(x->fresh.if_error_s, y->fresh.if_error_s);
    assert_int_equal(x->fresh.immutable, y->fresh.immutable);
}

static void t_there_and_back(void **state)
{
    struct object *o = page(SPAN("example.com/a?b\nfield x=1:y")), *back;
    struct cache_key key = {o->key, o->hash};
    struct image image;

    (void)state;
    o->recode = 5;
    assert_int_equal(o->tags_n, 2);
    assert_true(image_read(image_of(o, 0), &a, &image));
    assert_int_equal(image.slice_bytes, 0);
    back = object_of_image(c, &key, &image);
    assert_same(o, back);
    assert_int_equal(back->fields[1].id, o->fields[1].id);
    object_release(&o);
    object_release(&back);
}

static void t_cut_into_slices(void **state)
{
    struct object *o = page(SPAN("example.com/large")), *back;
    struct cache_key key = {o->key, o->hash};
    struct image image;

    (void)state;
    o->body_bytes = 5 << 20;
    assert_true(image_read(image_of(o, 1 << 20), &a, &image));
    o->body_bytes = 0;
    back = object_of_image(c, &key, &image);
    assert_int_equal(back->sliced_bytes, 5 << 20);
    assert_int_equal(back->slice_bytes, 1 << 20);
    assert_same(o, back);
    object_release(&o);
    object_release(&back);
}

/* What a specification lists are hashes of this process. */
static void t_specification(void **state)
{
    struct cache_key key = cache_key_of(SPAN("example.com/v")), variant;
    struct object *spec, *back;
    struct hash128 listed[SPEC_VARIANTS_MAX];
    struct image image;

    (void)state;
    spec_put(c, &key, NULL, SPAN("some text"), NULL, &a);
    variant = cache_key_of(SPAN("example.com/v\nvary"));
    spec_add_variant(c, &key, &variant, 8, &a);
    spec = cache_peek(c, &key);
    assert_int_equal(object_spec_variants(spec, listed), 1);
    assert_true(image_read(image_of(spec, 0), &a, &image));
    back = object_of_image(c, &key, &image);
    assert_true(object_is_spec(back));
    assert_true(span_eq(object_spec(back), SPAN("some text")));
    assert_int_equal(object_spec_variants(back, listed), 0);
    object_release(&spec);
    object_release(&back);
}

/* Every part of an image, and every image with a byte changed, is refused or something whole. */
static void t_broken(void **state)
{
    struct object *o = page(SPAN("example.com/a"));
    struct span good = image_of(o, 0);
    struct image image;

    (void)state;
    for (size_t n = 0; n < good.n; n++)
        assert_false(image_read(span_make(good.p, n), &a, &image));
    for (size_t at = 0; at < good.n; at++) {
        char *bad = arena_alloc(&a, good.n);

        for (unsigned x = 1; x < 256; x <<= 1) {
            memcpy(bad, good.p, good.n);
            bad[at] = (char)(bad[at] ^ x);
            if (!image_read(span_make(bad, good.n), &a, &image))
                continue;
            assert_true(image.key.p >= bad && image.key.p + image.key.n <= bad + good.n);
            fields_each (f, &image.head.fields)
                assert_true(f->value.p + f->value.n <= bad + good.n);
        }
    }
    object_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_there_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_cut_into_slices, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_specification, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_broken, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
