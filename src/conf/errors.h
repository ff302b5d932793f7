/*
 * errors.h - what is wrong with a configuration: all of it (up to a limit), with its place.
 *
 *   selvage.conf:12:5: unknown directive "orgin" in site, did you mean "origin"?
 *
 * Whoever reads configuration reports here and goes on; whoever asked for the configuration looks
 * at `n` afterwards. Texts live in the arena. One thread (main).
 */
#ifndef CONF_ERRORS_H
#define CONF_ERRORS_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "base/span.h"

/* Where something was written. Line and column count from 1, columns in bytes. */
struct conf_place {
    const char *file; /* as it was named, in the arena of the configuration */
    unsigned line, column;
};

enum { CONF_ERRORS_MAX = 20 };

struct conf_errors {
    struct arena *arena;               /* borrowed; outlives us */
    unsigned n;                        /* found; only the first CONF_ERRORS_MAX are kept */
    struct span text[CONF_ERRORS_MAX]; /* whole lines without newline, NUL-terminated */
};

void conf_errors_init(struct conf_errors *e, struct arena *a);

/* A sentence without newline. Control bytes in it are written as \xHH. */
void conf_error(struct conf_errors *e, struct conf_place at, const char *fmt, ...) PRINTF(3, 4);

/* All lines, newlines included, and how many more there were. False: the buffer is full. */
MUST_USE bool conf_errors_write(const struct conf_errors *e, struct buf *out);

/* For "%.*s" with text from outside, cut to a length that keeps a message readable. */
#define CONF_SHOW(s) (int)((s).n < 80 ? (s).n : 80), (s).p

#endif
