/*
 * process.h - another program, run to its end by a thread that may wait.
 *
 * It begins with no signals blocked and none ignored, standard input from /dev/null, and of our
 * descriptors those only that are not close-on-exec.
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"

struct process_run {
    const char *const *argv; /* argv[0] is looked for in PATH; NULL at the end */
    const char *const *env;  /* added to ours, "NAME=value"; NULL at the end, or NULL */
    mono_ms timeout_ms;
    int stop_fd; /* readable: end it; -1: none */
    /* Called for each line that it writes to standard output or error, cut to PROCESS_LINE_MAX. */
    void (*line)(void *ctx, struct span text);
    void *ctx;
};

enum { PROCESS_LINE_MAX = 1024 };

enum process_end {
    PROCESS_EXITED,  /* by itself, with *status */
    PROCESS_KILLED,  /* by signal *status */
    PROCESS_TIMEOUT, /* ended by us */
    PROCESS_STOPPED, /* likewise, because of stop_fd */
    PROCESS_FAILED,  /* it could not be started: *status is the errno */
};

/* Blocks until it has ended. What it left running in the background is not waited for. */
MUST_USE enum process_end process_run(const struct process_run *run, int *status);

#endif
