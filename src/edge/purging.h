/*
 * purging.h - carrying out an operator's order to purge (purge_order.h): now, on the disk, and if
 * asked for everywhere.
 *
 *   step       where                     what
 *   purged     a thread of the pool      each text gets its sequence number and a line in the log
 *   durable    the same thread           the journal is on the disk
 *   waited     each worker in turn       has been round its loop: whatever was decided before the
 *                                        purge has been acted upon
 *   done       the worker that asked     the answer may be made
 *
 * The struct is its own, on the heap, since who asked may leave at any step; what has begun is
 * carried out all the same. Thread: the worker that asked, but for the steps as above.
 */
#ifndef EDGE_PURGING_H
#define EDGE_PURGING_H

#include "base/attrs.h"
#include "edge/purge_order.h"

#include <jansson.h>

struct edge;
struct purging;
struct worker;

/* `who` is for the log: an address, a process. done() is called once, from the loop, unless
 * purging_forget() comes before. NULL: too much waits for the disk already; nothing was purged. */
MUST_USE struct purging *purging_start(struct edge *e, struct worker *w,
    const struct purge_order *order, struct span who, void (*done)(struct purging *p, void *app),
    void *app);
/* Ends what done() was called for, or leaves it to itself before. Sets *p to NULL; fine with NULL.
 */
void purging_forget(struct purging **p);

/* From done() on: whether it holds after a restart too. */
bool purging_durable(const struct purging *p);
/* The answer, as in selvagectl(1). The caller's. */
json_t *purging_json(const struct purging *p);

#endif
