/*
 * conf.h - the directives of the cache's tiers, over a struct cache_conf.
 */
#ifndef CACHE_CONF_H
#define CACHE_CONF_H

#include "cache/cache.h"
#include "conf/directive.h"

extern const struct directive cache_directives[];

#endif
