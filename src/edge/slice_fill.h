/*
 * slice_fill.h - what a filler does for slices (cache/slice.h): it asks the origin for one, and
 * what comes is a slice of a version that is known, or tells that there is one and begins it.
 *
 *   looking for a version   asked by rule, or after a 200 turned out to be large. A 206 with a
 *                           strong validator and the whole length makes a head object out of the
 *                           fill of the resource, and goes on as the fill of its slice.
 *   a slice of a version    what comes is exactly these bytes of that very representation, or that
 *                           version is over: its head object goes, and the fill fails with
 *                           SLICE_LOST.
 *
 * An origin that gives no slices is asked for the whole, and that is remembered (unsliced.h).
 * Private to the filler (filler_impl.h); thread: its worker.
 */
#ifndef EDGE_SLICE_FILL_H
#define EDGE_SLICE_FILL_H

#include "base/attrs.h"
#include "http/message.h"

struct filler;
struct object;
struct request;

/* The status of a fill that failed because the version is over: of the last one's validator a
 * precondition failed, as it were. No client sees it. */
enum { SLICE_LOST = 412 };

/* What a filler asks for beside the whole. */
struct slice_want {
    uint32_t bytes;      /* size of a slice; 0: the whole is asked for */
    uint32_t n;          /* which */
    struct object *head; /* counted; whose slice it is; NULL: looking for a version */
    bool given_up;       /* looked for a version; the whole it is */
};

/* A filler for the resource is about to ask: by slices at once, if a rule or what is stored says
 * that it is large. `large`: this request has found out that it is. */
void slice_want_by_rule(struct filler *f, bool large);
/* Adds the range to what goes to the origin. */
void slice_ask(struct filler *f, struct fields *request);

/* Whether slices of what `head` is the head of can be had from the origin: it has a strong
 * validator. Others were stored as they came (cache/spill.h), and are lost with the first slice
 * that is. */
MUST_USE bool slice_can_be_asked(const struct object *head);

/* The answer to a request for a slice of a version that is known. May end the filler. */
void slice_arrived(struct filler *f, const struct http_response *in);
/* An answer while looking for a version. False: it is a response like any other. True: it was
 * dealt with, asked again, or the filler has ended. */
MUST_USE bool slice_version_arrived(struct filler *f, const struct http_response *in);
/* A whole response that is better fetched by slices: true when they are being asked for instead. */
MUST_USE bool slice_instead(struct filler *f, const struct http_response *in);

#endif
