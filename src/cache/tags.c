#include "cache/tags.h"

#include "base/check.h"

static const enum field_id fields_of_tags[TAG_FIELDS] = {
    [TAG_SURROGATE_KEY] = FIELD_SURROGATE_KEY,
    [TAG_CACHE_TAG] = FIELD_CACHE_TAG,
    [TAG_CDN_TAG] = FIELD_CDN_TAG,
    [TAG_EDGE_CACHE_TAG] = FIELD_EDGE_CACHE_TAG,
};

static bool separates(char c, enum tag_field field)
{
    return field == TAG_SURROGATE_KEY ? c == ' ' || c == '\t' : c == ',';
}

/* The next piece of a value, which may be empty. False: there is none. */
static bool cut(struct span *rest, enum tag_field field, struct span *piece)
{
    size_t n = 0;

    if (rest->p == NULL)
        return false;
    while (n < rest->n && !separates(rest->p[n], field))
        n++;
    *piece = span_trim(span_make(rest->p, n));
    *rest = n < rest->n ? span_from(*rest, n + 1) : SPAN_EMPTY;
    return true;
}

static void take(struct tags *t, struct span text, enum tag_field field, unsigned most)
{
    if (text.n > TAG_BYTES_MAX || t->n == most)
        t->dropped++;
    else
        t->v[t->n++] = (struct tag){text, field};
}

static bool is_tagged(const struct fields *head)
{
    for (int i = 0; i < TAG_FIELDS; i++) {
        if (fields_has(head, fields_of_tags[i]))
            return true;
    }
    return false;
}

struct tags tags_of(const struct fields *head, unsigned most, struct arena *a)
{
    struct tags t = {0};
    struct span rest, piece;

    check(most <= TAGS_MAX);
    if (!is_tagged(head))
        return t;
    t.v = arena_alloc(a, (most + 1) * sizeof(*t.v));
    for (int i = 0; i < TAG_FIELDS; i++) {
        fields_each_named (line, head, fields_of_tags[i]) {
            t.fields_in |= 1u << i;
            rest = line->value;
            while (cut(&rest, (enum tag_field)i, &piece)) {
                if (piece.n > 0)
                    take(&t, piece, (enum tag_field)i, most);
            }
        }
    }
    return t;
}

void tags_strip(struct fields *head)
{
    for (int i = 0; i < TAG_FIELDS; i++)
        fields_remove(head, fields_of_tags[i]);
}
