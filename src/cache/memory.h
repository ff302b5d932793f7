/*
 * memory.h - the memory tier: stored objects, and the memory that objects, bodies and fills come
 * from.
 *
 * One budget for all of it. memory_alloc() evicts until there is room: by the policy (eviction.h)
 * across shards, and by draining slabs (slab.h) when what the policy freed is of other sizes.
 * Objects that somebody reads are passed over, since evicting them would free nothing. When all is
 * in use by readers and fills, it refuses.
 *
 * Shards by hash, each with its lock, index and policy; a shard's lock is held for a look-up or a
 * handful of moves, never while memory is freed. No lock may be held by who calls memory_alloc()
 * but a fill's leader's. Any thread.
 */
#ifndef CACHE_MEMORY_H
#define CACHE_MEMORY_H

#include "base/attrs.h"
#include "cache/cache.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory;
struct object;

/* Into how many shards that many bytes are divided. */
uint32_t memory_shards(uint64_t bytes) PURE;

/* Takes `bytes` in all. NULL with errno set. */
MUST_USE struct memory *memory_new(uint64_t bytes);
/* Everything that came from it must be back but stored objects. Sets *m to NULL. */
void memory_free(struct memory **m);

/* Bytes for an object or a part of it, 1 .. SLAB_PIECE_MAX, not cleared; the owner is index_hash()
 * of its key. NULL: refused, counted as C_CACHE_REFUSED. */
MUST_USE void *memory_alloc(struct memory *m, size_t bytes, uint64_t owner);
/* It is a part of another object from now on. */
void memory_own(struct memory *m, void *piece, uint64_t owner);
/* `by_file`: see slab_free(). */
void memory_give(struct memory *m, void *piece, bool by_file);

/* For pieces of a stored object that nobody else holds. When the piece's slab is being drained: a
 * copy of its first `bytes` in another piece for `room` bytes, the old one being left to the
 * caller; NULL when there is none. Otherwise the piece itself. */
MUST_USE void *memory_evacuate(
    struct memory *m, void *piece, size_t bytes, size_t room, uint64_t owner);

int memory_fd(const struct memory *m);
int64_t memory_offset(const struct memory *m, const void *p);

/* The stored object of that key with a new reference, or NULL; `use` counts it as a use. */
MUST_USE struct object *memory_find(struct memory *m, const struct cache_key *key, bool use);
/* Whatever its key, without counting as a use. */
MUST_USE struct object *memory_find_hash(struct memory *m, struct hash128 hash);
/* A place in a walk through what is stored; all zero: at its beginning. */
struct memory_walk {
    uint32_t shard, bucket;
};
enum { MEMORY_WALK_MAX = 256 /* objects of one step */ };
/* The next stored objects, each with a reference to be released; *n may be 0. What is stored all
 * the while is seen once. False: there are no further ones. */
MUST_USE bool memory_walk(struct memory *m, struct memory_walk *w,
    struct object *out[static MEMORY_WALK_MAX], unsigned *n);
/* Whether an object of that size may be stored: one of that key is, or see eviction_admit(). */
MUST_USE bool memory_admit(struct memory *m, const struct hash128 *hash, uint64_t bytes);
/* Whether an object is worth storing that the disk tier has at hand: see eviction_pass(). */
MUST_USE bool memory_pass(struct memory *m, const struct object *obj);
/* Stores it with a reference of its own, in place of what was there. */
void memory_put(struct memory *m, struct object *obj);
/* The same when nothing is stored under that key; false otherwise. */
bool memory_put_new(struct memory *m, struct object *obj);
/* The same while `old` is stored; false otherwise. */
MUST_USE bool memory_replace(struct memory *m, struct object *old, struct object *obj);
bool memory_remove(struct memory *m, const struct cache_key *key);
/* Only if it is `obj` that is stored. */
void memory_remove_object(struct memory *m, struct object *obj);
void memory_clear(struct memory *m);

/* Fills in all but `fills`. */
void memory_stats(struct memory *m, struct cache_stats *out);

#endif
