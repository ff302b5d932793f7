/*
 * tls_test.h - certificates and contexts for tests of TLS, made as they are asked for.
 */
#ifndef TESTS_UNIT_NET_TLS_TEST_H
#define TESTS_UNIT_NET_TLS_TEST_H

#include <openssl/ssl.h>

/* A key and a certificate for it, P-256. */
struct test_cert {
    EVP_PKEY *key;
    X509 *cert;
};

/* Of that common name, and subjectAltName ("DNS:a.example", "IP:127.0.0.1"; NULL: none), signed by
 * `issuer` (NULL: by itself, a CA). Valid from an hour ago; `for_s` from now. */
struct test_cert test_cert_make(
    const char *name, const char *alt, const struct test_cert *issuer, long for_s);
void test_cert_free(struct test_cert *c);

/* Contexts that have a certificate (server), and that trust one (client). */
SSL_CTX *test_server_ctx(const struct test_cert *c);
SSL_CTX *test_client_ctx(const struct test_cert *trusted);

/* From a context, with its role set. */
SSL *test_ssl(SSL_CTX *ctx);

#endif
