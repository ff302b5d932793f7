#include "director/unrouted.h"

#include <string.h>

struct block {
    uint8_t bits;
    uint8_t address[16];
};

static const struct block v4_blocks[] = {
    {8, {0}},         /* this network */
    {8, {10}},        /* private */
    {10, {100, 64}},  /* shared, RFC 6598 */
    {8, {127}},       /* loopback */
    {16, {169, 254}}, /* local to a link */
    {12, {172, 16}},  /* private */
    {16, {192, 168}}, /* private */
    {4, {224}},       /* multicast */
    {4, {240}},       /* reserved */
};

static const struct block v6_blocks[] = {
    {127, {0}},         /* unspecified, loopback */
    {7, {0xfc}},        /* unique local */
    {10, {0xfe, 0x80}}, /* local to a link */
    {8, {0xff}},        /* multicast */
};

static bool is_under(const uint8_t *address, const struct block *b)
{
    unsigned whole = b->bits / 8, rest = b->bits % 8;

    return memcmp(address, b->address, whole) == 0 &&
           (rest == 0 || (address[whole] ^ b->address[whole]) >> (8 - rest) == 0);
}

unsigned unrouted_bits(const struct geo_client *c)
{
    const struct block *b = c->family == 4 ? v4_blocks : v6_blocks;
    size_t n = c->family == 4 ? ARRAY_LEN(v4_blocks) : ARRAY_LEN(v6_blocks);

    for (size_t i = 0; i < n; i++) {
        if (c->prefix >= b[i].bits && is_under(c->address, &b[i]))
            return b[i].bits;
    }
    return 0;
}
