/* map_impl.h - what is behind struct geo_map, for the files of src/geo that make and keep it. */
#ifndef GEO_MAP_IMPL_H
#define GEO_MAP_IMPL_H

#include "geo/map.h"
#include "geo/trie.h"

/* Values of the wide trie: bits 0-7 the point, bit 8 others are alike, bits 9-11 why. */
enum {
    WIDE_POINT = 0xff,
    WIDE_ALIKE = 0x100,
    WIDE_KEY = 0x1ff,
    WIDE_WHY_SHIFT = 9,
    WIDE_EMBEDDED = 0x1ff, /* there is an IPv4 address inside: asked for elsewhere */
};
/* Values of the fine trie: the order in the low bits, why above them: 23 bits for the order in 32
 * while compiling, and in maps with very many orders; else 13 in 16. All ones: as WIDE_EMBEDDED. */
enum {
    FINE_SHIFT = 23,
    FINE_KEY = (1 << FINE_SHIFT) - 1,
    FINE_EMBEDDED = FINE_KEY,
    FINE_ORDERS_MAX = FINE_KEY - 1,
    FINE_NARROW_SHIFT = 13,
    FINE_NARROW_ORDERS = (1 << FINE_NARROW_SHIFT) - 1,
};

/* A row of PART_ORDERS, head.row_bytes long: how many points it keeps, how many are alike, points.
 * Row 0 is the default order; the rest of it is by default order, that of others by neighbours. */
enum { ROW_N, ROW_ALIKE, ROW_POINTS, ORDER_DEFAULT = 0 };

enum map_part {
    PART_ORDERS,
    PART_DEFAULT,    /* [points]: all points in the default order */
    PART_NEIGHBOURS, /* [points][points]: by point: itself, then all others, nearest first */
    PART_NAT64,      /* struct geo_nat64 */
    PART_TRIES,      /* TRIE_PARTS each: IPv4 wide, IPv4 fine, IPv6 wide, IPv6 fine */
};
enum trie_part { TRIE_PART_ROOT, TRIE_PART_MIXED, TRIE_PART_NODES, TRIE_PART_VALUES, TRIE_PARTS };
enum map_trie { V4_WIDE, V4_FINE, V6_WIDE, V6_FINE, MAP_TRIES };
enum { MAP_PARTS = PART_TRIES + MAP_TRIES * TRIE_PARTS };

enum { MAP_FORMAT = 2 }; /* changes with all of this, and with what compiling means */

/* The head of a file, and of a map in memory. */
struct map_head {
    char magic[8];
    uint32_t format;
    uint32_t byte_order; /* MAP_BYTE_ORDER as the writing machine has it */
    uint32_t points_n, row_bytes, orders_n, nat64_n, fine_shift, unused;
    struct geo_map_facts facts;
    struct hash128 stamp;
    struct hash128 checksum; /* of the file, with this 0 */
    uint64_t at[MAP_PARTS], bytes[MAP_PARTS];
};
#define MAP_MAGIC      "SELVGMAP"
#define MAP_BYTE_ORDER 0x01020304u

struct geo_map {
    struct map_head head;
    const void *part[MAP_PARTS];
    struct trie trie[MAP_TRIES]; /* borrowed from the parts */
    size_t mapped[MAP_PARTS];    /* of maps just compiled: bytes mapped for the part. owns */
    void *file;                  /* of maps from a file: all of it. owns */
    size_t file_bytes;
};

/* The tries' pointers, once the parts are there. */
void geo_map_set_tries(struct geo_map *m);

/* How large the parts are, for the facts. */
void geo_map_weigh(struct geo_map *m);

/* Of contents, not of addresses: head.facts.hash. */
struct hash128 geo_map_hash(const struct geo_map *m);

#endif
