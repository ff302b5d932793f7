/*
 * proxy_header.h - the PROXY protocol, versions 1 and 2 (proxy-protocol.txt of HAProxy, §2): what a
 * proxy in front of us says of the connection, before the first byte of its client.
 *
 * A pure parser of the bytes so far: it reads nothing and believes nobody. Whoever calls it has
 * asked already whether the peer may say such things, and keeps a deadline. Any thread.
 */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include "base/attrs.h"
#include "base/span.h"
#include "net/addr.h"

/* §2.1: the longest line of version 1, its end included. Of version 2 we take as much as any proxy
 * sends, not the 64 KiB that it could say. */
enum { PROXY_V1_MAX = 107, PROXY_V2_HEAD = 16, PROXY_V2_REST_MAX = 4096 };
/* A buffer of this size holds any header that is taken. */
enum { PROXY_HEADER_MAX = PROXY_V2_HEAD + PROXY_V2_REST_MAX };

enum proxy_parsed {
    PROXY_MORE, /* a beginning; ask again with more bytes */
    PROXY_OK,
    PROXY_BAD, /* no PROXY header, or a wrong one: close the connection */
};

struct proxy_header {
    size_t used; /* bytes of it; what follows is the client's */
    /* The proxy speaks for itself (LOCAL), or does not say for whom (UNKNOWN, UNSPEC, and on a
     * connection: datagrams): the connection's own addresses count, and these are not set. */
    bool own;
    bool datagrams;            /* those of the proxy's client */
    struct addr client, local; /* of the connection that the proxy took; maybe of Unix sockets */
};

/* *out is set with PROXY_OK, *why (a static sentence's end: "... ") with PROXY_BAD. */
MUST_USE enum proxy_parsed proxy_header_parse(
    struct span in, struct proxy_header *out, const char **why);

/* The header in front of a datagram: version 2 only, and whole, or it is PROXY_BAD. What it names
 * is the client however that one came to the proxy, be it by a connection. */
MUST_USE enum proxy_parsed proxy_header_parse_datagram(
    struct span in, struct proxy_header *out, const char **why);

#endif
