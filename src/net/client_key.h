/*
 * client_key.h - a client as limits count it: an IPv4 address, or the /64 of an IPv6 one, since
 * anybody with the latter has 2^64 addresses to come from.
 *
 * Pure; any thread.
 */
#ifndef NET_CLIENT_KEY_H
#define NET_CLIENT_KEY_H

#include "base/attrs.h"
#include "net/addr.h"

#include <stdint.h>

/* IPv4 over an IPv6 socket (::ffff:192.0.2.1) is the IPv4 address. False: no IP address, hence
 * nobody to count. */
MUST_USE bool client_key(const struct addr *a, uint64_t *key);

#endif
