/*
 * keeper.h - the thread that looks after a volume: recovery first, then room ahead of the writer,
 * and checkpoints.
 *
 * Room is made at the tail, a segment at a time, before the writer needs it. Of the records that
 * the index still leads to, those that disk_conf.keep() wants are appended again (with half the
 * uses); the rest leaves the index. Then the segment is retired.
 *
 * A volume that is out of service is looked at again and again, and comes back (disk.h).
 */
#ifndef DISK_KEEPER_H
#define DISK_KEEPER_H

#include "disk/disk_impl.h"

struct keeper *keeper_new(struct disk *d);
/* Once d->keeper is set: the thread begins with recovery. */
void keeper_start(struct keeper *k);
/* Ends the thread, after recovery; nothing is written. */
void keeper_stop(struct keeper *k);
/* It was stopped. */
void keeper_free(struct keeper **k);
/* There may be something to do. As long as it is not freed. */
void keeper_wake(struct keeper *k);
/* Blocks until a checkpoint that was begun after the call is written. False: it was not. */
MUST_USE bool keeper_checkpoint(struct keeper *k);

#endif
