#include "net/tickets.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tickets {
    pthread_rwlock_t lock; /* of `keys` */
    struct ticket_keys keys;
    bool ours; /* not out of a file */
    mono_ms rotate_at_ms;
    EVP_CIPHER *cipher; /* owns */
};

static int ctx_index = -1;
static pthread_once_t ctx_index_once = PTHREAD_ONCE_INIT;

static void make_index(void)
{
    ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

bool tickets_read(const char *file, struct ticket_keys *out, char why[static TICKETS_WHY])
{
    char text[TICKET_FILE_MAX + 1];
    const char *wrong;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;

    if (n < 0)
        (void)snprintf(why, TICKETS_WHY, "cannot read %s: %s", file, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return false;
    wrong = n > TICKET_FILE_MAX ? "is too large for a file of ticket keys"
                                : ticket_keys_parse(span_make(text, (size_t)n), out);
    OPENSSL_cleanse(text, sizeof(text));
    if (wrong != NULL)
        (void)snprintf(why, TICKETS_WHY, "%s %s", file, wrong);
    return wrong == NULL;
}

struct tickets *tickets_new(const struct ticket_keys *keys, mono_ms now)
{
    struct tickets *t = xcalloc(1, sizeof(*t));

    pthread_rwlock_init(&t->lock, NULL);
    t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    check(t->cipher != NULL);
    t->ours = keys == NULL;
    t->rotate_at_ms = now;
    if (keys != NULL)
        t->keys = *keys;
    tickets_tick(t, now);
    return t;
}

void tickets_free(struct tickets **tp)
{
    struct tickets *t = *tp;

    *tp = NULL;
    if (t == NULL)
        return;
    pthread_rwlock_destroy(&t->lock);
    EVP_CIPHER_free(t->cipher);
    OPENSSL_cleanse(&t->keys, sizeof(t->keys));
    free(t);
}

bool tickets_set(struct tickets *t, const struct ticket_keys *keys)
{
    bool other;

    pthread_rwlock_wrlock(&t->lock);
    other = keys->n != t->keys.n ||
            CRYPTO_memcmp(keys->v, t->keys.v, keys->n * sizeof(keys->v[0])) != 0;
    t->keys = *keys;
    pthread_rwlock_unlock(&t->lock);
    return other;
}

void tickets_use(struct tickets *t, const struct ticket_keys *keys, mono_ms now)
{
    bool were_ours = t->ours;

    t->ours = keys == NULL;
    if (keys != NULL)
        (void)tickets_set(t, keys);
    else if (!were_ours)
        t->rotate_at_ms = now;
    tickets_tick(t, now);
}

void tickets_tick(struct tickets *t, mono_ms now)
{
    bool ok;

    if (!t->ours || now < t->rotate_at_ms)
        return;
    t->rotate_at_ms = now + TICKETS_ROTATE_S * 1000;
    pthread_rwlock_wrlock(&t->lock);
    ok = ticket_keys_rotate(&t->keys);
    pthread_rwlock_unlock(&t->lock);
    if (!ok)
        log_msg(LOG_ERROR, "the system has no random bytes: the ticket keys stay as they are");
}

/* A copy of the key to seal with (name == NULL), or of the one of that name. */
static bool get_key(
    struct tickets *t, const unsigned char *name, struct ticket_key *out, bool *newest)
{
    const struct ticket_key *key = NULL;

    *newest = true;
    pthread_rwlock_rdlock(&t->lock);
    if (name != NULL)
        key = ticket_keys_find(&t->keys, name, newest);
    else if (t->keys.n > 0)
        key = &t->keys.v[0];
    if (key != NULL)
        *out = *key;
    pthread_rwlock_unlock(&t->lock);
    return key != NULL;
}

static bool init_mac(EVP_MAC_CTX *mac, struct ticket_key *key)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac, sizeof(key->hmac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) has it. */
static int on_ticket(SSL *ssl, unsigned char name[16], unsigned char iv[EVP_MAX_IV_LENGTH],
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
    enum { FAILED = -1, NO_KEY = 0, FINE = 1, RENEW = 2 };
    struct tickets *t = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
    struct ticket_key key;
    bool newest, ok;

    if (!get_key(t, sealing ? NULL : name, &key, &newest))
        return NO_KEY;
    if (sealing) {
        memcpy(name, key.name, sizeof(key.name));
        ok = RAND_bytes(iv, EVP_CIPHER_get_iv_length(t->cipher)) == 1 &&
             EVP_EncryptInit_ex2(cipher, t->cipher, key.aes, iv, NULL) == 1;
    } else {
        ok = EVP_DecryptInit_ex2(cipher, t->cipher, key.aes, iv, NULL) == 1;
    }
    ok = ok && init_mac(mac, &key);
    OPENSSL_cleanse(&key, sizeof(key));
    if (!ok)
        return FAILED;
    return newest ? FINE : RENEW;
}

void tickets_attach(struct tickets *t, SSL_CTX *ctx)
{
    pthread_once(&ctx_index_once, make_index);
    check(SSL_CTX_set_ex_data(ctx, ctx_index, t) == 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, TICKETS_LIFE_S);
    /* One is enough: who resumes is given the next (RFC 8446 §C.4). */
    SSL_CTX_set_num_tickets(ctx, 1);
    check(SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) == 1);
}
