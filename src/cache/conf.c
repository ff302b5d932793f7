#include "cache/conf.h"

const struct directive cache_directives[] = {
    {"memory", CONF_SIZE(struct cache_conf, memory_bytes), .preset = "256MiB",
        .min = CACHE_MEMORY_MIN_BYTES, .max = 1LL << 44,
        .about = "Memory for stored responses, their index and fills in flight. The budget is "
                 "hard: when it is used up, something is evicted or not stored."},
    {"object-max", CONF_SIZE(struct cache_conf, object_max_bytes), .min = 1024, .max = 1LL << 44,
        .unset = "a sixteenth of memory",
        .about = "Largest response body that is kept in memory; larger ones pass through."},
    {0},
};
