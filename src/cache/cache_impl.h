/*
 * cache_impl.h - what a cache is made of, for the files of this folder.
 */
#ifndef CACHE_CACHE_IMPL_H
#define CACHE_CACHE_IMPL_H

#include "cache/cache.h"
#include "cache/flights.h"
#include "cache/memory.h"

#include <stdatomic.h>

struct purges;

struct cache {
    struct memory *memory;   /* owns */
    struct flights *flights; /* owns */
    struct purges *purges;   /* owns */
    struct disk_tier *disk;  /* owns; NULL: memory only */
    uint64_t budget_bytes;
    uint64_t object_max_bytes; /* see cache_object_max() */
    uint64_t whole_max_bytes;
    mono_ms laggard_ms;
    _Atomic uint64_t fills; /* led and not ended */
};

#endif
