/*
 * ghosts.h - remembers for a while what was here or was asked for: fingerprints without the things.
 *
 * A table of sets; a ghost is 16 bits of a fingerprint and 16 bits of time. Time is counted in
 * bytes that passed, as the owner says (ghosts_pass()): a ghost lives until `life_bytes` have
 * passed since it was added, or until a full set needs the place of its oldest. A stranger is taken
 * for a ghost once in some 4,000 times. Nothing is kept beside the table; the caller serialises.
 */
#ifndef CACHE_GHOSTS_H
#define CACHE_GHOSTS_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stdint.h>

enum { GHOSTS_WAYS = 16 };

struct ghosts {
    uint32_t *places; /* borrowed; sets of GHOSTS_WAYS; 0: nobody */
    uint32_t sets;
    uint64_t life_bytes;
    uint64_t passed_bytes; /* so far */
};

/* `places` has n zeroed places, at least GHOSTS_WAYS. */
void ghosts_init(struct ghosts *g, uint32_t *places, uint64_t n, uint64_t life_bytes);

/* `fingerprint` is of a hash: all of its bits are used, the high ones for the set. */
MUST_USE bool ghosts_have(const struct ghosts *g, uint64_t fingerprint) PURE;
/* Bytes that have passed since it was remembered, to 1/16384 of a life; UINT64_MAX: it is not. */
MUST_USE uint64_t ghosts_age(const struct ghosts *g, uint64_t fingerprint) PURE;
/* Whether it is remembered, and forgets it. */
MUST_USE bool ghosts_take(struct ghosts *g, uint64_t fingerprint);
/* Remembers it from now on. */
void ghosts_add(struct ghosts *g, uint64_t fingerprint);

static inline void ghosts_pass(struct ghosts *g, uint64_t bytes)
{
    g->passed_bytes += bytes;
}

#endif
