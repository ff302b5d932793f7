/*
 * map.h - the compiled map: client network -> the order of points (PoPs), and the network that an
 * answer holds for.
 *
 * Points are numbers 0 .. n-1; who is up, drained or full is not known here. For each network the
 * order is: the override that matches (network, else ASN, else country, else continent), then the
 * other points by great-circle distance from the place that the databases have for it, else from
 * its country's point, else (nothing known, private) in the configured default order. Points as
 * near as each other keep the configured order.
 *
 * A map holds two tries per address family. The wide one knows the first point only, and is merged
 * under it, so that scopes are as short as they may be; geo_map_find() asks it and nothing else.
 * The fine one knows the `keep` first points of the order; geo_map_order() asks both. The points
 * behind those are ordered by their distance from the first.
 *
 * Scopes (RFC 7871 §7.2.1), for every client whose address is known in full:
 * - find: every address under the scope has the same first point.
 * - order: every address under the scope has the same whole order.
 * - No shorter prefix has that property, and scopes do not overlap: two clients under one scope are
 *   given the same scope.
 * For a client of whom a prefix is known: the same while all of the prefix has one answer. Else
 * `mixed` is set: the answer is what most of its addresses have, and the scope is the prefix that
 * the client gave, never more and never less.
 * A map with a cap (v4_bits, v6_bits) has one answer per capped prefix, that of most addresses, and
 * says nothing of the finer ones: there, and nowhere else, a scope can cover addresses that are
 * nearer to another point (`mixed` is not set).
 *
 * Addresses with an IPv4 address inside (geo/embedded.h) are looked up by that, and their scope is
 * counted in bits of the IPv6 address.
 *
 * A map is immutable. geo_map_find() and geo_map_order(): any thread, no lock, no allocation, no
 * system call. The others may take seconds and a lot of memory: not on an event loop.
 */
#ifndef GEO_MAP_H
#define GEO_MAP_H

#include "base/attrs.h"
#include "base/hash.h"
#include "geo/database.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GEO_POINTS_MAX = 255,
    GEO_KEEP_MAX = 16,         /* entries of an order that the fine trie keeps */
    GEO_OVERRIDES_MAX = 65536, /* of one map */
    GEO_MAPS_MAX = 64,         /* compiled from one walk */
    GEO_NAT64_MAX = 8
};

/* What is known of a client: an address, or the first bits of it. */
struct geo_client {
    uint8_t family;      /* 4 or 6 */
    uint8_t prefix;      /* bits known: 0..32, 0..128 */
    uint8_t address[16]; /* network order, first bits first; bits behind the prefix do not matter */
};

/* Why a point comes first. */
#define GEO_WHYS(X)                                                                                \
    X(NETWORK, "network")             /* an override by network */                                 \
    X(ASN, "asn")                     /* an override by number of the autonomous system */         \
    X(COUNTRY, "country")             /* an override by country */                                 \
    X(CONTINENT, "continent")         /* an override by continent */                               \
    X(NEAREST, "nearest")             /* it is nearest to the place in the database */             \
    X(COUNTRY_POINT, "country-point") /* nearest to the country's point */                         \
    X(DEFAULT, "default")             /* nothing is known of the client, or of the points */
enum geo_why_first {
#define X(name, word) GEO_WHY_##name,
    GEO_WHYS(X)
#undef X
};
/* "nearest" */
const char *geo_why_word(enum geo_why_first why);

/* --- what a map is made from ---------------------------------------------------------------- */

struct geo_point {
    bool has_location;
    double latitude, longitude; /* degrees, -90..90 and -180..180 */
};

struct geo_list {
    uint8_t n;
    const uint8_t *points; /* borrowed; numbers of points, each at most once, n >= 1 */
};

struct geo_override {
    enum geo_why_first by;     /* GEO_WHY_NETWORK .. GEO_WHY_CONTINENT; says which one of: */
    struct geo_client network; /* the longest that matches counts; no bits behind its prefix */
    uint32_t asn;
    char code[3]; /* country or continent, upper case */
    struct geo_list list;
};

struct geo_nat64 { /* RFC 6052 §2.2 */
    uint8_t prefix[12];
    uint8_t bits; /* 32, 40, 48, 56, 64 or 96 */
};

struct geo_map_conf {
    const struct geo_point *points;       /* borrowed, as all below, while compiling */
    unsigned points_n;                    /* 1 .. GEO_POINTS_MAX */
    const struct geo_override *overrides; /* of two alike the first counts */
    unsigned overrides_n;
    struct geo_list default_order; /* n == 0: as the points are numbered; points left out follow */
    unsigned keep;                 /* entries of an order kept; 0: GEO_KEEP_DEFAULT */
    /* Points at most so much farther than the first one are alike: see geo_order. 0: those at the
     * very same distance; < 0: none are. */
    double alike_km;
    /* geo_map_find() is all that it will be asked by: there is no fine trie, which is half of a
     * map, and geo_map_order() is not to be called. */
    bool first_only;
    uint8_t v4_bits, v6_bits; /* cap: no network is longer than this; 0: none (32 and 128) */
    /* NAT64 prefixes of which the IPv4 address inside counts. NULL: 64:ff9b::/96 alone. */
    const struct geo_nat64 *nat64;
    unsigned nat64_n;
};
enum { GEO_KEEP_DEFAULT = 3 };

/* --- compiling ------------------------------------------------------------------------------ */

struct geo_map;

/* Called now and then while compiling; false: stop. */
struct geo_progress {
    bool (*go_on)(void *ctx, unsigned percent);
    void *ctx;
};

/* Compiles maps[i] from confs[i], all from one walk of the databases (`g` NULL: without any).
 * False: `why` has a sentence (a database that leads in circles, a conf that cannot be), and no map
 * was made. `progress` may be NULL. Takes seconds, and memory for the maps and the distinct records
 * of the databases. */
MUST_USE bool geo_maps_compile(const struct geo *g, const struct geo_map_conf *confs, unsigned n,
    const struct geo_progress *progress, struct geo_map **maps, struct geo_why *why);
/* NULL is fine, and *m is set to NULL. */
void geo_map_free(struct geo_map **m);

/* --- looking up ----------------------------------------------------------------------------- */

struct geo_found {
    uint8_t first; /* point */
    uint8_t scope; /* bits, in the client's own family */
    bool alone;    /* no other point is alike: the order is not needed while the first one is up */
    bool mixed;    /* not all addresses of the client's prefix have this answer */
    enum geo_why_first why; /* of most of what is under the scope */
};

void geo_map_find(const struct geo_map *m, const struct geo_client *client, struct geo_found *out);

struct geo_order {
    uint8_t n;     /* all points of the map, each once */
    uint8_t alike; /* so many at the front are as good as the first one: 1 .. keep */
    uint8_t scope; /* bits, in the client's own family, that have this order; >= that of find */
    bool mixed;
    enum geo_why_first why;
    uint8_t points[GEO_POINTS_MAX]; /* points[0] is what geo_map_find() says */
};

void geo_map_order(const struct geo_map *m, const struct geo_client *client, struct geo_order *out);

/* --- about a map ---------------------------------------------------------------------------- */

struct geo_map_facts {
    unsigned points;
    uint64_t v4_networks, v6_networks; /* of the wide trie: merged under the first point */
    uint64_t v4_fine_networks, v6_fine_networks; /* of the fine one */
    double v4_mean_scope;    /* every address alike: the scope that a random IPv4 address gets */
    double v6_mean_scope;    /* every /48 of 2000::/3 that a database or an override has, alike */
    uint64_t known_v4;       /* addresses of which something is known (no GEO_WHY_DEFAULT) */
    uint64_t known_v6;       /* /48s */
    uint64_t orders;         /* distinct */
    uint64_t bytes;          /* of the map in memory */
    uint64_t wide_bytes;     /* of those, what geo_map_find() reads */
    struct hash128 identity; /* of what it was made from: databases, conf, version of the format */
    struct hash128 hash;     /* of the map itself: equal on every machine with the same input */
};

void geo_map_facts(const struct geo_map *m, struct geo_map_facts *out);

/* What geo_maps_compile() with these would make: the same identity in the facts. The databases'
 * contents are read (about 0.1 s per GB). */
struct hash128 geo_map_identity(const struct geo *g, const struct geo_map_conf *conf);

/* How good a map is, by another walk of the databases. Addresses without a known place do not
 * count. IPv6 is counted in /48s; a longer network is its part of one. */
struct geo_map_quality {
    double v4_known, v6_known;                     /* addresses, /48s with a place */
    double v4_nearest_percent, v6_nearest_percent; /* of those: that get the nearest point */
    double v4_excess_km, v6_excess_km; /* mean over those of: way to theirs less way to nearest */
};

MUST_USE bool geo_map_check(const struct geo_map *m, const struct geo *g,
    const struct geo_map_conf *conf, struct geo_map_quality *out, struct geo_why *why);

/* How much of what is known of IPv4 addresses and IPv6 /48s has another first point in `b` than in
 * `a`, in percent (the family that moved more). For maps of the same points. */
double geo_map_moved_percent(const struct geo_map *a, const struct geo_map *b);

/* --- kept on disk --------------------------------------------------------------------------- */

/* Written beside under a temporary name, synced and renamed: never half there. `stamp` is the
 * caller's, given back by geo_map_open(): by which it knows (from stat() of the databases, say)
 * that the map is up to date before it has read them. Mode 0600. */
MUST_USE bool geo_map_write(
    const struct geo_map *m, const char *path, struct hash128 stamp, struct geo_why *why);
/* Maps it in. NULL: not there, not ours (another owner, writable by others, no plain file), of
 * another version or machine kind, or damaged (all of it is checked against its checksum first,
 * about 0.1 s per GB once it is in the page cache). `stamp` may be NULL. */
MUST_USE struct geo_map *geo_map_open(const char *path, struct hash128 *stamp, struct geo_why *why);

#endif
