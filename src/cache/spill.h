/*
 * spill.h - a kept fill that is larger than memory keeps in one piece goes to the disk as it comes.
 *
 * Every SPILL_SLICE_BYTES of its body, and what is left in the end, become a slice (slice.h) of the
 * id that its object has: stored in memory, and put to be written, with its batch (disk_batch.h).
 * What is written memory may evict. When the fill ends whole, a head object is stored at its key;
 * when it does not, nothing leads to the slices. The id is the fill's own, so that versions never
 * mix and no validator is needed.
 *
 * The chain of chunks that a fill has begins behind the last slice that was cut off: fill.first is
 * where a slice begins. Readers hold what they stand in and at most one slice; where they have to
 * look for the next one is reader_slices.c's.
 *
 * What it takes of memory, beside what is stored: the chain, which is less than SPILL_BACKLOG + 1
 * slices (at the beginning, of unknown length, cache_whole_max()), and what waits to be written,
 * which is less than half the queue of the disk's writer for all spills together (disk_write.h);
 * and a slice for each reader. The fill takes no more bytes while there is no room for them, and
 * looks again every SPILL_TICK_MS; when nothing has moved for SPILL_PATIENCE_MS, or a slice could
 * not be written, it is given up: what comes is not kept, and passes through a window.
 *
 * A fill whose length is not known, on a cache with volumes, may come to spill: its chunks do not
 * reach over the end of a slice, and readers never get pieces of two of them at once.
 *
 * Private to fills. The leader's worker.
 */
#ifndef CACHE_SPILL_H
#define CACHE_SPILL_H

#include "base/attrs.h"
#include "cache/fill.h"

struct spill;

enum {
    SPILL_SLICE_BYTES = 256 << 10,
    SPILL_BACKLOG = 4, /* slices */
    SPILL_TICK_MS = 5,
    SPILL_PATIENCE_MS = 3000,
};

/* Whether what `obj` is the head of may be cut into slices, as far as that can be said: there are
 * volumes, and it is a whole representation of a resource. */
MUST_USE bool spill_possible(const struct cache *c, const struct object *obj);
/* It will spill from now on, if the disk admits that many bytes, which are what is known of its
 * length. */
MUST_USE bool spill_begin(struct fill *f, struct object *obj, uint64_t bytes);
/* It spills, and was not given up. */
MUST_USE bool spill_goes_on(const struct fill *f);

/* Cuts off slices, as far as there is room for them. False: no more bytes may come for now, and
 * on_room() will be called. */
MUST_USE bool spill_make_room(struct fill *f);
/* There is no memory for the next bytes. False: likewise; true: it was given up. */
MUST_USE bool spill_wait(struct fill *f);
/* All has come: cuts off what is left and stores the head object. */
void spill_store(struct fill *f);
/* The fill ends; nothing happens later. */
void spill_stop(struct fill *f);
void spill_free(struct spill **s);

#endif
