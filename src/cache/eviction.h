/*
 * eviction.h - who has to leave the memory tier: S3-FIFO with a credit weighted by size.
 *
 * Two queues: `small` for newcomers (a tenth of the bytes) and `main`. A hit adds credit: on the
 * average 2 * mean size / own size, at most EVICTION_CREDIT_MAX; it moves nothing. At the end of
 * `small` an entry with credit goes to `main`, others leave and are remembered as ghosts (ghosts.h,
 * for as long as 0.9 of the resident bytes are replaced); who comes back while remembered goes to
 * `main` at once. At the end of `main` an entry with credit pays one and
 * goes round again. Entries larger than EVICTION_TAU times the mean must have been seen once
 * before they are taken in, unless there is room anyway: one large download shall not push out a
 * thousand pages.
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

enum { EVICTION_CREDIT_MAX = 7, EVICTION_TAU = 16 };

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
    uint64_t mean_bytes;  /* of an entry; 0 when there is none */
    struct ghosts ghosts; /* their clock: bytes that left by way of `small` */
    uint64_t random;
};

/* `ghosts` has ghosts_n zeroed places, at least GHOSTS_WAYS; `capacity` is about how many
 * bytes will be resident. */
void eviction_init(
    struct eviction *e, uint32_t *ghosts, uint32_t ghosts_n, uint64_t capacity, uint64_t seed);

/* Whether something of that size may come in. When not, it is remembered, so that it may the next
 * time. `room`: nothing would have to leave for it. */
MUST_USE bool eviction_admit(struct eviction *e, uint32_t fingerprint, uint64_t bytes, bool room);
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
