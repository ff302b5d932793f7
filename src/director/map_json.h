/*
 * map_json.h - what there is to say of maps, as JSON for the control socket, and that as a table
 * for people. Pure.
 */
#ifndef DIRECTOR_MAP_JSON_H
#define DIRECTOR_MAP_JSON_H

#include "base/attrs.h"
#include "base/buf.h"
#include "director/map_keeper.h"

#include <jansson.h>

/* What GET /map answers. */
json_t *map_json_status(const struct map_status *s, const struct steer_list *steers);
/* One of its maps. */
json_t *map_json_map(const struct steer *s, const struct geo_map_facts *f);
/* Adds to that what a check found. */
void map_json_add_quality(json_t *map, const struct geo_map_quality *q);

/* Any of these answers for people. Appends; false: the buffer's limit does not allow. */
MUST_USE bool map_report(const json_t *answer, bool colour, struct buf *out);

#endif
