#include "http/range.h"

#include "http/chars.h"
#include "http/fields.h"

#include <inttypes.h>
#include <stdio.h>

/* 1*DIGIT; what is too large is as large as can be. */
static bool position_parse(struct span s, uint64_t *out)
{
    if (!span_all(s, CHAR_DIGIT))
        return false;
    if (!span_u64(s, out))
        *out = UINT64_MAX;
    return true;
}

static bool spec_parse(struct span s, struct range_spec *out)
{
    size_t dash = span_find(s, '-');
    struct span first = span_make(s.p, dash), last = span_from(s, dash + 1);

    *out = (struct range_spec){.suffix = dash == 0, .last = UINT64_MAX};
    if (dash == s.n)
        return false;
    if (out->suffix)
        return position_parse(last, &out->last);
    return position_parse(first, &out->first) &&
           (last.n == 0 || position_parse(last, &out->last)) && out->first <= out->last;
}

bool range_parse(struct span value, struct range_request *out)
{
    struct span rest = span_from(value, 6), member;

    out->n = 0;
    out->too_many = false;
    if (!span_istarts(value, SPAN("bytes=")))
        return false;
    while (list_next(&rest, &member)) {
        out->too_many = out->n == RANGES_MAX;
        if (out->too_many || !spec_parse(member, &out->v[out->n]))
            return false;
        out->n++;
    }
    return out->n != 0;
}

static bool spec_resolve(const struct range_spec *spec, uint64_t length, struct byte_range *out)
{
    if (length == 0)
        return false;
    if (spec->suffix) {
        uint64_t n = spec->last < length ? spec->last : length;

        *out = (struct byte_range){length - n, length - 1};
        return n != 0;
    }
    *out = (struct byte_range){spec->first, spec->last < length ? spec->last : length - 1};
    return spec->first < length;
}

/* Adds `r`, joined with all that it overlaps or touches, in the place of the first of them. */
static void range_add(struct range_set *set, struct byte_range r)
{
    unsigned kept = 0, place = set->n;

    for (unsigned i = 0; i < set->n; i++) {
        struct byte_range other = set->v[i];

        if (other.first > r.last + 1 || r.first > other.last + 1) {
            set->v[kept++] = other;
            continue;
        }
        if (other.first < r.first)
            r.first = other.first;
        if (other.last > r.last)
            r.last = other.last;
        if (place == set->n) {
            place = kept;
            kept++;
        }
    }
    if (place == set->n)
        place = kept++;
    set->v[place] = r;
    set->n = kept;
}

bool range_resolve(const struct range_request *r, uint64_t length, struct range_set *out)
{
    out->n = 0;
    for (unsigned i = 0; i < r->n; i++) {
        struct byte_range range;

        if (spec_resolve(&r->v[i], length, &range))
            range_add(out, range);
    }
    return out->n != 0;
}

bool content_range_parse(struct span value, struct content_range *out)
{
    struct content_range r = {0};
    struct span rest = span_from(value, 6), range, first, last;

    if (!span_istarts(value, SPAN("bytes ")) || !span_cut(&rest, '/', &range))
        return false;
    if (!span_eq(rest, SPAN("*"))) {
        r.has_length = true;
        if (!span_u64(rest, &r.length))
            return false;
    }
    if (span_eq(range, SPAN("*"))) {
        *out = r;
        return r.has_length;
    }
    r.satisfied = true;
    last = range;
    if (!span_cut(&last, '-', &first) || !span_u64(first, &r.range.first) ||
        !span_u64(last, &r.range.last) || r.range.last < r.range.first ||
        (r.has_length && r.range.last >= r.length))
        return false;
    *out = r;
    return true;
}

size_t content_range_format(const struct content_range *r, char out[static CONTENT_RANGE_MAX])
{
    char range[44] = "*", length[24] = "*";

    if (r->satisfied)
        snprintf(range, sizeof(range), "%" PRIu64 "-%" PRIu64, r->range.first, r->range.last);
    if (r->has_length)
        snprintf(length, sizeof(length), "%" PRIu64, r->length);
    return (size_t)snprintf(out, CONTENT_RANGE_MAX, "bytes %s/%s", range, length);
}
