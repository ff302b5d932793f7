/*
 * variants.h - which variants of a resource were stored lately; for explain.
 *
 * The cache finds a variant by the request that wants it, never all variants of a resource. A walk
 * through the whole index would do that, at the cost of a worker's second per ten million objects;
 * here are, in a table of fixed size, the hashes of those stored last. Where the resources of one
 * set have stored more than VARIANTS_WAYS, the oldest are forgotten. What is listed may have been
 * evicted since: the caller looks. A lock that is held for some comparisons. Any thread.
 */
#ifndef EDGE_VARIANTS_H
#define EDGE_VARIANTS_H

#include "base/attrs.h"
#include "base/hash.h"

struct variants;

enum { VARIANTS_WAYS = 32, VARIANTS_MAX = 16384 };

MUST_USE struct variants *variants_new(void);
/* NULL inside is fine. Sets *v to NULL. */
void variants_free(struct variants **v);

/* Under the key `resource` a variant of that key was stored. */
void variants_put(struct variants *v, struct hash128 resource, struct hash128 variant);
/* How many, and their keys, the newest first. */
unsigned variants_get(
    struct variants *v, struct hash128 resource, struct hash128 out[static VARIANTS_WAYS]);

#endif
