/*
 * purge_order.h - what is to be purged, out of a query of the control socket or a PURGE request.
 *
 *   url=URL        a resource, all variants; the normal form of the URL is its name in the cache
 *   prefix=URL     all whose host and path, in normal form, begin so
 *   tag=TAG        what the origin has tagged; with site=HOST only what belongs to that site
 *   site=HOST      all of a site, by any host name that the configuration gives it
 *   all            everything
 *   hard=1         gone, instead of stale from now on
 *   wait=1         answered when every worker has been round its loop
 *
 * One kind in one order, but for tag and site; the kind's parameter may be repeated. URLs go
 * through route_find(), so what is purged is what requests find. Pure but for the arena, in which
 * the results live; any thread.
 */
#ifndef EDGE_PURGE_ORDER_H
#define EDGE_PURGE_ORDER_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/span.h"
#include "cache/purge.h"

struct edge_conf;
struct route;

enum { PURGE_TEXTS_MAX = 100 /* of one order */ };

struct purge_order {
    enum purge_scope scope;
    bool hard, wait;
    struct span site; /* PURGE_TAG: the name of the one that it is narrowed to; n == 0: any */
    unsigned texts_n;
    struct span texts[PURGE_TEXTS_MAX]; /* see struct purge; PURGE_ALL has one, empty */
};

/* "url", "prefix", "tag", "site", "all" */
struct span purge_scope_name(enum purge_scope scope);

/* Reads a query, percent-decoded. False: *why is a sentence, static or in the arena; what it
 * repeats of the query may have anything in it. */
MUST_USE bool purge_order_read(struct purge_order *o, struct span query,
    const struct edge_conf *conf, struct arena *a, const char **why);

/* The one resource that a request has found. False: its URL is too long to be stored or purged. */
MUST_USE bool purge_order_of_route(struct purge_order *o, const struct route *r, struct arena *a);

#endif
