/*
 * t_tags.c - tags of a response: which there are, in what order, and what is dropped.
 */
#include "rules.h"

#include "base/hash.h"
#include "cache/label.h"
#include "cache/tags.h"

#include <stdio.h>

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* "S:a S:b" and so on; S, C, D and E are the fields. */
static const char *text_of(const struct tags *t)
{
    static char text[512];
    size_t n = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < t->n; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%c:%.*s", i > 0 ? "|" : "",
            "SCDE"[t->v[i].field], SPAN_ARG(t->v[i].text));
    return text;
}

static void reads(void **state)
{
    static const struct {
        const char *row, *fields, *tags;
        unsigned fields_in;
    } rows[] = {
        {"no field", "ETag: \"a\"", "", 0},
        {"an empty field is one", "Surrogate-Key:", "", 1},
        {"one", "Surrogate-Key: a", "S:a", 1},
        {"spaces separate", "Surrogate-Key: a b  c", "S:a|S:b|S:c", 1},
        {"a tab does, too", "Surrogate-Key: a\tb \t c", "S:a|S:b|S:c", 1},
        {"a comma does not", "Surrogate-Key: a,b c", "S:a,b|S:c", 1},
        {"commas separate", "Cache-Tag: a,b, c ,d", "C:a|C:b|C:c|C:d", 2},
        {"empty members are none", "Cache-Tag: ,a,,b, ,", "C:a|C:b", 2},
        {"a space is part of a name", "Cache-Tag: a b,c", "C:a b|C:c", 2},
        {"a quote is a letter", "Cache-Tag: \"a,b\"", "C:\"a|C:b\"", 2},
        {"bunny's", "CDN-Tag: a,b", "D:a|D:b", 4},
        {"Akamai's", "Edge-Cache-Tag: casual, knits, fall-sale", "E:casual|E:knits|E:fall-sale", 8},
        {"names have no case", "surrogate-key: A\ncache-TAG: B", "S:A|C:B", 3},
        {"lines add up", "Cache-Tag: a\nCache-Tag: b", "C:a|C:b", 2},
        {"all fields count", "Edge-Cache-Tag: e\nCDN-Tag: d\nCache-Tag: c\nSurrogate-Key: s",
            "S:s|C:c|D:d|E:e", 15},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].fields);
        struct tags t = tags_of(&f, TAGS_DEFAULT, &arena);

        if (strcmp(text_of(&t), rows[i].tags) != 0)
            fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].row, text_of(&t), rows[i].tags);
        row_check(rows[i].row, t.fields_in == rows[i].fields_in);
        row_check(rows[i].row, t.dropped == 0);
    }
}

static void drops_what_is_over_a_limit(void **state)
{
    char text[TAG_BYTES_MAX + 8];
    struct fields f = fields_of(&arena, "Surrogate-Key: a b c\nCache-Tag: d,e");
    struct tags t = tags_of(&f, 4, &arena);

    (void)state;
    assert_string_equal(text_of(&t), "S:a|S:b|S:c|C:d");
    assert_int_equal(t.dropped, 1);
    t = tags_of(&f, 1, &arena);
    assert_string_equal(text_of(&t), "S:a");
    assert_int_equal(t.dropped, 4);
    t = tags_of(&f, 5, &arena);
    assert_int_equal(t.dropped, 0);

    memset(text, 'x', sizeof(text));
    f = (struct fields){0};
    fields_add(&f, &arena, FIELD_CACHE_TAG, span_make(text, TAG_BYTES_MAX));
    t = tags_of(&f, TAGS_DEFAULT, &arena);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.dropped, 0);
    text[TAG_BYTES_MAX + 1] = ',';
    fields_set(&f, &arena, FIELD_CACHE_TAG, span_make(text, TAG_BYTES_MAX + 4));
    t = tags_of(&f, TAGS_DEFAULT, &arena);
    assert_string_equal(text_of(&t), "C:xx");
    assert_int_equal(t.dropped, 1);
}

static void strips(void **state)
{
    struct fields f = fields_of(&arena,
        "Cache-Tag: a\nETag: \"e\"\nSurrogate-Key: b\ncdn-tag: c\nEdge-Cache-Tag: d\nCache-Tag: e\n"
        "X-Cache-Tag: f");

    (void)state;
    tags_strip(&f);
    assert_int_equal(f.n, 2);
    assert_true(span_eq(f.v[0].name, SPAN("ETag")));
    assert_true(span_eq(f.v[1].name, SPAN("X-Cache-Tag")));
}

static void labels(void **state)
{
    const struct tag a = {SPAN("Ab"), TAG_SURROGATE_KEY}, b = {SPAN("aB"), TAG_SURROGATE_KEY};
    const struct tag c = {SPAN("Ab"), TAG_CACHE_TAG}, d = {SPAN("aB"), TAG_CACHE_TAG};
    const struct tag e = {SPAN("Ab"), TAG_EDGE_CACHE_TAG};
    uint64_t label = label_of(7, LABEL_TAG, SPAN("Ab"));

    (void)state;
    assert_int_equal(label & LABEL_FIELD_MASK, 0);
    assert_int_equal(label_of_tag(7, &a), label | TAG_SURROGATE_KEY);
    assert_int_equal(label_of_tag(7, &e), label | TAG_EDGE_CACHE_TAG);
    assert_int_not_equal(label_of_tag(7, &a), label_of_tag(7, &b)); /* case counts */
    assert_int_equal(label_of_tag(7, &c), label_of_tag(7, &d));     /* but not in Cache-Tag */
    assert_int_equal(
        label_of_tag(7, &c), label_of(7, LABEL_TAG_NO_CASE, SPAN("AB")) | TAG_CACHE_TAG);
    assert_int_not_equal(label_of_tag(7, &c) & ~3ull, label);
    assert_int_not_equal(label_of(8, LABEL_TAG, SPAN("Ab")), label); /* the seed counts */
    assert_int_not_equal(label_of(7, LABEL_SITE, SPAN("Ab")), label_of(7, LABEL_URL, SPAN("Ab")));
    assert_int_not_equal(label_within(7, label, 1), label_within(7, label, 2));
}

/* They stand in journals, and so must not change from one build to the next. */
static void labels_are_what_they_were(void **state)
{
    (void)state;
    hash_seed(random_u64());
    assert_int_equal(
        label_of(1, LABEL_URL, SPAN("www.example.com/")), UINT64_C(0xf1d1b4f03d3d7286));
    assert_int_equal(
        label_of(1, LABEL_SITE, SPAN("www.example.com")), UINT64_C(0xf8e686c8b8966234));
    assert_int_equal(label_of(1, LABEL_TAG, SPAN("news")), UINT64_C(0xada3f14e42320ea0));
    assert_int_equal(label_of(1, LABEL_TAG_NO_CASE, SPAN("News")), UINT64_C(0x4ad8a03184fe1dec));
    assert_int_equal(label_within(1, 4, 5), UINT64_C(0xa4165e9a04cc7d8e));
    hash_seed(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads, setup, teardown),
        cmocka_unit_test_setup_teardown(drops_what_is_over_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(strips, setup, teardown),
        cmocka_unit_test(labels),
        cmocka_unit_test(labels_are_what_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
