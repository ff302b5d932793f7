/*
 * countries.h - how many clients of each country were sent to a PoP, as far as a sample tells.
 *
 * Which country a client is in is asked of a map (geo/map.h) whose points are the countries, with
 * an override for each: made in the same walk through the databases as the maps of the steers, kept
 * beside them, and as cheap to ask, so that no worker reads a database. One in COUNTRIES_SAMPLE of
 * a worker's answers is asked for, and counts for all of them.
 *
 * Bounded: the countries of geo/countries.tbl, and "other" for all else: networks that nobody knows
 * or routes, codes that are none, clients that tell nothing of their address.
 */
#ifndef DIRECTOR_COUNTRIES_H
#define DIRECTOR_COUNTRIES_H

#include "base/counters.h"
#include "geo/map.h"

enum { COUNTRIES_SAMPLE = 16 };

/* What the map is compiled from. Only geo_map_find() may ask it. */
extern const struct geo_map_conf countries_map_conf;

/* The country that such a map has for a client: 0 .. countries_list.n - 1. Any thread. */
unsigned countries_find(const struct geo_map *m, const struct geo_client *client);

/* On a worker: a client was given a PoP. `m` NULL: nobody wants to know. */
void countries_count(const struct geo_map *m, const struct geo_client *client);

/* For /metrics and /stats; any thread. Those that were never seen are left out. */
extern const struct counter_list countries_list;

#endif
