#include "cache/vary_value.h"

#include "cache/text.h"
#include "cache/vary.h"
#include "http/accept_encoding.h"
#include "http/chars.h"
#include "http/weighted.h"

#include <stdlib.h>

enum { RANGES_KEPT_MAX = 32 };

static const struct span known_codings[] = {SPAN("br"), SPAN("gzip"), SPAN("zstd")};

/* --- rules -------------------------------------------------------------------------------- */

const struct vary_rule *vary_rule_find(const struct cache_options *o, struct span name)
{
    for (unsigned i = 0; i < o->vary_n; i++) {
        if (span_ieq(o->vary[i].name, name))
            return &o->vary[i];
    }
    return NULL;
}

bool vary_ignored(const struct cache_options *o, struct span name)
{
    const struct vary_rule *rule = vary_rule_find(o, name);

    return rule != NULL && rule->how == VARY_IGNORE;
}

bool vary_learns_languages(const struct cache_options *o)
{
    const struct vary_rule *rule = vary_rule_find(o, field_name(FIELD_ACCEPT_LANGUAGE));

    return rule == NULL || (rule->how == VARY_NORMALISE && rule->values_n == 0);
}

/* --- Accept-Encoding ---------------------------------------------------------------------- */

/* Which of the codings that count are accepted, in our order; "identity" for none. */
static struct span codings(
    struct arena *a, const struct fields *request, const struct vary_rule *rule)
{
    bool own = rule != NULL && rule->values_n > 0;
    const struct span *known = own ? rule->values : known_codings;
    size_t n = own ? rule->values_n : ARRAY_LEN(known_codings);
    struct text t = {.a = a, .limit = SIZE_MAX};

    for (size_t i = 0; i < n; i++) {
        if (!accept_encoding_names(request, known[i]))
            continue;
        if (t.n > 0)
            text_put(&t, SPAN(", "));
        text_put(&t, known[i]);
    }
    return t.n > 0 ? text_span(&t) : SPAN("identity");
}

/* --- Accept-Language ---------------------------------------------------------------------- */

static int weighted_compare(const void *x, const void *y)
{
    const struct weighted *a = x, *b = y;
    size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;
    int order;

    if (a->q != b->q)
        return a->q > b->q ? -1 : 1;
    order = memcmp(a->name.p, b->name.p, n);
    return order != 0 ? order : (a->name.n > b->name.n) - (a->name.n < b->name.n);
}

static struct span lower(struct arena *a, struct span s)
{
    char *p = arena_alloc(a, s.n);

    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_lower(s.p[i]);
    return span_make(p, s.n);
}

/* Language ranges by preference, those of the same weight by name. False: too many to sort out. */
static bool ranges_parse(
    struct arena *a, struct span list, struct weighted out[static RANGES_KEPT_MAX], size_t *n)
{
    struct span member;

    *n = 0;
    while (list_next(&list, &member)) {
        if (*n == RANGES_KEPT_MAX)
            return false;
        if (!weighted_parse(member, &out[*n]))
            continue;
        out[*n].name = lower(a, out[*n].name);
        ++*n;
    }
    if (*n > 1)
        qsort(out, *n, sizeof(*out), weighted_compare);
    return true;
}

/* "de, en;q=0.8": in order, each range once. */
static struct span ranges_text(struct arena *a, const struct weighted *v, size_t n)
{
    struct text t = {.a = a, .limit = SIZE_MAX};

    for (size_t i = 0; i < n; i++) {
        char q[] = {';', 'q', '=', '0', '.', (char)('0' + v[i].q / 100),
            (char)('0' + v[i].q / 10 % 10), (char)('0' + v[i].q % 10)};

        if (i > 0 && v[i].q == v[i - 1].q && span_eq(v[i].name, v[i - 1].name))
            continue;
        if (i > 0)
            text_put(&t, SPAN(", "));
        text_put(&t, v[i].name);
        if (v[i].q < WEIGHT_WHOLE)
            text_put(&t, span_make(q, sizeof(q)));
    }
    return text_span(&t);
}

/* RFC 4647 §3.4: the language itself, or without its last subtags. */
static const struct span *language_find(struct span range, const struct vary_rule *rule)
{
    while (range.n > 0) {
        for (unsigned i = 0; i < rule->values_n; i++) {
            if (span_eq(range, rule->values[i]))
                return &rule->values[i];
        }
        while (range.n > 0 && range.p[--range.n] != '-')
            ;
    }
    return NULL;
}

/* The best of the languages that the site has; the first when none is asked for. */
static struct span language(const struct weighted *v, size_t n, const struct vary_rule *rule)
{
    const struct span *found;

    for (size_t i = 0; i < n && v[i].q > 0; i++) {
        found = language_find(v[i].name, rule);
        if (found != NULL)
            return *found;
    }
    return rule->values[0];
}

/* Members as they are, with one way of separating them. */
static struct span members(struct arena *a, struct span list)
{
    struct text t = {.a = a, .limit = SIZE_MAX};
    struct span member;

    while (list_next(&list, &member)) {
        if (t.n > 0)
            text_put(&t, SPAN(", "));
        text_put(&t, member);
    }
    return text_span(&t);
}

static struct span languages(struct arena *a, struct span list, const struct vary_rule *rule)
{
    struct weighted v[RANGES_KEPT_MAX];
    size_t n;
    bool all = ranges_parse(a, list, v, &n);

    if (rule != NULL && rule->values_n > 0)
        return language(v, n, rule);
    return all ? ranges_text(a, v, n) : members(a, list);
}

struct span vary_preferred_language(struct span value)
{
    struct span first, second = SPAN_EMPTY;
    struct weighted w, next;

    if (!list_next(&value, &first) || !weighted_parse(first, &w) || w.q == 0 ||
        span_eq(w.name, SPAN("*")))
        return SPAN_EMPTY;
    if (list_next(&value, &second) && (!weighted_parse(second, &next) || next.q >= w.q))
        return SPAN_EMPTY;
    return w.name;
}

/* --- any field ---------------------------------------------------------------------------- */

/* Fields whose value is one text, in which commas and spaces are nobody's separators. */
static bool is_text(enum field_id id)
{
    static const enum field_id texts[] = {
        FIELD_AUTHORIZATION,
        FIELD_COOKIE,
        FIELD_FROM,
        FIELD_HOST,
        FIELD_ORIGIN,
        FIELD_REFERER,
        FIELD_USER_AGENT,
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (id == texts[i])
            return true;
    }
    return false;
}

struct span vary_value(struct arena *a, const struct fields *request, struct span name,
    const struct cache_options *options)
{
    const struct vary_rule *rule = vary_rule_find(options, name);
    bool normalise = rule == NULL || rule->how == VARY_NORMALISE;
    enum field_id id = field_id_of(name);
    struct span value = fields_join_named(request, a, name);

    if (value.p == NULL || (rule != NULL && rule->how == VARY_IGNORE))
        return SPAN_EMPTY;
    if (normalise && id == FIELD_ACCEPT_ENCODING)
        return codings(a, request, rule);
    if (normalise && id == FIELD_ACCEPT_LANGUAGE)
        return languages(a, value, rule);
    return is_text(id) ? value : members(a, value);
}

void vary_forward(struct fields *request, struct arena *a, const struct cache_options *options)
{
    const struct vary_rule *codings_rule =
        vary_rule_find(options, field_name(FIELD_ACCEPT_ENCODING));

    for (unsigned i = 0; i < options->vary_n; i++) {
        const struct vary_rule *rule = &options->vary[i];
        struct span value = vary_value(a, request, rule->name, options);

        if (vary_rule_find(options, rule->name) != rule)
            continue; /* a path's rule stands before its site's */
        if (rule->how == VARY_IGNORE)
            fields_remove_named(request, rule->name);
        else if (rule->how == VARY_NORMALISE && rule->values_n > 0 && value.p != NULL)
            fields_set_named(request, a, rule->name, value);
    }
    if (codings_rule == NULL && fields_has(request, FIELD_ACCEPT_ENCODING))
        fields_set(request, a, FIELD_ACCEPT_ENCODING,
            vary_value(a, request, field_name(FIELD_ACCEPT_ENCODING), options));
}
