/*
 * forward.h - what travels on: the request's fields towards the origin, the response's towards the
 * cache and the client. Built anew from the parsed message (RFC 9110 §7.6); pure but for the arena.
 */
#ifndef EDGE_FORWARD_H
#define EDGE_FORWARD_H

#include "base/clock.h"
#include "edge/setup.h"
#include "http/message.h"

/* Who sent the request that is forwarded; a refresh in the background keeps what it was caused by.
 */
struct forward_from {
    struct span client; /* IP address */
    struct span host;   /* in normal form */
    struct span proto;  /* "http" or "https" */
    int minor;          /* of the client's HTTP/1.x */
    bool h2;            /* it speaks HTTP/2 */
};

/*
 * End-to-end fields for the origin: hop-by-hop ones are left out, Via, X-Forwarded-*, Forwarded and
 * CDN-Loop say where the request came from. Forwarded and X-Forwarded-Host/-Proto are ours alone,
 * the others go on from what is there. What a client could use to make the origin answer
 * differently under the same cache key (X-Forwarded-Host, X-Original-URL, method overrides ...) is
 * dropped, and so are known names in a spelling with '_'. Unless `whole`, conditions and ranges are
 * dropped too: the cache wants the whole representation and answers them itself. The result shares
 * text with `fields`.
 */
struct fields forward_request(const struct fields *fields, const struct forward_from *from,
    const struct setup *setup, bool whole, struct arena *a);

/* The end-to-end fields of a 1xx; it has no content, so nothing about framing passes either. */
struct fields forward_interim(const struct fields *fields, struct arena *a);

/*
 * The head as it will be stored and sent: hop-by-hop fields and framing are taken out
 * (Content-Length stays with `keep_length`), Via and a missing Date (RFC 9110 §6.6.1) are added.
 * With `stored` Age goes too, since it will be counted anew. `head` is changed in place.
 */
void forward_response(struct http_response *head, const struct setup *setup, bool stored,
    bool keep_length, wall_s now, struct arena *a);

#endif
