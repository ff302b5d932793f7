/*
 * purge_table.h - when a label was purged last, and from when on everything is.
 *
 * Buckets of eight entries; a label stands in one of two, as in index.h. The table doubles when
 * both are full, up to a limit that is fixed when it is made; then the oldest of the sixteen goes,
 * and the floor, which concerns every object, rises to what that one said: more is purged than was
 * asked for, never less.
 *
 * One writer at a time (the caller's lock). Readers have no lock: purge_table_get() for every label
 * first, purge_table_floor() last, so that what was dropped in between is seen in the floor. A
 * table that has been outgrown stays until the end, since somebody may be reading it; all of them
 * together are smaller than the newest.
 */
#ifndef CACHE_PURGE_TABLE_H
#define CACHE_PURGE_TABLE_H

#include "base/attrs.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The numbers of the last purge of each kind; 0: there was none. */
struct purge_mark {
    uint64_t hard, soft;
};

static inline void purge_mark_raise(struct purge_mark *m, struct purge_mark by)
{
    if (by.hard > m->hard)
        m->hard = by.hard;
    if (by.soft > m->soft)
        m->soft = by.soft;
}

struct purge_buckets;

struct purge_table {
    struct purge_buckets *_Atomic now;
    _Atomic uint64_t floor_hard, floor_soft;
    uint32_t buckets_max;
    _Atomic uint64_t used;    /* labels in it */
    _Atomic uint64_t dropped; /* labels that have gone for want of room, ever */
};

void purge_table_init(struct purge_table *t, uint64_t entries_max);
void purge_table_destroy(struct purge_table *t);
/* What it takes when it has grown to that many, the outgrown ones included. */
uint64_t purge_table_bytes(uint64_t entries_max);

uint64_t purge_table_entries_max(const struct purge_table *t);

/* Writers. */
void purge_table_raise(struct purge_table *t, uint64_t label, struct purge_mark by);
void purge_table_raise_floor(struct purge_table *t, struct purge_mark by);
/* Forgets all labels: the floor says as much. */
void purge_table_clear(struct purge_table *t);
/* Calls each(ctx, ...) for every label. */
void purge_table_each(const struct purge_table *t,
    void (*each)(void *ctx, uint64_t label, struct purge_mark m), void *ctx);

/* Readers. */
struct purge_mark purge_table_get(const struct purge_table *t, uint64_t label);

static inline struct purge_mark purge_table_floor(const struct purge_table *t)
{
    return (struct purge_mark){atomic_load_explicit(&t->floor_hard, memory_order_acquire),
        atomic_load_explicit(&t->floor_soft, memory_order_acquire)};
}

#endif
