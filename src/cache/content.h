/*
 * content.h - the bytes of what is stored, in parts, for operators who take it elsewhere.
 *
 * An object is asked for by what a list (inventory.h) says of it: where it stands, and the id of
 * its representation. What comes is an HTTP/1.1 message: the stored head with a Content-Length, and
 * the body, put together from slices wherever they are. It changes nothing and is no use of it. A
 * body from a disk has passed its checks.
 *
 * Blocks for the disk: for the threads of a pool.
 */
#ifndef CACHE_CONTENT_H
#define CACHE_CONTENT_H

#include "base/attrs.h"
#include "base/buf.h"
#include "cache/inventory.h"

enum { CONTENT_PART_BYTES = 1 << 20 /* of body, at most */ };

enum content_got {
    CONTENT_GOT,
    CONTENT_GONE,    /* it is not there any more, or another representation is */
    CONTENT_PARTIAL, /* this part of it is not stored, or not just now to be read */
};

/* The next bytes of the body from offset `from`, and before the first the head. `out` must have
 * room for the part and a head. */
MUST_USE enum content_got content_read(struct cache *c, const struct inventory_handle *handle,
    uint64_t id, uint64_t from, struct buf *out);

#endif
