#include "http/coding.h"

static const struct span names[CODING_KINDS] = {
    [CODING_IDENTITY] = SPAN("identity"),
    [CODING_GZIP] = SPAN("gzip"),
    [CODING_BR] = SPAN("br"),
    [CODING_ZSTD] = SPAN("zstd"),
};

struct span coding_name(enum coding coding)
{
    return names[coding];
}

bool coding_of(struct span token, enum coding *out)
{
    if (span_ieq(token, SPAN("x-gzip"))) {
        *out = CODING_GZIP;
        return true;
    }
    for (unsigned i = 0; i < CODING_KINDS; i++) {
        if (span_ieq(token, names[i])) {
            *out = (enum coding)i;
            return true;
        }
    }
    return false;
}

bool coding_of_content(const struct fields *response, enum coding *out)
{
    struct field_list it = field_list_of(response, FIELD_CONTENT_ENCODING);
    struct span member;
    enum coding coding;

    *out = CODING_IDENTITY;
    while (field_list_next(&it, &member)) {
        if (!coding_of(member, &coding) || (coding != CODING_IDENTITY && *out != CODING_IDENTITY))
            return false;
        if (coding != CODING_IDENTITY)
            *out = coding;
    }
    return true;
}
