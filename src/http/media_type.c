#include "http/media_type.h"

#include "http/chars.h"

const struct span media_types_compressible[] = {
    SPAN("text/*"),
    SPAN("*+json"),
    SPAN("*+xml"),
    SPAN("*+text"),
    SPAN("application/json"),
    SPAN("application/javascript"),
    SPAN("application/x-javascript"),
    SPAN("application/ecmascript"),
    SPAN("application/xml"),
    SPAN("application/xml-dtd"),
    SPAN("application/x-ndjson"),
    SPAN("application/json-seq"),
    SPAN("application/graphql"),
    SPAN("application/yaml"),
    SPAN("application/toml"),
    SPAN("application/rtf"),
    SPAN("application/sql"),
    SPAN("application/wasm"),
    SPAN("application/vnd.apple.mpegurl"),
    SPAN("application/vnd.ms-fontobject"),
    SPAN("font/ttf"),
    SPAN("font/otf"),
    SPAN("font/collection"),
    SPAN("image/bmp"),
    SPAN("image/vnd.microsoft.icon"),
    SPAN("image/x-icon"),
};
const unsigned media_types_compressible_n = ARRAY_LEN(media_types_compressible);

bool media_type_pattern_valid(struct span pattern)
{
    struct span type;

    for (size_t i = 0; i < pattern.n; i++) {
        if (pattern.p[i] != ascii_lower(pattern.p[i]))
            return false;
    }
    if (span_starts(pattern, SPAN("*+")))
        return token_valid(span_from(pattern, 2));
    if (!span_cut(&pattern, '/', &type))
        return false;
    return token_valid(type) && span_find(type, '*') == type.n && token_valid(pattern) &&
           (span_eq(pattern, SPAN("*")) || span_find(pattern, '*') == pattern.n);
}

/* The type and subtype of a Content-Type; empty when it has none. */
static struct span essence(struct span content_type)
{
    struct span type = content_type, rest;
    size_t slash;

    type.n = span_find(type, ';');
    type = span_trim(type);
    slash = span_find(type, '/');
    rest = span_from(type, slash + 1);
    return token_valid(span_make(type.p, slash)) && token_valid(rest) ? type : SPAN_EMPTY;
}

static bool matches(struct span type, struct span pattern)
{
    struct span suffix = span_from(pattern, 1);
    bool wide = false;

    if (span_starts(pattern, SPAN("*+")))
        wide = type.n > suffix.n && span_ieq(span_from(type, type.n - suffix.n), suffix);
    else if (span_ends(pattern, SPAN("/*")))
        wide = span_istarts(type, span_make(pattern.p, pattern.n - 1));
    return wide ? !span_ieq(type, SPAN("text/event-stream")) : span_ieq(type, pattern);
}

bool media_type_in(struct span content_type, const struct span *patterns, unsigned n)
{
    struct span type = essence(content_type);

    for (unsigned i = 0; i < n && type.n > 0; i++) {
        if (matches(type, patterns[i]))
            return true;
    }
    return false;
}
