/*
 * tls_server_impl.h - what the files of TLS towards clients share: tls_server.c (handshakes),
 * tls_keeper.c (what happens beside them). Private to net/.
 */
#ifndef NET_TLS_SERVER_IMPL_H
#define NET_TLS_SERVER_IMPL_H

#include "net/tls_server.h"

#include "net/certs.h"
#include "net/tickets.h"
#include "net/tls_conf.h"

#include <pthread.h>

struct tls_server {
    SSL_CTX *ctx;          /* owns */
    struct tls_conf *conf; /* borrowed; the keeper's, and whoever adopts another */
    const struct client_ca *(*policy_of)(void *app, struct span name);
    bool (*challenge_of)(void *app, struct span name, unsigned char digest[]);
    void *app;
    struct tickets *tickets; /* owns */
    pthread_rwlock_t lock;   /* of the next two and `ctx`, which are swapped beside handshakes */
    struct certs *certs;     /* owns; may be NULL: no sources */
    int unknown;             /* enum tls_unknown */
    _Atomic bool http2;
    _Atomic unsigned stapled; /* certificates with a staple, when the keeper last looked */
};

#endif
