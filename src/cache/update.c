#include "cache/update.h"

#include "http/chars.h"
#include "http/date.h"
#include "http/etag.h"
#include "http/hop.h"
#include "http/uri.h"

/* --- 304 and HEAD ------------------------------------------------------------------------- */

/* Both are the same text or the same time. */
static bool same_time(struct span a, struct span b)
{
    wall_s at, bt;

    if (span_eq(a, b))
        return true;
    return http_date_parse(a, 0, &at) && http_date_parse(b, 0, &bt) && at == bt;
}

bool update_selects(const struct fields *stored, const struct fields *not_modified)
{
    struct span modified = fields_get(not_modified, FIELD_LAST_MODIFIED);
    struct span had_modified = fields_get(stored, FIELD_LAST_MODIFIED);
    struct etag tag, had;
    bool has_tag = etag_parse(fields_get(not_modified, FIELD_ETAG), &tag);
    bool had_tag = etag_parse(fields_get(stored, FIELD_ETAG), &had);

    if (has_tag && !tag.weak)
        return had_tag && etag_strong_eq(tag, had);
    if (has_tag && had_tag)
        return etag_weak_eq(tag, had);
    if (modified.n > 0)
        return had_modified.n > 0 && same_time(modified, had_modified);
    return !has_tag;
}

enum update_by_head update_by_head(
    const struct fields *stored, uint64_t stored_bytes, const struct http_response *head)
{
    struct span etag = fields_get(&head->fields, FIELD_ETAG);
    struct span modified = fields_get(&head->fields, FIELD_LAST_MODIFIED);

    if (head->status != 200)
        return UPDATE_HEAD_NOTHING;
    if (etag.n > 0 && !span_eq(etag, fields_get(stored, FIELD_ETAG)))
        return UPDATE_HEAD_CHANGED;
    if (modified.n > 0 && !same_time(modified, fields_get(stored, FIELD_LAST_MODIFIED)))
        return UPDATE_HEAD_CHANGED;
    if (head->has_content_length && head->content_length != stored_bytes)
        return UPDATE_HEAD_CHANGED;
    return UPDATE_HEAD_SAME;
}

/* What belongs to the stored body, or to the message that brought the new fields. */
static bool stays_as_stored(enum field_id id)
{
    return id == FIELD_CONTENT_LENGTH || id == FIELD_CONTENT_ENCODING || id == FIELD_CONTENT_RANGE;
}

struct fields update_merge(
    const struct fields *stored, const struct fields *newer, wall_s response_s, struct arena *a)
{
    struct fields out = fields_copy(stored, a), take = fields_copy(newer, a);
    char date[HTTP_DATE_LEN];
    wall_s at;

    hop_remove(&take);
    fields_remove(&take, FIELD_TRAILER);
    if (!http_date_parse(fields_get(&take, FIELD_DATE), response_s, &at)) {
        http_date_format(response_s, date);
        fields_set(&take, a, FIELD_DATE, arena_dup(a, span_make(date, HTTP_DATE_LEN)));
    }
    fields_remove(&out, FIELD_AGE);
    fields_each (line, &take) {
        if (!stays_as_stored(line->id))
            fields_remove_named(&out, line->name);
    }
    fields_each (line, &take) {
        if (!stays_as_stored(line->id))
            fields_add_named(&out, a, line->name, line->value);
    }
    return out;
}

/* --- invalidation (§4.4) ------------------------------------------------------------------ */

/* Takes "scheme:" off the front of a reference (RFC 3986 §4.2); empty when there is none. */
static struct span scheme_cut(struct span *ref)
{
    for (size_t i = 0; i < ref->n; i++) {
        struct span scheme = span_make(ref->p, i);

        if (ref->p[i] == ':' && i > 0) {
            *ref = span_from(*ref, i + 1);
            return scheme;
        }
        if (!char_is(ref->p[i], CHAR_ALPHA | CHAR_DIGIT) && ref->p[i] != '+' && ref->p[i] != '-' &&
            ref->p[i] != '.')
            break;
    }
    return SPAN_EMPTY;
}

/* Takes the authority behind "//" off the front; whether it is the base's. */
static bool authority_cut(struct span *ref, const struct update_base *base, struct arena *a)
{
    unsigned preset = uri_default_port(base->scheme), port;
    struct span host;
    size_t end = 0;

    while (end < ref->n && ref->p[end] != '/' && ref->p[end] != '?')
        end++;
    if (!uri_authority_parse(span_make(ref->p, end), &host, &port))
        return false;
    *ref = span_from(*ref, end);
    return span_eq(uri_host_normalise(a, host, 0, 0), base->host) &&
           (port != 0 ? port : preset) == (base->port != 0 ? base->port : preset);
}

/* RFC 3986 §5.2.3 */
static struct span path_merge(struct span base, struct span relative, struct arena *a)
{
    size_t n = base.n;

    while (n > 0 && base.p[n - 1] != '/')
        n--;
    return n == 0 ? arena_join(a, SPAN("/"), relative)
                  : arena_join(a, span_make(base.p, n), relative);
}

/* RFC 3986 §5.2.2, for what is of the same origin (RFC 9110 §4.3.1); false for everything else. */
static bool resolve(
    struct span ref, const struct update_base *base, struct arena *a, struct update_target *out)
{
    struct span scheme, path;
    bool absolute;
    size_t mark;

    ref.n = span_find(ref, '#');
    if (ref.n > 0 && !span_all(ref, CHAR_TARGET))
        return false;
    scheme = scheme_cut(&ref);
    absolute = span_starts(ref, SPAN("//"));
    if (scheme.n > 0 && (!absolute || !span_ieq(scheme, base->scheme)))
        return false;
    if (absolute) {
        ref = span_from(ref, 2);
        if (!authority_cut(&ref, base, a))
            return false;
    }
    mark = span_find(ref, '?');
    path = span_make(ref.p, mark);
    *out = (struct update_target){.has_query = mark < ref.n};
    if (out->has_query)
        out->query = uri_query_normalise(a, span_from(ref, mark + 1));
    if (path.n == 0 && absolute) {
        path = SPAN("/");
    } else if (path.n == 0) {
        path = base->target.path;
        if (!out->has_query) {
            out->has_query = base->target.has_query;
            out->query = base->target.query;
        }
    } else if (path.p[0] != '/') {
        path = path_merge(base->target.path, path, a);
    }
    return uri_path_normalise(a, path, base->path_flags, &out->path);
}

unsigned update_invalidates(enum http_method method, int status, const struct fields *response,
    const struct update_base *base, struct arena *a,
    struct update_target out[static UPDATE_TARGETS_MAX])
{
    static const enum field_id others[] = {FIELD_LOCATION, FIELD_CONTENT_LOCATION};
    unsigned n = 0;

    if (method_safe(method) || status < 200 || status >= 400)
        return 0;
    out[n++] = base->target;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct span ref = fields_get(response, others[i]);

        if (ref.p != NULL && resolve(ref, base, a, &out[n]))
            n++;
    }
    return n;
}

bool update_stands_for_get(enum http_method method, int status, const struct fields *response,
    const struct update_base *base, struct arena *a)
{
    struct span ref = fields_get(response, FIELD_CONTENT_LOCATION);
    struct update_target at;

    return method == METHOD_POST && status == 200 && ref.p != NULL && resolve(ref, base, a, &at) &&
           span_eq(at.path, base->target.path) && at.has_query == base->target.has_query &&
           span_eq(at.query, base->target.query);
}
