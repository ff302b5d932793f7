/*
 * slab.h - the memory tier's arena: one memfd, cut in slabs, cut in pieces of one size class each.
 *
 * The size of the memfd is the hard limit: slab_alloc() refuses when nothing is free, and leaves it
 * to the memory tier (memory.h) to evict. So that sizes that were popular once do not keep the
 * arena for ever, a slab can be drained: the owners of its pieces are handed to a callback, which
 * evicts them, and the empty slab is anybody's.
 *
 * Each piece in use carries its owner, a hash of 63 bits that means something to the memory tier
 * only. Free lists and owners stand at the front of a slab of small pieces; pieces of
 * SLAB_PAGES_MIN and more are whole pages and keep them in a side table, so that their pages hold
 * nothing but what the user put there. Any thread; one lock, held for some tens of nanoseconds (for
 * the choice of a slab to drain: two per slab), never while the callback runs.
 */
#ifndef CACHE_SLAB_H
#define CACHE_SLAB_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slabs;

enum {
    SLAB_PIECE_MAX = 64 << 10,
    SLAB_PAGES_MIN = 16 << 10, /* pieces from here on are aligned to SLAB_PAGE */
    SLAB_PAGE = 4096,
    SLAB_PIECE_ALIGN = 16,
};
#define SLAB_OWNER_MASK (UINT64_MAX >> 1)

/* An arena that takes `bytes` of memory, side tables included. NULL with errno set. */
MUST_USE struct slabs *slabs_new(uint64_t bytes);
void slabs_free(struct slabs **s);

/* The bytes that a piece for that many really has. */
size_t slab_piece_bytes(size_t bytes) PURE;

/* A piece of 1 .. SLAB_PIECE_MAX bytes, not cleared; NULL when there is none. */
MUST_USE void *slab_alloc(struct slabs *s, size_t bytes, uint64_t owner);
/* `punch`: the kernel may still be reading its pages for a socket, so the file gets new ones (only
 * for pieces of whole pages). */
void slab_free(struct slabs *s, void *piece, bool punch);

/* A piece has another owner from now on. */
void slab_own(struct slabs *s, void *piece, uint64_t owner);

/*
 * Empties a slab: vacate(ctx, owner) is called for each of its pieces, without the lock, and frees
 * the piece if it can. SLABS_SPARE: a slab of a size class that has a whole slab's worth of free
 * pieces, so there is room to move to. SLABS_ANY: the one with the fewest bytes in use. True when
 * the slab is free now. False when some pieces stayed, or there is no slab worth trying.
 */
enum slabs_which { SLABS_SPARE, SLABS_ANY };
MUST_USE bool slabs_drain(
    struct slabs *s, enum slabs_which which, void (*vacate)(void *ctx, uint64_t owner), void *ctx);
/* Whether the slab of that piece is being drained right now. */
bool slab_is_drained(struct slabs *s, const void *piece);

struct slabs_usage {
    uint64_t total_bytes; /* of memory that all this takes: the arena and its side tables */
    uint64_t arena_bytes; /* of the memfd */
    uint64_t free_bytes;  /* in slabs that nobody uses */
    uint64_t spare_bytes; /* in free pieces of slabs in use */
};
void slabs_usage(struct slabs *s, struct slabs_usage *out);

int slabs_fd(const struct slabs *s);
int64_t slab_offset(const struct slabs *s, const void *p);

#endif
