/*
 * chunk.h - a counted piece of body, and the chain that a body is.
 *
 * A chunk holds `n` of at most `cap` bytes, the first of which is byte `at` of the body. Each chunk
 * holds a reference to the next one, so whoever holds a chunk may walk on from there, and what
 * nobody can reach any more is freed. While a fill appends, n and next change under the fill's
 * lock; afterwards the chain is immutable. References are counted atomically, any thread.
 *
 * Small chunks are one piece of memory with their bytes. From CHUNK_FILE_MIN on the bytes stand in
 * pages of their own, so that they can be sent by sendfile(2) from the memory tier's file. The
 * kernel reads such pages after sendfile() has returned, until the peer has acknowledged them: a
 * chunk that was sent so is given new pages before its memory is used again. That costs more than
 * some copies, and most of what is stored is sent once and evicted: so sendfile() comes after
 * CHUNK_COPIES copies.
 */
#ifndef CACHE_CHUNK_H
#define CACHE_CHUNK_H

#include "base/attrs.h"
#include "base/span.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct memory;

enum {
    CHUNK_MAX = 64 << 10,      /* bytes in one chunk */
    CHUNK_FILE_MIN = 16 << 10, /* sendfile is cheaper than copying from here on */
    CHUNK_COPIES = 4,
};

enum chunk_place {
    CHUNK_INLINE, /* bytes follow the struct, in one piece */
    CHUNK_PAGES,  /* bytes in a piece of whole pages */
    CHUNK_LOOSE,  /* from malloc, outside the budget; bytes follow */
};

struct chunk {
    _Atomic uint32_t refs;
    uint32_t n, cap;
    uint8_t place; /* enum chunk_place */
    _Atomic bool by_file;
    _Atomic uint16_t copied_kib; /* of it that were sent by copying, as long as that matters */
    uint64_t at;
    struct chunk *next;    /* counted */
    struct memory *memory; /* borrowed */
    char *data;
};

/* An empty chunk for up to `cap` (1 .. CHUNK_MAX) bytes from body offset `at`, with one reference.
 * `owner` is the hash by which the memory tier finds the object that it belongs to. NULL when the
 * budget refuses even after eviction. */
MUST_USE struct chunk *chunk_new(struct memory *m, uint32_t cap, uint64_t at, uint64_t owner);
/* The same from malloc; the caller bounds how many there are. */
MUST_USE struct chunk *chunk_new_loose(struct memory *m, uint32_t cap, uint64_t at);

struct chunk *chunk_ref(struct chunk *c);
/* Sets *c to NULL. */
void chunk_release(struct chunk **c);

/* Copies as much of `data` as there is room for behind n, and returns how much. The bytes count
 * only when n is raised, which is the caller's to do (under the lock of the fill's readers). */
MUST_USE uint32_t chunk_write(struct chunk *c, struct span data);
/* The same bytes in the smallest chunk that holds them, with one reference and no `next`; NULL when
 * that saves nothing or there is no memory for it. */
MUST_USE struct chunk *chunk_trimmed(const struct chunk *c, uint64_t owner);

/* The chain belongs to another object from now on; none of it is loose. */
void chunk_own(struct chunk *first, uint64_t owner);
/* Whether nobody holds any of a chain but who holds `first`, once. Nobody else may get at it
 * meanwhile. */
MUST_USE bool chunk_alone(const struct chunk *first);

/* Moves what of the chain stands in a slab that is being drained (memory_evacuate()). Nobody but
 * who holds *link may hold any of it. False: there was no room for some of it. */
MUST_USE bool chunk_evacuate(struct chunk **link, uint64_t owner);

/* Where the bytes stand in the memory tier's file; -1 when they are not to be sent from there. */
int chunk_file(const struct chunk *c, int64_t *offset);
/* `n` bytes of it were sent. */
void chunk_sent(struct chunk *c, uint64_t n, bool by_file);

#endif
