#include "geo/nearest.h"

#include <math.h>

#define STEPS     1073741824.0 /* 2^30 */
#define RADIUS_KM 6371.0088

struct geo_vector geo_vector_of(double latitude, double longitude)
{
    double lat = latitude * (M_PI / 180), lon = longitude * (M_PI / 180);

    return (struct geo_vector){
        .x = (int32_t)lround(cos(lat) * cos(lon) * STEPS),
        .y = (int32_t)lround(cos(lat) * sin(lon) * STEPS),
        .z = (int32_t)lround(sin(lat) * STEPS),
    };
}

double geo_km_of(uint64_t chord2)
{
    double half = sqrt((double)chord2) / STEPS / 2;

    return 2 * RADIUS_KM * asin(half < 1 ? half : 1);
}

uint64_t geo_chord2_of(double km)
{
    double chord = 2 * sin(fmin(km / RADIUS_KM, M_PI) / 2) * STEPS;

    return (uint64_t)llround(chord * chord);
}
