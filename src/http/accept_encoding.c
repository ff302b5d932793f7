#include "http/accept_encoding.h"

#include "http/weighted.h"

enum { LEAST = 1 };

/* Of the codings that were not named; p == NULL in w->name: there was no "*". */
static void weigh_the_others(struct accept_encoding *a, unsigned named, const struct weighted *any)
{
    for (unsigned i = 0; i < CODING_KINDS; i++) {
        if (named & coding_bit((enum coding)i))
            continue;
        if (any->name.p != NULL)
            a->weight[i] = (uint16_t)any->q;
        else
            a->weight[i] = i == CODING_IDENTITY ? LEAST : 0;
    }
}

struct accept_encoding accept_encoding_of(const struct fields *request)
{
    struct accept_encoding a = {.present = fields_has(request, FIELD_ACCEPT_ENCODING)};
    struct field_list it = field_list_of(request, FIELD_ACCEPT_ENCODING);
    struct weighted w, any = {.name = SPAN_EMPTY};
    enum coding coding;
    unsigned named = 0;
    struct span member;

    if (!a.present) {
        for (unsigned i = 0; i < CODING_KINDS; i++)
            a.weight[i] = i == CODING_IDENTITY ? WEIGHT_WHOLE : LEAST;
        return a;
    }
    while (field_list_next(&it, &member)) {
        if (!weighted_parse(member, &w))
            continue;
        if (any.name.p == NULL && span_eq(w.name, SPAN("*")))
            any = w;
        if (!coding_of(w.name, &coding) || (named & coding_bit(coding)))
            continue;
        named |= coding_bit(coding);
        a.weight[coding] = (uint16_t)w.q;
    }
    weigh_the_others(&a, named, &any);
    return a;
}

enum coding accept_encoding_best(
    const struct accept_encoding *a, const enum coding *available, unsigned n)
{
    enum coding best = CODING_IDENTITY;
    unsigned weight = 0;

    for (unsigned i = 0; i < n; i++) {
        if (a->weight[available[i]] > weight) {
            best = available[i];
            weight = a->weight[best];
        }
    }
    return best;
}

bool accept_encoding_names(const struct fields *request, struct span coding)
{
    struct field_list it = field_list_of(request, FIELD_ACCEPT_ENCODING);
    enum coding known, other;
    bool is_known = coding_of(coding, &known);
    struct weighted w, any = {.name = SPAN_EMPTY};
    struct span member;

    while (field_list_next(&it, &member)) {
        if (!weighted_parse(member, &w))
            continue;
        if (is_known ? coding_of(w.name, &other) && other == known : span_ieq(w.name, coding))
            return w.q > 0;
        if (any.name.p == NULL && span_eq(w.name, SPAN("*")))
            any = w;
    }
    return any.name.p != NULL && any.q > 0;
}
