/*
 * purge_serve.h - `POST /purge` on the control socket.
 *
 * The order is the query, see purge_order.h; the answer is that of purging.h: 200, or 500 with the
 * same JSON when the purge holds but the journal could not be written. 400 with a sentence when the
 * order is none, 503 when nothing was purged because too much waits for the disk.
 */
#ifndef EDGE_PURGE_SERVE_H
#define EDGE_PURGE_SERVE_H

#include "admin/route.h"

/* The row's app is a struct edge. */
void purge_serve(struct admin_call *call);

#endif
