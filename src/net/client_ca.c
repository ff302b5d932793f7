#include "net/client_ca.h"

#include "base/check.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct client_ca {
    _Atomic unsigned refs;
    X509_STORE *store;           /* owns */
    STACK_OF(X509_NAME) * names; /* owns; told to clients */
    bool optional;
    unsigned char context[SESSION_CONTEXT_BYTES]; /* a digest of all that counts */
};

/* Adds every certificate of the file. False: it has none, or cannot be read. */
static bool read_all(struct client_ca *ca, const char *file, EVP_MD_CTX *digest)
{
    BIO *bio = BIO_new_file(file, "r");
    X509 *x;
    unsigned n = 0;

    if (bio == NULL)
        return false;
    while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        unsigned char *der = NULL;
        int length = i2d_X509(x, &der);

        if (length > 0 && X509_STORE_add_cert(ca->store, x) == 1 &&
            EVP_DigestUpdate(digest, der, (size_t)length) == 1)
            n += sk_X509_NAME_push(ca->names, X509_NAME_dup(X509_get_subject_name(x))) > 0;
        OPENSSL_free(der);
        X509_free(x);
    }
    BIO_free(bio);
    return n > 0;
}

struct client_ca *client_ca_read(const char *file, bool optional, char why[static CLIENT_CA_WHY])
{
    struct client_ca *ca = xcalloc(1, sizeof(*ca));
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    unsigned char flag = optional;
    bool ok;

    atomic_init(&ca->refs, 1);
    ca->store = X509_STORE_new();
    ca->names = sk_X509_NAME_new_null();
    ca->optional = optional;
    check(ca->store != NULL && ca->names != NULL && digest != NULL);
    errno = 0;
    ok = EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
         EVP_DigestUpdate(digest, &flag, 1) == 1 && read_all(ca, file, digest);
    if (!ok && errno != 0)
        (void)snprintf(why, CLIENT_CA_WHY, "cannot read %s: %s", file, strerror(errno));
    else if (!ok)
        (void)snprintf(why, CLIENT_CA_WHY, "%s has no certificate in PEM form", file);
    else
        ok = EVP_DigestFinal_ex(digest, ca->context, NULL) == 1;
    EVP_MD_CTX_free(digest);
    ERR_clear_error();
    if (!ok)
        client_ca_free(&ca);
    return ca;
}

const struct client_ca *client_ca_ref(const struct client_ca *ca)
{
    if (ca != NULL)
        atomic_fetch_add(&((struct client_ca *)(uintptr_t)ca)->refs, 1);
    return ca;
}

void client_ca_drop(const struct client_ca *ca)
{
    struct client_ca *mine = (struct client_ca *)(uintptr_t)ca;

    client_ca_free(&mine);
}

bool client_ca_same(const struct client_ca *a, const struct client_ca *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return memcmp(a->context, b->context, sizeof(a->context)) == 0;
}

void client_ca_free(struct client_ca **cap)
{
    struct client_ca *ca = *cap;

    *cap = NULL;
    if (ca == NULL || atomic_fetch_sub(&ca->refs, 1) > 1)
        return;
    X509_STORE_free(ca->store);
    sk_X509_NAME_pop_free(ca->names, X509_NAME_free);
    free(ca);
}

bool client_ca_apply(const struct client_ca *ca, SSL *ssl)
{
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(ca->names);

    if (names == NULL)
        return false;
    SSL_set_client_CA_list(ssl, names);
    SSL_set_verify(
        ssl, SSL_VERIFY_PEER | (ca->optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT), NULL);
    return SSL_set1_verify_cert_store(ssl, ca->store) == 1 &&
           SSL_set_session_id_context(ssl, ca->context, sizeof(ca->context)) == 1;
}
