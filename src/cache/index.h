/*
 * index.h - from a key to its stored object: a table of fixed size.
 *
 * Buckets are cache lines of eight slots; a slot is a pointer of 48 bits under 16 bits of the hash.
 * An object stands in one of two buckets that its hash names, so a look-up touches at most two
 * lines before it touches the object. The table does not grow: when both buckets are full,
 * something in them has to be forgotten first. No locks; the caller has one.
 *
 * The hash is the 63 bits of index_hash(); the lowest INDEX_SKIP_BITS are left to the caller, to
 * choose between tables.
 */
#ifndef CACHE_INDEX_H
#define CACHE_INDEX_H

#include "base/attrs.h"
#include "base/hash.h"
#include "cache/cache.h"

#include <stdbool.h>
#include <stdint.h>

struct object;

enum { INDEX_WAYS = 8, INDEX_SKIP_BITS = 8 };

struct index_bucket {
    uint64_t slots[INDEX_WAYS];
};

struct index {
    struct index_bucket *buckets; /* borrowed; aligned to 64 bytes, zeroed at first */
    uint32_t buckets_n;
};

static inline uint64_t index_hash(struct hash128 h)
{
    return h.lo & (UINT64_MAX >> 1);
}

/* Has the CPU fetch what a look-up of that hash will read: to be called as early as it is known. */
void index_prefetch(const struct index *x, uint64_t hash);
/* The object of that key; the full key is compared. */
struct object *index_find(const struct index *x, const struct cache_key *key);
/* An object with that hash, whatever its key, or NULL. */
struct object *index_find_hash(const struct index *x, uint64_t hash);

/* The objects that stand in that bucket; how many. */
unsigned index_bucket_objects(
    const struct index *x, uint32_t bucket, struct object *out[static INDEX_WAYS]);

/* `obj` must not be there. False: both buckets are full. */
MUST_USE bool index_add(struct index *x, struct object *obj);
/* Up to INDEX_WAYS objects that stand where `obj` would like to. */
unsigned index_rivals(const struct index *x, const struct object *obj, struct object **out);
/* `old` is there; `obj` has the same key. */
void index_replace(struct index *x, const struct object *old, struct object *obj);
void index_remove(struct index *x, const struct object *obj);

#endif
