/*
 * disk_write.h - the disk tier's writing behind: a queue of objects and the thread that empties it.
 *
 * Private to the disk tier. Queued objects are held by a reference, so that memory does not evict
 * them before they are written, and what waits is bounded in number and bytes. What is written is
 * what memory has under the key when its turn comes; if that is nothing, or cannot be written, the
 * record that was there is dropped. First of all the thread waits for the volumes' directories
 * (unread.h). Any thread.
 */
#ifndef CACHE_DISK_WRITE_H
#define CACHE_DISK_WRITE_H

#include "base/attrs.h"
#include "base/span.h"
#include "cache/disk_batch.h"

#include <stdbool.h>
#include <stdint.h>

struct disk_tier;
struct disk_writer;
struct object;

enum {
    DISK_QUEUE_MAX = 4096,
    DISK_QUEUE_BYTES_DIVISOR = 16, /* of the memory budget, held by what waits */
};

/* As t->writer. */
void disk_writer_start(struct disk_tier *t, uint64_t bytes_max);
/* Writes what waits, as far as the disks take it. Blocks. Sets *w to NULL. */
void disk_writer_free(struct disk_writer **w);

/* How many objects wait or are being written, and the memory that they hold. */
void disk_writer_queued(struct disk_writer *w, uint64_t *objects, uint64_t *bytes);
/* False: the queue is full; counted. */
MUST_USE bool disk_writer_put(struct disk_writer *w, struct object *obj);
/* The same of something that belongs to a batch, which is written whatever waits: the caller asks
 * for room before. The queue has room for batches until they and all else fill half of it. Of a
 * batch slices are written even if memory has lost them, and nothing any more once some of it could
 * not be; its head object is then taken out of memory, too. */
MUST_USE bool disk_writer_room(struct disk_writer *w);
void disk_writer_add(struct disk_writer *w, struct object *obj, struct disk_batch *batch);
/* Whether something waits, or is being written, under that key. */
MUST_USE bool disk_writer_has(struct disk_writer *w, struct span key);
/* What is queued under that key is not written any more, and what is being written is dropped when
 * it has been. */
void disk_writer_forget(struct disk_writer *w, struct span key);

#endif
