/*
 * client.h - an address as the map takes it: all of its bits are known.
 */
#ifndef DIRECTOR_CLIENT_H
#define DIRECTOR_CLIENT_H

#include "geo/map.h"
#include "net/addr.h"

#include <string.h>

/* What is no IP address (a Unix socket) is 0.0.0.0, of which nobody knows where it is. */
static inline struct geo_client client_of(const struct addr *a)
{
    struct geo_client c = {.family = 4, .prefix = 32};

    if (addr_family(a) == AF_INET) {
        memcpy(c.address, &a->in.sin_addr, 4);
    } else if (addr_family(a) == AF_INET6) {
        c.family = 6;
        c.prefix = 128;
        memcpy(c.address, &a->in6.sin6_addr, 16);
    }
    return c;
}

#endif
