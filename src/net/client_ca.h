/*
 * client_ca.h - who may connect by certificate: the authorities that a site believes.
 *
 * Read with the configuration, immutable then but for a count. Any thread.
 */
#ifndef NET_CLIENT_CA_H
#define NET_CLIENT_CA_H

#include "base/attrs.h"

#include <openssl/ssl.h>
#include <stdbool.h>

struct client_ca;

enum { CLIENT_CA_WHY = 512, SESSION_CONTEXT_BYTES = 32 };

/* A PEM file of one or more certificates. With `optional`
 * clients without a certificate may come, too. NULL: `why` says what is wrong. */
MUST_USE struct client_ca *client_ca_read(
    const char *file, bool optional, char why[static CLIENT_CA_WHY]);
/* Counted: whoever keeps one for longer than the configuration lives. NULL is fine. */
const struct client_ca *client_ca_ref(const struct client_ca *ca);
void client_ca_drop(const struct client_ca *ca);
void client_ca_free(struct client_ca **ca);
/* The same authorities, believed to the same degree; NULL is none. */
bool client_ca_same(const struct client_ca *a, const struct client_ca *b) PURE;

/* In a ClientHello's callback, before a ticket is looked at: the client is going to be asked, and
 * sessions are those of clients who were asked by the same authorities, and by as much. */
MUST_USE bool client_ca_apply(const struct client_ca *ca, SSL *ssl);

#endif
