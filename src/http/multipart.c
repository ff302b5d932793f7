#include "http/multipart.h"

#include <inttypes.h>
#include <stdio.h>

enum { BOUNDARY_LEN = 32 };

static struct span part_head(const char *boundary, unsigned i, struct span type,
    const struct content_range *range, struct arena *a)
{
    static const char name[] = "Content-Type: ";
    char cr[CONTENT_RANGE_MAX];
    size_t cr_n = content_range_format(range, cr);

    return arena_printf(a, "%s--%s\r\n%s%.*s%sContent-Range: %.*s\r\n\r\n", i > 0 ? "\r\n" : "",
        boundary, type.n > 0 ? name : "", SPAN_ARG(type), type.n > 0 ? "\r\n" : "", (int)cr_n, cr);
}

bool multipart_make(struct multipart *m, const struct range_set *set, uint64_t length,
    struct span type, const uint64_t random[static 2], struct arena *a)
{
    char boundary[BOUNDARY_LEN + 1];
    bool fits = true;

    snprintf(boundary, sizeof(boundary), "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
    *m = (struct multipart){.n = set->n};
    m->content_type = arena_printf(a, "multipart/byteranges; boundary=%s", boundary);
    m->end = arena_printf(a, "\r\n--%s--\r\n", boundary);
    m->length = m->end.n;
    for (unsigned i = 0; i < set->n; i++) {
        struct content_range cr = {
            .satisfied = true, .has_length = true, .range = set->v[i], .length = length};
        uint64_t count = cr.range.last - cr.range.first + 1;

        m->heads[i] = part_head(boundary, i, type, &cr, a);
        fits = fits && !__builtin_add_overflow(m->length, m->heads[i].n, &m->length) &&
               !__builtin_add_overflow(m->length, count, &m->length);
    }
    return fits && m->length <= INT64_MAX;
}
