#include "origin/file_path.h"

#include "http/uri.h"

static struct span path_part(struct span target)
{
    return span_make(target.p, span_find(target, '?'));
}

bool file_path_is_folder(struct span target)
{
    return span_ends(path_part(target), SPAN("/"));
}

bool file_path_of(struct arena *a, struct span target, bool dot_files, struct span *path)
{
    struct span rest = path_part(target), segment;
    char *text, *at;

    if (!span_starts(rest, SPAN("/")) || !uri_path_decode(a, rest, &rest) ||
        span_find(rest, '\0') < rest.n)
        return false;
    text = at = arena_alloc(a, rest.n + sizeof(FILE_INDEX) + 1);
    while (span_cut(&rest, '/', &segment)) {
        if (segment.n == 0)
            continue;
        if (segment.p[0] == '.' && !dot_files)
            return false;
        if (at > text)
            *at++ = '/';
        memcpy(at, segment.p, segment.n);
        at += segment.n;
    }
    if (file_path_is_folder(target)) {
        if (at > text)
            *at++ = '/';
        memcpy(at, FILE_INDEX, sizeof(FILE_INDEX) - 1);
        at += sizeof(FILE_INDEX) - 1;
    }
    *at = '\0';
    *path = span_make(text, (size_t)(at - text));
    return true;
}

struct span file_path_slashed(struct arena *a, struct span path, struct span target)
{
    struct span encoded = uri_path_encode(a, path);
    struct span query = span_from(target, span_find(target, '?'));

    return arena_printf(a, "/%.*s/%.*s", SPAN_ARG(encoded), SPAN_ARG(query));
}
