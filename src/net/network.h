/*
 * network.h - a set of addresses written as ADDRESS[/BITS] (RFC 4632, RFC 4291 §2.3), and who is in
 * it.
 *
 * An IPv4 address that came over an IPv6 socket (::ffff:192.0.2.1) is the IPv4 address, and in no
 * IPv6 network. Pure; any thread.
 */
#ifndef NET_NETWORK_H
#define NET_NETWORK_H

#include "base/attrs.h"
#include "base/span.h"
#include "net/addr.h"

struct network {
    unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d; what lies behind the bits is 0 */
    unsigned bits;           /* of these 128 */
};

struct network_list {
    const struct network *v;
    unsigned n;
};

enum network_parsed {
    NETWORK_OK,
    NETWORK_NO_ADDRESS, /* what stands before the slash is no address */
    NETWORK_NO_BITS,    /* what stands behind it is no number, or more than the address has */
    NETWORK_HOST_BITS,  /* 192.0.2.1/24: likely a mistake, so it is left to whoever wrote it */
};

/* Without bits, the address alone. *out is set with NETWORK_OK only. */
MUST_USE enum network_parsed network_parse(struct span s, struct network *out);
/* False for what is no IP address. */
bool network_has(const struct network *n, const struct addr *a) PURE;
/* In any of them. */
bool network_list_has(const struct network_list *l, const struct addr *a) PURE;

#endif
