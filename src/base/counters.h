/*
 * counters.h - counters that only rise, one block per worker, summed when somebody asks.
 *
 * The list is counters.tbl. count() is one relaxed load and store on the thread's own cache
 * lines; threads that are no workers (index 0) share a block and use an atomic add.
 */
#ifndef BASE_COUNTERS_H
#define BASE_COUNTERS_H

#include "base/attrs.h"
#include "base/span.h"
#include "base/thread.h"

#include <stdatomic.h>
#include <stdint.h>

enum counter {
#define COUNTER(name, metric, labels, help)          C_##name,
#define EDGE_COUNTER(name, metric, labels, help)     C_##name,
#define DIRECTOR_COUNTER(name, metric, labels, help) C_##name,
#include "base/counters.tbl"
#undef COUNTER
#undef EDGE_COUNTER
#undef DIRECTOR_COUNTER
    COUNTERS
};

/* Which of the daemons count it. */
enum { COUNTER_EDGE = 1, COUNTER_DIRECTOR = 2 };

struct counter_def {
    const char *metric, *labels, *help; /* labels "" for none; help "" continues the row above */
    unsigned daemons;
};

extern const struct counter_def counter_defs[COUNTERS];

struct counter_block {
    _Alignas(64) _Atomic uint64_t v[COUNTERS];
};

extern struct counter_block counter_blocks[THREADS_MAX];

static inline void count_add(enum counter c, uint64_t n)
{
    int t = thread_index();
    _Atomic uint64_t *v = &counter_blocks[t].v[c];

    if (likely(t != 0))
        atomic_store_explicit(
            v, atomic_load_explicit(v, memory_order_relaxed) + n, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(v, n, memory_order_relaxed);
}

static inline void count(enum counter c)
{
    count_add(c, 1);
}

/* One metric whose rows, told apart by one label, are a list that a layer above this one has.
 * Without a label it has one row. */
struct counter_list {
    const char *metric, *label, *help;
    bool gauge;     /* it is no count: what it is now, which may fall */
    bool seen_only; /* rows of 0 are left out: there may be many */
    unsigned n;
    struct span (*value)(unsigned i); /* of the label; plain ASCII without quotes */
    uint64_t (*sum)(unsigned i);
};

/* The sum over all threads; not a snapshot of one instant across counters. */
uint64_t counter_sum(enum counter c);

#endif
