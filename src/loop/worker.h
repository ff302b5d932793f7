/*
 * worker.h - a thread with its own event loop, and how others talk to it.
 *
 * Everything that happens on a worker happens in callbacks of its loop; none may block. Other
 * threads reach it only by worker_post(): the message's function runs on the worker, soon, in the
 * order of posting per sender. Time is read once per loop iteration.
 */
#ifndef LOOP_WORKER_H
#define LOOP_WORKER_H

#include "base/attrs.h"
#include "base/clock.h"

#include <ev.h>
#include <stdatomic.h>
#include <stdbool.h>

struct worker {
    int index;            /* 1 .. N; see base/thread.h */
    struct ev_loop *loop; /* owns */
    void *app;            /* the edge's state for this worker; borrowed */
    /* private below */
    struct ev_async wake;
    struct ev_check checked;
    struct message *_Atomic inbox; /* newest first */
    unsigned long thread;          /* pthread_t */
    _Atomic int cpu_clock;         /* clockid_t of its thread; 0: it has not begun */
    mono_ms now_ms;
    wall_ms wall_now_ms;
};

/* Embedded in what it is about. In at most one inbox at a time; its memory must live until `run`
 * was called. */
struct message {
    struct message *next;
    void (*run)(struct message *m, struct worker *w);
};

/* Makes the loop; no thread yet. `index` from 1. Aborts when the system refuses an epoll. */
struct worker *worker_new(int index);
/* Runs `main(worker)` on a new thread, with all signals blocked: main sets up watchers and calls
 * worker_run(). */
void worker_start(struct worker *w, void (*main)(struct worker *w));
/* Runs the loop until worker_quit(). On the worker's thread. */
void worker_run(struct worker *w);
/* Leaves worker_run() after this iteration. On the worker's thread. */
void worker_quit(struct worker *w);
/* Waits for the thread to end. Where workers post to each other, wait for all of them (and free the
 * pool) before the first worker_join(): a thread may still be inside worker_post() to a worker that
 * has already run that message and left. */
void worker_wait(struct worker *w);
/* Waits for the thread and frees the worker. Messages left in the inbox are run first: by
 * worker_run() as it leaves, and what comes after that here. Without a thread of its own (tests
 * that call worker_run() themselves) it does the rest. */
void worker_join(struct worker **w);

/* From any thread. */
void worker_post(struct worker *w, struct message *m);

/* How long its thread has been on a processor. 0: it has not begun, or is over. From any thread. */
int64_t worker_cpu_us(const struct worker *w);

/* This iteration's time, on the worker's thread. */
static inline mono_ms worker_now(const struct worker *w)
{
    return w->now_ms;
}
static inline wall_s worker_wall_s(const struct worker *w)
{
    return w->wall_now_ms / 1000;
}

#endif
