/*
 * trie.h - networks to values, and how long the prefix of each value is: a poptrie (Asai, Ohara:
 * "Poptrie: A Compressed Trie with Population Count for Fast and Scalable Software IP Routing Table
 * Lookup", SIGCOMM 2015) that keeps prefix lengths for nothing.
 *
 * The first 18 bits are an index into `root`; from there each node takes 6 bits, so that 24, 30,
 * 36, 42 and 48 are where nodes end, as many networks do. A node has 64 slots, each a node below (a
 * bit in `vector`) or a leaf. Leaves with the same key that follow each other are one run, stored
 * once; `runs` has a bit where one starts. An aligned block of slots without a bit of `vector`, and
 * without one of `runs` behind its first slot, is one network; the largest such block around a slot
 * is the shortest prefix with that value, because no node ever has 64 slots alike.
 *
 * A value is the key (what tells values apart) and above it what is only known of most of the
 * network, in 16 or 32 bits. A wide trie has 16, and behind the runs of each node the value that
 * most addresses have for each block that is mixed, larger blocks first.
 *
 * Read-only; any thread.
 */
#ifndef GEO_TRIE_H
#define GEO_TRIE_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRIE_ROOT_BITS = 18, TRIE_ROOT = 1 << TRIE_ROOT_BITS, TRIE_STRIDE = 6, TRIE_SLOTS = 64 };

struct trie_node {
    uint64_t vector, runs;
    uint32_t children; /* the first of its nodes */
    uint32_t leaves;   /* the first of its values */
};
_Static_assert(sizeof(struct trie_node) == 24, "it is in files");

/* In `root`: a node's number, or a leaf with its length and its value. */
#define TRIE_ROOT_LEAF       (UINT32_C(1) << 31)
#define TRIE_ROOT_LEN_SHIFT  26
#define TRIE_ROOT_VALUE_MASK ((UINT32_C(1) << TRIE_ROOT_LEN_SHIFT) - 1)

struct trie {
    const uint32_t *root;       /* [TRIE_ROOT] */
    const uint16_t *root_mixed; /* [TRIE_ROOT], by 1 << len | prefix: of short prefixes; wide */
    const struct trie_node *nodes;
    const uint16_t *narrow; /* values; NULL: they are */
    const uint32_t *broad;
};

struct trie_found {
    uint32_t value;
    uint8_t len; /* bits for which it holds; when mixed, those asked for */
    bool mixed;
};

/* The first `len` bits of an address; hi has the first 64. A trie that is not wide (root_mixed is
 * NULL) does not know what most have: value is then 0 when mixed. */
void trie_find(
    const struct trie *t, uint64_t hi, uint64_t lo, unsigned len, struct trie_found *out);

/* Bit i: slots 2^level * i .. are of more than one network; at bit 2^level * i. */
struct trie_mixed {
    uint64_t level[TRIE_STRIDE + 1]; /* [0] is not used */
};
struct trie_mixed trie_mixed_of(const struct trie_node *node);

/* The bits of an address that a node at `depth` takes; there are none behind 128. */
static inline unsigned trie_slot(uint64_t hi, uint64_t lo, unsigned depth)
{
    unsigned end = depth + TRIE_STRIDE;
    uint64_t bits;

    if (end <= 64)
        bits = hi >> (64 - end);
    else if (depth < 64)
        bits = hi << (end - 64) | lo >> (128 - end);
    else if (end <= 128)
        bits = lo >> (128 - end);
    else
        bits = lo << (end - 128);
    return bits & (TRIE_SLOTS - 1);
}

static inline uint64_t trie_block(unsigned slot, unsigned level)
{
    uint64_t ones = level == TRIE_STRIDE ? UINT64_MAX : (UINT64_C(1) << (1u << level)) - 1;

    return ones << (slot & ~((1u << level) - 1));
}

/* True: all slots of the block of 2^level around `slot` are one network. */
static inline bool trie_is_one(const struct trie_node *node, unsigned slot, unsigned level)
{
    uint64_t block = trie_block(slot, level);

    /* The block's lowest bit may start a run. */
    return ((node->vector | (node->runs & (block << 1))) & block) == 0;
}

/* Calls each() for every network of the trie in the order of addresses. */
struct trie_network {
    uint64_t hi, lo;
    uint8_t len;
    uint32_t value;
};
void trie_each(
    const struct trie *t, void (*each)(void *ctx, const struct trie_network *network), void *ctx);

#endif
