/* geo_points.h - places where a CDN has PoPs, the most wanted first: airports near 60 cities. */
#ifndef TESTS_PROOF_GEO_POINTS_H
#define TESTS_PROOF_GEO_POINTS_H

#include "geo/map.h"

static const struct geo_point geo_points[] = {
    {true, 50.03, 8.56},    /* fra */
    {true, 38.95, -77.45},  /* iad */
    {true, 33.94, -118.40}, /* lax */
    {true, 1.36, 103.99},   /* sin */
    {true, 35.76, 140.39},  /* nrt */
    {true, -33.94, 151.18}, /* syd */
    {true, -23.43, -46.47}, /* gru */
    {true, -26.14, 28.24},  /* jnb */
    {true, 51.47, -0.46},   /* lhr */
    {true, 41.98, -87.90},  /* ord */
    {true, 32.90, -97.04},  /* dfw */
    {true, 25.79, -80.29},  /* mia */
    {true, 47.45, -122.31}, /* sea */
    {true, 43.68, -79.63},  /* yyz */
    {true, 49.01, 2.55},    /* cdg */
    {true, 59.65, 17.92},   /* arn */
    {true, 40.47, -3.56},   /* mad */
    {true, 52.17, 20.97},   /* waw */
    {true, 19.09, 72.87},   /* bom */
    {true, 22.31, 113.91},  /* hkg */
    {true, 37.46, 126.44},  /* icn */
    {true, 25.25, 55.36},   /* dxb */
    {true, -33.39, -70.79}, /* scl */
    {true, 40.98, 28.81},   /* ist */
    {true, 52.31, 4.76},    /* ams */
    {true, 37.62, -122.38}, /* sfo */
    {true, 33.64, -84.43},  /* atl */
    {true, 39.86, -104.67}, /* den */
    {true, 40.64, -73.78},  /* jfk */
    {true, 19.44, -99.07},  /* mex */
    {true, 4.70, -74.15},   /* bog */
    {true, -12.02, -77.11}, /* lim */
    {true, -34.82, -58.54}, /* eze */
    {true, -22.81, -43.25}, /* gig */
    {true, 41.80, 12.25},   /* fco */
    {true, 45.63, 8.72},    /* mxp */
    {true, 48.11, 16.57},   /* vie */
    {true, 55.62, 12.66},   /* cph */
    {true, 60.32, 24.96},   /* hel */
    {true, 53.42, -6.27},   /* dub */
    {true, 38.77, -9.13},   /* lis */
    {true, 37.94, 23.94},   /* ath */
    {true, 44.57, 26.08},   /* otp */
    {true, 55.97, 37.41},   /* svo */
    {true, 32.01, 34.89},   /* tlv */
    {true, 30.12, 31.41},   /* cai */
    {true, -1.32, 36.93},   /* nbo */
    {true, 6.58, 3.32},     /* los */
    {true, -33.97, 18.60},  /* cpt */
    {true, 28.57, 77.10},   /* del */
    {true, 12.99, 80.17},   /* maa */
    {true, 13.68, 100.75},  /* bkk */
    {true, 2.75, 101.71},   /* kul */
    {true, -6.13, 106.66},  /* cgk */
    {true, 14.51, 121.02},  /* mnl */
    {true, 25.08, 121.23},  /* tpe */
    {true, 34.43, 135.23},  /* kix */
    {true, -37.67, 144.84}, /* mel */
    {true, -31.94, 115.97}, /* per */
    {true, -37.01, 174.79}, /* akl */
};
enum { GEO_TEST_POINTS = sizeof(geo_points) / sizeof(geo_points[0]) };

#endif
