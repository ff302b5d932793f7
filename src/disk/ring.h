/*
 * ring.h - which segments are in use: a circle, and two sequence numbers that chase each other.
 *
 * Segments tail .. head hold records; head is being written. The others are free. So an offset says
 * which segment it is in, and with head that says which sequence number it must have. Who reads
 * from a segment enters it; one that retires is entered by nobody any more, and is free when those
 * who were inside have left. Any thread, unless the comment says otherwise.
 */
#ifndef DISK_RING_H
#define DISK_RING_H

#include "disk/volume.h"

#include <pthread.h>
#include <stdatomic.h>

struct ring {
    const struct volume *v; /* borrowed */
    _Atomic uint64_t head, tail;
    _Atomic uint32_t *users; /* by segment */
    pthread_mutex_t lock;
    pthread_cond_t left;
};

void ring_init(struct ring *r, const struct volume *v);
void ring_free(struct ring *r);

/* Before anybody else knows the ring. head 0, tail 1: empty. */
void ring_set(struct ring *r, uint64_t head, uint64_t tail);

/* The sequence number of the segment of that place (in sectors); 0: in none that is in use. */
uint64_t ring_seq(const struct ring *r, uint64_t loc);
/* The same, and the segment stays until ring_leave(). */
MUST_USE uint64_t ring_enter(struct ring *r, uint64_t loc);
void ring_leave(struct ring *r, uint64_t seq);

uint32_t ring_free_segments(const struct ring *r);
/* The next one is head; there is a free one. The writer. */
uint64_t ring_advance(struct ring *r);
/* The tail is free when this returns. The keeper; blocks until nobody reads from it. */
void ring_retire(struct ring *r);

#endif
