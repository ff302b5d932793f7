/*
 * load.h - how busy the workers are: the part of the time that each is on a processor.
 *
 * Looked at once a second on one worker, and smoothed over a few; it costs a system call per worker
 * then, and nothing on anybody's way. What counts is the busiest: its clients wait.
 */
#ifndef DAEMON_LOAD_H
#define DAEMON_LOAD_H

#include "loop/worker.h"

struct daemon;
struct daemon_load;

enum { DAEMON_LOAD_EVERY_MS = 1000 };

/* On the thread of `w`, as the next two. */
struct daemon_load *daemon_load_start(const struct daemon *d, struct worker *w);
/* NULL is fine; *l becomes NULL. */
void daemon_load_stop(struct daemon_load **l);
/* Of the busiest worker, of 1000. 0 for NULL. */
unsigned daemon_load_busy(const struct daemon_load *l);

#endif
