/*
 * index.h - from a key's hash to where its record stands: 16 bytes for each, and no disk is read.
 *
 * 256 shards, each a table of buckets of one cache line (four slots of 16 bytes) that was sized for
 * the volume when that was made. A hash names two buckets; who finds both full may move up to two
 * entries to their other bucket (partial-key cuckoo hashing, as in Fan et al., "MemC3"), and when
 * that does not help, the entry of the two buckets that was used least is forgotten.
 *
 *   slot   loc:35  in sectors of 512 bytes from the volume's start; 0: the slot is empty
 *          tag:24  of the hash; two keys that agree in it and in their buckets (one pair of keys
 *                  in millions) take each other for the same: the record has the whole key
 *          kind:2  the caller's    used:2  how often it was used since it was written, up to 3
 *          born:40 as much of it as fits; all ones: at least that
 *          site:16 of the site's label
 *          size:8  class of the record's length, at most an eighth too long
 *
 * Any thread. Finding takes no lock: who reads while a shard is being written reads again (a
 * seqlock), and takes the lock only after many tries. Changing takes the shard's mutex.
 */
#ifndef DISK_INDEX_H
#define DISK_INDEX_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stdint.h>

struct disk_index;

enum { INDEX_SHARDS = 256, INDEX_SLOT_BYTES = 16, INDEX_BUCKET_BYTES = 64, INDEX_USED_MAX = 3 };
#define INDEX_LOC_MAX  ((UINT64_C(1) << 35) - 1)
#define INDEX_BORN_MAX ((UINT64_C(1) << 40) - 1)

/* What a slot knows of a record. */
struct disk_entry {
    uint64_t loc;     /* sectors */
    uint32_t sectors; /* the record's length; what comes out may be an eighth more */
    uint64_t born;    /* INDEX_BORN_MAX: that or more */
    uint16_t site;
    uint8_t kind, used;
};

/* Buckets for each shard so that `objects` fill them to nine tenths. */
uint32_t disk_index_buckets(uint64_t objects) PURE;

/* NULL when the memory cannot be had. */
MUST_USE struct disk_index *disk_index_new(uint32_t buckets_per_shard);
void disk_index_free(struct disk_index **x);

MUST_USE bool disk_index_find(const struct disk_index *x, uint64_t hash, struct disk_entry *out);

/* `e` is what stands under the hash from now on. True when another entry had to be forgotten for
 * it. */
bool disk_index_put(struct disk_index *x, uint64_t hash, const struct disk_entry *e);
/* The same, unless something stands under the hash already for whose place older() is false. */
bool disk_index_put_newer(struct disk_index *x, uint64_t hash, const struct disk_entry *e,
    bool (*older)(void *ctx, uint64_t loc), void *ctx);
/* These three only while the entry is at `loc`; false otherwise. */
bool disk_index_drop(struct disk_index *x, uint64_t hash, uint64_t loc);
MUST_USE bool disk_index_move(
    struct disk_index *x, uint64_t hash, uint64_t loc, const struct disk_entry *to);
/* One use more; without a lock. */
bool disk_index_used(struct disk_index *x, uint64_t hash, uint64_t loc);

/* Drops what stands at from <= loc < to: looks at every slot. Returns how many went. */
uint64_t disk_index_drop_range(struct disk_index *x, uint64_t from, uint64_t to);

uint64_t disk_index_count(const struct disk_index *x);
uint64_t disk_index_bytes(const struct disk_index *x); /* of memory, all of it */

/*
 * A shard as it stands in memory, for checkpoints. dump() copies it to `to`; load() takes what it
 * is given for a shard of the same size, keeping the entries for which keep() says so (NULL: all)
 * and whose form is sound; it returns how many.
 */
uint64_t disk_index_shard_bytes(const struct disk_index *x);
void disk_index_dump(struct disk_index *x, unsigned shard, void *to);
uint64_t disk_index_load(struct disk_index *x, unsigned shard, const void *from,
    bool (*keep)(void *ctx, const struct disk_entry *e), void *ctx);

/* Record lengths as the index keeps them. */
uint8_t disk_size_class(uint32_t sectors) PURE;
uint32_t disk_class_sectors(uint8_t c) PURE;

#endif
