#include "net/tls_challenge.h"

#include "base/check.h"
#include "net/client_hello.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>

enum { LIFE_S = 3600 };

/* id-pe-acmeIdentifier, RFC 8737 §6.1 */
#define ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31"

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static EVP_PKEY *key;

static void make_key(void)
{
    key = EVP_EC_gen("P-256");
    check(key != NULL);
}

bool tls_challenge_asked(struct span extension)
{
    static const char alone[] = "\x00\x0b\x0a" TLS_CHALLENGE_ALPN;

    return span_eq(extension, span_make(alone, sizeof(alone) - 1));
}

static bool add_name(X509 *x, struct span name)
{
    char text[SERVER_NAME_MAX + sizeof("DNS:")];
    X509_EXTENSION *ext;
    bool ok;

    snprintf(text, sizeof(text), "DNS:%.*s", SPAN_ARG(name));
    ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
    ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

/* The value is an OCTET STRING in the extension's own. */
static bool add_digest(X509 *x, const unsigned char *digest)
{
    unsigned char der[2 + TLS_CHALLENGE_DIGEST] = {V_ASN1_OCTET_STRING, TLS_CHALLENGE_DIGEST};
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    ASN1_OBJECT *oid = OBJ_txt2obj(ACME_IDENTIFIER, 1);
    X509_EXTENSION *ext = NULL;
    bool ok;

    memcpy(der + 2, digest, TLS_CHALLENGE_DIGEST);
    ok = value != NULL && oid != NULL && ASN1_OCTET_STRING_set(value, der, sizeof(der)) == 1;
    if (ok)
        ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value);
    ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
    return ok;
}

static bool fill_in(X509 *x, struct span name, const unsigned char *digest)
{
    X509_NAME *subject = X509_get_subject_name(x);

    return X509_set_version(x, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(x), -LIFE_S) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(x), LIFE_S) != NULL &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
               (const unsigned char *)"selvage, proof of a name", -1, -1, 0) == 1 &&
           X509_set_issuer_name(x, subject) == 1 && X509_set_pubkey(x, key) == 1 &&
           add_name(x, name) && add_digest(x, digest) && X509_sign(x, key, EVP_sha256()) > 0;
}

bool tls_challenge_use(SSL *ssl, struct span name, const unsigned char digest[TLS_CHALLENGE_DIGEST])
{
    X509 *x = X509_new();
    bool ok;

    pthread_once(&key_once, make_key);
    ok = x != NULL && name.n > 0 && fill_in(x, name, digest) && SSL_use_certificate(ssl, x) == 1 &&
         SSL_use_PrivateKey(ssl, key) == 1;
    X509_free(x);
    return ok;
}
