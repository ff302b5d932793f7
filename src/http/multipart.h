/*
 * multipart.h - several ranges in one body: multipart/byteranges (RFC 9110 §14.6, RFC 2046 §5.1.1).
 *
 * What stands between the ranges is text, made here; the ranges themselves are the sender's. The
 * boundary is random: nobody who can choose what is inside the ranges can guess it and end a part
 * before its time. Pure; any thread.
 */
#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/span.h"
#include "http/range.h"

#include <stdint.h>

/* heads[0], range 0, heads[1], range 1, ... end. All spans are in the arena. */
struct multipart {
    struct span content_type; /* of the whole, with the boundary */
    unsigned n;
    struct span heads[RANGES_MAX];
    struct span end;
    uint64_t length; /* of the whole body */
};

/* `set` are ranges of a representation of `length` bytes whose Content-Type is `type` (empty: it
 * has none), `random` what the boundary is made of. False: its length would be more than an int64_t
 * holds. */
MUST_USE bool multipart_make(struct multipart *m, const struct range_set *set, uint64_t length,
    struct span type, const uint64_t random[static 2], struct arena *a);

#endif
