/*
 * thinning.h - the cap of a map: networks longer than it become one of that length, with what most
 * of its addresses have. One thread.
 */
#ifndef GEO_THINNING_H
#define GEO_THINNING_H

#include <stdbool.h>
#include <stdint.h>

/* What both tries have for a network (geo/map_impl.h). */
struct geo_values {
    uint32_t wide, fine;
    double weight; /* how much an address of it counts */
};
struct geo_thinned {
    unsigned len;
    struct geo_values values;
};

struct geo_thinning;
struct geo_thinning *geo_thinning_new(unsigned cap);
void geo_thinning_free(struct geo_thinning **t);

/* The next network, in the order of addresses, none left out. False: a capped one is not whole yet,
 * and nothing comes out. */
bool geo_thinning_add(
    struct geo_thinning *t, unsigned len, const struct geo_values *values, struct geo_thinned *out);

#endif
