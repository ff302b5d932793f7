#include "cache/key.h"

#include "cache/text.h"
#include "cache/vary.h"
#include "http/uri.h"

#include <stdlib.h>

/* --- the query ---------------------------------------------------------------------------- */

/* One parameter, name and value, as it stands in the query. */
struct param {
    struct span name, whole;
};

static bool name_listed(struct span name, const struct cache_options *o)
{
    for (unsigned i = 0; i < o->query_names_n; i++) {
        struct span listed = o->query_names[i];

        if (span_ends(listed, SPAN("*")) ? span_starts(name, span_make(listed.p, listed.n - 1))
                                         : span_eq(name, listed))
            return true;
    }
    return false;
}

static bool stays(struct span name, const struct cache_options *o)
{
    switch (o->query) {
    case QUERY_KEEP:
        return true;
    case QUERY_IGNORE:
        return false;
    case QUERY_ONLY:
        return name_listed(name, o);
    case QUERY_DROP:
        return !name_listed(name, o);
    }
    return true;
}

/* By name; parameters of the same name keep their order, which means something. */
static int param_compare(const void *x, const void *y)
{
    const struct param *a = x, *b = y;
    size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;
    int order = n != 0 ? memcmp(a->name.p, b->name.p, n) : 0;

    if (order != 0)
        return order;
    if (a->name.n != b->name.n)
        return a->name.n < b->name.n ? -1 : 1;
    return a->whole.p < b->whole.p ? -1 : a->whole.p > b->whole.p;
}

static size_t params_count(struct span query)
{
    size_t n = 1;

    for (size_t i = 0; i < query.n; i++)
        n += query.p[i] == '&';
    return n;
}

struct span key_query(
    struct arena *a, struct span query, bool *has_query, const struct cache_options *options)
{
    struct text t = {.a = a, .limit = query.n};
    struct span rest = query, name, value;
    struct param *params;
    size_t n = 0;

    if (!*has_query || (options->query == QUERY_KEEP && !options->query_sort))
        return query;
    params = arena_alloc(a, params_count(query) * sizeof(*params));
    while (uri_query_next(&rest, &name, &value)) {
        const char *end = value.p != NULL ? value.p + value.n : name.p + name.n;

        if (stays(name, options))
            params[n++] = (struct param){name, span_make(name.p, (size_t)(end - name.p))};
    }
    if (options->query_sort && n > 1)
        qsort(params, n, sizeof(*params), param_compare);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            text_put(&t, SPAN("&"));
        text_put(&t, params[i].whole);
    }
    *has_query = n > 0;
    return n > 0 ? text_span(&t) : SPAN_EMPTY;
}

/* --- the key ------------------------------------------------------------------------------ */

/* All values of that cookie, in order, since who knows which one the origin takes; p == NULL:
 * absent (RFC 6265 §4.2.1, §5.4). */
static struct span cookie_value(struct arena *a, const struct fields *f, struct span wanted)
{
    struct text t = {.a = a, .limit = SIZE_MAX};
    bool found = false;

    fields_each_named (line, f, FIELD_COOKIE) {
        struct span rest = line->value, pair, name;

        while (span_cut(&rest, ';', &pair)) {
            pair = span_trim(pair);
            if (!span_cut(&pair, '=', &name) || pair.p == NULL || !span_eq(name, wanted))
                continue;
            if (found)
                text_put(&t, SPAN(";"));
            text_put(&t, pair);
            found = true;
        }
    }
    return found ? text_span(&t) : SPAN_EMPTY;
}

static bool take(struct span *rest, struct span start)
{
    if (!span_starts(*rest, start))
        return false;
    *rest = span_from(*rest, start.n);
    return true;
}

/* "name=LENGTH:value" or "name=-", as text_put_part() makes them. */
static bool part_take(struct span *rest, struct key_line *out)
{
    struct span digits;
    uint64_t length;

    if (!span_cut(rest, '=', &out->name) || rest->p == NULL)
        return false;
    out->value = SPAN_EMPTY;
    if (take(rest, SPAN("-")))
        return true;
    if (!span_cut(rest, ':', &digits) || !span_u64(digits, &length) || length > rest->n)
        return false;
    out->value = span_make(rest->p, (size_t)length);
    *rest = span_from(*rest, (size_t)length);
    return true;
}

bool key_line_next(struct span *rest, struct key_line *out)
{
    if (take(rest, SPAN("\nvary "))) /* its id */
        *rest = span_from(*rest, span_find(*rest, '\n'));
    if (take(rest, SPAN("\nscheme ")))
        out->kind = SPAN("scheme");
    else if (take(rest, SPAN("\nfield ")))
        out->kind = SPAN("field");
    else if (take(rest, SPAN("\ncookie ")))
        out->kind = SPAN("cookie");
    else if (take(rest, SPAN("\n")))
        out->kind = SPAN("vary");
    else
        return false;
    return part_take(rest, out);
}

struct span key_text(
    struct arena *a, const struct key_parts *parts, const struct cache_options *options)
{
    struct text t = {.a = a, .limit = KEY_MAX};

    text_put(&t, parts->host);
    text_put(&t, parts->path);
    if (parts->has_query) {
        text_put(&t, SPAN("?"));
        text_put(&t, parts->query);
    }
    if (span_eq(parts->scheme, SPAN("https"))) {
        text_put(&t, SPAN("\nscheme "));
        text_put_part(&t, SPAN("proto"), parts->scheme);
    }
    for (unsigned i = 0; i < options->key_fields_n; i++) {
        text_put(&t, SPAN("\nfield "));
        text_put_part(&t, options->key_fields[i],
            vary_value(a, parts->fields, options->key_fields[i], options));
    }
    for (unsigned i = 0; i < options->key_cookies_n; i++) {
        text_put(&t, SPAN("\ncookie "));
        text_put_part(
            &t, options->key_cookies[i], cookie_value(a, parts->fields, options->key_cookies[i]));
    }
    return text_span(&t);
}
