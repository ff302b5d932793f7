/*
 * filler_impl.h - the inside of a filler, for filler.c (its life), arrival.c (what becomes of the
 * response) and resume.c (when that was cut). Private to the three.
 */
#ifndef EDGE_FILLER_IMPL_H
#define EDGE_FILLER_IMPL_H

#include "base/arena.h"
#include "base/list.h"
#include "edge/filler.h"
#include "edge/forward.h"
#include "loop/deadline.h"
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
    bool alone;                /* nobody else can find the fill */
    bool whole;                /* the request went on as it came: nothing is stored */
    struct object *incomplete; /* counted; the beginning that the rest is asked for, or NULL */
    struct fill *beside;       /* counted; of a 206 that is a beginning, which it keeps; or NULL */
    struct object *head;       /* counted; of a response whose rest can be asked for, or NULL */
    struct deadline resume;    /* to ask for that rest */
    unsigned resumes;          /* how often that was done; > 0: the fetch is for the rest */
};

/* Ends the filler, which is gone afterwards. filler_end(): the fill has been ended before;
 * filler_fail() does that. `why` is static text for the log and Cache-Status. */
void filler_end(struct filler *f);
void filler_fail(struct filler *f, int status, const char *why);

/* Somebody reads it, or it is worth finishing without. */
bool filler_wanted(struct filler *f);
/* As filler_fail(), with a response whose head was there already: what came is kept if its rest can
 * be asked for later. */
void filler_give_up(struct filler *f, int status, const char *why);

/* resume.c */
void filler_resume_init(struct filler *f);
/* The origin has cut the response. True: its rest is asked for after a while; readers of
 * the fill wait. */
MUST_USE bool filler_resumes(struct filler *f);
/* Range and If-Range of the rest. */
void filler_ask_rest(struct filler *f, struct fields *fields);
/* The head of what should be the rest. May end the filler. */
void filler_arrived_rest(struct filler *f, const struct http_response *head);

/* arrival.c: the head of the response is there: stored, passed, or taken for what it says about
 * something stored. May end the filler. */
void filler_arrived(struct filler *f, const struct http_response *head);

#endif
