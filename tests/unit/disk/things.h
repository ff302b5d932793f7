/* things.h - what the disk tier's tests share: a random source with a seed that is printed. */
#ifndef TESTS_UNIT_DISK_THINGS_H
#define TESTS_UNIT_DISK_THINGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

/* SELVAGE_SEED, or a new one; it is printed, so that a failure can be had again. */
static inline uint64_t seed_of_run(void)
{
    const char *said = getenv("SELVAGE_SEED");
    uint64_t seed = said != NULL ? strtoull(said, NULL, 0) : random_u64();

    printf("SELVAGE_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* splitmix64: every state is good, and one number is the whole state. */
static inline uint64_t rnd(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t rnd_below(uint64_t *state, uint64_t n)
{
    return rnd(state) % n;
}

#endif
