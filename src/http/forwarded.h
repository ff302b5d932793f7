/*
 * forwarded.h - one element of Forwarded (RFC 7239), with its nodes quoted as they need.
 */
#ifndef HTTP_FORWARDED_H
#define HTTP_FORWARDED_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/span.h"

struct forwarded {
    struct span by, for_;       /* an IPv4 or IPv6 address without brackets, "unknown" or "_name" */
    unsigned by_port, for_port; /* 0: left out */
    struct span host;           /* as in Host */
    struct span proto;          /* "http" or "https" */
};

/* for=192.0.2.60;proto=http;by=203.0.113.43, leaving out what is empty. False: the buffer is full,
 * or text that cannot be quoted. */
MUST_USE bool forwarded_write(struct buf *b, const struct forwarded *f);

#endif
