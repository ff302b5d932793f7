#include "cache/conf.h"

const struct directive cache_directives[] = {
    {"memory", CONF_SIZE(struct cache_conf, memory_bytes), .preset = "256MiB",
        .min = CACHE_MEMORY_MIN_BYTES, .max = 1LL << 44,
        .about = "Memory for stored responses, their index and fills in flight. The budget is "
                 "hard: when it is used up, something is evicted or not stored."},
    {"object-max", CONF_SIZE(struct cache_conf, object_max_bytes), .min = 1024, .max = 1LL << 44,
        .unset = "a sixteenth of memory",
        .about = "Largest response body that is kept in memory; larger ones pass through."},
    {"journal", CONF_STRING(struct cache_conf, journal), .usage = "PATH", .unset = "none",
        .about = "A file in which purges are written down, so that they still hold after a restart "
                 "or a crash. Without one they hold as long as the process does. It is small, is "
                 "made when it is missing, and belongs to one process at a time; its folder must "
                 "be writable, since the file is replaced when it has grown."},
    {0},
};
