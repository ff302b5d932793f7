/*
 * orders.h - from what is known of a network to the order of points: the rules of one map, before
 * they are spread over networks. One thread.
 */
#ifndef GEO_ORDERS_H
#define GEO_ORDERS_H

#include "geo/map.h"
#include "geo/nearest.h"

/* What counts of a network. */
struct geo_site {
    struct geo_vector vector; /* of the database's place */
    bool has_vector;
    bool unroutable;
    char country[3], continent[3]; /* the continent by the country, if need be */
    uint32_t asn;
};
struct geo_site geo_site_of(const struct geo_place *place);

struct geo_orders;

/* False: `why` says what is wrong with the conf. */
MUST_USE bool geo_map_conf_is_valid(const struct geo_map_conf *conf, struct geo_why *why);
struct geo_orders *geo_orders_new(const struct geo_map_conf *conf);
void geo_orders_free(struct geo_orders **o);

struct geo_ordered {
    uint32_t row; /* number of the order; 0 is the default order */
    uint8_t first;
    bool alone;
    enum geo_why_first why;
};
/* `network_override`: the override by network that holds there; -1: none. */
struct geo_ordered geo_orders_find(
    struct geo_orders *o, const struct geo_site *site, int32_t network_override);

/* True: an override of the map asks for it (of other systems nothing needs to be told apart). */
bool geo_orders_know_asn(const struct geo_orders *o, uint32_t asn);

/* Rows as in geo/map_impl.h; borrowed until the next look-up. */
const uint8_t *geo_orders_rows(const struct geo_orders *o, uint32_t *n, uint32_t *row_bytes);
/* All points; points_n of them. */
const uint8_t *geo_orders_default(const struct geo_orders *o);
/* points_n times points_n: see PART_NEIGHBOURS. */
void geo_orders_neighbours(const struct geo_orders *o, uint8_t *out);

#endif
