/*
 * nearest.h - points on a sphere, compared in whole numbers.
 *
 * A place is a unit vector in steps of 2^-30 (6 mm on the ground); what is compared is the square
 * of the straight line between two, which grows with the great-circle distance and fits in 64 bits.
 * So the order of points for a place is the same on every machine: floating point is used only to
 * make the vector, and differs between C libraries by less than a step in all but one place of ten
 * million. Pure; any thread.
 */
#ifndef GEO_NEAREST_H
#define GEO_NEAREST_H

#include <stdint.h>

struct geo_vector {
    int32_t x, y, z;
};

struct geo_vector geo_vector_of(double latitude, double longitude);

/* The squared chord, in steps. */
static inline uint64_t geo_chord2(struct geo_vector a, struct geo_vector b)
{
    int64_t x = (int64_t)a.x - b.x, y = (int64_t)a.y - b.y, z = (int64_t)a.z - b.z;

    return (uint64_t)(x * x) + (uint64_t)(y * y) + (uint64_t)(z * z);
}

/* Great-circle kilometres over a sphere of 6371.0088 km (the earth's mean radius), and back. */
double geo_km_of(uint64_t chord2);
uint64_t geo_chord2_of(double km);

#endif
