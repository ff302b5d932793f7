#include "director/worldmap.h"

#include <math.h>
#include <stdlib.h>

#include "director/worldmap.tbl"

enum {
    UNITS = 10, /* of a degree */
    TOP = 84,   /* degrees north of the upper edge */
    WAY_STEPS = 48,
};

const struct span worldmap_land = {land, sizeof(land) - 1};
const struct span worldmap_borders = {borders, sizeof(borders) - 1};

static int clamped(double v, int most)
{
    if (!(v > 0))
        return 0;
    return v < most ? (int)lround(v) : most;
}

struct worldmap_point worldmap_at(double latitude, double longitude)
{
    return (struct worldmap_point){clamped((longitude + 180) * UNITS, WORLDMAP_WIDTH),
        clamped((TOP - latitude) * UNITS, WORLDMAP_HEIGHT)};
}

struct vector {
    double x, y, z;
};

static struct vector on_globe(double latitude, double longitude)
{
    double f = latitude * M_PI / 180, l = longitude * M_PI / 180;

    return (struct vector){cos(f) * cos(l), cos(f) * sin(l), sin(f)};
}

/* Spherical interpolation (K. Shoemake 1985) between two places that are `angle` apart. */
static struct worldmap_point between(struct vector a, struct vector b, double angle, double t)
{
    double p = sin((1 - t) * angle) / sin(angle), q = sin(t * angle) / sin(angle);
    double x = p * a.x + q * b.x, y = p * a.y + q * b.y, z = p * a.z + q * b.z;

    return worldmap_at(atan2(z, hypot(x, y)) * 180 / M_PI, atan2(y, x) * 180 / M_PI);
}

bool worldmap_way(
    struct buf *out, double latitude_a, double longitude_a, double latitude_b, double longitude_b)
{
    struct vector a = on_globe(latitude_a, longitude_a), b = on_globe(latitude_b, longitude_b);
    double cosine = a.x * b.x + a.y * b.y + a.z * b.z;
    struct worldmap_point from = worldmap_at(latitude_a, longitude_a);
    double angle = acos(fmax(-1, fmin(1, cosine)));
    bool ok = buf_printf(out, "M%d %d", from.x, from.y);

    /* Between a place and itself, or the one at the other side of the globe, no way is shortest. */
    if (sin(angle) < 1e-6)
        return ok;
    for (int i = 1; i <= WAY_STEPS && ok; i++) {
        struct worldmap_point p = between(a, b, angle, (double)i / WAY_STEPS);
        bool over = abs(p.x - from.x) > WORLDMAP_WIDTH / 2;

        ok = buf_printf(out, "%c%d %d", over ? 'M' : 'L', p.x, p.y);
        from = p;
    }
    return ok;
}
