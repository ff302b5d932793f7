/*
 * etag.h - entity tags (RFC 9110 §8.8.3) and their two comparisons.
 */
#ifndef HTTP_ETAG_H
#define HTTP_ETAG_H

#include "base/attrs.h"
#include "http/fields.h"

struct etag {
    struct span opaque; /* with its quotes; borrowed */
    bool weak;
};

/* The whole of `s` is one entity tag. */
MUST_USE bool etag_parse(struct span s, struct etag *out);
/* RFC 9110 §8.8.3.2 */
bool etag_strong_eq(struct etag a, struct etag b);
bool etag_weak_eq(struct etag a, struct etag b);

enum etag_match {
    ETAG_ABSENT, /* no such field */
    ETAG_NONE,   /* none matches; a list that does not parse matches nothing */
    ETAG_LISTED, /* one of the list matches */
    ETAG_ANY,    /* the field is "*" */
};

/* If-Match (strong) or If-None-Match (weak) against one tag; NULL: there is no tag to compare. */
enum etag_match etag_list_match(
    const struct fields *f, enum field_id id, const struct etag *tag, bool strong);

#endif
