#include "cache/options.h"

enum { HOUR_S = 3600, DAY_S = 86400 };

struct cache_options cache_options_default(void)
{
    return (struct cache_options){
        .ttl_s = -1,
        .max_s = INT64_MAX,
        .heuristic_max_s = DAY_S,
        .heuristic_percent = 10,
        .stale_if_error_s = HOUR_S,
        .set_cookie = SET_COOKIE_EXPLICIT,
        .variants_max = 64,
    };
}
