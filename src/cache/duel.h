/*
 * duel.h - which level of admission suits the traffic: two scale models of the disk's ring, one for
 * each, are run on a sample of the requests, and the better one is what the disk does.
 *
 * To write what is large at its second request only saves wear and room while the ring is small for
 * what is asked for, and costs a miss of each object when it is not: which of the two it is, no
 * setting knows. So a ring of a fraction of the bytes is asked for the same fraction of the keys
 * (Waldspurger et al., "Cache Modeling and Optimization using Miniature Simulations", 2017), once
 * with ADMISSION_ALL and once with ADMISSION_SMALL, both by the code of admission.h. Until the
 * rings have gone round both do the same. Afterwards ADMISSION_ALL, which writes several times as
 * many bytes and drives out what is small, has to prove itself: it wins when it misses clearly
 * fewer bytes and no more objects for a round and a half of the ring, or at once when it misses a
 * tenth less of both; and ADMISSION_SMALL wins as soon as that is over. Large objects, which come
 * here in slices, count less than one each.
 *
 * Memory: at most DUEL_MEMORY_MAX bytes, whatever the size of the disk. No clock, no locks; the
 * caller serialises. What is not in the sample costs a comparison.
 */
#ifndef CACHE_DUEL_H
#define CACHE_DUEL_H

#include "base/attrs.h"
#include "cache/admission.h"

#include <stdbool.h>
#include <stdint.h>

enum { DUEL_MODELS = 2, DUEL_OBJECTS_MAX = 1 << 15, DUEL_MEMORY_MAX = 2 << 20 };

struct duel_entry {
    uint32_t fingerprint;
    uint32_t bytes;
    uint32_t older; /* in its bucket: place + 1; 0: none */
    uint8_t uses;
};

/* A ring in small. */
struct duel_model {
    struct admission admission;
    struct duel_entry *entries; /* owns; a ring of `n` places */
    uint32_t *buckets;          /* owns; the youngest: place + 1 */
    uint32_t *ghosts;           /* owns */
    uint32_t n;                 /* a power of two */
    uint64_t begin, end;        /* entries that left, that came */
    uint64_t bytes, bytes_max;
    uint64_t missed_bytes, missed_objects; /* lately; an object in 1 / ADMISSION_SMALL_BYTES */
};

struct duel {
    struct duel_model models[DUEL_MODELS];
    unsigned shift;       /* of 2^shift keys one is asked for */
    uint64_t asked_bytes; /* since the last judgement */
    unsigned better;      /* judgements on end that found ADMISSION_ALL better */
    enum admission_level winner;
};

/* For a disk of that many bytes. */
void duel_init(struct duel *d, uint64_t ring_bytes);
void duel_free(struct duel *d);
uint64_t duel_memory(const struct duel *d) PURE;

/* Whether that one is in the sample. */
static inline bool duel_samples(const struct duel *d, uint64_t fingerprint)
{
    return (fingerprint & ((UINT64_C(1) << d->shift) - 1)) == 0;
}

/* Something in the sample was asked for that memory had not; `bytes`: what it takes on the disk. */
void duel_ask(struct duel *d, uint64_t fingerprint, uint64_t bytes);

#endif
