/*
 * trie_build.h - makes a trie (geo/trie.h) from networks that come in the order of addresses and
 * cover everything, in one pass: a node is written as soon as its 64 slots are known, so there is
 * never more in memory than the result and one node per level.
 *
 * Neighbours with equal keys become one network, so the result has as few as there can be. One
 * thread.
 */
#ifndef GEO_TRIE_BUILD_H
#define GEO_TRIE_BUILD_H

#include "geo/trie.h"

enum { TRIE_POINTS_MAX = 256 };

/* How values are read: the low bits are the key; above them is what most of the network has. */
struct trie_kind {
    uint32_t key_mask;
    bool wide;           /* 16-bit values, and the values that most have */
    uint32_t point_mask; /* of a wide key: which point it is; majorities are counted by it */
    unsigned points_n;   /* <= TRIE_POINTS_MAX; points above it count for nothing */
};

struct trie_builder;

struct trie_builder *trie_builder_new(const struct trie_kind *kind);
/* The next network. `weight`: how much of it counts for what most have, 0 to 1. */
void trie_builder_add(struct trie_builder *b, unsigned len, uint32_t value, double weight);

/* Memory that grows without being copied: its own mapping. */
struct trie_array {
    void *p;
    size_t bytes, mapped;
};
/* Room for more at the end; zeroed. */
void *trie_array_room(struct trie_array *a, size_t bytes);
void trie_array_free(struct trie_array *a);

struct trie_parts {
    struct trie_array root, root_mixed, nodes, values;
};
void trie_parts_free(struct trie_parts *p);

/* What the result has: networks, and of a wide one sums over all addresses (all are 1): of how much
 * counts, and of that times the length of the prefix. */
struct trie_build_facts {
    uint64_t networks;
    double weight, scopes;
};
/* Ends the builder; the parts are the caller's. root_mixed is empty unless wide. */
void trie_builder_finish(
    struct trie_builder **b, struct trie_parts *out, struct trie_build_facts *facts);
/* Makes 32-bit values 16-bit ones: keys of to_shift bits (all ones stays that), and what was above
 * from_shift above them. The caller knows that they fit. */
void trie_parts_narrow(struct trie_parts *p, unsigned from_shift, unsigned to_shift);
void trie_builder_free(struct trie_builder **b);

#endif
