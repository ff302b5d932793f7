/*
 * image.h - what a stored object is on a disk: the head of a record, to bytes and back.
 *
 * A record's body is the object's, or, of a sliced one (slice.h), nothing: its slices are records
 * of their own. What the index of the disk needs to know stands in the record's meta (disk/disk.h);
 * all the rest is here. The numbers are as the machine has them: a volume does not travel. Bytes
 * come from a disk, so reading is strict, and what does not fit is no record.
 *
 *   fixed part, with IMAGE_VERSION first
 *   labels of its tags, 8 bytes each
 *   key, reason phrase
 *   two lengths for each field; names and values
 *
 * Pure; any thread.
 */
#ifndef CACHE_IMAGE_H
#define CACHE_IMAGE_H

#include "base/arena.h"
#include "base/attrs.h"
#include "cache/fresh.h"
#include "http/message.h"

enum { IMAGE_VERSION = 1 };

struct object;

struct image {
    struct span key;
    struct http_response head; /* status, reason and fields; in the arena, texts in the bytes */
    struct freshness fresh;
    uint64_t id, head_id; /* as in struct object, like what follows */
    uint8_t recode;
    uint64_t born, site;
    const uint64_t *tags; /* in the arena */
    uint16_t tags_n, tags_dropped;
    bool soft_purged;
    uint64_t sliced_bytes; /* of the whole of a sliced one; else 0 */
    uint32_t slice_bytes;
};

/* Bytes of the head of `o`'s record. */
size_t image_bytes(const struct object *o);
/* `slice_bytes` not 0: as that of a head object whose body is cut into slices of that size, which
 * it may be already. */
void image_write(const struct object *o, uint32_t slice_bytes, char *to);

/* False: these are not the bytes of a record. */
MUST_USE bool image_read(struct span bytes, struct arena *a, struct image *out);

#endif
