/*
 * weighted.h - lists of names with weights (RFC 9110 §12.4.2): Accept-Encoding, Accept-Language,
 * Accept.
 *
 * Pure; any thread.
 */
#ifndef HTTP_WEIGHTED_H
#define HTTP_WEIGHTED_H

#include "base/attrs.h"
#include "base/span.h"

enum { WEIGHT_WHOLE = 1000 };

struct weighted {
    struct span name; /* as sent */
    int q;            /* in thousandths */
};

/* A member of such a list: name [;q=weight]; other parameters do not matter. False: it cannot be
 * understood. */
MUST_USE bool weighted_parse(struct span member, struct weighted *out);
/* The same with a media range for a name: text/html, image/ and a star. */
MUST_USE bool weighted_range_parse(struct span member, struct weighted *out);

#endif
