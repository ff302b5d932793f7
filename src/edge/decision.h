/*
 * decision.h - what a routed request gets: something stored, or an answer of the origin, and how.
 *
 * The one place where this is decided: look_up.c acts upon it, explain tells it. The result lives
 * in the request's arena but for `obj`. Any thread.
 *
 *   screened out     a refusal (screen())
 *   stored, fresh    HIT       stored, stale, may be used meanwhile  UPDATING, and a refresh
 *   stored, stale    EXPIRED   (REVALIDATED by a 304; STALE when the origin fails and it may be so)
 *   not stored       MISS      not to be looked up                   BYPASS
 */
#ifndef EDGE_DECISION_H
#define EDGE_DECISION_H

#include "base/clock.h"
#include "cache/fresh.h"
#include "cache/status.h"
#include "edge/accesslog.h"
#include "edge/route.h"

struct object;

enum answer_by {
    BY_STORED,     /* obj, as it is */
    BY_STALE,      /* obj, as it is, while a fill without this client makes it fresh */
    BY_VALIDATION, /* a fill that others may follow, with obj's validators */
    BY_FILL,       /* a fill that others may follow */
    BY_OWN_FETCH,  /* a fetch that shares nothing */
    BY_LOAD,       /* `load` is on the disk: bring it into memory (cache/load.h), decide again */
    BY_REFUSAL,    /* only-if-cached, and nothing to use: 504 (RFC 9111 §5.2.1.7) */
};

struct decision_question {
    struct cache *cache; /* NULL: nothing is stored */
    bool peek;           /* leave no trace in the cache */
    bool loaded;         /* what was loaded for this is no use of what memory had */
    bool load;           /* what is on the disk may be waited for */
    enum http_method method;
    const struct fields *fields; /* of the request */
    wall_s now;
};

struct decision {
    enum answer_by by;
    enum cache_word word;
    enum cache_fwd fwd; /* FWD_NONE for BY_STORED, BY_STALE, BY_LOAD, BY_REFUSAL */
    struct cache_key load;
    const char *refusal;  /* the sentence of BY_REFUSAL */
    struct fresh_ask ask; /* what the client's Cache-Control asks for */
    bool varies;          /* a Vary specification stands at the key */
    struct span spec;     /* that one; in the arena */
    unsigned listed_n;    /* its variants; only when the question was to `peek` */
    struct hash128 *listed;
    struct cache_key
        variant; /* == route->key unless `varies`; text.p == NULL: cannot be looked up */
    struct cache_key unlearnt; /* of BY_FILL: see struct fill_request; text.p == NULL: none */
    struct object *obj; /* what is stored for this request, fresh or not; a reference that the
                           caller ends; or NULL */
};

/* Makes route->key, too. */
void decide(
    struct decision *d, const struct decision_question *q, struct route *route, struct arena *a);

/* The key of a request's variant under a stored specification; text.p == NULL: cannot be looked up.
 */
struct cache_key decision_variant(
    const struct route *route, struct span spec, const struct fields *fields, struct arena *a);

#endif
