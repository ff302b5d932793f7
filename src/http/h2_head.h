/*
 * h2_head.h - the head of an HTTP/2 request: pseudo fields and fields to a struct http_request, as
 * strictly as h1_parse does it (RFC 9113 §8).
 *
 * The framing layer decodes HPACK and gives one field after the other to h2_head_add(), then asks
 * h2_head_finish() for the request. What RFC 9113 calls malformed is told at once, so that it ends
 * as a stream error; what an HTTP/1 client would be told by a status (a bad path, a Host that
 * disagrees, too much of everything) is a status here, too. The size of a list is counted while it
 * is being decoded, as RFC 9113 §6.5.2 counts it, and nothing is kept of what is beyond the limit.
 * Texts are copied into the arena. Pure; thread: the owner's.
 */
#ifndef HTTP_H2_HEAD_H
#define HTTP_H2_HEAD_H

#include "base/arena.h"
#include "base/attrs.h"
#include "http/h1_parse.h"
#include "http/message.h"

/* Begins zeroed. */
struct h2_head {
    struct span method, scheme, authority, path, protocol; /* p == NULL: not there */
    struct fields fields;
    size_t bytes;    /* of the list: name, value and 32 for each field */
    size_t crumbs_n; /* of Cookie (RFC 9113 §8.2.3) */
    bool regular;    /* a field that is no pseudo field has come */
    bool large;      /* past a limit: will be a 431 */
};

enum h2_field {
    H2_FIELD_FINE,      /* kept, or beyond the limits and counted only */
    H2_FIELD_MALFORMED, /* a stream error PROTOCOL_ERROR */
    H2_FIELD_FLOOD,     /* far beyond the limits: whoever sends this is no client */
};

/* `limits` are those of h1_parse; crumbs of Cookie count as bytes, and as one line in all. */
MUST_USE enum h2_field h2_head_add(struct h2_head *h, struct arena *a,
    const struct h1_limits *limits, struct span name, struct span value);

/* An extended CONNECT (RFC 8441 §4) becomes the GET that asks to switch protocols in HTTP/1, with
 * `upgrade`.
 *
 * The request, whose body ends with its head if `ended`. 0, or the status to answer and a static
 * sentence in *why; then *req has method, method_text and target as far as they were understood. */
MUST_USE int h2_head_finish(struct h2_head *h, struct arena *a, const struct h1_limits *limits,
    bool ended, struct http_request *req, const char **why);

#endif
