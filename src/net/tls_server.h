/*
 * tls_server.h - TLS towards clients: what a handshake offers, takes and settles (RFC 8446, 5246).
 *
 * One per process, shared by all workers and all listeners that speak TLS. It makes an SSL for a
 * connection; who has the connection (session/opening.h) puts it under a stream, runs the
 * handshake by a deadline of its own, and asks here what came of it:
 *
 *   ssl = tls_server_new_ssl(t)       accepted; the SSL belongs to the stream from then on
 *   tls_server_may_go_on(ssl)         after each piece of the handshake: not too long yet?
 *   peer = tls_server_done(ssl)       the handshake is complete: counted, and described
 *   tls_server_failed(ssl)            it broke, or took too long: counted, and why
 *
 * What the names of a ClientHello lead to is the certificates' affair (certs.h) and, by the
 * callback policy_of(), that of the sites above. Any thread; an SSL is its connection's worker's.
 */
#ifndef NET_TLS_SERVER_H
#define NET_TLS_SERVER_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"
#include "net/tls_challenge.h"

#include <openssl/ssl.h>
#include <stdbool.h>

struct tls_server;
struct tls_conf;
struct client_ca;

struct tls_server_options {
    struct tls_conf *conf; /* borrowed, outlives us; its certificates become ours */
    /* Who may connect for that name (lower case; n == 0: the client named none); NULL: everybody.
     * Any thread; the answer outlives all connections. */
    const struct client_ca *(*policy_of)(void *app, struct span name);
    /* Whether a certificate authority is expected to ask for proof of that name (RFC 8737), and
     * which. Any thread. NULL: never. */
    bool (*challenge_of)(
        void *app, struct span name, unsigned char digest[static TLS_CHALLENGE_DIGEST]);
    void *app;
    mono_ms now;
};

struct tls_server *tls_server_new(const struct tls_server_options *options);
/* When all connections are gone. */
void tls_server_free(struct tls_server **t);
/* Another configuration, for handshakes that begin from now on; tickets go on. It is borrowed in
 * the place of the one before, which is not needed any more; its certificates become ours, those
 * that are the same with what was fetched for them. While no keeper runs. */
void tls_server_adopt(struct tls_server *t, struct tls_conf *conf);

/* What a handshake settled. Lives as long as the SSL. */
struct tls_peer {
    const char *version; /* "TLSv1.3" */
    const char *cipher;  /* OpenSSL's name of it */
    bool resumed;
    bool h2;             /* ALPN chose "h2"; otherwise HTTP/1 */
    bool challenge;      /* it was all that an authority wanted: nothing may follow */
    struct span name;    /* the server name that the client asked for, lower case; n == 0: none */
    struct span subject; /* of its verified certificate (RFC 2253, escaped); n == 0: none */
    const struct client_ca *policy; /* what policy_of() said; names with the same one may share a
                                       connection */
};

/* What there is now, for operators. */
struct tls_server_state {
    unsigned certificates, names, ready, stapled;
    wall_s soonest;         /* when the first of them is over; 0: there are none */
    char soonest_file[256]; /* cut */
};
void tls_server_state(struct tls_server *t, struct tls_server_state *out);

/* `alpn`: the protocols that are spoken, in the form of RFC 7301 §3.1 (a length before each), which
 * lives as long as the SSL; n == 0: HTTP/1 and, as configured, HTTP/2. NULL: memory is out. */
MUST_USE SSL *tls_server_new_ssl(struct tls_server *t, const struct span *alpn);
/* False: the client has sent more than any handshake needs. */
MUST_USE bool tls_server_may_go_on(const SSL *ssl);
/* Once, when the handshake is complete. */
const struct tls_peer *tls_server_done(SSL *ssl);
/* Once, when it will not be; `timeout`: the deadline was over. Before the SSL is freed. */
void tls_server_failed(SSL *ssl, bool timeout);

#endif
