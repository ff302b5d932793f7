/*
 * disk_write.h - the disk tier's writing behind: a queue of objects and the thread that empties it.
 *
 * Private to the disk tier. Queued objects are held by a reference, so what waits is bounded in
 * number and bytes; what comes when it is full is not written, and counted. Any thread.
 */
#ifndef CACHE_DISK_WRITE_H
#define CACHE_DISK_WRITE_H

#include "base/attrs.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct disk_tier;
struct disk_writer;
struct object;

enum {
    DISK_QUEUE_MAX = 4096,
    DISK_QUEUE_BYTES_DIVISOR = 16, /* of the memory budget, held by what waits */
};

MUST_USE struct disk_writer *disk_writer_new(struct disk_tier *t, uint64_t bytes_max);
/* Writes what waits. Blocks. Sets *w to NULL. */
void disk_writer_free(struct disk_writer **w);

void disk_writer_put(struct disk_writer *w, struct object *obj);
/* How many objects wait or are being written, and the memory that they hold. */
void disk_writer_queued(struct disk_writer *w, uint64_t *objects, uint64_t *bytes);
/* What is queued under that key is not written any more, and what is being written is dropped when
 * it has been. */
void disk_writer_forget(struct disk_writer *w, struct span key);

#endif
