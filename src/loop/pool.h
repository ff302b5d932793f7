/*
 * pool.h - a bounded pool of threads for work that blocks (files, names, compression).
 *
 * pool_submit() from a worker; `work` runs on a pool thread, then `done` on that worker. A job is
 * embedded in what it is about and must live until `done` ran; it cannot be taken back.
 */
#ifndef LOOP_POOL_H
#define LOOP_POOL_H

#include "loop/worker.h"

struct pool;

struct job {
    struct message message; /* private */
    struct job *next;       /* private */
    struct worker *worker;  /* who gets `done` */
    void (*work)(struct job *j);
    void (*done)(struct job *j);
};

struct pool *pool_new(unsigned threads, unsigned queue_max);
/* Waits for queued jobs' `work`; their `done` messages are posted, so workers are joined later. */
void pool_free(struct pool **p);
/* False: the queue is full; nothing will be called. */
MUST_USE bool pool_submit(struct pool *p, struct worker *w, struct job *j);

#endif
