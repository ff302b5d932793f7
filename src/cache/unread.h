/*
 * unread.h - what must not come back out of a directory that is still being read.
 *
 * While a volume recovers nothing is known of it, so nothing can be dropped from it either: a newer
 * version may be stored, or an older one removed, that the directory will turn out to have. Such
 * keys are remembered, and the volume has nothing for anybody until they have been dropped.
 *
 * One per volume. Any thread.
 */
#ifndef CACHE_UNREAD_H
#define CACHE_UNREAD_H

#include "base/hash.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct disk;

enum { UNREAD_KEYS_MAX = 1 << 22 }; /* 64 MiB; more of them, and the volume stays out of use */

struct unread {
    _Atomic bool over; /* drops reach the disk */
    pthread_mutex_t lock;
    struct hash128 *keys; /* owns */
    size_t n, cap;
};

void unread_init(struct unread *u);
void unread_free(struct unread *u);

static inline bool unread_over(const struct unread *u)
{
    return atomic_load_explicit(&u->over, memory_order_acquire);
}

/* disk_drop(), now or later. */
void unread_drop(struct unread *u, struct disk *d, struct hash128 key);
/* The directory has been read. False: too much had changed meanwhile to use it. */
bool unread_end(struct unread *u, struct disk *d);

#endif
