/*
 * sink.h - a log file that never makes a worker wait.
 *
 * Each thread puts records into its own ring; one writer thread turns records into text and
 * writes them out in batches. A full ring drops the record and counts it (C_LOG_DROPPED): a log
 * that cannot keep up costs lines, not requests. Records of one thread stay in order.
 *
 * Before sinks_start() and after sinks_stop() records are written at once by the caller, so that
 * errors at start and at exit are seen. sink_put() is for any thread; the rest is for main().
 */
#ifndef BASE_SINK_H
#define BASE_SINK_H

#include "base/buf.h"
#include "base/span.h"

#include <stdbool.h>

struct sink;

/* Appends the text of one record, newline included, to out. Runs on the writer thread (or on the
 * caller's, see above). NULL as format: records are text already. */
typedef void sink_format_fn(struct span record, struct buf *out);

/* `path` is copied; NULL means standard error. NULL with errno set when it cannot be opened.
 * `ring_bytes` is the room of each thread's ring, a power of two. */
MUST_USE struct sink *sink_open(const char *path, unsigned ring_bytes, sink_format_fn *format);
void sink_close(struct sink **s);

/* False: dropped (and counted), because the ring is full or the record longer than a quarter of
 * it. */
bool sink_put(struct sink *s, struct span record);

/* Opens the path again (after the file was rotated away); the old file stays in use when that
 * fails, and false is returned with errno set. Nothing to do for standard error. */
bool sink_reopen(struct sink *s);

/* The writer thread. sinks_stop() writes out what is in the rings first. */
void sinks_start(void);
void sinks_stop(void);

#endif
