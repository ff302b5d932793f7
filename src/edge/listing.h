/*
 * listing.h - what is stored, for operators: the rows of the control socket.
 *
 *   GET /cache/objects   what is stored, a part at a time. Parameters, each at most once:
 *                        prefix=, site=, tag= as for a purge (purge_order.h), min-size=, max-size=
 *                        (bytes of the representation), min-age=, max-age= (seconds), and all have
 *                        to hold; tier=memory or disk; from=, the `next` of the part before
 *   GET /cache/object    url=URL: what is stored of one resource, all its variants
 *   GET /cache/content   handle=, id= as the list says them, from=OFFSET: the bytes themselves, as
 *                        cache/content.h has them. 410: it has gone; 409: this part is not stored
 *
 * A part ends with some hundred objects, or when it took too long: it may have none and still not
 * be the last, whose `next` is null. All are made on threads of the blocking pool. The answers'
 * members are in selvagectl(1).
 */
#ifndef EDGE_LISTING_H
#define EDGE_LISTING_H

#include "admin/route.h"

/* Their app is a struct edge. */
void listing_serve(struct admin_call *call);
void listing_serve_one(struct admin_call *call);
void listing_serve_content(struct admin_call *call);

#endif
