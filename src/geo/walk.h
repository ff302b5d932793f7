/*
 * walk.h - one walk through all databases at once: every network of one family in the order of
 * addresses, each with what each file has for it, cut where any file or any of the cuts has a
 * border. The networks cover the whole family, without gaps.
 *
 * Safe with any file that libmaxminddb opens: nothing is read outside of the tree, the way down is
 * never longer than an address, and a tree that leads in circles (or to the same nodes again and
 * again) ends the walk. What is embedded or unroutable is not walked into, and with it the usual
 * aliases of the IPv4 tree. No recursion. Any thread.
 */
#ifndef GEO_WALK_H
#define GEO_WALK_H

#include "geo/cuts.h"
#include "geo/record.h"

struct geo_network {
    uint64_t hi, lo; /* the first address; IPv4 in the upper half of hi */
    uint8_t len;
    uint32_t cut;                 /* mark */
    uint32_t data[GEO_FILES_MAX]; /* by file: record; 0: nothing */
};

/* `each` returns false to end the walk. `g` may be NULL. False: ended by `each` (why is empty), or
 * `why` says what is wrong with the databases. */
MUST_USE bool geo_walk(const struct geo *g, unsigned family, const struct geo_cuts *cuts,
    bool (*each)(void *ctx, const struct geo_network *network), void *ctx, struct geo_why *why);

/* What a file's record says, added to what is known. */
void geo_walk_read(const struct geo *g, unsigned file, uint32_t record, struct geo_place *out);

/* Nodes in all files: as long as a walk can be. */
uint64_t geo_walk_nodes(const struct geo *g);

#endif
