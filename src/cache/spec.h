/*
 * spec.h - a Vary specification as something stored: what stands at a resource's key in the place
 * of its variants (see vary.h). An object of status 0; its fields are the text, and the hashes of
 * the keys of the variants that were stored under it, the newest first.
 *
 * The list bounds how many variants a resource has, and it is all of them: a variant is found
 * through its specification only, so without one, or under one with another id, it is out of reach
 * and leaves by eviction. What is listed may have been evicted already.
 */
#ifndef CACHE_SPEC_H
#define CACHE_SPEC_H

#include "cache/object.h"

enum { SPEC_VARIANTS_MAX = 1024 };

/* Stores `text` under the resource's key. `old` is what stood there, or NULL: if it is a spec with
 * the same id, its variants stay listed. `labels` as for object_new(); it has no tags. */
void spec_put(struct cache *c, const struct cache_key *key, const struct object *old,
    struct span text, const struct object_labels *labels, struct arena *a);

/* Lists a variant that is to be stored under the spec at the resource's key. When there are `most`
 * already, the one that was not used for longest is removed from the cache. */
void spec_add_variant(struct cache *c, const struct cache_key *key, const struct cache_key *variant,
    unsigned most, struct arena *a);

static inline bool object_is_spec(const struct object *obj)
{
    return obj->status == 0;
}

/* The text of a spec. */
static inline struct span object_spec(const struct object *obj)
{
    return object_field_value(obj, 0);
}

/* How many variants a spec lists, and their hashes. */
unsigned object_spec_variants(
    const struct object *obj, struct hash128 out[static SPEC_VARIANTS_MAX]);

/* A variant was chosen for a request; for the order in which they leave. */
static inline void object_used(struct object *obj, wall_s now)
{
    atomic_store_explicit(&obj->used_s, (uint32_t)now, memory_order_relaxed);
}

#endif
