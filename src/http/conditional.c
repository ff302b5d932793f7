#include "http/conditional.h"

#include "http/date.h"
#include "http/etag.h"

/* A date from a field that stands there once; a list of dates is none. */
static bool date_of(const struct fields *f, enum field_id id, wall_s now, wall_s *out)
{
    const struct field *line = fields_find(f, id);

    return line != NULL && fields_next(f, line) == NULL && http_date_parse(line->value, now, out);
}

struct validators validators_of(const struct fields *f, wall_s now)
{
    struct validators v = {.etag = fields_get(f, FIELD_ETAG)};
    struct etag tag;

    if (!etag_parse(v.etag, &tag))
        v.etag = SPAN_EMPTY;
    v.has_last_modified = date_of(f, FIELD_LAST_MODIFIED, now, &v.last_modified);
    v.has_date = date_of(f, FIELD_DATE, now, &v.date);
    return v;
}

static enum etag_match tags_match(
    const struct http_request *req, enum field_id id, const struct validators *v, bool strong)
{
    struct etag tag;
    bool tagged = v != NULL && etag_parse(v->etag, &tag);

    return etag_list_match(&req->fields, id, tagged ? &tag : NULL, strong);
}

/* Steps 1 and 2 of §13.2.2: what only an origin judges. */
static bool lost_update(const struct http_request *req, const struct validators *v, wall_s now)
{
    wall_s since;

    switch (tags_match(req, FIELD_IF_MATCH, v, true)) {
    case ETAG_LISTED:
        return false;
    case ETAG_ANY:
        return v == NULL;
    case ETAG_NONE:
        return true;
    case ETAG_ABSENT:
        break;
    }
    return v != NULL && v->has_last_modified &&
           date_of(&req->fields, FIELD_IF_UNMODIFIED_SINCE, now, &since) &&
           v->last_modified > since;
}

/* Step 4: If-Modified-Since. */
static bool unmodified(const struct http_request *req, const struct validators *v,
    enum conditional_role role, wall_s now)
{
    wall_s since;

    if (v == NULL || !date_of(&req->fields, FIELD_IF_MODIFIED_SINCE, now, &since))
        return false;
    if (v->has_last_modified)
        return v->last_modified <= since;
    return role == CONDITIONAL_CACHE && v->has_date && v->date <= since;
}

enum conditional conditional_evaluate(const struct http_request *req, const struct validators *v,
    enum conditional_role role, wall_s now)
{
    bool reads = req->method == METHOD_GET || req->method == METHOD_HEAD;
    bool same = false;

    if (role == CONDITIONAL_ORIGIN && lost_update(req, v, now))
        return CONDITIONAL_FAILED;
    switch (tags_match(req, FIELD_IF_NONE_MATCH, v, false)) {
    case ETAG_LISTED:
        same = true;
        break;
    case ETAG_ANY:
        same = v != NULL;
        break;
    case ETAG_NONE:
        break;
    case ETAG_ABSENT:
        return reads && unmodified(req, v, role, now) ? CONDITIONAL_NOT_MODIFIED
                                                      : CONDITIONAL_PROCEED;
    }
    if (!same)
        return CONDITIONAL_PROCEED;
    return reads ? CONDITIONAL_NOT_MODIFIED : CONDITIONAL_FAILED;
}

bool conditional_range_applies(
    const struct http_request *req, const struct validators *v, wall_s now)
{
    const struct field *line = fields_find(&req->fields, FIELD_IF_RANGE);
    struct etag asked, tag;
    wall_s date;

    if (line == NULL)
        return true;
    if (fields_next(&req->fields, line) != NULL)
        return false;
    if (etag_parse(line->value, &asked))
        return etag_parse(v->etag, &tag) && etag_strong_eq(asked, tag);
    /* A date is strong only if the representation was dated later than it (§8.8.2.2). */
    return http_date_parse(line->value, now, &date) && v->has_last_modified && v->has_date &&
           v->last_modified == date && v->date > v->last_modified;
}
