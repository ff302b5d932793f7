/*
 * key.h - the text that identifies a resource in the cache.
 *
 * Host without scheme, path, query, which are a line; then the scheme, if the origin is told that
 * it is https, and the request fields and cookies that the site adds, each on a line of its own
 * with its length, so that no two different sets of parts make the same text. GET and HEAD share a
 * key. What the site leaves out of the query does not reach the origin either: key_query() is for
 * both. Pure; results are in the arena, or are the input. Any thread.
 *
 *   www.example.com/shop?id=7
 *   scheme proto=5:https           (the origin is told so)
 *   field accept-language=2:de
 *   cookie plan=4:free
 *   cookie lang=-                  (absent)
 */
#ifndef CACHE_KEY_H
#define CACHE_KEY_H

#include "base/arena.h"
#include "cache/options.h"
#include "http/fields.h"

enum { KEY_MAX = 24 << 10 };

/* In normal form (http/uri.h): no white space and no control characters in the texts. */
struct key_parts {
    struct span host; /* with ":port" unless it is the default */
    struct span path;
    bool has_query;
    struct span query;           /* as key_query() gave it */
    const struct fields *fields; /* of the request */
    struct span scheme;          /* what the origin is told: "https"; "http" stands for itself */
};

/* What remains of a query (in normal form) by the options. Sets *has_query to false when there is
 * nothing left. */
struct span key_query(
    struct arena *a, struct span query, bool *has_query, const struct cache_options *options);

/* p == NULL: longer than KEY_MAX, not to be looked up or stored. */
struct span key_text(
    struct arena *a, const struct key_parts *parts, const struct cache_options *options);

/* A line of a key's text, for explain. */
struct key_line {
    struct span kind;  /* "scheme", "field", "cookie"; of a variant's key "vary" */
    struct span name;  /* lower case, but of a cookie */
    struct span value; /* p == NULL: absent */
};

/*
 * Takes a line off what follows the first line of a key, or what follows the resource's key in a
 * variant's (vary.h). False: there is none, or it is not such a text.
 */
bool key_line_next(struct span *rest, struct key_line *out);

#endif
