/*
 * client_hello.h - the server name of a ClientHello (RFC 6066 §3), before OpenSSL looks at it.
 *
 * What the name leads to (certificates, who must identify himself) has to be known before a ticket
 * is taken, or a session of one name could be resumed at another. Bytes are a stranger's. Pure.
 */
#ifndef NET_CLIENT_HELLO_H
#define NET_CLIENT_HELLO_H

#include "base/attrs.h"
#include "base/span.h"

enum { SERVER_NAME_MAX = 255 };

/* Reads the extension's body. False: it is not one. Else *n bytes of `name`, in lower case and
 * without a final dot; 0 for an IP address, which is no name there (§3). */
MUST_USE bool client_hello_name(
    struct span extension, char name[static SERVER_NAME_MAX], size_t *n);

#endif
