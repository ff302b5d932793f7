#include "base/counters.h"

const struct counter_def counter_defs[COUNTERS] = {
#define COUNTER(name, metric, labels, help)                                                        \
    [C_##name] = {metric, labels, help, COUNTER_EDGE | COUNTER_DIRECTOR},
#define EDGE_COUNTER(name, metric, labels, help) [C_##name] = {metric, labels, help, COUNTER_EDGE},
#define DIRECTOR_COUNTER(name, metric, labels, help)                                               \
    [C_##name] = {metric, labels, help, COUNTER_DIRECTOR},
#include "base/counters.tbl"
#undef COUNTER
#undef EDGE_COUNTER
#undef DIRECTOR_COUNTER
};

struct counter_block counter_blocks[THREADS_MAX];

uint64_t counter_sum(enum counter c)
{
    uint64_t sum = 0;

    for (int t = 0; t < THREADS_MAX; t++)
        sum += atomic_load_explicit(&counter_blocks[t].v[c], memory_order_relaxed);
    return sum;
}
