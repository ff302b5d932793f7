/*
 * cache.h - the cache as the edge sees it: find, store, forget. Tiers hide behind it.
 *
 * Shared by all workers; every function is for any thread unless its comment says otherwise. Locks
 * are per shard, short, and never held across I/O or callbacks.
 *
 * Memory: one arena of `memory_bytes` (a memfd), out of which objects, bodies, fills in flight and
 * the index come; what strangers can make grow is charged to it, and a full arena refuses. What is
 * not charged is bounded by configuration (shards, queues) and counted in cache_stats.
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct cache;
struct object;

/* A volume of the disk tier, as configured. */
struct disk_volume_conf {
    const char *path;
    uint64_t bytes;
    struct disk_volume_conf *next;
    bool direct; /* the page cache of the kernel is left alone */
};

struct cache_conf {
    uint64_t memory_bytes; /* budget of the memory tier, index and overhead included */
    /* Larger ones pass without being kept. 0: a sixteenth of memory_bytes, or with volumes an
     * eighth of these if that is more. */
    uint64_t object_max_bytes;
    mono_ms laggard_ms;  /* 0: FILL_LAGGARD_MS of fill.h */
    struct span journal; /* path of the journal of purges, NUL-terminated; n == 0: none */
    struct disk_volume_conf *volumes; /* borrowed while opening; NULL: memory only */
    int admission;        /* of the disk: CACHE_ADMISSION_AUTO, or 1 + enum admission_level */
    int64_t disk_wait_ms; /* 0: DISK_TIER_WAIT_MS of disk_tier.h */
    uint64_t disk_write_bytes_s; /* 0: no bound */
    int64_t disk_checkpoint_ms;  /* between two; 0: as disk.h says */
};

/* The level of admission is measured (duel.h). */
enum { CACHE_ADMISSION_AUTO = 0 };

enum { CACHE_MEMORY_MIN_BYTES = 4 << 20 };

/* What identifies a stored response: the key's text and its hash. The text is borrowed. */
struct cache_key {
    struct span text;
    struct hash128 hash;
};

static inline struct cache_key cache_key_of(struct span text)
{
    return (struct cache_key){text, hash128(text)};
}

/* NULL with a sentence in err when the memory cannot be had or is less than
 * CACHE_MEMORY_MIN_BYTES, or when the journal cannot be read or is another process's. What the
 * journal says holds when it returns. main() only. */
MUST_USE struct cache *cache_open(const struct cache_conf *conf, char *err, unsigned long err_cap);
/* No load (load.h) ends after this that has not posted its message. Before the workers are joined.
 */
void cache_stop(struct cache *c);
/* All references to objects, all fills and readers must be gone. Sets *c to NULL. */
void cache_close(struct cache **c);

/*
 * The stored response under this key, fresh or not, as a reference that the caller ends with
 * object_release(); NULL when there is none. Counts as a use for eviction. The full key was
 * compared. What is purged hard (purge.h) is not there.
 */
MUST_USE struct object *cache_find(struct cache *c, const struct cache_key *key);
/* Whether something of that key, that is not in memory, seems to be on the disk; load.h brings it.
 */
MUST_USE bool cache_on_disk(struct cache *c, const struct cache_key *key);
/* The same without counting as a use (explain, operators). */
MUST_USE struct object *cache_peek(struct cache *c, const struct cache_key *key);

/* That, by the hash alone: the caller looks at the key. */
MUST_USE struct object *cache_peek_hash(struct cache *c, struct hash128 hash);

/* Makes `obj` (whole, not stored yet) what is found under its key; replaces what was there. The
 * cache takes a reference of its own. Nothing happens when the memory could not hold it (see
 * object_new()). */
void cache_put(struct cache *c, struct object *obj);
/* Like cache_put(), but only while `old` is still what is stored: false otherwise. */
MUST_USE bool cache_replace(struct cache *c, struct object *old, struct object *obj);
/* `obj`, which was found here, is stale from now on, whatever its lifetime says. */
void cache_soft_purge(struct cache *c, struct object *obj);
/* Forgets what is stored under the key; true when there was something. A fill of that key in flight
 * is no longer found by fill_join() and will not be stored; who reads it already goes on. */
bool cache_remove(struct cache *c, const struct cache_key *key);
/* Forgets this object if it is still what is stored; a fill in flight that is to replace it goes
 * on. */
void cache_remove_object(struct cache *c, struct object *obj);
/* Forgets everything, as cache_remove() does. */
void cache_clear(struct cache *c);

/* Largest body that is kept, in bytes; and largest that memory keeps in one piece. What lies
 * between is for the disk, in slices (spill.h). */
uint64_t cache_object_max(const struct cache *c);
uint64_t cache_whole_max(const struct cache *c);

struct cache_stats {
    uint64_t memory_bytes;      /* the budget */
    uint64_t used_bytes;        /* of it in use, overhead included */
    uint64_t disk_memory_bytes; /* index, buffers and ghosts of the disk tier, beside the budget */
    uint64_t body_bytes;        /* of stored objects */
    uint64_t objects;           /* stored */
    uint64_t fills;             /* in flight */
    uint64_t purge_seq;         /* number of the last purge */
    uint64_t purge_labels;      /* that are remembered as purged, of at most the next */
    uint64_t purge_labels_max;
    uint64_t purge_prefixes; /* likewise, of at most PURGE_PREFIXES_MAX */
};
void cache_stats(struct cache *c, struct cache_stats *out);

#endif
