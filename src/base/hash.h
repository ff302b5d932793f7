/*
 * hash.h - XXH3, seeded once per process from the kernel's random source, so that strangers
 * cannot aim for collisions. Hashes find; full keys decide. Any thread.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/span.h"

#include <stdint.h>

struct hash128 {
    uint64_t lo, hi;
};

/* Sets the seed; call once in main() before any hash. Tests may leave it 0 for repeatability. */
void hash_seed(uint64_t seed);
uint64_t hash64(struct span s);
struct hash128 hash128(struct span s);
/* With a seed of the caller's, for what has to mean the same in another process. */
uint64_t hash64_seeded(struct span s, uint64_t seed);

/* 64 random bits from the kernel. */
uint64_t random_u64(void);

static inline bool hash128_eq(struct hash128 a, struct hash128 b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

#endif
