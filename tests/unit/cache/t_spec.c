#include "cache/spec.h"

#include "things.h"

#define SPEC_A SPAN("vary 00000000000000aa accept-language")
#define SPEC_B SPAN("vary 00000000000000bb accept-language")
#define LEARNT SPAN("vary 00000000000000aa accept-language\tlang de=de")

enum { MOST = 3 };

static struct arena arena;
static struct cache *cache;
static struct cache_key resource;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    cache = cache_of(CACHE_MEMORY_MIN_BYTES);
    resource = cache_key_of(SPAN("h.example/"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cache_close(&cache);
    arena_free(&arena);
    return 0;
}

/* The key of variant `i`. */
static struct cache_key variant(unsigned i)
{
    return cache_key_of(arena_printf(&arena, "h.example/ variant %u", i));
}

/* Stores variant `i`, which came at `at`, and lists it. */
static void add(unsigned i, wall_s at)
{
    struct cache_key key = variant(i);
    struct freshness fresh = {.response_s = at};
    struct http_response head = {.status = 200};
    struct object *obj = object_new(cache, &key, &head, &fresh, NULL);

    obj->whole = true;
    cache_put(cache, obj);
    object_release(&obj);
    spec_add_variant(cache, &resource, &key, MOST, &arena);
}

static void use(unsigned i, wall_s now)
{
    struct cache_key key = variant(i);
    struct object *obj = cache_find(cache, &key);

    assert_non_null(obj);
    object_used(obj, now);
    object_release(&obj);
}

static bool stored(unsigned i)
{
    struct cache_key key = variant(i);
    struct object *obj = cache_peek(cache, &key);
    bool is = obj != NULL;

    object_release(&obj);
    return is;
}

/* The spec under the resource's key lists these variants, in that order. */
static void expect(struct span text, unsigned n, const unsigned *numbers)
{
    struct object *spec = cache_peek(cache, &resource);
    struct hash128 got[SPEC_VARIANTS_MAX];

    assert_non_null(spec);
    assert_true(object_is_spec(spec));
    assert_true(span_eq(object_spec(spec), text));
    assert_int_equal(object_spec_variants(spec, got), n);
    for (unsigned i = 0; i < n; i++)
        assert_true(hash128_eq(got[i], variant(numbers[i]).hash));
    object_release(&spec);
}

static void newest_first_and_once(void **state)
{
    (void)state;
    spec_put(cache, &resource, NULL, SPEC_A, NULL, &arena);
    expect(SPEC_A, 0, NULL);
    add(1, 100);
    add(2, 100);
    expect(SPEC_A, 2, (unsigned[]){2, 1});
    add(1, 100);
    expect(SPEC_A, 2, (unsigned[]){2, 1});
}

static void the_least_recently_used_goes(void **state)
{
    (void)state;
    spec_put(cache, &resource, NULL, SPEC_A, NULL, &arena);
    add(1, 100);
    add(2, 100);
    add(3, 100);
    use(1, 101);
    add(4, 102); /* of 2 and 3 the older one */
    expect(SPEC_A, 3, (unsigned[]){4, 3, 1});
    assert_false(stored(2));
    add(5, 103);
    expect(SPEC_A, 3, (unsigned[]){5, 4, 1});
    assert_false(stored(3));
    add(6, 104);
    assert_false(stored(1));
    assert_true(stored(4) && stored(5) && stored(6));
}

/* What has left by itself makes room; nothing else has to go. */
static void gone_ones_go_first(void **state)
{
    struct cache_key two = variant(2);

    (void)state;
    spec_put(cache, &resource, NULL, SPEC_A, NULL, &arena);
    for (unsigned i = 1; i <= MOST; i++)
        add(i, 100 + i);
    assert_true(cache_remove(cache, &two));
    add(4, 110);
    expect(SPEC_A, 3, (unsigned[]){4, 3, 1});
    assert_true(stored(1) && stored(3) && stored(4));
}

/* A limit that a new configuration has lowered. */
static void several_go_at_once(void **state)
{
    struct cache_key four = variant(4);

    (void)state;
    spec_put(cache, &resource, NULL, SPEC_A, NULL, &arena);
    for (unsigned i = 1; i <= MOST; i++)
        add(i, 100 + i);
    spec_add_variant(cache, &resource, &four, 1, &arena);
    expect(SPEC_A, 1, (unsigned[]){4});
    assert_false(stored(1) || stored(2) || stored(3));
}

static void the_list_goes_with_its_id(void **state)
{
    struct object *old;

    (void)state;
    spec_put(cache, &resource, NULL, SPEC_A, NULL, &arena);
    add(1, 100);
    old = cache_peek(cache, &resource);
    spec_put(cache, &resource, old, LEARNT, NULL, &arena);
    object_release(&old);
    expect(LEARNT, 1, (unsigned[]){1});
    old = cache_peek(cache, &resource);
    spec_put(cache, &resource, old, SPEC_B, NULL, &arena);
    object_release(&old);
    expect(SPEC_B, 0, NULL);
}

/* The spec may have been evicted, or replaced by a response that does not vary. */
static void without_a_spec_nothing_is_listed(void **state)
{
    struct object *obj;

    (void)state;
    add(1, 100);
    assert_null(cache_peek(cache, &resource));
    obj = object_of(cache, &resource);
    obj->whole = true;
    cache_put(cache, obj);
    add(2, 100);
    assert_ptr_equal(cache_peek(cache, &resource), obj);
    object_release(&(struct object *){obj});
    object_release(&obj);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(newest_first_and_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_least_recently_used_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gone_ones_go_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_go_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_list_goes_with_its_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_spec_nothing_is_listed, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
