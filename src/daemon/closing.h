/*
 * closing.h - a bound on how long the end of the process may take.
 *
 * When the workers have ended, what is left is closed in order: pools, logs, and the volumes, which
 * write what waits and their directories. All of that waits for disks, and a disk may hang for
 * ever. Between closing_begin() and closing_end() a thread looks at signals and at the clock; when
 * closing has to be over and is not, it says so and ends the process with DAEMON_UNCLEAN. (A thread
 * that the kernel holds in an uninterruptible call keeps the process until that call is over;
 * nothing can be done about it from inside.)
 *
 * main() only.
 */
#ifndef DAEMON_CLOSING_H
#define DAEMON_CLOSING_H

#include "base/clock.h"

#include <signal.h>
#include <stdbool.h>

struct closing;

enum { CLOSING_FORCED_MS = 3000 /* for what is left, once the end was forced */ };

/* `set`: signals that force it, blocked in all threads. It is forced when `grace_ms` are over, too;
 * < 0: never. `forced`: the end was forced already. */
struct closing *closing_begin(const sigset_t *set, mono_ms grace_ms, bool forced);
/* It is closed in time. */
void closing_end(struct closing **c);

#endif
