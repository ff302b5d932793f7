/*
 * check.h - for our own bugs only: stop the process, in release builds too, and say where.
 *
 * Never check() on anything that a stranger, a disk or a configuration can cause; those are
 * errors with an answer. Any thread.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include "base/attrs.h"

#define check(expr) (likely(expr) ? (void)0 : check_failed(#expr, __FILE__, __LINE__, __func__))

/* Prints the failed expression and a backtrace to standard error, then aborts. */
NORETURN void check_failed(const char *expr, const char *file, int line, const char *func);

/* malloc() and friends for small, bounded allocations of our own: they abort when out of memory.
 * What a stranger sizes goes through buf or the cache's slabs, which refuse instead. */
MUST_USE void *xmalloc(unsigned long bytes);
MUST_USE void *xcalloc(unsigned long count, unsigned long bytes);
MUST_USE void *xrealloc(void *p, unsigned long bytes);
MUST_USE char *xstrdup(const char *s);

#endif
