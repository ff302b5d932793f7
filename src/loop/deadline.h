/*
 * deadline.h - timeouts that are moved on every request and seldom fire.
 *
 * Moving one later costs a store: the timer underneath is only re-armed when it fires too early.
 * Thread: the worker it was initialised on.
 */
#ifndef LOOP_DEADLINE_H
#define LOOP_DEADLINE_H

#include "loop/worker.h"

struct deadline {
    struct ev_timer timer;
    struct worker *worker; /* borrowed */
    mono_ms at_ms;         /* 0: none */
    mono_ms armed_ms;      /* private: when the timer fires */
    void (*fire)(struct deadline *d);
};

void deadline_init(struct deadline *d, struct worker *w, void (*fire)(struct deadline *d));
/* Fires once, `after_ms` from this iteration's time, unless moved or cleared before. fire() may
 * set it again, or stop it and free its memory. */
void deadline_set(struct deadline *d, mono_ms after_ms);
void deadline_clear(struct deadline *d);
/* Must be called before the memory goes away. */
void deadline_stop(struct deadline *d);

#endif
