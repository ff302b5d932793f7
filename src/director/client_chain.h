/*
 * client_chain.h - who a request comes from, when proxies that we know stand before us: the
 * rightmost address of X-Forwarded-For or Forwarded (RFC 7239) that no such proxy has.
 *
 * Only one field counts, the one that is configured: a proxy writes one of them and passes the
 * other on as its client sent it. Every proxy adds at the end, so the list is read from there, and
 * only as far as everybody who wrote so far is trusted. Where an element is not understood
 * ("unknown", "_hidden", garbage), the client is taken to be where the last address was: the proxy
 * that would not say more. Pure; any thread.
 */
#ifndef DIRECTOR_CLIENT_CHAIN_H
#define DIRECTOR_CLIENT_CHAIN_H

#include "http/fields.h"
#include "net/addr.h"
#include "net/network.h"

enum { CLIENT_CHAIN_MAX = 32 }; /* elements, from the end; what stands before them is not read */

enum client_field { CLIENT_X_FORWARDED_FOR, CLIENT_FORWARDED };
extern const char *const client_field_words[]; /* for configuration; NULL at the end */

struct client_trust {
    int field;                /* enum client_field */
    struct network_list from; /* proxies; n == 0: nobody is believed */
};

/* `peer` is who connected. */
struct addr client_chain_find(const struct client_trust *trust, const struct fields *fields,
    const struct addr *peer, struct arena *a);

#endif
