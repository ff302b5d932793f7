/*
 * listing_impl.h - what the rows of listing.h share.
 */
#ifndef EDGE_LISTING_IMPL_H
#define EDGE_LISTING_IMPL_H

#include "cache/inventory.h"
#include "edge/listing.h"
#include "loop/pool.h"

/* What there is to say of an object; the members are in selvagectl(1). */
MUST_USE json_t *listing_json(const struct inventory_object *o, wall_s now);
/* A sentence. */
void listing_refuse(struct admin_call *call, int status, const char *why);
/* Runs *j for the call on the blocking pool; false: it is answered already, since too much waits.
 */
MUST_USE bool listing_submit(struct admin_call *call, struct job *j);

#endif
