/*
 * filler_impl.h - the inside of a filler, for filler.c (its life) and arrival.c (what becomes of
 * the response). Private to the two.
 */
#ifndef EDGE_FILLER_IMPL_H
#define EDGE_FILLER_IMPL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "edge/filler.h"
#include "edge/forward.h"
#include "origin/fetch.h"

struct filler {
    struct list node;            /* in edge->fillers */
    struct edge_worker *edge;    /* borrowed */
    struct arena arena;          /* what follows lives here */
    struct request *client;      /* borrowed while it is there; NULL: it left, or never was */
    struct fill *fill;           /* counted */
    struct fetch *fetch;         /* while it runs */
    struct object *validate;     /* counted; or NULL */
    const struct policy *policy; /* of the configuration */
    struct http_request request; /* copies: method, fields, ... */
    struct forward_from from;
    struct span host; /* in normal form, without port */
    unsigned port;
    struct span path, query, target;
    bool has_query;
    unsigned path_flags;      /* of the site */
    struct cache_key variant; /* where this request was looked up */
    struct cache_key key;     /* of the resource */
    struct cache_key kept_as; /* as which variant the response is being stored; or text.p == NULL */
    struct fresh_ask ask;
    wall_s asked_at;
    bool alone;                     /* nobody else can find the fill */
    bool whole;                     /* the request went on as it came: nothing is stored */
    struct object *incomplete;      /* counted; the beginning that the rest is asked for, or NULL */
    struct http_response beginning; /* a 206 whose body is collected in `part`; status 0: none */
    struct freshness beginning_fresh;
    struct buf part; /* owns */
};

/* Ends the filler, which is gone afterwards. filler_end(): the fill has been ended before;
 * filler_fail() does that. `why` is static text for the log and Cache-Status. */
void filler_end(struct filler *f);
void filler_fail(struct filler *f, int status, const char *why);

/* arrival.c: the head of the response is there: stored, passed, or taken for what it says about
 * something stored. May end the filler. */
void filler_arrived(struct filler *f, const struct http_response *head);

#endif
