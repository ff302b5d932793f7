/*
 * filler.h - runs one fill: a fetch from the origin that becomes an object, or passes by.
 *
 * A filler belongs to its worker, not to the request that caused it: when that client leaves, it
 * goes on for the others who follow, and with nobody left only when little is missing. It
 * keeps copies of what it needs of the request. It ends itself. Thread: the worker that started it.
 */
#ifndef EDGE_FILLER_H
#define EDGE_FILLER_H

#include "edge/request.h"

struct filler;

/*
 * Joins the fill for r->variant. NULL: somebody else runs it, and *fill is a reference that the
 * caller ends. Else a new filler that is to be started, and *fill is borrowed from it. With
 * `client` the filler tells r when it ends (r->filler becomes NULL); without, it is a refresh in
 * the background, and r is only copied from. `validate` is a stored response (or NULL): its
 * validators go along, and a 304 makes it fresh again (RFC 9111 §4.3).
 */
MUST_USE struct filler *filler_join(
    struct request *r, struct object *validate, bool collapse, bool client, struct fill **fill);
/* The same for slice `n` of what `head` (slice.h) is the head of. */
MUST_USE struct filler *filler_join_slice(struct request *r, struct object *head, uint32_t n,
    bool collapse, bool client, struct fill **fill);
void filler_start(struct filler *f);

/* More of the request's body can be pulled. */
void filler_body_ready(struct filler *f);
/* The request has ended; it has forgotten the filler. */
void filler_client_left(struct filler *f);

/* The edge drains: tunnels may stand for so much longer. */
void fillers_drain(struct edge_worker *e, mono_ms grace_ms);
/* Stops all of a worker's fetches (at exit). */
void fillers_stop(struct edge_worker *e);

#endif
