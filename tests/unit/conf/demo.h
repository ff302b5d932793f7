/*
 * demo.h - a small edge made of two layers' tables and five contexts: what tests of conf/ load,
 * and an example of how layers declare rows and how contexts are composed.
 */
#ifndef DEMO_H
#define DEMO_H

#include "base/list.h"
#include "conf/directive.h"

enum demo_log { DEMO_LOG_ERROR, DEMO_LOG_WARN, DEMO_LOG_INFO };

/* Of a lower layer. */
struct demo_cache {
    uint64_t memory_bytes;
    bool followers;
};
struct demo_limits {
    int64_t idle_ms;
    uint64_t head_bytes;
};

struct demo_origin {
    struct list link; /* in demo.origins */
    struct span name;
    struct span url;
    unsigned servers;
};

/* What a site says and a path may say otherwise. */
struct demo_policy {
    int64_t ttl_ms;
    struct conf_strings strip;
    struct span origin_name;
};

struct demo_site {
    struct list link; /* in demo.sites */
    struct span host;
    struct demo_policy policy;
    const struct demo_origin *origin; /* resolved when all are known */
    struct list paths;
};

struct demo_path {
    struct list link; /* in demo_site.paths */
    struct span pattern;
    struct demo_policy policy;
    bool bypass;
};

struct demo {
    struct value_listen listen;
    unsigned listeners, tls;
    int64_t workers;
    enum demo_log log;
    struct span user;
    struct value_listen control;
    struct demo_cache cache;
    struct demo_limits limits;
    struct list origins, sites;
};

extern const struct conf_context demo_main;

/* Reads and applies; NULL when `errors` has some. *root (unless NULL) is the tree. */
struct demo *demo_load(
    struct arena *a, struct span text, struct conf_errors *errors, const struct conf_node **root);

#endif
