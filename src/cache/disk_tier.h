/*
 * disk_tier.h - stored objects on volumes (disk/disk.h): written behind, and read back into memory
 * when that has them no more.
 *
 * What is stored in memory is offered here, too. Admission (admission.h) decides whether it is
 * written; a thread of the tier's own writes it, so nothing waits, and what the disks do not keep
 * up with is not written. An object of up to DISK_TIER_WHOLE_MAX bytes is one record; a larger one
 * is written as a head object and slices (slice.h), and comes back as such, piece by piece. What is
 * read passes through a load: it is made an object on the disk's reader thread, and given to the
 * memory tier on the worker that asked.
 *
 * A volume is chosen by the key, in proportion to their sizes (rendezvous hashing: Thaler and
 * Ravishankar, 1998), so that another volume more moves only what moves to it.
 *
 * Any thread, unless a comment says otherwise.
 */
#ifndef CACHE_DISK_TIER_H
#define CACHE_DISK_TIER_H

#include "base/attrs.h"
#include "cache/cache.h"
#include "cache/disk_batch.h"
#include "disk/disk.h"

struct cache;
struct disk_tier;
struct object;

enum {
    DISK_TIER_VOLUMES_MAX = 32,
    DISK_TIER_WHOLE_MAX = 1 << 20, /* bytes of body */
    DISK_TIER_VOLUME_MIB = 64,     /* a smaller volume has no room for records of that size */
    DISK_TIER_WAIT_MS = 200, /* by default: a load that takes longer is given up for the origin */
};

/* Opens the volumes, making those that are not there yet; `journal` is the identity of the journal
 * of purges. Directories that are read quickly have been read when it returns; what is stored on
 * others is found later. NULL with a sentence in err. main() only. */
MUST_USE struct disk_tier *disk_tier_open(
    struct cache *c, const struct cache_conf *conf, uint64_t journal, char *err, size_t err_cap);
/* All loads' messages are posted when it returns, and no load begins. Between worker_wait() and
 * worker_join() (loop/worker.h). */
void disk_tier_stop(struct disk_tier *t);
/* Writes what waits, and the directories. Blocks. Sets *t to NULL. */
void disk_tier_close(struct disk_tier **t);

/* `obj` was stored in memory just now, or is stored there and was changed. The caller holds a
 * reference. An older version on the disk is not found any more, whether this one is written or
 * not; it may be after a crash. */
void disk_tier_keep(struct disk_tier *t, struct object *obj);
/*
 * For what is written piece by piece as it comes (spill.h). disk_tier_admits(): whether `obj`, of
 * whose body `bytes` are known, may be written so; when not, it is remembered as any newcomer is.
 * disk_tier_room(): the writing keeps up. disk_tier_write(): a piece, or the head object that comes
 * last, which is stored in memory; without asking for either.
 */
MUST_USE bool disk_tier_admits(struct disk_tier *t, struct object *obj, uint64_t bytes);
MUST_USE bool disk_tier_room(struct disk_tier *t);
void disk_tier_write(struct disk_tier *t, struct object *obj, struct disk_batch *batch);
/* Bytes of all volumes. */
uint64_t disk_tier_bytes(const struct disk_tier *t);
/* Whether that object, which memory would rather not keep, should be stored all the same since it
 * is to be written; `length` is that of its body. */
MUST_USE bool disk_tier_wants(struct disk_tier *t, const struct object *obj, uint64_t length);
/* What is stored under that key must not come back. */
void disk_tier_drop(struct disk_tier *t, struct span key);
/* Of memory, beside the budget of the memory tier: index, buffers, ghosts. */
MUST_USE uint64_t disk_tier_memory(struct disk_tier *t);
/* Whether something that may be loaded seems to be stored under that key. */
MUST_USE bool disk_tier_has(struct disk_tier *t, struct span key);

#endif
