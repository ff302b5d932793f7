#include "http/cache_control.h"

#include "http/chars.h"
#include "http/sfv.h"

enum directive_type {
    SET,     /* sets a flag; an argument is ignored */
    FIELDS,  /* a flag, or with an argument a list of field names */
    SECONDS, /* delta-seconds */
    MAYBE,   /* delta-seconds, or nothing: any */
};

static const struct directive {
    struct span name;
    enum directive_type type;
    size_t at;        /* of the flag or the number in struct cache_control */
    size_t fields_at; /* of the list */
} directives[] = {
#define AT(member) offsetof(struct cache_control, member)
    {SPAN("max-age"), SECONDS, AT(max_age), 0},
    {SPAN("s-maxage"), SECONDS, AT(s_maxage), 0},
    {SPAN("public"), SET, AT(is_public), 0},
    {SPAN("private"), FIELDS, AT(is_private), AT(private_fields)},
    {SPAN("no-cache"), FIELDS, AT(no_cache), AT(no_cache_fields)},
    {SPAN("no-store"), SET, AT(no_store), 0},
    {SPAN("must-revalidate"), SET, AT(must_revalidate), 0},
    {SPAN("proxy-revalidate"), SET, AT(proxy_revalidate), 0},
    {SPAN("must-understand"), SET, AT(must_understand), 0},
    {SPAN("no-transform"), SET, AT(no_transform), 0},
    {SPAN("immutable"), SET, AT(immutable), 0},
    {SPAN("stale-while-revalidate"), SECONDS, AT(stale_while_revalidate), 0},
    {SPAN("stale-if-error"), SECONDS, AT(stale_if_error), 0},
    {SPAN("max-stale"), MAYBE, AT(max_stale), 0},
    {SPAN("min-fresh"), SECONDS, AT(min_fresh), 0},
    {SPAN("only-if-cached"), SET, AT(only_if_cached), 0},
#undef AT
};

static const struct directive *directive_find(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(directives); i++) {
        if (span_ieq(name, directives[i].name))
            return &directives[i];
    }
    return NULL;
}

static bool *flag_at(struct cache_control *cc, size_t at)
{
    return (bool *)(void *)((char *)cc + at);
}

static int64_t *seconds_at(struct cache_control *cc, size_t at)
{
    return (int64_t *)(void *)((char *)cc + at);
}

static struct span *fields_at(struct cache_control *cc, size_t at)
{
    return (struct span *)(void *)((char *)cc + at);
}

static void cache_control_init(struct cache_control *cc)
{
    *cc = (struct cache_control){.max_age = -1,
        .s_maxage = -1,
        .stale_while_revalidate = -1,
        .stale_if_error = -1,
        .max_stale = -1,
        .min_fresh = -1};
}

bool delta_seconds_parse(struct span s, int64_t *out)
{
    uint64_t v;

    if (!span_all(s, CHAR_DIGIT))
        return false;
    if (!span_u64(s, &v) || v > (uint64_t)CACHE_SECONDS_MAX)
        v = (uint64_t)CACHE_SECONDS_MAX;
    *out = (int64_t)v;
    return true;
}

/* The smaller of two counts, but min-fresh asks for more the larger it is. */
static void seconds_set(struct cache_control *cc, const struct directive *d, int64_t v)
{
    int64_t *at = seconds_at(cc, d->at);
    bool larger = d->at == offsetof(struct cache_control, min_fresh);

    if (*at < 0 || (larger ? v > *at : v < *at))
        *at = v;
}

/* A list of one or more field names. */
static bool names_valid(struct span list)
{
    struct span member;
    unsigned n = 0;

    while (list_next(&list, &member)) {
        if (!token_valid(member))
            return false;
        n++;
    }
    return n != 0;
}

/* A qualified directive. Twice, or with a list that is none, it is as good as unqualified. */
static void names_set(struct cache_control *cc, const struct directive *d, struct span list)
{
    struct span *at = fields_at(cc, d->fields_at);
    bool *flag = flag_at(cc, d->at);

    if (*flag || at->n != 0 || !names_valid(list)) {
        *flag = true;
        *at = SPAN_EMPTY;
    } else {
        *at = list;
    }
}

static void unqualified_set(struct cache_control *cc, const struct directive *d)
{
    *flag_at(cc, d->at) = true;
    if (d->type == FIELDS)
        *fields_at(cc, d->fields_at) = SPAN_EMPTY;
}

/* "name", "name=token" or "name=\"quoted\""; `arg.p` is NULL without '='. */
static void directive_set(struct cache_control *cc, struct span name, struct span arg)
{
    const struct directive *d = directive_find(name);
    int64_t v = 0;

    if (d == NULL)
        return;
    switch (d->type) {
    case SET:
        unqualified_set(cc, d);
        break;
    case FIELDS:
        if (arg.p == NULL)
            unqualified_set(cc, d);
        else
            names_set(cc, d, arg);
        break;
    case MAYBE:
        if (arg.p == NULL)
            v = CACHE_SECONDS_MAX;
        else if (!delta_seconds_parse(arg, &v))
            v = 0;
        seconds_set(cc, d, v);
        break;
    case SECONDS:
        /* Invalid freshness information is none: stale (RFC 9111 §4.2.1). */
        if (!delta_seconds_parse(arg, &v))
            v = 0;
        seconds_set(cc, d, v);
        break;
    }
}

static void member_parse(struct cache_control *cc, struct arena *a, struct span member)
{
    size_t equals = span_find(member, '=');
    struct span name = span_trim(span_make(member.p, equals)), arg = SPAN_EMPTY;

    cc->present = true;
    if (equals < member.n) {
        arg = span_make(member.p + equals + 1, member.n - equals - 1);
        if (arg.n != 0 && quoted_length(arg) == arg.n)
            arg = quoted_text(a, arg);
    }
    directive_set(cc, name, arg);
}

/* In a member with a quote that is never closed nothing is certain, so every piece counts. */
static bool is_torn(struct span member)
{
    for (size_t i = 0; i < member.n; i++) {
        size_t quoted;

        if (member.p[i] != '"')
            continue;
        quoted = quoted_length(span_from(member, i));
        if (quoted == 0)
            return true;
        i += quoted - 1;
    }
    return false;
}

void cache_control_parse(const struct fields *f, struct arena *a, struct cache_control *out)
{
    struct field_list it = field_list_of(f, FIELD_CACHE_CONTROL);
    struct span member, piece;

    cache_control_init(out);
    while (field_list_next(&it, &member)) {
        if (!is_torn(member)) {
            member_parse(out, a, member);
            continue;
        }
        while (span_cut(&member, ',', &piece))
            member_parse(out, a, span_trim(piece));
    }
}

/* RFC 9213 §2.1: a value of another type than the directive's is ignored with its directive. */
static void member_set(
    struct cache_control *cc, const struct directive *d, const struct sfv_item *value)
{
    int64_t v = value->integer;

    switch (d->type) {
    case SET:
    case FIELDS:
        if (value->type == SFV_BOOLEAN && v != 0)
            unqualified_set(cc, d);
        else if (value->type == SFV_STRING && d->type == FIELDS)
            names_set(cc, d, value->text);
        break;
    case SECONDS:
    case MAYBE:
        if (value->type == SFV_INTEGER && v >= 0)
            seconds_set(cc, d, v < CACHE_SECONDS_MAX ? v : CACHE_SECONDS_MAX);
        break;
    }
}

bool cache_control_targeted(
    const struct fields *f, enum field_id id, struct arena *a, struct cache_control *out)
{
    struct sfv_members dict;
    struct span value = fields_join(f, a, id);

    cache_control_init(out);
    if (value.p == NULL || !sfv_dict_parse(value, a, &dict) || dict.n == 0)
        return false;
    out->present = true;
    for (unsigned i = 0; i < dict.n; i++) {
        const struct directive *d = directive_find(dict.v[i].key);

        if (d != NULL)
            member_set(out, d, &dict.v[i].value);
    }
    return true;
}
