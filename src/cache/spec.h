/*
 * spec.h - a Vary specification as something stored: what stands at a resource's key in the place
 * of its variants (see vary.h). An object of status 0 whose only field is the text.
 */
#ifndef CACHE_SPEC_H
#define CACHE_SPEC_H

#include "cache/object.h"

/* Stores `text` under the resource's key. */
void spec_put(struct cache *c, const struct cache_key *key, struct span text, struct arena *a);

static inline bool object_is_spec(const struct object *obj)
{
    return obj->status == 0;
}

/* The text of a spec. */
static inline struct span object_spec(const struct object *obj)
{
    return object_field_value(obj, 0);
}

#endif
