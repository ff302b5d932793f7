/*
 * fuzz_tags.c - the fields with tags.
 *
 * Input: one byte for the limit; then "Name: value" lines. What must hold whatever they say: tags
 * are pieces of their fields without separators, none is empty or too long, no more than the limit
 * are taken, and what is not taken is counted; stripping leaves none.
 */
#include "fuzz_lines.h"

#include "base/check.h"
#include "cache/label.h"
#include "cache/tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool is_in(const struct fields *f, struct span text)
{
    fields_each (line, f) {
        /* A field without a value has no address. */
        if (line->value.n > 0 && text.p >= line->value.p &&
            text.p + text.n <= line->value.p + line->value.n)
            return true;
    }
    return false;
}

static void tag_check(const struct fields *f, const struct tag *t)
{
    bool by_space = t->field == TAG_SURROGATE_KEY;

    check(t->text.n > 0 && t->text.n <= TAG_BYTES_MAX && t->field < TAG_FIELDS);
    check(is_in(f, t->text));
    check(span_eq(span_trim(t->text), t->text));
    check(span_find(t->text, by_space ? ' ' : ',') == t->text.n);
    check(!by_space || span_find(t->text, '\t') == t->text.n);
    check((label_of_tag(1, t) & LABEL_FIELD_MASK) == t->field);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fields f;
    struct tags some, all, none;
    struct span rest;
    struct arena a;

    if (n == 0)
        return 0;
    arena_init(&a);
    rest = span_make((const char *)data + 1, n - 1);
    f = lines_take(&a, &rest);
    some = tags_of(&f, data[0], &a);
    all = tags_of(&f, TAGS_MAX, &a);
    check(some.n <= data[0] && some.fields_in == all.fields_in);
    check(some.n + some.dropped == all.n + all.dropped);
    check(all.n == 0 || all.fields_in != 0);
    for (unsigned i = 0; i < all.n; i++) {
        tag_check(&f, &all.v[i]);
        check((all.fields_in >> all.v[i].field & 1) != 0);
        check(i >= some.n || span_eq(some.v[i].text, all.v[i].text));
    }
    tags_strip(&f);
    none = tags_of(&f, TAGS_MAX, &a);
    check(none.n == 0 && none.dropped == 0 && none.fields_in == 0);
    arena_free(&a);
    return 0;
}
