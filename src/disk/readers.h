/*
 * readers.h - threads that read records from the volume, and the queue before them.
 *
 * A read is found by its key in a table while it waits or runs, and equal ones join it. The index
 * is asked when the thread gets to it, so that a record that was moved meanwhile is found where it
 * is now. Nothing leaves here whose checksums were not right.
 */
#ifndef DISK_READERS_H
#define DISK_READERS_H

#include "disk/disk_impl.h"

struct readers *readers_new(struct disk *d);
/* No read is taken any more; what waits ends as a miss. All completions are posted. */
void readers_stop(struct readers *rs);
/* The same, before. */
void readers_free(struct readers **rs);

/* `loc` is what the index says just now: another read is joined only if it said the same then, so
 * that nobody gets a record older than the one that was there when it asked. False: too many are
 * waiting, or nothing moves. */
MUST_USE bool readers_submit(
    struct readers *rs, struct worker *w, struct disk_read *r, uint64_t loc);
bool readers_slow(struct readers *rs, mono_ms now);
uint64_t readers_bytes(const struct readers *rs); /* of memory */

#endif
