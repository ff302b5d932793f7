/*
 * disk_tier_impl.h - the inside of the disk tier, for disk_tier.c, disk_write.c and load.c.
 */
#ifndef CACHE_DISK_TIER_IMPL_H
#define CACHE_DISK_TIER_IMPL_H

#include "cache/admission.h"
#include "cache/cache_impl.h"
#include "cache/disk_tier.h"
#include "cache/disk_write.h"
#include "cache/duel.h"
#include "cache/unread.h"

#include <pthread.h>
#include <stdatomic.h>

/* What a record is, in its meta. */
enum disk_kind {
    DISK_WHOLE,  /* head: an image (image.h); body: the object's */
    DISK_SLICED, /* head: an image; no body */
    DISK_SLICE,  /* head: the key; body: a slice of something */
};

enum { DISK_LOADS_PLACES = 256 };

struct disk_tier {
    struct cache *cache; /* borrowed */
    struct disk *volumes[DISK_TIER_VOLUMES_MAX];
    double weights[DISK_TIER_VOLUMES_MAX];
    struct unread unread[DISK_TIER_VOLUMES_MAX];
    unsigned volumes_n;
    mono_ms wait_ms;
    struct disk_writer *writer;
    pthread_mutex_t loads_lock;
    struct list loads[DISK_LOADS_PLACES]; /* in flight, by key; load.c */
    pthread_mutex_t lock;                 /* of the next three */
    struct admission admission;
    struct duel duel;
    uint32_t *ghosts; /* owns */
    bool duels;       /* the level of admission is what the duel says */
};

/* Of memory. */
uint64_t disk_tier_ghost_bytes(const struct disk_tier *t);
/* The number of the volume on which a key's record stands. */
unsigned disk_tier_place(const struct disk_tier *t, struct span key);
static inline struct disk *disk_tier_volume(const struct disk_tier *t, struct span key)
{
    return t->volumes[disk_tier_place(t, key)];
}
/* That one was asked for and came from a volume. */
void disk_tier_loaded(struct disk_tier *t, const struct object *obj);
/* Drops a record, but not what may be queued or on its way into memory. */
void disk_tier_forget(struct disk_tier *t, struct span key);

void loads_init(struct disk_tier *t);
/* What is on its way into memory under that key is not stored any more: load.c. */
void loads_doom(struct disk_tier *t, struct span key);

#endif
