#include "cache/cache.h"

#include "base/check.h"
#include "base/counters.h"
#include "cache/cache_impl.h"
#include "cache/disk_tier.h"
#include "cache/fill.h"
#include "cache/object.h"
#include "cache/purge_impl.h"
#include "cache/spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    WHOLE_MAX_DIVISOR = 16,  /* of the memory */
    OBJECT_MAX_DIVISOR = 8,  /* of the volumes: what is in a ring must not push itself out */
    OBJECT_RING_DIVISOR = 2, /* whatever the configuration says */
};
#define JOURNAL_SUFFIX ".purges"

static bool is_device(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISBLK(st.st_mode);
}

/* What is on volumes must not come back when it was purged: then there is a journal, if need be
 * beside the first of them. (Beside a device it would not outlive the next boot.) */
static struct purges *open_purges(const struct cache_conf *conf, char *err, unsigned long err_cap)
{
    struct purges *purges;
    char *path;
    size_t n;

    if (conf->journal.n > 0 || conf->volumes == NULL)
        return purges_new(conf->memory_bytes, conf->journal, err, err_cap);
    if (is_device(conf->volumes->path)) {
        snprintf(err, err_cap, "%s is a device: say where the journal of purges is to be",
            conf->volumes->path);
        return NULL;
    }
    n = strlen(conf->volumes->path) + sizeof(JOURNAL_SUFFIX);
    path = xmalloc(n);
    snprintf(path, n, "%s" JOURNAL_SUFFIX, conf->volumes->path);
    purges = purges_new(conf->memory_bytes, span_of(path), err, err_cap);
    free(path);
    return purges;
}

/* Memory alone keeps what it is told to; with volumes it keeps no more than its share in one piece.
 */
static void set_sizes(struct cache *c, const struct cache_conf *conf)
{
    uint64_t share = conf->memory_bytes / WHOLE_MAX_DIVISOR, max = conf->object_max_bytes, ring;

    if (c->disk == NULL) {
        c->object_max_bytes = c->whole_max_bytes = max != 0 ? max : share;
        return;
    }
    ring = disk_tier_bytes(c->disk);
    if (max == 0)
        max = share > ring / OBJECT_MAX_DIVISOR ? share : ring / OBJECT_MAX_DIVISOR;
    if (max > share && max > ring / OBJECT_RING_DIVISOR)
        max = share > ring / OBJECT_RING_DIVISOR ? share : ring / OBJECT_RING_DIVISOR;
    c->object_max_bytes = max;
    c->whole_max_bytes = max < share ? max : share;
}

struct cache *cache_open(const struct cache_conf *conf, char *err, unsigned long err_cap)
{
    struct cache *c;

    if (conf->memory_bytes < CACHE_MEMORY_MIN_BYTES) {
        snprintf(err, err_cap, "the cache needs at least %d MiB of memory",
            CACHE_MEMORY_MIN_BYTES >> 20);
        return NULL;
    }
    c = xcalloc(1, sizeof(*c));
    c->purges = open_purges(conf, err, err_cap);
    if (c->purges == NULL) {
        free(c);
        return NULL;
    }
    c->memory = memory_new(
        conf->memory_bytes - flights_bytes(conf->memory_bytes) - purges_bytes(conf->memory_bytes));
    if (c->memory == NULL) {
        snprintf(err, err_cap, "cannot have %llu MiB of memory for the cache: %s",
            (unsigned long long)conf->memory_bytes >> 20, strerror(errno));
        purges_free(&c->purges);
        free(c);
        return NULL;
    }
    c->flights = flights_new(conf->memory_bytes);
    c->budget_bytes = conf->memory_bytes;
    c->laggard_ms = conf->laggard_ms != 0 ? conf->laggard_ms : FILL_LAGGARD_MS;
    if (conf->volumes != NULL) {
        c->disk = disk_tier_open(c, conf, c->purges->seed, err, err_cap);
        if (c->disk == NULL)
            cache_close(&c);
    }
    if (c != NULL)
        set_sizes(c, conf);
    return c;
}

void cache_stop(struct cache *c)
{
    if (c->disk != NULL)
        disk_tier_stop(c->disk);
}

void cache_close(struct cache **cp)
{
    struct cache *c = *cp;

    disk_tier_close(&c->disk);
    flights_free(&c->flights);
    memory_free(&c->memory);
    purges_free(&c->purges);
    free(c);
    *cp = NULL;
}

struct object *cache_find(struct cache *c, const struct cache_key *key)
{
    return cache_unless_gone(c, memory_find(c->memory, key, true));
}

struct object *cache_peek(struct cache *c, const struct cache_key *key)
{
    return cache_unless_gone(c, memory_find(c->memory, key, false));
}

struct object *cache_peek_hash(struct cache *c, struct hash128 hash)
{
    return cache_unless_gone(c, memory_find_hash(c->memory, hash));
}

bool cache_on_disk(struct cache *c, const struct cache_key *key)
{
    return c->disk != NULL && disk_tier_has(c->disk, key->text);
}

/* A purge during its fetch is no reason to throw out what came later. */
void cache_put(struct cache *c, struct object *obj)
{
    if (obj->loose || purges_ask(c->purges, obj) == PURGED_HARD)
        return;
    memory_put(c->memory, obj);
    if (c->disk != NULL)
        disk_tier_keep(c->disk, obj);
}

bool cache_replace(struct cache *c, struct object *old, struct object *obj)
{
    if (obj->loose || purges_ask(c->purges, obj) == PURGED_HARD ||
        !memory_replace(c->memory, old, obj))
        return false;
    /* What a specification lists is for this process only. */
    if (c->disk != NULL && !object_is_spec(obj))
        disk_tier_keep(c->disk, obj);
    return true;
}

void cache_soft_purge(struct cache *c, struct object *obj)
{
    atomic_store(&obj->soft_purged, true);
    if (c->disk != NULL)
        disk_tier_keep(c->disk, obj);
}

bool cache_remove(struct cache *c, const struct cache_key *key)
{
    flights_doom(c->flights, key);
    if (c->disk != NULL)
        disk_tier_drop(c->disk, key->text);
    return memory_remove(c->memory, key);
}

void cache_remove_object(struct cache *c, struct object *obj)
{
    if (c->disk != NULL)
        disk_tier_drop(c->disk, obj->key);
    memory_remove_object(c->memory, obj);
}

void cache_clear(struct cache *c)
{
    flights_doom(c->flights, NULL);
    memory_clear(c->memory);
}

uint64_t cache_object_max(const struct cache *c)
{
    return c->object_max_bytes;
}

uint64_t cache_whole_max(const struct cache *c)
{
    return c->whole_max_bytes;
}

void cache_stats(struct cache *c, struct cache_stats *out)
{
    memory_stats(c->memory, out);
    out->memory_bytes = c->budget_bytes;
    out->used_bytes += flights_bytes(c->budget_bytes) + purges_bytes(c->budget_bytes);
    out->fills = atomic_load_explicit(&c->fills, memory_order_relaxed);
    purges_stats(c->purges, out);
    out->disk_memory_bytes = c->disk != NULL ? disk_tier_memory(c->disk) : 0;
}
