/*
 * tiers.h - our own tiers without bodies: the policy code of src/cache, driven as the tiers drive
 * it.
 *
 * Memory: shards as memory.h makes them, each with an eviction policy; the next to leave is chosen
 * as memory.c chooses it. What is stored counts with its bytes; what the slabs and the index take
 * beside them is not simulated.
 *
 * Disk: a ring of segments, as volume.h cuts and keeper.h empties it, written in order; what comes
 * in and what goes another round is up to admission.h, at a level that is set or found by duel.h. A
 * request that memory cannot answer asks the disk; what comes from there goes into memory; what
 * comes from the origin does, if memory or the disk wants it. What a record takes beside its body
 * is not simulated. tests/unit/cache/t_replay.c keeps it to what the cache does.
 */
#ifndef SIM_TIERS_H
#define SIM_TIERS_H

#include "cache/admission.h"
#include "sim/trace.h"

struct tiers_conf {
    uint64_t memory_bytes;
    uint64_t disk_bytes;   /* 0: none */
    int admission;         /* see struct cache_conf */
    uint64_t window_bytes; /* see admission.h */
};

/* `written_bytes` is set when there is a disk. */
struct tally tiers_run(const struct trace *t, const struct tiers_conf *conf);

#endif
