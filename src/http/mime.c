#include "http/mime.h"

static const struct {
    struct span extension, type;
} types[] = {
#define MIME(extension, type) {SPAN(extension), SPAN(type)},
#include "http/mime.tbl"
#undef MIME
};

struct span mime_of_path(struct span path)
{
    struct span extension;
    size_t at = path.n;

    while (at > 0 && path.p[at - 1] != '.' && path.p[at - 1] != '/')
        at--;
    extension = span_from(path, at);
    if (at > 0 && path.p[at - 1] == '.') {
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
            if (span_ieq(extension, types[i].extension))
                return types[i].type;
        }
    }
    return SPAN("application/octet-stream");
}
