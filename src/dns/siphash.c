#include "dns/siphash.h"

#include <endian.h>
#include <string.h>

/* The paper's four words of state. */
struct state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotated(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

/* SipRound, figure 2.1. */
static inline void mix(struct state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotated(s->v1, 13) ^ s->v0;
    s->v3 = rotated(s->v3, 16) ^ s->v2;
    s->v0 = rotated(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotated(s->v1, 17) ^ s->v2;
    s->v3 = rotated(s->v3, 21) ^ s->v0;
    s->v2 = rotated(s->v2, 32);
}

/* §2.2, with c = 2. */
static inline void compress(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s);
    mix(s);
    s->v0 ^= word;
}

static inline uint64_t load(const uint8_t *p, size_t n)
{
    uint64_t x = 0;

    memcpy(&x, p, n);
    return le64toh(x);
}

void siphash24(const uint8_t key[static SIPHASH_KEY], const uint8_t *p, size_t n,
    uint8_t out[static SIPHASH_BYTES])
{
    const uint64_t k0 = load(key, 8), k1 = load(key + 8, 8);
    struct state s = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
        k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    uint64_t last = (uint64_t)n << 56, hash;

    for (; n >= 8; n -= 8, p += 8)
        compress(&s, load(p, 8));
    if (n != 0)
        last |= load(p, n);
    compress(&s, last);
    /* §2.3, with d = 4. */
    s.v2 ^= 0xff;
    for (unsigned i = 0; i < 4; i++)
        mix(&s);
    hash = htole64(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
    memcpy(out, &hash, SIPHASH_BYTES);
}
