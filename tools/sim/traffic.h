/*
 * traffic.h - requests made by rule: named models of what the clients of a CDN ask for. The same
 * name, number and seed make the same requests.
 */
#ifndef SIM_TRAFFIC_H
#define SIM_TRAFFIC_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stdint.h>

/* One request; `time_s` does not go back. */
typedef void traffic_sink(void *ctx, uint32_t time_s, uint64_t key, uint64_t bytes);

/* How sizes are spread. */
enum traffic_sizes {
    SIZES_WEB,     /* log-normal around 12 KB, and one in 50 from a Pareto tail from 1 MB on */
    SIZES_EQUAL,   /* 100 KB each */
    SIZES_VIDEO,   /* log-normal around 1 MB, narrow */
    SIZES_FILES,   /* log-normal around 20 MB, up to 4 GB */
    SIZES_TABLE,   /* from the model's file */
    SIZES_FALLING, /* the popular ones large: 10 MB and less */
    SIZES_RISING,  /* the popular ones small: 1 KB and more */
};

struct traffic_model {
    const char *name;
    const char *about;
    uint64_t requests; /* when nobody says otherwise */
    uint32_t objects;  /* popular ones */
    double alpha;      /* of the Zipf distribution; 0: bursts */
    double once;       /* share of requests for what never comes again; of objects, in bursts */
    double scan;       /* share of requests of a robot that walks through as many objects again */
    double files;      /* share of requests for one of FILES_N files */
    double video;      /* share of requests for pieces of video, a tenth as many as objects */
    uint32_t churn;    /* one object is replaced by a new one each so many requests; 0: never */
    uint32_t turn;     /* after so many requests all other objects are popular; 0: never */
    uint32_t turns;    /* then it begins anew with the first ones; 0: never */
    double burst;      /* share of objects with a burst, if there are bursts at all */
    double burst_max;  /* the longest, as part of all time; the shortest is 1/10^4 of it */
    uint32_t burst_n;  /* requests for each object that comes again; 0: few for most */
    enum traffic_sizes sizes;
    const char *data; /* folder of the distribution, instead of Zipf; under the folder of data */
};

extern const struct traffic_model traffic_models[];
extern const unsigned traffic_models_n;

const struct traffic_model *traffic_model(const char *name);

/* Makes n requests. `data_dir`: where the folders of distributions are. `scale` divides the number
 * of objects (and files). False with a sentence in err. */
MUST_USE bool traffic_make(const struct traffic_model *m, uint64_t n, uint32_t scale, uint64_t seed,
    const char *data_dir, traffic_sink *sink, void *ctx, char *err, unsigned long err_cap);

#endif
