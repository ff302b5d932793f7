/*
 * slice.h - how a large representation is cut into slices.
 *
 * Of a sliced resource the cache holds a head object at its (variant) key, with the head of the
 * whole representation, its length and the size of a slice, but no body; and slices, each an
 * object of its own under a key that is made of the head object's id and the slice's number. So
 * freshness, validation and removal concern the head object alone, slices come and go one by one,
 * and those of another version are never found. All slices but the last have the same size.
 *
 * Arithmetic on what strangers ask for and origins say; pure, any thread.
 */
#ifndef CACHE_SLICE_H
#define CACHE_SLICE_H

#include "base/attrs.h"
#include "cache/cache.h"
#include "http/range.h"

enum {
    SLICE_BYTES_MIN = 64 << 10, /* of what may be configured */
    SLICE_BYTES_MAX = 16 << 20,
    SLICE_BYTES_DEFAULT = 1 << 20,
    SLICE_KEY_MAX = 48,
};

/* Whether `total` bytes can be cut: the numbers of slices are 32 bits wide, offsets 63. */
bool slice_possible(uint64_t total, uint32_t slice_bytes);

/* The slice that holds the byte at `pos`, of a possible cut. */
static inline uint32_t slice_at(uint64_t pos, uint32_t slice_bytes)
{
    return (uint32_t)(pos / slice_bytes);
}

/* The bytes of slice `n`; the last one ends with the representation. `n` is one of them. */
struct byte_range slice_range(uint64_t total, uint32_t slice_bytes, uint32_t n);

/* The same before the length is known. */
struct byte_range slice_range_asked(uint32_t slice_bytes, uint32_t n);

/* The slice in which the first range of a Range field's value begins, of `total` bytes, or before
 * the length is known (0): 0 when that cannot be said, or is farther than there can be slices. */
uint32_t slice_wanted(struct span range, uint64_t total, uint32_t slice_bytes);

/* The key of slice `n` of the representation `id` (object.h); its text is in `text`. No resource's
 * key begins like that. */
struct cache_key slice_key(uint64_t id, uint32_t n, char text[static SLICE_KEY_MAX]);
/* Whether that is the key of some slice. */
bool slice_key_is(struct span key);

#endif
