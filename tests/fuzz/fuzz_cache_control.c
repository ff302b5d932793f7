/*
 * Cache-Control: one line or one line for each member is the same; numbers stay in their bounds;
 * more members never mean less restriction.
 */
#include "base/check.h"
#include "http/cache_control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void number_check(int64_t v)
{
    check(v >= -1 && v <= CACHE_SECONDS_MAX);
}

static void bounds_check(const struct cache_control *cc)
{
    number_check(cc->max_age);
    number_check(cc->s_maxage);
    number_check(cc->stale_while_revalidate);
    number_check(cc->stale_if_error);
    number_check(cc->max_stale);
    number_check(cc->min_fresh);
    check(!cc->no_cache || cc->no_cache_fields.n == 0);
    check(!cc->is_private || cc->private_fields.n == 0);
}

static void same_check(const struct cache_control *a, const struct cache_control *b)
{
    check(a->present == b->present && a->no_store == b->no_store && a->no_cache == b->no_cache);
    check(a->is_private == b->is_private && a->is_public == b->is_public);
    check(a->must_revalidate == b->must_revalidate && a->immutable == b->immutable);
    check(a->max_age == b->max_age && a->s_maxage == b->s_maxage);
    check(a->max_stale == b->max_stale && a->min_fresh == b->min_fresh);
    check(span_eq(a->no_cache_fields, b->no_cache_fields));
    check(span_eq(a->private_fields, b->private_fields));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span in = span_make((const char *)data, n), rest = in, member;
    struct fields one = {0}, many = {0};
    struct cache_control whole, split, targeted;
    struct arena a;

    arena_init(&a);
    fields_add(&one, &a, FIELD_CACHE_CONTROL, in);
    cache_control_parse(&one, &a, &whole);
    bounds_check(&whole);
    while (list_next(&rest, &member))
        fields_add(&many, &a, FIELD_CACHE_CONTROL, member);
    cache_control_parse(&many, &a, &split);
    same_check(&whole, &split);
    fields_add(&many, &a, FIELD_CACHE_CONTROL, SPAN("max-age=5, no-cache=\"x\""));
    cache_control_parse(&many, &a, &split);
    check(split.max_age >= 0 && split.max_age <= 5);
    check(whole.max_age < 0 || split.max_age <= whole.max_age);
    check(split.no_store == whole.no_store && split.is_private == whole.is_private);
    check(split.no_cache || (!whole.no_cache && whole.no_cache_fields.n == 0));
    fields_add(&one, &a, FIELD_CDN_CACHE_CONTROL, in);
    if (cache_control_targeted(&one, FIELD_CDN_CACHE_CONTROL, &a, &targeted))
        bounds_check(&targeted);
    arena_free(&a);
    return 0;
}
