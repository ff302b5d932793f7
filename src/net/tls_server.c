#include "net/tls_server.h"

#include "base/check.h"
#include "base/counters.h"
#include "net/client_ca.h"
#include "net/client_hello.h"
#include "net/tickets.h"
#include "net/tls_conf.h"
#include "net/tls_keylog.h"
#include "net/tls_server_impl.h"
#include "net/tls_stream.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    HANDSHAKE_BYTES = 64 << 10, /* from a client; with a chain of certificates it has sent 20 */
    CLIENT_CHAIN_BYTES = 32 << 10,
    SUBJECT_BYTES = 4096,
};

/*
 * Mozilla's intermediate set (https://wiki.mozilla.org/Security/Server_Side_TLS) without its DHE
 * suites: they let a client make us work for nothing (CVE-2002-20001), and only clients that know
 * no elliptic curves need them. Mozilla leaves the order to the client; scanners want one, so it is
 * ours, but ChaCha20 goes to whoever would like it best, for he has no AES in hardware.
 */
static const char ciphers_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char ciphers_13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";

/* Why we ended a handshake ourselves. */
enum refusal { REFUSED_NOT, REFUSED_NAME, REFUSED_ALPN };

/* What belongs to an SSL, from its ClientHello to its end. */
struct conn {
    struct tls_server *server;
    struct tls_peer peer;
    struct cert *certs[CERT_KINDS]; /* counted; until the handshake is complete */
    enum refusal refusal;
    unsigned char digest[TLS_CHALLENGE_DIGEST]; /* with peer.challenge */
    char *subject;                              /* owns; or NULL */
    size_t name_n;
    char name[]; /* name_n bytes */
};

static int conn_index = -1;
static pthread_once_t conn_index_once = PTHREAD_ONCE_INIT;

static void drop_certs(struct conn *c)
{
    for (int k = 0; k < CERT_KINDS; k++)
        cert_unref(&c->certs[k]);
}

static void conn_free(struct conn *c)
{
    if (c == NULL)
        return;
    drop_certs(c);
    client_ca_drop(c->peer.policy);
    free(c->subject);
    free(c);
}

static void on_ssl_free(
    void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    (void)parent;
    (void)ad;
    (void)index;
    (void)argl;
    (void)argp;
    conn_free(ptr);
}

static void make_index(void)
{
    conn_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_free);
}

static struct conn *conn_of(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, conn_index);
}

/* --- the ClientHello ---------------------------------------------------------------------------
 */

/* The server name in lower case. False: the extension is broken. */
static bool name_of(SSL *ssl, char name[static SERVER_NAME_MAX], size_t *n)
{
    const unsigned char *body;
    size_t length;

    *n = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &body, &length) != 1)
        return true;
    return client_hello_name(span_make((const char *)body, length), name, n);
}

static bool asks_for_proof(SSL *ssl)
{
    const unsigned char *body;
    size_t n;

    return SSL_client_hello_get0_ext(
               ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &body, &n) == 1 &&
           tls_challenge_asked(span_make((const char *)body, n));
}

/* References to the certificates for the name. False: none are for it. */
static bool take_certs(struct tls_server *t, struct conn *c, struct span name)
{
    const struct cert_pair *pair;

    pthread_rwlock_rdlock(&t->lock);
    pair = name.n > 0 ? certs_find(t->certs, name) : NULL;
    if (pair == NULL && t->unknown == TLS_UNKNOWN_DEFAULT)
        pair = certs_fallback(t->certs);
    for (int k = 0; pair != NULL && k < CERT_KINDS; k++) {
        if (pair->of[k] != NULL)
            c->certs[k] = cert_ref(pair->of[k]);
    }
    pthread_rwlock_unlock(&t->lock);
    return pair != NULL;
}

/* Another one for this SSL, in the place of that of an earlier ClientHello. */
static struct conn *new_conn(SSL *ssl, struct tls_server *t, const char *name, size_t n)
{
    struct conn *c = calloc(1, sizeof(*c) + n);

    if (c == NULL)
        return NULL;
    c->server = t;
    c->name_n = n;
    memcpy(c->name, name, n);
    c->peer.name = span_make(c->name, n);
    conn_free(conn_of(ssl));
    if (SSL_set_ex_data(ssl, conn_index, c) == 1)
        return c;
    free(c);
    return NULL;
}

/* Before anything else is looked at, tickets included. Also after a HelloRetryRequest, where the
 * name must be the one that it was (RFC 8446 §4.1.2). */
static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    struct tls_server *t = arg;
    char name[SERVER_NAME_MAX];
    const struct conn *before = conn_of(ssl);
    struct conn *c;
    size_t n;

    *alert = SSL_AD_DECODE_ERROR;
    if (!name_of(ssl, name, &n))
        return SSL_CLIENT_HELLO_ERROR;
    *alert = SSL_AD_ILLEGAL_PARAMETER;
    if (before != NULL && !span_eq(before->peer.name, span_make(name, n)))
        return SSL_CLIENT_HELLO_ERROR;
    *alert = SSL_AD_INTERNAL_ERROR;
    c = new_conn(ssl, t, name, n);
    if (c == NULL)
        return SSL_CLIENT_HELLO_ERROR;
    if (asks_for_proof(ssl)) {
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        c->peer.challenge =
            t->challenge_of != NULL && t->challenge_of(t->app, c->peer.name, c->digest);
        c->refusal = c->peer.challenge ? REFUSED_NOT : REFUSED_NAME;
        return c->peer.challenge ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
    }
    if (t->policy_of != NULL)
        c->peer.policy = client_ca_ref(t->policy_of(t->app, c->peer.name));
    if (c->peer.policy != NULL && !client_ca_apply(c->peer.policy, ssl))
        return SSL_CLIENT_HELLO_ERROR;
    if (!take_certs(t, c, c->peer.name)) {
        c->refusal = REFUSED_NAME;
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* Who speaks TLS 1.3 and knows ECDSA on either curve will not take another certificate; to give it
 * to him all the same costs a tenth of the handshake. */
static bool wants_ecdsa(SSL *ssl)
{
    bool p256 = false, p384 = false;
    int signature, n = SSL_get_sigalgs(ssl, 0, NULL, NULL, NULL, NULL, NULL);

    if (SSL_version(ssl) != TLS1_3_VERSION)
        return false;
    for (int i = 0; i < n; i++) {
        (void)SSL_get_sigalgs(ssl, i, NULL, NULL, &signature, NULL, NULL);
        p256 = p256 || signature == NID_ecdsa_with_SHA256;
        p384 = p384 || signature == NID_ecdsa_with_SHA384;
    }
    return p256 && p384;
}

/* Not for who resumes a session. With both kinds there OpenSSL takes what the client can do. */
static int on_cert(SSL *ssl, void *arg)
{
    struct conn *c = conn_of(ssl);

    (void)arg;
    if (c == NULL)
        return 0;
    if (c->peer.challenge)
        return tls_challenge_use(ssl, c->peer.name, c->digest);
    if (c->certs[CERT_ECDSA] != NULL && c->certs[CERT_ECDSA]->common &&
        c->certs[CERT_RSA] != NULL && wants_ecdsa(ssl))
        cert_unref(&c->certs[CERT_RSA]);
    for (int k = 0; k < CERT_KINDS; k++) {
        if (c->certs[k] != NULL && !cert_use(c->certs[k], ssl))
            return 0;
    }
    return 1;
}

/* In the form of RFC 7301 §3.1. */
static struct span offered(const struct tls_server *t, const SSL *ssl)
{
    const struct span *alpn = SSL_get_app_data(ssl);

    if (alpn != NULL && alpn->n > 0)
        return *alpn;
    return atomic_load_explicit(&t->http2, memory_order_relaxed) ? SPAN("\x02h2\x08http/1.1")
                                                                 : SPAN("\x08http/1.1");
}

/* RFC 7301 §3.2: ours is the order. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
    const unsigned char *in, unsigned in_n, void *arg)
{
    const struct tls_server *t = arg;
    struct span ours = offered(t, ssl);
    struct conn *c = conn_of(ssl);
    static const unsigned char proof[] = TLS_CHALLENGE_ALPN;
    unsigned char *chosen;
    int found = SSL_select_next_proto(
        &chosen, out_n, (const unsigned char *)ours.p, (unsigned)ours.n, in, in_n);

    if (c != NULL && c->peer.challenge) {
        *out = proof;
        *out_n = sizeof(proof) - 1;
        return SSL_TLSEXT_ERR_OK;
    }
    if (found != OPENSSL_NPN_NEGOTIATED) {
        if (c != NULL)
            c->refusal = REFUSED_ALPN;
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol */
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* The certificate is chosen, and the client wants a staple. */
static int on_status(SSL *ssl, void *arg)
{
    const X509 *chosen = SSL_get_certificate(ssl);
    struct conn *c = conn_of(ssl);
    enum cert_kind kind;
    struct span staple;

    (void)arg;
    if (chosen == NULL || c == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    kind = EVP_PKEY_get_base_id(X509_get0_pubkey(chosen)) == EVP_PKEY_RSA ? CERT_RSA : CERT_ECDSA;
    if (c->certs[kind] == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    staple = cert_staple(c->certs[kind], clock_wall_s());
    if (staple.n == 0)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, (unsigned char *)staple.p, (long)staple.n);
    count(C_TLS_STAPLED);
    return SSL_TLSEXT_ERR_OK;
}

/* --- the context -------------------------------------------------------------------------------
 */

static SSL_CTX *new_context(struct tls_server *t)
{
    static const unsigned char everybody[] = "selvage";
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    check(ctx != NULL);
    check(SSL_CTX_set_min_proto_version(
              ctx, t->conf->min == TLS_MIN_13 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1);
    SSL_CTX_set_security_level(ctx, 2);
    check(SSL_CTX_set_cipher_list(ctx, ciphers_12) == 1);
    check(SSL_CTX_set_ciphersuites(ctx, ciphers_13) == 1);
    check(SSL_CTX_set1_groups_list(ctx, groups) == 1);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    if (t->conf->kernel)
        SSL_CTX_set_options(ctx, SSL_OP_ENABLE_KTLS);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_cert_list(ctx, CLIENT_CHAIN_BYTES);
    check(SSL_CTX_set_session_id_context(ctx, everybody, sizeof(everybody) - 1) == 1);
    SSL_CTX_set_client_hello_cb(ctx, on_client_hello, t);
    SSL_CTX_set_cert_cb(ctx, on_cert, NULL);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, t);
    SSL_CTX_set_tlsext_status_cb(ctx, on_status);
    tls_keylog_attach(ctx);
    tickets_attach(t->tickets, ctx);
    return ctx;
}

struct tls_server *tls_server_new(const struct tls_server_options *o)
{
    struct tls_server *t = xcalloc(1, sizeof(*t));

    pthread_once(&conn_index_once, make_index);
    pthread_rwlock_init(&t->lock, NULL);
    t->conf = o->conf;
    t->unknown = o->conf->unknown;
    atomic_init(&t->http2, o->conf->http2);
    t->policy_of = o->policy_of;
    t->challenge_of = o->challenge_of;
    t->app = o->app;
    t->certs = o->conf->certs;
    o->conf->certs = NULL;
    t->tickets = tickets_new(o->conf->ticket_file.n > 0 ? &o->conf->ticket_keys : NULL, o->now);
    t->ctx = new_context(t);
    return t;
}

/* The certificates of the new configuration; those that have not changed are the same objects. */
static struct certs *certs_shared(struct tls_server *t, struct tls_conf *conf)
{
    struct conf_errors errors;
    struct certs *shared, *fresh = conf->certs;
    struct arena arena;

    conf->certs = NULL;
    if (fresh == NULL)
        return NULL;
    arena_init(&arena);
    conf_errors_init(&errors, &arena);
    shared = certs_load(conf->sources, t->certs, clock_wall_s(), &errors);
    arena_free(&arena);
    if (shared == NULL) /* a file has changed since it was judged */
        return fresh;
    certs_free(&fresh);
    return shared;
}

void tls_server_adopt(struct tls_server *t, struct tls_conf *conf)
{
    struct certs *certs = certs_shared(t, conf), *old_certs = t->certs;
    SSL_CTX *old_ctx = t->ctx, *ctx;

    tickets_use(t->tickets, conf->ticket_file.n > 0 ? &conf->ticket_keys : NULL, clock_mono_ms());
    t->conf = conf;
    ctx = new_context(t);
    pthread_rwlock_wrlock(&t->lock);
    t->ctx = ctx;
    t->certs = certs;
    t->unknown = conf->unknown;
    pthread_rwlock_unlock(&t->lock);
    atomic_store_explicit(&t->http2, conf->http2, memory_order_relaxed);
    SSL_CTX_free(old_ctx); /* handshakes that have begun have their own reference */
    certs_free(&old_certs);
}

void tls_server_free(struct tls_server **tp)
{
    struct tls_server *t = *tp;

    *tp = NULL;
    if (t == NULL)
        return;
    SSL_CTX_free(t->ctx);
    tickets_free(&t->tickets);
    certs_free(&t->certs);
    pthread_rwlock_destroy(&t->lock);
    free(t);
}

void tls_server_state(struct tls_server *t, struct tls_server_state *out)
{
    const struct cert *soonest;

    *out = (struct tls_server_state){
        .ready = certs_ready(),
        .stapled = atomic_load(&t->stapled),
    };
    pthread_rwlock_rdlock(&t->lock);
    out->certificates = certs_count(t->certs);
    out->names = certs_names(t->certs);
    soonest = certs_soonest(t->certs);
    if (soonest != NULL) {
        out->soonest = soonest->not_after;
        (void)span_cstr(soonest->file, out->soonest_file, sizeof(out->soonest_file));
    }
    pthread_rwlock_unlock(&t->lock);
}

/* --- handshakes --------------------------------------------------------------------------------
 */

SSL *tls_server_new_ssl(struct tls_server *t, const struct span *alpn)
{
    SSL *ssl;

    pthread_rwlock_rdlock(&t->lock);
    ssl = SSL_new(t->ctx);
    pthread_rwlock_unlock(&t->lock);

    if (ssl != NULL) {
        SSL_set_app_data(ssl, (void *)alpn);
        SSL_set_accept_state(ssl);
    }
    return ssl;
}

bool tls_server_may_go_on(const SSL *ssl)
{
    return BIO_number_read(SSL_get_rbio(ssl)) <= HANDSHAKE_BYTES;
}

/* As RFC 2253 writes it: what is not printable ASCII is escaped. */
static void put_subject(struct conn *c, const SSL *ssl)
{
    X509 *x = SSL_get0_peer_certificate(ssl);
    BIO *bio = x != NULL ? BIO_new(BIO_s_mem()) : NULL;
    char *text;
    long n;

    if (bio != NULL && X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) >= 0) {
        n = BIO_get_mem_data(bio, &text);
        c->subject = n > 0 && n <= SUBJECT_BYTES ? malloc((size_t)n) : NULL;
        if (c->subject != NULL) {
            memcpy(c->subject, text, (size_t)n);
            c->peer.subject = span_make(c->subject, (size_t)n);
        }
    }
    BIO_free(bio);
}

const struct tls_peer *tls_server_done(SSL *ssl)
{
    struct conn *c = conn_of(ssl);
    const unsigned char *alpn;
    unsigned alpn_n;

    check(c != NULL);
    drop_certs(c);
    c->peer.version = SSL_get_version(ssl);
    c->peer.cipher = SSL_get_cipher_name(ssl);
    c->peer.resumed = SSL_session_reused(ssl) == 1;
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_n);
    c->peer.h2 = span_eq(span_make((const char *)alpn, alpn_n), SPAN("h2"));
    if (c->peer.policy != NULL && SSL_get_verify_result(ssl) == X509_V_OK)
        put_subject(c, ssl);
    count(SSL_version(ssl) == TLS1_3_VERSION ? C_TLS_DONE_13 : C_TLS_DONE_12);
    if (c->peer.resumed)
        count(C_TLS_RESUMED);
    return &c->peer;
}

static enum counter failure_counter(const SSL *ssl)
{
    const struct conn *c = conn_of(ssl);

    if (c != NULL && c->refusal == REFUSED_NAME)
        return C_TLS_FAILED_NAME;
    if (c != NULL && c->refusal == REFUSED_ALPN)
        return C_TLS_FAILED_ALPN;
    switch (tls_failure_of(ssl)) {
    case TLS_FAILURE_SOCKET:
    case TLS_FAILURE_ENDED:
        return C_TLS_FAILED_GONE;
    case TLS_FAILURE_HTTP:
        return C_TLS_FAILED_HTTP;
    case TLS_FAILURE_NOT_TLS:
        return C_TLS_FAILED_NOT_TLS;
    case TLS_FAILURE_VERSION:
        return C_TLS_FAILED_VERSION;
    case TLS_FAILURE_PARAMETERS:
        return C_TLS_FAILED_PARAMETERS;
    case TLS_FAILURE_CERTIFICATE:
        return C_TLS_FAILED_CERTIFICATE;
    case TLS_FAILURE_REFUSED:
        return C_TLS_FAILED_ALERT;
    case TLS_FAILURE_NONE:
    case TLS_FAILURE_OTHER:
        break;
    }
    return C_TLS_FAILED_OTHER;
}

void tls_server_failed(SSL *ssl, bool timeout)
{
    if (timeout)
        count(C_TLS_FAILED_TIMEOUT);
    else if (!tls_server_may_go_on(ssl))
        count(C_TLS_FAILED_TOO_LONG);
    else
        count(failure_counter(ssl));
}
