/*
 * walk.h - what is stored on a volume, one record after another, from the oldest to the newest.
 *
 * For operators: listing, and checking that the index and the volume agree. It goes by the
 * segments' footers and reads each record that the index leads to; it blocks, so it is for the
 * threads of a pool, and is done in steps, so that a large volume holds nobody up. Records that are
 * put or moved meanwhile may be seen twice or not at all; without such, each is seen once.
 */
#ifndef DISK_WALK_H
#define DISK_WALK_H

#include "disk/disk.h"

/* How far it came. All zero: at the beginning. */
struct disk_walk {
    uint64_t seq;
    uint32_t entry;
};

struct disk_seen {
    struct hash128 key; /* of a damaged one hi is not known, and 0 */
    struct disk_meta meta;
    struct span head; /* gone when the call returns, like the next */
    struct span body; /* where bodies are read */
    uint32_t body_n;
    uint64_t bytes; /* on the volume */
    uint64_t seq;   /* of its segment */
    uint8_t used;
    bool damaged; /* has just been dropped, and counted */
};

/* Up to `max` records from where *w is; each() returns false to stop before. `bodies`: they are
 * read and their checksums looked at, too; without, only a record's beginning is. False: that was
 * the last, or the volume is not to be read. */
MUST_USE bool disk_walk(struct disk *d, struct disk_walk *w, unsigned max, bool bodies,
    bool (*each)(void *ctx, const struct disk_seen *seen), void *ctx);

/* The record of that key, which see() gets; it is no use of it. `body`: it is read and checked,
 * too. False: there is none that is right. Blocks. */
MUST_USE bool disk_look(struct disk *d, struct hash128 key, bool body,
    void (*see)(void *ctx, const struct disk_seen *seen), void *ctx);

#endif
