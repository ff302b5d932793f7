/*
 * cuts.h - the networks that matter to maps beside those of the databases: overrides by network,
 * what is not routed (RFC 6890), and what has an IPv4 address inside. A binary trie for each
 * family, for all maps that are compiled together. Immutable once made; any thread.
 */
#ifndef GEO_CUTS_H
#define GEO_CUTS_H

#include "geo/map.h"

/* Inner node; its number is never 0 but for a root's child that is not there. */
struct geo_cut_node {
    uint32_t child[2]; /* 0: none */
    uint32_t mark;     /* 0: none; else what holds from here on */
};

struct geo_cuts {
    struct geo_cut_node *nodes; /* owns; [0] is nobody, [1] the root of IPv4, [2] of IPv6 */
    uint32_t nodes_n, nodes_cap;
    /* By mark; [0] holds where there is none. */
    struct geo_cut {
        uint64_t embedded; /* maps (bits) for which there is an IPv4 address inside */
        bool unroutable;
    } * marks;          /* owns */
    int32_t *overrides; /* owns; [mark * maps_n + map]: number of the override; -1: none */
    uint32_t marks_n, marks_cap;
    unsigned maps_n;
};

struct geo_cuts *geo_cuts_new(const struct geo_map_conf *confs, unsigned n);
void geo_cuts_free(struct geo_cuts **c);

/* True: nothing of the databases counts there, for no map. */
static inline bool geo_cut_is_blank(const struct geo_cuts *c, uint32_t mark)
{
    const struct geo_cut *cut = &c->marks[mark];

    return cut->unroutable ||
           (cut->embedded != 0 && cut->embedded == (UINT64_MAX >> (64 - c->maps_n)));
}

static inline int32_t geo_cut_override(const struct geo_cuts *c, uint32_t mark, unsigned map)
{
    return c->overrides[(size_t)mark * c->maps_n + map];
}

#endif
