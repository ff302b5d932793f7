/*
 * map_check.h - how good the maps of a configuration are, without a director that runs.
 *
 * Blocks for as long as databases take to be read, compiled and walked through once more.
 */
#ifndef DIRECTOR_MAP_CHECK_H
#define DIRECTOR_MAP_CHECK_H

#include "director/map_keeper.h"

#include <jansson.h>

/* What GET /map/check answers, without what only a director knows. NULL: `why` has a sentence. */
MUST_USE json_t *map_check(const struct map_keeper_conf *c, struct geo_why *why);

#endif
