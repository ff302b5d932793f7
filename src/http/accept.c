#include "http/accept.h"

enum { MATCHES_NOT, MATCHES_ALL, MATCHES_KIND, MATCHES_TYPE };

static int match(struct span range, struct span type)
{
    size_t kind = span_find(type, '/') + 1;

    if (span_ieq(range, type))
        return MATCHES_TYPE;
    if (span_eq(range, SPAN("*/*")))
        return MATCHES_ALL;
    if (range.n == kind + 1 && range.p[kind] == '*' && span_istarts(range, span_make(type.p, kind)))
        return MATCHES_KIND;
    return MATCHES_NOT;
}

int accept_weight(const struct fields *request, struct span type)
{
    struct field_list it = field_list_of(request, FIELD_ACCEPT);
    int best = MATCHES_NOT, q = 0;
    struct span member;

    if (!fields_has(request, FIELD_ACCEPT))
        return WEIGHT_WHOLE;
    while (field_list_next(&it, &member)) {
        struct weighted range;
        int matches;

        if (!weighted_range_parse(member, &range))
            continue;
        matches = match(range.name, type);
        if (matches > best) {
            best = matches;
            q = range.q;
        }
    }
    return q;
}
