/*
 * sites.h - the distinct things that databases and cuts say of networks, numbered, so that a record
 * is read once and an order is found once, however many networks share them. One thread.
 */
#ifndef GEO_SITES_H
#define GEO_SITES_H

#include "geo/orders.h"
#include "geo/walk.h"

struct geo_sites;

/* True: the autonomous system has to be told from others. */
typedef bool geo_sites_know_asn(void *ctx, uint32_t asn);

struct geo_sites *geo_sites_new(
    const struct geo *g, const struct geo_cuts *cuts, geo_sites_know_asn *know_asn, void *ctx);
void geo_sites_free(struct geo_sites **s);

/* The number of what is said of a network: from 0 on, no gaps. */
uint32_t geo_sites_number(struct geo_sites *s, const struct geo_network *network);
struct geo_site geo_sites_get(const struct geo_sites *s, uint32_t number, uint32_t *cut);

#endif
