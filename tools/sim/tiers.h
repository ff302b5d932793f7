/*
 * tiers.h - our own tiers without bodies: the policy code of src/cache, driven as the tiers drive
 * it.
 *
 * Memory: shards as memory.h makes them, each with an eviction policy; the next to leave is chosen
 * as memory.c chooses it. What is stored counts with its bytes; what the slabs and the index take
 * beside them is not simulated.
 *
 * Disk: a ring of segments, written in order; what comes in and what goes another round is up to
 * admission.h. A request that memory cannot answer asks the disk; what comes from there, or from
 * the origin, is offered to memory.
 */
#ifndef SIM_TIERS_H
#define SIM_TIERS_H

#include "cache/admission.h"
#include "sim/trace.h"

struct tiers_conf {
    uint64_t memory_bytes;
    uint64_t disk_bytes; /* 0: none */
    enum admission_level floor;
    uint64_t window_bytes; /* see admission.h */
};

/* `written_bytes` is set when there is a disk. */
struct tally tiers_run(const struct trace *t, const struct tiers_conf *conf);

#endif
