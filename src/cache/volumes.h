/*
 * volumes.h - what the disk tier does, in numbers, for operators.
 *
 * Any thread; no call waits for a disk.
 */
#ifndef CACHE_VOLUMES_H
#define CACHE_VOLUMES_H

#include "base/arena.h"
#include "cache/admission.h"
#include "disk/disk.h"

struct cache;

struct cache_volume {
    const char *path; /* lives as long as the cache */
    enum disk_state state;
    bool slow;
    struct disk_stats disk;
};

struct cache_volumes {
    const struct cache_volume *v; /* in the arena */
    unsigned n;                   /* 0: memory only, and nothing of the rest holds */
    enum admission_level admission;
    uint64_t queue_objects; /* that wait to be put on a volume, or are being put */
    uint64_t queue_bytes;   /* of memory that they hold */
    uint64_t ghost_bytes;   /* of memory, for what was not admitted yet */
};

/* When queue_objects and all waiting_bytes are 0, all that was stored before the call and was
 * admitted is on the volumes, or was given up. */
void cache_volumes(struct cache *c, struct arena *a, struct cache_volumes *out);

/* "recovering", "ready", "read-only", "offline". */
const char *disk_state_name(enum disk_state s);
/* "all", "small", "second", "scarce". */
const char *admission_level_name(enum admission_level l);

#endif
