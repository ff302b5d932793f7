/*
 * eviction.h - who has to leave the memory tier: S3-FIFO with a credit weighted by size, and a
 * small queue that finds its size.
 *
 * Two queues: `small` for newcomers and `main`. A hit adds credit: on the average 2 * mean size /
 * own size, but at least half of one, and at most EVICTION_CREDIT_MAX; it moves nothing. At the end
 * of `small` an entry with credit goes to `main`, others leave and are remembered as ghosts
 * (ghosts.h, for as long as 0.9 of the resident bytes are replaced); who comes back while
 * remembered goes to `main` at once. At the end of `main` an entry with credit pays one and goes
 * round again. Entries larger than EVICTION_TAU times the mean must have been seen once before they
 * are taken in, unless there is room anyway: one large download shall not push out a thousand
 * pages.
 *
 * Where most is asked for often or never, `small` should be a tenth of the bytes (S3-FIFO: Yang et
 * al., 2023); where things are asked for a few times within a short while, a small `small` is worse
 * than LRU. So who comes back soon after it left `small` makes that larger, and who comes back soon
 * after it left `main` makes it smaller, by more (ARC: Megiddo and Modha, 2003), from a tenth to
 * nine. "Soon" is before a tenth of the bytes left by the same way. It begins with half, and goes
 * down to a tenth in time when nobody comes back.
 *
 * Pure policy: no memory of its own but the ghosts it is handed, no clock, no locks; the caller
 * serialises everything but eviction_entry's credit. Entries are embedded in what they stand for.
 */
#ifndef CACHE_EVICTION_H
#define CACHE_EVICTION_H

#include "base/attrs.h"
#include "base/list.h"
#include "cache/ghosts.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { EVICTION_CREDIT_MAX = 7, EVICTION_TAU = 16, EVICTION_GHOSTS_MIN = 2 * GHOSTS_WAYS };

enum eviction_queue { EVICTION_SMALL, EVICTION_MAIN, EVICTION_QUEUES };

struct eviction_entry {
    uint64_t bytes;
    uint32_t fingerprint; /* of the key */
    _Atomic uint8_t credit;
    uint8_t queue; /* enum eviction_queue */
    struct list link;
};

struct eviction {
    struct list queues[EVICTION_QUEUES]; /* newest first */
    uint64_t queue_bytes[EVICTION_QUEUES];
    uint64_t entries;
    uint64_t mean_bytes; /* of an entry; 0 when there is none */
    uint64_t capacity;
    uint64_t small_bytes; /* of `capacity` are for `small` */
    struct ghosts ghosts; /* their clock: bytes that left by way of `small` */
    struct ghosts gone;   /* out of `main`; their clock: bytes that left that way */
    uint64_t random;
};

/* `ghosts` has ghosts_n zeroed places, at least EVICTION_GHOSTS_MIN; `capacity` is about how many
 * bytes will be resident. */
void eviction_init(
    struct eviction *e, uint32_t *ghosts, uint32_t ghosts_n, uint64_t capacity, uint64_t seed);

/* Whether something of that size may come in. When not, it is remembered, so that it may the next
 * time. `room`: nothing would have to leave for it. */
MUST_USE bool eviction_admit(struct eviction *e, uint32_t fingerprint, uint64_t bytes, bool room);
/* Something passes by that need not come in, since it is cheap to be had again: true when it was
 * here or passed by before while that is remembered, so that it is worth its room. Otherwise it is
 * as if it had come in and left by way of `small`. */
MUST_USE bool eviction_pass(struct eviction *e, uint32_t fingerprint, uint64_t bytes);
/* Takes in an entry; its bytes and fingerprint are set. */
void eviction_insert(struct eviction *e, struct eviction_entry *entry);
/* The same in place of `old`, which is taken out: in its queue, with its credit. */
void eviction_replace(struct eviction *e, struct eviction_entry *old, struct eviction_entry *entry);
void eviction_remove(struct eviction *e, struct eviction_entry *entry);
/* Takes the next one to leave out and returns it, or NULL when there is none. */
struct eviction_entry *eviction_victim(struct eviction *e);
/* Puts a victim that cannot leave now back, at the young end of `main`. */
void eviction_spare(struct eviction *e, struct eviction_entry *entry);
/* A use. */
void eviction_hit(struct eviction *e, struct eviction_entry *entry);

static inline uint64_t eviction_bytes(const struct eviction *e)
{
    return e->queue_bytes[EVICTION_SMALL] + e->queue_bytes[EVICTION_MAIN];
}

#endif
