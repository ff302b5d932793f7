/*
 * tls_client.h - TLS towards servers: whom we trust, who we are, and sessions that are gone on
 * with.
 *
 * A server's certificate is verified, its name included, unless the configuration says "insecure".
 * Versions 1.2 and 1.3; ALPN offers http/1.1 alone. Sessions are kept by whoever has the
 * connections to one server on one worker: a ticket of TLS 1.3 is used once (RFC 8446 §C.4).
 *
 * A client is made on main's thread and immutable then; SSLs are made of it on any worker.
 */
#ifndef NET_TLS_CLIENT_H
#define NET_TLS_CLIENT_H

#include "base/attrs.h"

#include <openssl/ssl.h>
#include <stdbool.h>

struct tls_client;

struct tls_client_conf {
    const char *ca;                /* a PEM file of those to be trusted; NULL: the system's */
    const char *certificate, *key; /* our own, PEM files; NULL: none */
    bool insecure;                 /* nothing is verified */
};

struct tls_client_why {
    char text[400];
};

/* Reads the files. NULL: `why` has the sentence. Those that say nothing share one, and with it what
 * the system trusts, which is read once. */
MUST_USE struct tls_client *tls_client_new(
    const struct tls_client_conf *conf, struct tls_client_why *why);
/* Sets *c to NULL; harmless for NULL. SSLs made of it may live on. */
void tls_client_free(struct tls_client **c);

/* Of one server, on one worker's thread; zeroed memory is empty. */
enum { TLS_SESSIONS_MAX = 8 };
struct tls_sessions {
    SSL_SESSION *kept[TLS_SESSIONS_MAX]; /* owns; the newest last */
    unsigned n;
};
void tls_sessions_clear(struct tls_sessions *s);

/* For a connection to a server that must have a certificate for `name`: a host name, which is asked
 * for (RFC 6066 §3), or the text of an address. It goes on with one of `sessions` and leaves new
 * ones there; they outlive it. */
MUST_USE SSL *tls_client_new_ssl(
    struct tls_client *c, const char *name, struct tls_sessions *sessions);
/* After the handshake. NULL: all is well, else what is not. */
const char *tls_client_judge(const SSL *ssl);
/* Why its handshake failed: which certificate, what is wrong with it and what to do, or what
 * tls_error_of() says. As long as the SSL lives. */
const char *tls_client_error(const SSL *ssl);

#endif
