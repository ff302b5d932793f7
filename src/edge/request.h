/*
 * request.h - one client request on its way through the edge.
 *
 * request.c has the table of steps; each step is a short function that ends the request, lets the
 * next one go on, or waits for a wake-up. The struct lives in its txn's arena and dies with it.
 * Thread: the worker of the connection.
 *
 *   route -> challenge -> secure -> screen -> admit -> redirect -> tunnel -> look_up -> join ->
 * (wait for a head) -> deliver
 *
 * look_up.c decides between what is stored, somebody's fill and a fill of one's own; filler.c runs
 * fills; deliver.c and partial.c make the response out of an object; answer.c makes those of our
 * own.
 */
#ifndef EDGE_REQUEST_H
#define EDGE_REQUEST_H

#include "base/clock.h"
#include "cache/cache.h"
#include "cache/fill.h"
#include "cache/reader.h"
#include "cache/status.h"
#include "edge/accesslog.h"
#include "edge/route.h"
#include "edge/worker.h"
#include "http/coding.h"
#include "session/txn.h"

struct cache_load;
struct filler;
struct purging;
struct slices;

struct request {
    struct txn *txn;          /* borrowed */
    struct edge_worker *edge; /* borrowed */
    struct setup *setup;      /* held: what it began under */
    /* Of the variant's earlier key, see struct fill_request; text.p == NULL: none. */
    struct cache_key unlearnt;
    struct route route;       /* site, policy, normal forms, key of the resource */
    struct cache_key variant; /* of the variant; == route.key while no Vary is known */
    bool varies;              /* a Vary specification stands at the key */
    struct fresh_ask ask;     /* what the client's Cache-Control asks for */
    struct cache_load *load;  /* owns; what comes from the disk, or NULL */
    unsigned loads;           /* times that something was to come from there; bounded */
    struct object *stored;    /* counted; a response that is not fresh, or NULL */
    struct reader *reader;    /* owns, or NULL */
    struct reader *recoded;   /* owns; of another coding while its head is waited for, or NULL */
    enum coding recoding;     /* which one that is */
    struct object *base;      /* counted; what is delivered in another coding, or NULL */
    struct filler *filler;    /* runs our fill while we lead it, or NULL */
    struct purging *purging;  /* owns; what a PURGE waits for, or NULL */
    struct slices *slices;    /* owns; opened for the body and not taken by `reader` yet, or NULL */
    bool large;               /* what it wants was sliced until just now */
    bool leads;               /* the fill that it reads is its own */
    bool own_fetch;           /* shares nothing: bypass, unsafe method, known not storable */
    bool ranges_alone;        /* own_fetch of the ranges that it asks for, beside others' fill */
    bool ranges_wait;         /* that was of no use: it waits for others' fill after all */
    struct span upgrade;      /* the protocol that it asks to switch to, and may; or empty */
    bool hinted;              /* was sent the hints of an earlier 103 */
    bool responded;
    uint64_t purges_then; /* cache_purge_seq() when it was looked up last */
    unsigned look_ups;    /* times it was looked up again; bounded */
    enum cache_word word;
    struct cache_status cs; /* of our answer */
    int status;             /* of our answer; 0: none yet */
    mono_us first_byte_us;  /* 0: none yet */
    mono_us origin_head_us; /* when the origin's head was there; 0: none */
    char server[64];        /* which one answered */
};

/* The handlers of the session layer. */
extern const struct txn_handlers request_handlers;

/* look_up.c: finds, follows or fetches; ends in deliver(), an answer, or waits. */
void request_look_up(struct request *r);

/* Asks the origin to switch to r->upgrade. */
void request_fetch_tunnel(struct request *r);
/* Asks the origin for the ranges that the request wants, beside the fill that it follows, which is
 * too far from them. Unless a 206 or 416 comes, the request follows the fill again and waits. */
void request_fetch_ranges(struct request *r);
/* What was begun for it is no longer of use, and nothing was sent: looks it up once more, or
 * fetches for it alone when that was too often. `large`: the origin had better be asked for slices.
 */
void request_start_again(struct request *r, bool large);
/* Answers for an origin that failed. `why` is static. */
void request_fail(struct request *r, int status, const char *why);

/* partial.c: answers with ranges of what is kept of an incomplete response, if there is one that
 * has all of them and is fresh. */
MUST_USE bool request_deliver_beginning(struct request *r);

/* deliver.c: the response out of `obj`, body by r->reader. */
void request_deliver(struct request *r, struct object *obj);

/* purge_request.c: the method PURGE. False: it is not taken on this site, from nobody. */
bool request_purge(struct request *r);

/* answer.c: responses of our own. `why` is a sentence for people, static or in the arena. */
void request_answer_error(struct request *r, int status, const char *why);
/* What methods there are, to OPTIONS that goes no further. */
void request_answer_options(struct request *r);
/* 429: may try again in so many seconds. */
void request_answer_later(struct request *r, unsigned retry_s);
void request_answer_redirect(struct request *r);
void request_answer_location(struct request *r, int status, struct span to);
void request_answer_json(struct request *r, int status, struct span body);
void request_answer_challenge(struct request *r, struct span text);
/* To what the parser refused; the connection ends. */
void request_answer_refusal(struct request *r, int status, const char *why);

#endif
