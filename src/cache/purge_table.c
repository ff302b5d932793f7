#include "cache/purge_table.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

enum { WAYS = 8, BUCKETS_FIRST = 32 };

/*
 * An entry changes its label in this order: label 0, then the numbers, then the new label, each
 * released. A reader takes the numbers between two looks at the label; when both looks see its own
 * label, the numbers are that label's.
 */
struct purge_bucket {
    _Alignas(64) _Atomic uint64_t labels[WAYS]; /* 0: free */
    _Atomic uint64_t hard[WAYS], soft[WAYS];
};

struct purge_buckets {
    struct purge_buckets *outgrown; /* owns */
    struct purge_bucket *v;         /* owns */
    uint32_t n;                     /* a power of two */
};

static struct purge_buckets *buckets_new(uint32_t n, struct purge_buckets *outgrown)
{
    struct purge_buckets *b = xcalloc(1, sizeof(*b));
    void *p = NULL;

    check(posix_memalign(&p, 64, n * sizeof(*b->v)) == 0);
    memset(p, 0, n * sizeof(*b->v));
    *b = (struct purge_buckets){outgrown, p, n};
    return b;
}

static uint32_t buckets_for(uint64_t entries)
{
    uint32_t n = BUCKETS_FIRST;

    while (n * UINT64_C(2) * WAYS <= entries && n < 1u << 24)
        n *= 2;
    return n;
}

void purge_table_init(struct purge_table *t, uint64_t entries_max)
{
    *t = (struct purge_table){.buckets_max = buckets_for(entries_max)};
    atomic_init(&t->now, buckets_new(BUCKETS_FIRST, NULL));
}

void purge_table_destroy(struct purge_table *t)
{
    struct purge_buckets *b = atomic_load(&t->now), *next;

    for (; b != NULL; b = next) {
        next = b->outgrown;
        free(b->v);
        free(b);
    }
}

uint64_t purge_table_bytes(uint64_t entries_max)
{
    return (uint64_t)buckets_for(entries_max) * 2 * sizeof(struct purge_bucket);
}

static struct purge_bucket *bucket_of(const struct purge_buckets *b, uint64_t label, int which)
{
    uint64_t place = label >> 2; /* the lowest bits of a tag's label are 0 */

    if (which != 0)
        place = (label ^ label >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    return &b->v[place & (b->n - 1)];
}

/* --- readers ------------------------------------------------------------------------------ */

struct purge_mark purge_table_get(const struct purge_table *t, uint64_t label)
{
    const struct purge_buckets *b = atomic_load_explicit(&t->now, memory_order_acquire);
    struct purge_mark m;

    for (int which = 0; which < 2; which++) {
        struct purge_bucket *in = bucket_of(b, label, which);

        for (int i = 0; i < WAYS; i++) {
            if (atomic_load_explicit(&in->labels[i], memory_order_acquire) != label)
                continue;
            m.hard = atomic_load_explicit(&in->hard[i], memory_order_acquire);
            m.soft = atomic_load_explicit(&in->soft[i], memory_order_acquire);
            if (atomic_load_explicit(&in->labels[i], memory_order_acquire) == label)
                return m;
        }
    }
    return (struct purge_mark){0, 0};
}

/* --- the writer --------------------------------------------------------------------------- */

static void raise(_Atomic uint64_t *v, uint64_t to)
{
    if (to > atomic_load_explicit(v, memory_order_relaxed))
        atomic_store_explicit(v, to, memory_order_release);
}

static struct purge_mark entry_mark(const struct purge_bucket *in, int i)
{
    return (struct purge_mark){atomic_load_explicit(&in->hard[i], memory_order_relaxed),
        atomic_load_explicit(&in->soft[i], memory_order_relaxed)};
}

static void entry_set(struct purge_bucket *in, int i, uint64_t label, struct purge_mark m)
{
    atomic_store_explicit(&in->labels[i], 0, memory_order_release);
    atomic_store_explicit(&in->hard[i], m.hard, memory_order_release);
    atomic_store_explicit(&in->soft[i], m.soft, memory_order_release);
    atomic_store_explicit(&in->labels[i], label, memory_order_release);
}

/* Where that label stands. */
static bool entry_find(
    const struct purge_buckets *b, uint64_t label, struct purge_bucket **in, int *at)
{
    for (int which = 0; which < 2; which++) {
        *in = bucket_of(b, label, which);
        for (*at = 0; *at < WAYS; (*at)++)
            if (atomic_load_explicit(&(*in)->labels[*at], memory_order_relaxed) == label)
                return true;
    }
    return false;
}

/* A place in the emptier of its two buckets. */
static bool entry_free(
    const struct purge_buckets *b, uint64_t label, struct purge_bucket **in, int *at)
{
    int most = 0;

    for (int which = 0; which < 2; which++) {
        struct purge_bucket *here = bucket_of(b, label, which);
        int n = 0, place = 0;

        for (int i = 0; i < WAYS; i++) {
            if (atomic_load_explicit(&here->labels[i], memory_order_relaxed) == 0) {
                place = i;
                n++;
            }
        }
        if (n > most) {
            most = n;
            *in = here;
            *at = place;
        }
    }
    return most > 0;
}

static uint64_t mark_last(struct purge_mark m)
{
    return m.hard > m.soft ? m.hard : m.soft;
}

/* The place of the one that was purged longest ago. */
static void entry_oldest(
    const struct purge_buckets *b, uint64_t label, struct purge_bucket **in, int *at)
{
    uint64_t oldest = UINT64_MAX;

    for (int which = 0; which < 2; which++) {
        struct purge_bucket *here = bucket_of(b, label, which);

        for (int i = 0; i < WAYS; i++) {
            if (mark_last(entry_mark(here, i)) < oldest) {
                oldest = mark_last(entry_mark(here, i));
                *in = here;
                *at = i;
            }
        }
    }
}

void purge_table_raise_floor(struct purge_table *t, struct purge_mark by)
{
    raise(&t->floor_hard, by.hard);
    raise(&t->floor_soft, by.soft);
}

/* Into buckets of which the label is not yet part; drops another one if it must. */
static void entry_add(
    struct purge_table *t, struct purge_buckets *b, uint64_t label, struct purge_mark m)
{
    struct purge_bucket *in;
    int at;

    if (!entry_free(b, label, &in, &at)) {
        entry_oldest(b, label, &in, &at);
        purge_table_raise_floor(t, entry_mark(in, at));
        atomic_fetch_add_explicit(&t->dropped, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&t->used, 1, memory_order_relaxed);
    }
    entry_set(in, at, label, m);
    atomic_fetch_add_explicit(&t->used, 1, memory_order_relaxed);
}

struct growing {
    struct purge_table *t;
    struct purge_buckets *to;
};

static void move(void *ctx, uint64_t label, struct purge_mark m)
{
    struct growing *g = ctx;

    entry_add(g->t, g->to, label, m);
}

static struct purge_buckets *grow(struct purge_table *t, struct purge_buckets *from)
{
    struct growing g = {t, buckets_new(from->n * 2, from)};

    atomic_store_explicit(&t->used, 0, memory_order_relaxed);
    purge_table_each(t, move, &g);
    atomic_store_explicit(&t->now, g.to, memory_order_release);
    return g.to;
}

void purge_table_raise(struct purge_table *t, uint64_t label, struct purge_mark by)
{
    struct purge_buckets *b = atomic_load_explicit(&t->now, memory_order_relaxed);
    struct purge_bucket *in;
    int at;

    check(label != 0);
    if (entry_find(b, label, &in, &at)) {
        raise(&in->hard[at], by.hard);
        raise(&in->soft[at], by.soft);
        return;
    }
    while (!entry_free(b, label, &in, &at) && b->n < t->buckets_max)
        b = grow(t, b);
    entry_add(t, b, label, by);
}

void purge_table_clear(struct purge_table *t)
{
    struct purge_buckets *b = atomic_load_explicit(&t->now, memory_order_relaxed);

    for (uint32_t n = 0; n < b->n; n++)
        for (int i = 0; i < WAYS; i++)
            atomic_store_explicit(&b->v[n].labels[i], 0, memory_order_release);
    atomic_store_explicit(&t->used, 0, memory_order_relaxed);
}

void purge_table_each(const struct purge_table *t,
    void (*each)(void *ctx, uint64_t label, struct purge_mark m), void *ctx)
{
    const struct purge_buckets *b = atomic_load_explicit(&t->now, memory_order_relaxed);

    for (uint32_t n = 0; n < b->n; n++) {
        for (int i = 0; i < WAYS; i++) {
            uint64_t label = atomic_load_explicit(&b->v[n].labels[i], memory_order_relaxed);

            if (label != 0)
                each(ctx, label, entry_mark(&b->v[n], i));
        }
    }
}

uint64_t purge_table_entries_max(const struct purge_table *t)
{
    return (uint64_t)t->buckets_max * WAYS;
}
