#include "http/etag.h"

#include "http/chars.h"

/* Takes one entity tag off the front of *rest. */
static bool etag_take(struct span *rest, struct etag *out)
{
    bool weak = span_starts(*rest, SPAN("W/"));
    struct span s = span_from(*rest, weak ? 2 : 0);
    size_t i = 1;

    if (s.n == 0 || s.p[0] != '"')
        return false;
    /* etagc: VCHAR but '"', and obs-text; a backslash is nothing special. */
    while (
        i < s.n && s.p[i] != '"' && s.p[i] != ' ' && char_is(s.p[i], CHAR_VALUE) && s.p[i] != '\t')
        i++;
    if (i == s.n || s.p[i] != '"')
        return false;
    *out = (struct etag){span_make(s.p, i + 1), weak};
    *rest = span_from(s, i + 1);
    return true;
}

bool etag_parse(struct span s, struct etag *out)
{
    struct etag tag;

    if (!etag_take(&s, &tag) || s.n != 0)
        return false;
    *out = tag;
    return true;
}

bool etag_strong_eq(struct etag a, struct etag b)
{
    return !a.weak && !b.weak && span_eq(a.opaque, b.opaque);
}

bool etag_weak_eq(struct etag a, struct etag b)
{
    return span_eq(a.opaque, b.opaque);
}

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == ',';
}

/* One line of a list. False: it does not parse. */
static bool line_match(struct span rest, const struct etag *tag, bool strong, bool *found)
{
    struct etag listed;

    for (;;) {
        bool comma = false;

        while (rest.n != 0 && is_separator(rest.p[0]))
            rest = span_from(rest, 1);
        if (rest.n == 0)
            return true;
        if (!etag_take(&rest, &listed))
            return false;
        for (size_t i = 0; i < rest.n && is_separator(rest.p[i]); i++)
            comma |= rest.p[i] == ',';
        if (!comma && span_trim(rest).n != 0)
            return false;
        if (tag != NULL)
            *found |= strong ? etag_strong_eq(listed, *tag) : etag_weak_eq(listed, *tag);
    }
}

enum etag_match etag_list_match(
    const struct fields *f, enum field_id id, const struct etag *tag, bool strong)
{
    const struct field *first = fields_find(f, id);
    bool found = false;

    if (first == NULL)
        return ETAG_ABSENT;
    if (span_eq(first->value, SPAN("*")) && fields_next(f, first) == NULL)
        return ETAG_ANY;
    fields_each_named (line, f, id) {
        if (!line_match(line->value, tag, strong, &found))
            return ETAG_NONE;
    }
    return found ? ETAG_LISTED : ETAG_NONE;
}
