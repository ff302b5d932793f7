#include "http/hop.h"

/* In the list of Connection, without a name in fields.tbl. */
static bool is_listed(const struct fields *f, const struct field *line)
{
    return line->id == FIELD_OTHER && fields_list_has(f, FIELD_CONNECTION, line->name);
}

void hop_remove(struct fields *f)
{
    bool lists = fields_has(f, FIELD_CONNECTION);
    unsigned kept = 0;

    if (lists) {
        for (unsigned i = 0; i < f->n; i++) {
            const struct field line = f->v[i];

            /* The Connection lines stay until all others are judged by them. */
            if (line.id == FIELD_CONNECTION || !is_listed(f, &line))
                f->v[kept++] = line;
        }
        f->n = kept;
    }
    kept = 0;
    for (unsigned i = 0; i < f->n; i++) {
        if (!field_is_hop(f->v[i].id))
            f->v[kept++] = f->v[i];
    }
    f->n = kept;
}
