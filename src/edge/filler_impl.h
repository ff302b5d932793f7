/*
 * filler_impl.h - the inside of a filler, for filler.c (its life), arrival.c (what becomes of the
 * response), resume.c (when that was cut) and slice_fill.c (what is fetched slice by slice).
 * Private to the four.
 */
#ifndef EDGE_FILLER_IMPL_H
#define EDGE_FILLER_IMPL_H

#include "base/arena.h"
#include "base/list.h"
#include "cache/policy.h"
#include "edge/filler.h"
#include "edge/forward.h"
#include "edge/slice_fill.h"
#include "edge/tunnel.h"
#include "loop/deadline.h"
#include "origin/fetch.h"

struct filler {
    struct list node;            /* in edge->fillers */
    struct edge_worker *edge;    /* borrowed */
    struct setup *setup;         /* held: the client's */
    struct arena arena;          /* what follows lives here */
    struct request *client;      /* borrowed while it is there; NULL: it left, or never was */
    struct fill *fill;           /* counted */
    struct fetch *fetch;         /* while it runs */
    struct object *validate;     /* counted; or NULL */
    const struct policy *policy; /* of the configuration */
    const struct site *site;     /* likewise */
    uint64_t born;               /* what the request brings; see fill_sent() */
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
    bool refresh;              /* began without a client: in the background */
    bool alone;                /* nobody else can find the fill */
    bool whole;                /* the request went on as it came: nothing is stored */
    struct slice_want slice;   /* a slice is asked for instead of the whole */
    struct object *incomplete; /* counted; the beginning that the rest is asked for, or NULL */
    struct fill *beside;       /* counted; of a 206 that is a beginning, which it keeps; or NULL */
    struct object *head;       /* counted; of a response whose rest can be asked for, or NULL */
    struct deadline resume;    /* to ask for that rest */
    struct tunnel tunnel;      /* what the fetch becomes when the origin switches protocols */
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

/* Cancels the fetch and starts another, without conditions. */
void filler_ask_again(struct filler *f);
/* Joins the fill of f->slice. True: *fill is the filler's to lead. Else somebody else's, or one
 * that is done already. */
MUST_USE bool filler_lead_slice(struct filler *f, struct fill **fill);

/* arrival.c: may it be stored? */
void filler_judge(
    struct filler *f, enum http_method method, const struct http_response *head, struct verdict *v);
/* The key under which the response will be found: its variant's, when it varies. False: it may not
 * be stored. */
MUST_USE bool filler_place(
    struct filler *f, const struct http_response *head, struct cache_key *key);
/* The fill becomes an object with this head. */
void filler_keep(struct filler *f, struct http_response *head, const struct verdict *v,
    const struct cache_key *key, int64_t length);
/* The head of the response is there: stored, passed, or taken for what it says about
 * something stored. May end the filler. */
void filler_arrived(struct filler *f, const struct http_response *head);

#endif
