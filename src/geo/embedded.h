/*
 * embedded.h - IPv6 addresses with an IPv4 address inside: who asks is there, not where the IPv6
 * address seems to be.
 *
 *   ::ffff:0:0/96   mapped (RFC 4291 §2.5.5.2)
 *   2002::/16       6to4 (RFC 3056 §2)
 *   2001::/32       Teredo (RFC 4380 §4: the client's address, inverted, is the last 32 bits)
 *   NAT64           as configured (RFC 6052 §2.2: behind a prefix of 32 to 96 bits, around the
 *                   bits 64 to 71, which are skipped)
 *
 * Pure; any thread.
 */
#ifndef GEO_EMBEDDED_H
#define GEO_EMBEDDED_H

#include "geo/map.h"

/* Where the bits of the IPv4 address are: from `base` on, but for bits 64 to 71 if `around`. */
struct geo_embedding {
    uint8_t base;
    bool around, inverted;
};

/* False: there is none inside, or the client's prefix does not reach to its first bit (a prefix of
 * `base` bits does: nothing is known of the IPv4 address but that it is one). `inside` then has
 * what is known of the IPv4 address. */
bool geo_embedded(const struct geo_client *client, const struct geo_nat64 *nat64, unsigned nat64_n,
    struct geo_client *inside, struct geo_embedding *how);

/* The IPv6 prefix that says so many bits of the IPv4 address. */
unsigned geo_embedded_bits(const struct geo_embedding *how, unsigned inside_bits);

/* The networks of mapped, 6to4 and Teredo addresses. */
enum { GEO_EMBEDDED_NETWORKS = 3 };
extern const struct geo_client geo_embedded_networks[GEO_EMBEDDED_NETWORKS];

/* True: 32, 40, 48, 56, 64 or 96 bits, and none set behind them. */
bool geo_nat64_is_valid(const struct geo_nat64 *nat64);
extern const struct geo_nat64 geo_nat64_well_known; /* 64:ff9b::/96 */

#endif
