/*
 * inventory.h - what is stored, object by object, in memory and on the volumes, for operators.
 *
 * A walk in steps, each of a bounded number of objects. It changes nothing and is no use of what it
 * sees. What is purged hard is not there; what is made of others (slices, other codings) and what
 * stands for variants (spec.h) is not shown. What is stored all the while is seen once in each
 * tier. A step blocks for the disk: for the threads of a pool.
 */
#ifndef CACHE_INVENTORY_H
#define CACHE_INVENTORY_H

#include "base/attrs.h"
#include "base/span.h"
#include "cache/fresh.h"
#include "cache/memory.h"
#include "disk/walk.h"

struct cache;

/* All that is set has to hold. */
struct inventory_filter {
    struct span prefix; /* of host, path and query, in normal form; n == 0: any */
    struct span site;   /* a site's name, likewise */
    struct span tag;
    bool memory, disk;            /* which tiers */
    uint64_t size_min, size_max;  /* bytes of the representation, both included */
    int64_t age_min_s, age_max_s; /* likewise */
    wall_s now;
};
/* Everything, by a clock that says `now`. */
struct inventory_filter inventory_all(wall_s now);

/* How far it came. All zero: at the beginning. */
struct inventory_place {
    uint32_t stage; /* 0: memory; from 1 on: the volumes */
    struct memory_walk memory;
    struct disk_walk disk;
};

struct image;
struct object;

/* Where a record stands by which its content can be asked for (content.h). */
struct inventory_handle {
    uint32_t stage; /* as of a place */
    struct hash128 hash;
};

struct inventory_object {
    const char *volume;             /* path; NULL: in memory */
    const struct disk_seen *record; /* NULL: in memory */
    const struct image *image;      /* of the record; NULL: in memory */
    const struct object *object;    /* in memory; or NULL */
    struct inventory_handle handle;
    struct span key;
    int status;
    uint64_t id;
    uint64_t length; /* of the representation, sliced or not */
    uint32_t slice_bytes;
    unsigned tags_n;
    bool soft_purged;
    const struct freshness *fresh;
};

/* A step. each() gets what passes the filter, which is gone when it returns; it must not wait.
 * False: that was the last. */
MUST_USE bool inventory_walk(struct cache *c, struct inventory_place *at,
    const struct inventory_filter *f, void (*each)(void *ctx, const struct inventory_object *o),
    void *ctx);

/* What is stored under that very key, in memory and on its volume: each() gets up to two, what
 * stands for variants (status 0) among them. Blocks. */
void inventory_look(struct cache *c, const struct cache_key *key,
    void (*each)(void *ctx, const struct inventory_object *o), void *ctx);

#endif
