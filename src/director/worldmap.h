/*
 * worldmap.h - the outline of the world for pictures in SVG, and where places are on it.
 *
 * Equirectangular: a unit is a tenth of a degree, x runs east from 180° W, y south from 84° N. The
 * picture ends at 57° S; what lies beyond is at its edge. The outline is Natural Earth's
 * (naturalearthdata.com, public domain), as tools/make-worldmap simplified it. Pure; any thread.
 */
#ifndef DIRECTOR_WORLDMAP_H
#define DIRECTOR_WORLDMAP_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/span.h"

enum { WORLDMAP_WIDTH = 3600, WORLDMAP_HEIGHT = 1410 };

/* Path data (the `d` of a path): areas to fill, and lines to draw between countries. */
extern const struct span worldmap_land, worldmap_borders;

struct worldmap_point {
    int x, y;
};

/* Degrees; any finite number is taken for the place at the edge that is next to it. */
struct worldmap_point worldmap_at(double latitude, double longitude) PURE;

/* Path data of the shortest way between two places over the globe, in two pieces where it leaves
 * the map at one side and comes back at the other. False: the buffer's limit does not allow. */
MUST_USE bool worldmap_way(
    struct buf *out, double latitude_a, double longitude_a, double latitude_b, double longitude_b);

#endif
