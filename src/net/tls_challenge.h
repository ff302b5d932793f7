/*
 * tls_challenge.h - the certificate by which a handshake proves that a name is ours (tls-alpn-01,
 * RFC 8737).
 *
 * Made for the one handshake: self-signed, for that name alone, with the digest of the key
 * authorization in an extension that nobody else reads. The key is the process's. Any thread; it
 * costs a signature, so who asks must be expected.
 */
#ifndef NET_TLS_CHALLENGE_H
#define NET_TLS_CHALLENGE_H

#include "base/attrs.h"
#include "base/span.h"

#include <openssl/ssl.h>
#include <stdbool.h>

enum { TLS_CHALLENGE_DIGEST = 32 }; /* SHA-256 */

#define TLS_CHALLENGE_ALPN "acme-tls/1"

/* Whether a ClientHello's ALPN extension (its body) offers this protocol and nothing else (§3). */
bool tls_challenge_asked(struct span extension) PURE;

/* Gives the SSL that certificate. False: OpenSSL would not. */
MUST_USE bool tls_challenge_use(
    SSL *ssl, struct span name, const unsigned char digest[static TLS_CHALLENGE_DIGEST]);

#endif
