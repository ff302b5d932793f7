/*
 * deliver.h - what a response out of an object is made of, for deliver.c, partial.c and recoded.c.
 * Private to the three. All that is returned lives in the request's arena.
 */
#ifndef EDGE_DELIVER_H
#define EDGE_DELIVER_H

#include "cache/object.h"
#include "edge/request.h"
#include "http/coding.h"
#include "http/conditional.h"

/* Age and Cache-Status. */
struct span deliver_own_lines(struct request *r, const struct object *obj);
struct fields *deliver_all_fields(struct request *r, const struct object *obj);
/* Those of them that a response without the representation has (RFC 9110 §15.4.5). */
struct fields *deliver_few_fields(struct request *r, const struct object *obj);
/* Whether the response can begin, with these bytes of the body. False: their first slice (slices.h)
 * is waited for; request_deliver() is called again, or the request has been answered otherwise. */
MUST_USE bool deliver_ready(struct request *r, struct object *obj, uint64_t first, uint64_t count);
/* Then: lets r->reader give them. */
void deliver_range(struct request *r, struct object *obj, uint64_t first, uint64_t count);
/* Applies the rules on fields, and answers. */
void deliver_respond(struct request *r, struct txn_response *resp);

/* The whole body, which r->reader reads, with the head of `head`, or that with `fields` instead of
 * its own. Age and freshness are those of `fresh`. All must live until the request ends. */
void deliver_whole(struct request *r, const struct object *head, struct fields *fields,
    const struct object *fresh, int64_t length);

/* recoded.c: answers with `base`, which r->reader reads, in another coding. */
void deliver_recoded(struct request *r, struct object *base, enum coding to);

/*
 * partial.c: answers a GET for a 200 of `length` bytes (-1: not known) with the ranges that it asks
 * for: 206, with one range or as multipart/byteranges, or 416. From a fill that goes on, ranges
 * wait for their bytes; what is too far ahead of them goes to the origin instead
 * (request_fetch_ranges()). False: the whole is to be sent, because no ranges are asked for,
 * If-Range does not hold, the length is not known yet, or the ranges are an abuse.
 */
MUST_USE bool deliver_partial(
    struct request *r, struct object *obj, int64_t length, const struct validators *v);

#endif
