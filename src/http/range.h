/*
 * range.h - byte ranges (RFC 9110 §14): parse, resolve, describe.
 *
 * A set of ranges never costs more than the object: overlapping ones are joined, and more than
 * RANGES_MAX are not a range request at all. Pure; any thread.
 */
#ifndef HTTP_RANGE_H
#define HTTP_RANGE_H

#include "base/attrs.h"
#include "base/span.h"

enum { RANGES_MAX = 8, CONTENT_RANGE_MAX = 70 };

/* As asked for, before the length is known. */
struct range_spec {
    bool suffix;          /* the last `last` bytes */
    uint64_t first, last; /* last is UINT64_MAX when open */
};

struct range_request {
    unsigned n;
    bool too_many; /* after range_parse() said no: more than RANGES_MAX */
    struct range_spec v[RANGES_MAX];
};

struct byte_range {
    uint64_t first, last; /* both included */
};

struct range_set {
    unsigned n;
    struct byte_range v[RANGES_MAX];
};

/* The value of Range. False: another unit, malformed, or too many: ignore the field (§14.2). */
MUST_USE bool range_parse(struct span value, struct range_request *out);

/* Against a representation of `length` bytes. Ranges keep their order but for those that were
 * joined to an earlier one that they overlap or touch. False: none can be satisfied (416). */
MUST_USE bool range_resolve(const struct range_request *r, uint64_t length, struct range_set *out);

struct content_range {
    bool satisfied; /* false: "bytes * /length" (416) */
    bool has_length;
    struct byte_range range;
    uint64_t length;
};

/* Strict; false also when last < first or last >= length. */
MUST_USE bool content_range_parse(struct span value, struct content_range *out);
/* Returns the length written. */
size_t content_range_format(const struct content_range *r, char out[static CONTENT_RANGE_MAX]);

#endif
