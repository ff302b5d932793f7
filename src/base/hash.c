#include "base/hash.h"

#include "base/check.h"

#include <sys/random.h>
#include <xxhash.h>

static uint64_t seed_now;

void hash_seed(uint64_t seed)
{
    seed_now = seed;
}

uint64_t hash64(struct span s)
{
    return hash64_seeded(s, seed_now);
}

uint64_t hash64_seeded(struct span s, uint64_t seed)
{
    return XXH3_64bits_withSeed(s.p != NULL ? s.p : "", s.n, seed);
}

struct hash128 hash128(struct span s)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(s.p != NULL ? s.p : "", s.n, seed_now);

    return (struct hash128){h.low64, h.high64};
}

uint64_t random_u64(void)
{
    uint64_t v;

    check(getrandom(&v, sizeof(v), 0) == (ssize_t)sizeof(v));
    return v;
}
