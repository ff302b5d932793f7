#include "http/weighted.h"

#include "http/chars.h"

/* qvalue: 0[.ddd] or 1[.000] */
static bool weight_parse(struct span s, int *q)
{
    int part = 0, unit = WEIGHT_WHOLE / 10;

    if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') || (s.n > 1 && s.p[1] != '.'))
        return false;
    for (size_t i = 2; i < s.n; i++, unit /= 10) {
        if (!char_is(s.p[i], CHAR_DIGIT))
            return false;
        part += (s.p[i] - '0') * unit;
    }
    *q = (s.p[0] - '0') * WEIGHT_WHOLE + part;
    return *q <= WEIGHT_WHOLE;
}

static bool split(struct span member, struct weighted *out)
{
    struct span name, parameter;

    out->q = WEIGHT_WHOLE;
    if (!span_cut(&member, ';', &name))
        return false;
    out->name = span_trim(name);
    while (span_cut(&member, ';', &parameter)) {
        parameter = span_trim(parameter);
        if (span_istarts(parameter, SPAN("q=")) && !weight_parse(span_from(parameter, 2), &out->q))
            return false;
    }
    return true;
}

bool weighted_parse(struct span member, struct weighted *out)
{
    return split(member, out) && token_valid(out->name);
}

bool weighted_range_parse(struct span member, struct weighted *out)
{
    struct span type, subtype;

    if (!split(member, out))
        return false;
    type = span_make(out->name.p, span_find(out->name, '/'));
    subtype = span_from(out->name, type.n + 1);
    return token_valid(type) && token_valid(subtype);
}
