/*
 * slices.h - the body of a response out of slices (cache/slice.h), one after another.
 *
 * deliver.c has a head object and knows which bytes the client wants. The first slice of them is
 * opened before the head of the response goes out, so that Cache-Status can tell and an origin's
 * failure is an answer; the others when the client has got that far: stored ones are read, others
 * fetched, or followed when somebody fetches them already. While a slice arrives for a client that
 * waits for its bytes, the next one is asked for when half of it is there; a client that is slow
 * holds two slices at most. One that leaves lets its slice be finished, and no other is begun.
 *
 *   a slice fails      once more is tried, from where it ended; then the response is cut, or, when
 *                      nothing was sent yet, answered with an error
 *   a version is over  (slice_fill.h) the response is cut; when nothing was sent yet, the request
 *                      is looked up again
 *   a slice is missing and cannot be asked for alone (slice_can_be_asked()): likewise, and the head
 *                      object is dropped. So before the first byte is sent it is looked, here and
 *                      there, whether all that are wanted seem to be stored; and a disk that has it
 *                      but does not give it is waited for, not for long at first.
 *
 * Thread: the request's worker.
 */
#ifndef EDGE_SLICES_H
#define EDGE_SLICES_H

#include "edge/request.h"

struct slices;

/*
 * Whether the first slice of [first, first + count) of what `head` is the head of is there, so that
 * the response can begin. False: request_deliver() is called with `head` again when it is, or the
 * request has been answered or looked up again.
 */
MUST_USE bool slices_ready(struct request *r, struct object *head, uint64_t first, uint64_t count);
/* Whether it seems so, of bytes that will be asked for later and cannot be had from the origin
 * alone. False: the object was dropped, and the request has been looked up again. */
MUST_USE bool slices_there(struct request *r, struct object *head, uint64_t first, uint64_t count);
/* A reader of these bytes, the caller's; the first time of those that slices_ready() was asked for,
 * after it has said so. wake(ctx) is called as for any reader (reader.h). */
MUST_USE struct reader *slices_reader(struct request *r, struct object *head, uint64_t first,
    uint64_t count, void (*wake)(void *ctx), void *ctx);

/* The request leads the fill of slice `n`, which has just begun: it will be the first one that it
 * opens. */
void slices_begun(struct request *r, struct object *head, uint32_t n, struct fill *fill);

/* Ends what was opened for a request and no reader has taken over. */
void slices_close(struct request *r);

#endif
