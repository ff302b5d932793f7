#include "geo/embedded.h"

#include <string.h>

enum { V4_BITS = 32, AROUND_FROM = 64, AROUND_TO = 72 };

const struct geo_client geo_embedded_networks[GEO_EMBEDDED_NETWORKS] = {
    {.family = 6, .prefix = 96, .address = {[10] = 0xff, [11] = 0xff}},
    {.family = 6, .prefix = 16, .address = {0x20, 0x02}},
    {.family = 6, .prefix = 32, .address = {0x20, 0x01}},
};
static const struct geo_embedding ways[GEO_EMBEDDED_NETWORKS] = {
    {.base = 96}, {.base = 16}, {.base = 96, .inverted = true}};

const struct geo_nat64 geo_nat64_well_known = {.prefix = {0, 0x64, 0xff, 0x9b}, .bits = 96};

bool geo_nat64_is_valid(const struct geo_nat64 *nat64)
{
    if (nat64->bits != 96 && (nat64->bits < 32 || nat64->bits > 64 || nat64->bits % 8 != 0))
        return false;
    for (unsigned i = nat64->bits / 8; i < sizeof(nat64->prefix); i++) {
        if (nat64->prefix[i] != 0)
            return false;
    }
    /* Bits 64 to 71 are zero in all of them. */
    return nat64->prefix[8] == 0;
}

static unsigned position(const struct geo_embedding *how, unsigned bit)
{
    unsigned at = how->base + bit;

    return how->around && at >= AROUND_FROM ? at + (AROUND_TO - AROUND_FROM) : at;
}

unsigned geo_embedded_bits(const struct geo_embedding *how, unsigned inside_bits)
{
    return inside_bits == 0 ? how->base : position(how, inside_bits - 1) + 1;
}

static bool find_way(const struct geo_client *c, const struct geo_nat64 *nat64, unsigned nat64_n,
    struct geo_embedding *how)
{
    for (unsigned i = 0; i < GEO_EMBEDDED_NETWORKS; i++) {
        const struct geo_client *network = &geo_embedded_networks[i];

        if (memcmp(c->address, network->address, network->prefix / 8) == 0) {
            *how = ways[i];
            return c->prefix >= how->base;
        }
    }
    for (unsigned i = 0; i < nat64_n; i++) {
        if (c->prefix >= nat64[i].bits &&
            memcmp(c->address, nat64[i].prefix, nat64[i].bits / 8) == 0) {
            *how = (struct geo_embedding){.base = nat64[i].bits, .around = nat64[i].bits <= 64};
            return true;
        }
    }
    return false;
}

bool geo_embedded(const struct geo_client *client, const struct geo_nat64 *nat64, unsigned nat64_n,
    struct geo_client *inside, struct geo_embedding *how)
{
    if (client->family != 6 || !find_way(client, nat64, nat64_n, how))
        return false;
    *inside = (struct geo_client){.family = 4};
    for (unsigned bit = 0; bit < V4_BITS; bit++) {
        unsigned at = position(how, bit);

        if (at >= client->prefix)
            break;
        if ((((client->address[at / 8] >> (7 - at % 8)) & 1) != 0) != how->inverted)
            inside->address[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        inside->prefix++;
    }
    return true;
}
