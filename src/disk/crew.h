/*
 * crew.h - many small things at once, by a few threads that live as long as there are any: recovery
 * waits for the disk, and a disk does several things in the time of one.
 */
#ifndef DISK_CREW_H
#define DISK_CREW_H

#include <stdint.h>

/* Calls each(ctx, i) for i from 0 to n - 1, about in that order, on up to `threads` threads, the
 * caller's among them. Returns when all are done. */
void crew_run(unsigned threads, uint64_t n, void (*each)(void *ctx, uint64_t i), void *ctx);

#endif
