#include "net/tls_client.h"

#include "base/check.h"
#include "base/span.h"
#include "net/tls_keylog.h"
#include "net/tls_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ERROR_BYTES = 1024,
    READ_BYTES = 65536, /* several records at once: bodies come in bulk */
};

struct tls_client {
    SSL_CTX *ctx; /* owns */
    unsigned users;
};

/* What an SSL of ours knows, in its ex_data. */
struct connection {
    struct tls_sessions *sessions; /* borrowed */
    char *name;                    /* owns */
    char *error;                   /* owns; of its certificate, or NULL */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int slot;                  /* of struct connection */
static struct tls_client *common; /* of all that say nothing; counted. main's thread */

static void connection_free(
    void *ssl, void *p, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    struct connection *c = p;

    (void)ssl;
    (void)ad;
    (void)index;
    (void)argl;
    (void)argp;
    if (c == NULL)
        return;
    free(c->name);
    free(c->error);
    free(c);
}

static void take_slot(void)
{
    slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, connection_free);
    check(slot >= 0);
}

static struct connection *connection_of(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, slot);
}

/* --- sessions ----------------------------------------------------------------------------------
 */

void tls_sessions_clear(struct tls_sessions *s)
{
    while (s->n > 0)
        SSL_SESSION_free(s->kept[--s->n]);
}

static bool serves_once(const SSL_SESSION *session)
{
    return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

/* OpenSSL has got one that can be gone on with. 1: it is ours now. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_sessions *s = connection_of(ssl)->sessions;

    if (!serves_once(session))
        tls_sessions_clear(s); /* the newest will do for all */
    if (s->n == TLS_SESSIONS_MAX) {
        SSL_SESSION_free(s->kept[0]);
        memmove(s->kept, s->kept + 1, --s->n * sizeof(s->kept[0]));
    }
    s->kept[s->n++] = session;
    return 1;
}

static void go_on_with(SSL *ssl, struct tls_sessions *s)
{
    while (s->n > 0) {
        SSL_SESSION *session = s->kept[s->n - 1];
        bool good = SSL_SESSION_is_resumable(session) == 1;

        if (good)
            check(SSL_set_session(ssl, session) == 1);
        if (good && !serves_once(session))
            return;
        s->n--;
        SSL_SESSION_free(session);
        if (good)
            return;
    }
}

/* --- verification ------------------------------------------------------------------------------
 */

struct text {
    char p[160];
};

static const char *put_name(const X509_NAME *name, struct text *out)
{
    BIO *b = BIO_new(BIO_s_mem());
    int n;

    check(b != NULL);
    X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253);
    n = BIO_read(b, out->p, sizeof(out->p) - 1);
    out->p[n > 0 ? n : 0] = '\0';
    BIO_free(b);
    return out->p[0] != '\0' ? out->p : "no subject";
}

static const char *put_time(const ASN1_TIME *t, struct text *out)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(t, &tm) != 1 || strftime(out->p, sizeof(out->p), "%F %T UTC", &tm) == 0)
        snprintf(out->p, sizeof(out->p), "an unreadable date");
    return out->p;
}

/* The host names of a certificate, as many as fit. */
static const char *put_hosts(X509 *cert, struct text *out)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    size_t n = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        size_t bytes = type == GEN_DNS ? (size_t)ASN1_STRING_length(s) : 0;

        if (bytes == 0 || n + bytes + 3 > sizeof(out->p))
            continue;
        n += (size_t)snprintf(out->p + n, sizeof(out->p) - n, "%s%.*s", n > 0 ? ", " : "",
            (int)bytes, (const char *)ASN1_STRING_get0_data(s));
    }
    GENERAL_NAMES_free(names);
    return n > 0 ? out->p : put_name(X509_get_subject_name(cert), out);
}

static void explain(struct connection *c, X509_STORE_CTX *store)
{
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    int error = X509_STORE_CTX_get_error(store), depth = X509_STORE_CTX_get_error_depth(store);
    struct text subject = {"none"}, issuer = {"nobody"}, more;
    char which[512];

    if (cert != NULL) {
        put_name(X509_get_subject_name(cert), &subject);
        put_name(X509_get_issuer_name(cert), &issuer);
    }
    if (depth == 0)
        snprintf(which, sizeof(which), "the certificate of %s (%s)", c->name, subject.p);
    else
        snprintf(
            which, sizeof(which), "the CA certificate %s in the chain of %s", subject.p, c->name);
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        snprintf(c->error, ERROR_BYTES, "%s has expired on %s: a new one is needed there", which,
            put_time(X509_get0_notAfter(cert), &more));
        return;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        snprintf(c->error, ERROR_BYTES, "%s is not valid before %s: are the clocks right?", which,
            put_time(X509_get0_notBefore(cert), &more));
        return;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        snprintf(c->error, ERROR_BYTES,
            "the certificate is for %s, not for %s: where that is right, name it by  sni NAME;",
            put_hosts(cert, &more), c->name);
        return;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        snprintf(c->error, ERROR_BYTES,
            "%s is signed by itself: where that is right, trust it by  ca FILE;", which);
        return;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        snprintf(c->error, ERROR_BYTES,
            "%s is signed by %s, which is not trusted here: where it should be, name its "
            "certificate by  ca FILE;",
            which, issuer.p);
        return;
    default:
        snprintf(c->error, ERROR_BYTES, "%s is not to be trusted: %s", which,
            X509_verify_cert_error_string(error));
    }
}

static int on_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct connection *c = connection_of(ssl);

    if (!ok && c->error == NULL) {
        c->error = xmalloc(ERROR_BYTES);
        explain(c, store);
    }
    return ok;
}

const char *tls_client_error(const SSL *ssl)
{
    const struct connection *c = connection_of(ssl);

    return tls_failure_of(ssl) == TLS_FAILURE_CERTIFICATE && c->error != NULL ? c->error
                                                                              : tls_error_of(ssl);
}

/* --- contexts ----------------------------------------------------------------------------------
 */

/* The bundle that the system's tools use; a directory of single files would be read while
 * connecting. */
static const char *system_bundle(void)
{
    const char *asked = secure_getenv(X509_get_default_cert_file_env());
    const char *const usual[] = {X509_get_default_cert_file(), "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};

    if (asked != NULL)
        return asked;
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        if (access(usual[i], R_OK) == 0)
            return usual[i];
    }
    return NULL;
}

/* "cannot use WHAT FILE: reason", of what OpenSSL did last; what the system said says most. */
static bool refuse(struct tls_client_why *why, const char *what, const char *file)
{
    const char *reason = "it holds nothing of that kind";
    unsigned long e;

    while ((e = ERR_get_error()) != 0) {
        if (ERR_reason_error_string(e) != NULL)
            reason = ERR_reason_error_string(e);
        if (ERR_SYSTEM_ERROR(e)) {
            reason = strerror(ERR_GET_REASON(e));
            break;
        }
    }
    ERR_clear_error();
    snprintf(why->text, sizeof(why->text), "cannot use %s %s: %s", what, file, reason);
    return false;
}

static bool set_trust(SSL_CTX *ctx, const char *ca, struct tls_client_why *why)
{
    const char *file = ca != NULL ? ca : system_bundle();

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
    if (file == NULL) {
        (void)SSL_CTX_set_default_verify_paths(ctx); /* then nobody is trusted, and that is said */
        return true;
    }
    ERR_clear_error();
    return SSL_CTX_load_verify_file(ctx, file) == 1 ||
           refuse(why, ca != NULL ? "the CA file" : "the system's CA file", file);
}

/* A key that needs a passphrase is refused: nobody is there to ask. */
static int no_passphrase(char *buf, int size, int writing, void *p)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)p;
    return -1;
}

static bool set_identity(
    SSL_CTX *ctx, const struct tls_client_conf *conf, struct tls_client_why *why)
{
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(ctx, conf->certificate) != 1)
        return refuse(why, "the certificate", conf->certificate);
    if (SSL_CTX_use_PrivateKey_file(ctx, conf->key, SSL_FILETYPE_PEM) != 1)
        return refuse(why, "the key", conf->key);
    return true;
}

static SSL_CTX *make_ctx(const struct tls_client_conf *conf, struct tls_client_why *why)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    check(ctx != NULL);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    check(SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) == 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    SSL_CTX_set_default_read_buffer_len(ctx, READ_BYTES);
    tls_keylog_attach(ctx);
    if ((!conf->insecure && !set_trust(ctx, conf->ca, why)) ||
        (conf->certificate != NULL && !set_identity(ctx, conf, why))) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static bool says_nothing(const struct tls_client_conf *conf)
{
    return conf->ca == NULL && conf->certificate == NULL && !conf->insecure;
}

struct tls_client *tls_client_new(const struct tls_client_conf *conf, struct tls_client_why *why)
{
    struct tls_client *c;
    SSL_CTX *ctx;

    pthread_once(&once, take_slot);
    if (says_nothing(conf) && common != NULL) {
        common->users++;
        return common;
    }
    ctx = make_ctx(conf, why);
    if (ctx == NULL)
        return NULL;
    c = xcalloc(1, sizeof(*c));
    c->ctx = ctx;
    c->users = 1;
    if (says_nothing(conf))
        common = c;
    return c;
}

void tls_client_free(struct tls_client **cp)
{
    struct tls_client *c = *cp;

    *cp = NULL;
    if (c == NULL || --c->users > 0)
        return;
    if (c == common)
        common = NULL;
    SSL_CTX_free(c->ctx);
    free(c);
}

/* --- connections -------------------------------------------------------------------------------
 */

static bool is_address(const char *name)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static void expect_name(SSL *ssl, const char *name)
{
    if (is_address(name)) {
        check(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1);
        return;
    }
    check(SSL_set_tlsext_host_name(ssl, name) == 1);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    check(SSL_set1_host(ssl, name) == 1);
}

SSL *tls_client_new_ssl(struct tls_client *c, const char *name, struct tls_sessions *sessions)
{
    struct connection *x = xcalloc(1, sizeof(*x));
    SSL *ssl = SSL_new(c->ctx);
    size_t n = strlen(name);

    check(ssl != NULL);
    x->sessions = sessions;
    x->name = xstrdup(name);
    if (n > 1 && name[n - 1] == '.') /* the root of DNS stands in no certificate */
        x->name[n - 1] = '\0';
    check(SSL_set_ex_data(ssl, slot, x) == 1);
    SSL_set_connect_state(ssl);
    expect_name(ssl, x->name);
    go_on_with(ssl, sessions);
    return ssl;
}

const char *tls_client_judge(const SSL *ssl)
{
    const unsigned char *alpn;
    unsigned n;

    SSL_get0_alpn_selected(ssl, &alpn, &n);
    if (n != 0 && !span_eq(span_make((const char *)alpn, n), SPAN("http/1.1")))
        return "the server has chosen a protocol that was not offered (ALPN)";
    return NULL;
}
