#include "base/counters.h"

const struct counter_def counter_defs[COUNTERS] = {
#define COUNTER(name, metric, labels, help) [C_##name] = {metric, labels, help},
#include "base/counters.tbl"
#undef COUNTER
};

struct counter_block counter_blocks[THREADS_MAX];

uint64_t counter_sum(enum counter c)
{
    uint64_t sum = 0;

    for (int t = 0; t < THREADS_MAX; t++)
        sum += atomic_load_explicit(&counter_blocks[t].v[c], memory_order_relaxed);
    return sum;
}
