/*
 * checkpoint.h - the index written to the volume, a shard at a time, and read from there.
 *
 * Two areas take turns. A checkpoint counts from when its header is written, which is the last
 * thing that happens, with everything before it on the disk; until then the other one does. What is
 * put meanwhile may be in it or not: the log is read again from the segment that was being written
 * when it was begun. The keeper's thread only.
 */
#ifndef DISK_CHECKPOINT_H
#define DISK_CHECKPOINT_H

#include "disk/disk_impl.h"

struct checkpoint {
    struct checkpoint_header h;
    unsigned next; /* shard */
    char *page;    /* owns; NULL: none is being written */
};

/* `clean`: nothing is put any more, nothing will be, and there is no writer. Otherwise this waits
 * for what has been put so far. */
void checkpoint_begin(struct disk *d, struct checkpoint *c, bool clean);
enum checkpoint_step { CHECKPOINT_MORE, CHECKPOINT_DONE, CHECKPOINT_FAILED };
/* Writes the next shard, and at last the header. After the last two nothing is being written. */
enum checkpoint_step checkpoint_step(struct disk *d, struct checkpoint *c);
void checkpoint_drop(struct checkpoint *c);

/* The header of area 0 or 1. */
MUST_USE bool checkpoint_look(struct disk *d, unsigned area, struct checkpoint_header *out);
/* Fills the index from that area; keep() is called on several threads. False: damaged; the index is
 * empty then. */
MUST_USE bool checkpoint_load(struct disk *d, unsigned area, const struct checkpoint_header *h,
    bool (*keep)(void *ctx, const struct disk_entry *e), void *ctx);
/* The volume is about to be changed: that checkpoint is no longer the last word. */
MUST_USE bool checkpoint_unclean(struct disk *d, unsigned area, struct checkpoint_header *h);

#endif
