/*
 * arena.h - memory that dies all at once: what belongs to a request, a configuration, a reload.
 *
 * Bump allocation out of blocks; single pieces are never freed. One thread at a time. Sizes must
 * be bounded by the caller's limits: when the system has no memory left, the process stops.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/attrs.h"
#include "base/span.h"

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* owns; newest first */
    char *at, *end;             /* free room of the newest block */
    size_t bytes;               /* taken from the system by all blocks */
};

/* An empty arena; the first block comes with the first allocation. */
void arena_init(struct arena *a);
/* Frees everything; the arena is empty and usable again. */
void arena_free(struct arena *a);
/* Forgets everything, keeping one block of ordinary size for the next user. */
void arena_reset(struct arena *a);

void *arena_alloc_slow(struct arena *a, size_t bytes);

/* 16-byte aligned, not cleared, never NULL. */
static inline void *arena_alloc(struct arena *a, size_t bytes)
{
    char *p = a->at;

    bytes = (bytes + 15 + (bytes == 0)) & ~(size_t)15;
    if (unlikely((size_t)(a->end - p) < bytes))
        return arena_alloc_slow(a, bytes);
    a->at = p + bytes;
    return p;
}

void *arena_zalloc(struct arena *a, size_t bytes);
/* A NUL-terminated copy that lives in the arena. */
struct span arena_dup(struct arena *a, struct span s);
struct span arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
/* The concatenation of two spans. */
struct span arena_join(struct arena *a, struct span x, struct span y);

#endif
