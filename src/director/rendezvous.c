#include "director/rendezvous.h"

#include "base/hash.h"

#include <string.h>

enum { CLIENT_SEED = 0xc11e }; /* any number, the same on all directors */

uint64_t rendezvous_client(const struct geo_client *c, unsigned bits)
{
    unsigned char text[17] = {c->family};

    if (bits > c->prefix)
        bits = c->prefix;
    memcpy(text + 1, c->address, (bits + 7) / 8);
    if (bits % 8 != 0)
        text[1 + bits / 8] &= (unsigned char)(0xff00 >> bits % 8);
    return hash64_seeded(span_make((const char *)text, sizeof(text)), CLIENT_SEED);
}

/* The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every bit depends on every bit. */
static uint64_t stir(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

uint64_t rendezvous_draw(uint64_t client, uint64_t pop, enum rendezvous_use use)
{
    return stir(stir(client + (uint64_t)use) ^ pop);
}

/* log2(1 + x), both in 2^-30: x + x (1 - x) times a cubic through the four Chebyshev nodes of
 * [0, 1]. Off by 0.00005 at most, which is what weights are off by. */
static int64_t log2_1p(int64_t x)
{
    enum { ONE = 1 << 30 };
    int64_t q = -48183043;

    q = (q * x >> 30) + 161633789;
    q = (q * x >> 30) - 289457189;
    q = (q * x >> 30) + 475043331;
    return x + (q * (x * (ONE - x) >> 30) >> 30);
}

uint32_t rendezvous_cost(uint64_t draw)
{
    unsigned zeros = (unsigned)__builtin_clzll(draw | 1);
    int64_t fraction = (int64_t)(draw << zeros << 1 >> 34);

    return ((zeros + 1) << 24) - (uint32_t)(log2_1p(fraction) >> 6);
}
