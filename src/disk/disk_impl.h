/*
 * disk_impl.h - what the parts of a disk know of each other. Included by src/disk/ only.
 *
 * Locks: the writer's, the readers' and the keeper's, and those of the index's shards. The writer's
 * may be held when the keeper's is taken (keeper_wake()); otherwise no two at once, but that a
 * shard's may be taken under any.
 */
#ifndef DISK_DISK_IMPL_H
#define DISK_DISK_IMPL_H

#include "disk/disk.h"
#include "disk/ring.h"

#include <pthread.h>
#include <stdatomic.h>

struct writer;
struct readers;
struct keeper;

/* Counted by whoever does it; the names are those of struct disk_stats. */
struct disk_counts {
    _Atomic uint64_t admitted, reinserted, admitted_bytes, reinserted_bytes, written_bytes, reads,
        reads_joined, reads_buffered, reads_now, reads_missed, refused_puts, refused_reads, corrupt,
        read_errors, write_errors, dropped_live, dropped_dead, dropped_full, checkpoints, recovered;
};

struct disk {
    struct volume *v;      /* owns */
    struct disk_conf conf; /* with defaults filled in */
    struct disk_index *index;
    struct ring ring;
    struct writer *writer;
    struct readers *readers;
    struct keeper *keeper;
    uint32_t record_max; /* bytes */
    struct disk_counts counts;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t moved; /* the state changed */
    _Atomic int state;    /* enum disk_state; changed under the lock */
    unsigned errors;      /* since errors_since */
    mono_ms errors_since;

    /* Set by recovery. */
    uint64_t generation; /* of the newest checkpoint; afterwards the keeper's */
    mono_ms recovery_ms;
    _Atomic bool clean;
};

/* A disk of which nothing runs: the index is empty, and there is neither writer nor readers nor
 * keeper. As disk_open() otherwise. */
MUST_USE struct disk *disk_new(
    struct volume **v, const struct disk_conf *conf, char err[VOLUME_ERR_MAX]);
/* Nothing runs any more. */
void disk_free(struct disk **d);

/* Of `to`: nothing happens when the state is a later one. */
void disk_state_set(struct disk *d, enum disk_state to);
/* The volume is better than it was: back to READ_ONLY or READY, from a later one. The keeper's. */
void disk_state_back(struct disk *d, enum disk_state to);
/* A call failed, with errno: counts, and changes the state when it was one too many. */
void disk_failed(struct disk *d, bool writing);

/* A thread of the disk's own, which gets no signals. */
void disk_thread(pthread_t *t, void *(*main)(void *), void *arg);

static inline uint32_t disk_expires(wall_s at)
{
    return at <= 0 ? 0 : at < UINT32_MAX ? (uint32_t)at : UINT32_MAX;
}

static inline struct disk_meta record_meta(const struct record_header *h)
{
    return (struct disk_meta){
        .born = h->born,
        .site = h->site,
        .expires = h->expires,
        .kind = h->kind,
        .flags = h->flags,
    };
}

static inline void disk_count(_Atomic uint64_t *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

#endif
