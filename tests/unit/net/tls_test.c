#include "tls_test.h"

#include "base/check.h"

#include <openssl/x509v3.h>

static void add_extension(X509 *c, X509 *issuer, int nid, const char *text)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, issuer, c, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, text);
    check(e != NULL && X509_add_ext(c, e, -1) == 1);
    X509_EXTENSION_free(e);
}

struct test_cert test_cert_make(
    const char *name, const char *alt, const struct test_cert *issuer, long for_s)
{
    static long serial = 1;
    struct test_cert c = {EVP_EC_gen("P-256"), X509_new()};
    X509 *by = issuer != NULL ? issuer->cert : c.cert;

    check(c.key != NULL && c.cert != NULL);
    X509_set_version(c.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(c.cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(c.cert), for_s);
    X509_set_pubkey(c.cert, c.key);
    X509_NAME_add_entry_by_txt(
        X509_get_subject_name(c.cert), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(c.cert, X509_get_subject_name(by));
    add_extension(c.cert, by, NID_basic_constraints,
        issuer == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (alt != NULL)
        add_extension(c.cert, by, NID_subject_alt_name, alt);
    check(X509_sign(c.cert, issuer != NULL ? issuer->key : c.key, EVP_sha256()) > 0);
    return c;
}

void test_cert_free(struct test_cert *c)
{
    EVP_PKEY_free(c->key);
    X509_free(c->cert);
}

SSL_CTX *test_server_ctx(const struct test_cert *c)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    check(ctx != NULL);
    check(SSL_CTX_use_certificate(ctx, c->cert) == 1 && SSL_CTX_use_PrivateKey(ctx, c->key) == 1);
    return ctx;
}

SSL_CTX *test_client_ctx(const struct test_cert *trusted)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    check(ctx != NULL);
    if (trusted != NULL) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        check(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted->cert) == 1);
    }
    return ctx;
}

SSL *test_ssl(SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);

    check(ssl != NULL);
    if (SSL_CTX_get_ssl_method(ctx) == TLS_server_method())
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    return ssl;
}
