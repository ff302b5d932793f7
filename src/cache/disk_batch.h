/*
 * disk_batch.h - what is written to the disk piece by piece and is worth nothing if a piece is
 * missing: the slices of a fill that spills (spill.h), and its head object, which comes last.
 *
 * Counted; any thread.
 */
#ifndef CACHE_DISK_BATCH_H
#define CACHE_DISK_BATCH_H

#include "base/attrs.h"

#include <stdbool.h>

struct disk_batch;

MUST_USE struct disk_batch *disk_batch_new(void);
struct disk_batch *disk_batch_ref(struct disk_batch *b);
/* Sets *b to NULL, which it may be already. */
void disk_batch_release(struct disk_batch **b);

/* Some of it could not be written. */
void disk_batch_lose(struct disk_batch *b);
MUST_USE bool disk_batch_lost(const struct disk_batch *b);

#endif
