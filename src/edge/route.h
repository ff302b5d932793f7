/*
 * route.h - where a request belongs: its site, its rule and policy, and the key of its resource.
 *
 * Serving (request.c, look_up.c) and explain go through the same calls. Pure but for the arena,
 * in which the results live, or they are the request's own text; any thread.
 */
#ifndef EDGE_ROUTE_H
#define EDGE_ROUTE_H

#include "base/arena.h"
#include "base/attrs.h"
#include "cache/cache.h"
#include "edge/site.h"
#include "http/message.h"

struct route {
    const struct site *site;
    const struct path_rule *rule; /* or NULL */
    const struct policy *policy;  /* of the rule, or of the site */
    struct span scheme;           /* "http" or "https" */
    struct span host;             /* normal form, with a port that is not the default */
    struct span path, query;      /* normal form; the query as the policy leaves it */
    bool has_query;
    struct span target;   /* of them: what key, rules and origin see alike */
    struct cache_key key; /* of the resource; route_key() */
    /* Where the policy wants signatures: */
    struct signature signature; /* that of the URL, which is in no query from here on */
    struct span signed_query;   /* the rest, before the policy leaves anything out */
    bool has_signed_query;
};

enum route_end {
    ROUTE_FOUND,
    ROUTE_TUNNEL,   /* CONNECT is not for an edge */
    ROUTE_NO_SITE,  /* RFC 9110 §7.4: a request for a host that is none of ours is misdirected */
    ROUTE_BAD_PATH, /* a percent sign that encodes nothing, or a NUL */
    ROUTE_TRACE,    /* RFC 9110 §9.3.8 */
    ROUTE_INSECURE, /* RFC 9110 §7.4: a resource of https is asked for without TLS */
    ROUTE_PURGE,
    ROUTE_LOOP, /* RFC 8586: it came through this edge before */
};

/* Fills in all of *out but the key. Unless ROUTE_FOUND, what is not known is empty or NULL. */
MUST_USE enum route_end route_find(struct route *out, const struct site_table *sites,
    const struct http_request *req, struct arena *a);

/* An operator's URL as a request target in absolute-form (uri_target_parse()): without its
 * fragment, and where there is no scheme with that by which clients come: "http", unless all
 * listeners speak TLS. */
struct span route_target_of(struct span url, bool tls_only, struct arena *a);

/* Methods that are not for sites, and loops; else ROUTE_FOUND. `loop_id` is our name in CDN-Loop.
 */
MUST_USE enum route_end route_screen(const struct http_request *req, struct span loop_id);

/* The status (4xx, 508) and the sentence with which a request that is not ROUTE_FOUND is refused.
 */
int route_refusal(enum route_end end, const char **why);

/* Makes the key of the resource. False: too long to be looked up, and key.text.p is NULL. */
MUST_USE bool route_key(struct route *r, const struct fields *fields, struct arena *a);

/* Whether the cache has a say at all: a path, and no `bypass`. */
bool route_cached(const struct route *r) PURE;

#endif
