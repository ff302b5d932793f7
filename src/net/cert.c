#include "net/cert.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/list.h"
#include "net/leaf.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RSA_BYTES_LEAST = 256, POINT_P256 = 65, POINT_P384 = 97 /* not compressed */ };

/* What clients made of a certificate. */
struct cert_live {
    struct list node;   /* in `ready`, or in no list */
    X509 *x509;         /* owns; NULL: not ready */
    EVP_PKEY *pkey;     /* owns */
    bool used;          /* since it was last thought of making it unready */
    struct span staple; /* owns */
    wall_s staple_until;
    struct cert_ocsp ocsp; /* the asking thread's */
};

struct cert_chain {
    struct list node; /* in `chains` */
    unsigned refs;    /* under the lock */
    struct hash128 hash;
    STACK_OF(X509) * certs; /* owns; not empty */
};

/* A handshake costs a thousand times what is done under this lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list ready = {&ready, &ready}; /* longest ready first */
static unsigned ready_n;
static _Atomic unsigned live_n;                 /* only rises */
static struct list chains = {&chains, &chains}; /* few: there are not many issuers */

/* --- files -------------------------------------------------------------------------------------
 */

/* One PEM file, taken apart. */
struct pem {
    struct span leaf, key; /* own; DER, from OPENSSL_malloc() */
    struct span chain[CERT_CHAIN_MAX];
    unsigned chain_n;
};

static void span_wipe(struct span *s)
{
    OPENSSL_clear_free((char *)s->p, s->n);
    *s = SPAN_EMPTY;
}

static void pem_free(struct pem *p)
{
    span_wipe(&p->leaf);
    span_wipe(&p->key);
    for (unsigned i = 0; i < p->chain_n; i++)
        span_wipe(&p->chain[i]);
}

static bool PRINTF(2, 3) fail(char why[static CERT_WHY], const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(why, CERT_WHY, fmt, args);
    va_end(args);
    return false;
}

/* The whole file; empty with errno set when it cannot be read. Not larger than `limit` or EFBIG. */
static bool read_file(const char *path, size_t limit, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = -1;

    if (fd < 0)
        return false;
    while (buf_reserve(out, 4096) && (got = read(fd, out->p + out->n, out->cap - out->n)) > 0 &&
           out->n + (size_t)got <= limit)
        out->n += (size_t)got;
    if (got > 0)
        errno = EFBIG;
    close(fd);
    return got == 0;
}

/* Sorts one PEM block in. Takes over `der`. */
static bool pem_take(struct pem *p, const char *path, const char *name, const char *header,
    struct span der, bool want_certs, bool want_key, char why[static CERT_WHY])
{
    size_t n = strlen(name);
    bool is_cert = strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0;
    bool is_key = n >= 11 && strcmp(name + n - 11, "PRIVATE KEY") == 0;

    if (is_key && want_key && (header[0] != '\0' || strcmp(name, PEM_STRING_PKCS8) == 0)) {
        span_wipe(&der);
        return fail(
            why, "%s: the key is encrypted; there is nobody to ask for its passphrase", path);
    }
    if (is_key && want_key && p->key.n == 0) {
        p->key = der;
    } else if (is_cert && want_certs && p->leaf.n == 0) {
        p->leaf = der;
    } else if (is_cert && want_certs && p->chain_n < CERT_CHAIN_MAX) {
        p->chain[p->chain_n++] = der;
    } else {
        span_wipe(&der);
        if (is_cert && want_certs)
            return fail(why, "%s: more than %d certificates in a chain", path, CERT_CHAIN_MAX + 1);
    }
    return true;
}

static bool pem_read(
    struct pem *p, const char *path, bool want_certs, bool want_key, char why[static CERT_WHY])
{
    struct buf text;
    char *name, *header;
    unsigned char *data;
    bool ok = true;
    long n;
    BIO *bio;

    buf_init(&text, CERT_FILE_MAX + 4096);
    if (!read_file(path, CERT_FILE_MAX, &text)) {
        int error = errno;

        if (text.p != NULL)
            OPENSSL_cleanse(text.p, text.cap);
        buf_free(&text);
        return fail(why, "cannot read %s: %s", path, strerror(error));
    }
    bio = BIO_new_mem_buf(text.p, (int)text.n);
    while (ok && bio != NULL && PEM_read_bio(bio, &name, &header, &data, &n) == 1) {
        ok = pem_take(
            p, path, name, header, span_make((char *)data, (size_t)n), want_certs, want_key, why);
        OPENSSL_free(name);
        OPENSSL_free(header);
    }
    ERR_clear_error(); /* of the end, which is one for OpenSSL */
    BIO_free(bio);
    OPENSSL_cleanse(text.p, text.cap);
    buf_free(&text);
    return ok;
}

static bool put_identity(const char *path, int64_t out[static 6])
{
    struct stat st;

    if (stat(path, &st) != 0)
        return false;
    out[0] = (int64_t)st.st_dev;
    out[1] = (int64_t)st.st_ino;
    out[2] = st.st_size;
    out[3] = st.st_mtim.tv_sec;
    out[4] = st.st_mtim.tv_nsec;
    out[5] = st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
    return true;
}

bool cert_version(const char *file, const char *key, struct hash128 *out)
{
    int64_t both[12];

    if (!put_identity(file, both) || !put_identity(key, both + 6))
        return false;
    *out = hash128(span_make((const char *)both, sizeof(both)));
    return true;
}

/* --- chains ------------------------------------------------------------------------------------
 */

static struct hash128 chain_hash(const struct pem *p)
{
    struct hash128 all[CERT_CHAIN_MAX];

    for (unsigned i = 0; i < p->chain_n; i++)
        all[i] = hash128(p->chain[i]);
    return hash128(span_make((const char *)all, p->chain_n * sizeof(all[0])));
}

static X509 *parse_x509(struct span der)
{
    const unsigned char *at = (const unsigned char *)der.p;

    return d2i_X509(NULL, &at, (long)der.n);
}

static struct cert_chain *chain_find(struct hash128 hash)
{
    list_each_safe (n, &chains) {
        struct cert_chain *c = list_entry(n, struct cert_chain, node);

        if (hash128_eq(c->hash, hash)) {
            c->refs++;
            return c;
        }
    }
    return NULL;
}

/* False: one of them is no certificate. */
static bool chain_of(const struct pem *p, struct cert_chain **out)
{
    struct cert_chain *c;

    *out = NULL;
    if (p->chain_n == 0)
        return true;
    pthread_mutex_lock(&lock);
    *out = chain_find(chain_hash(p));
    pthread_mutex_unlock(&lock);
    if (*out != NULL)
        return true;
    c = xcalloc(1, sizeof(*c));
    c->refs = 1;
    c->hash = chain_hash(p);
    c->certs = sk_X509_new_null();
    for (unsigned i = 0; i < p->chain_n; i++) {
        X509 *x = parse_x509(p->chain[i]);

        if (x == NULL || sk_X509_push(c->certs, x) == 0) {
            X509_free(x);
            sk_X509_pop_free(c->certs, X509_free);
            free(c);
            ERR_clear_error();
            return false;
        }
    }
    pthread_mutex_lock(&lock);
    list_append(&chains, &c->node);
    pthread_mutex_unlock(&lock);
    *out = c;
    return true;
}

/* Under the lock. */
static void chain_unref(struct cert_chain *c)
{
    if (c == NULL || --c->refs > 0)
        return;
    list_remove(&c->node);
    sk_X509_pop_free(c->certs, X509_free);
    free(c);
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* The public half stands in the private key, if only by convention; who leaves it out has it worked
 * out. */
static bool key_fits(const struct pem *p, const struct leaf *leaf)
{
    const unsigned char *at = (const unsigned char *)p->key.p;
    EVP_PKEY *pkey;
    X509 *x;
    bool fits;

    if (memmem(p->key.p, p->key.n, leaf->public.p, leaf->public.n) != NULL)
        return true;
    pkey = d2i_AutoPrivateKey(NULL, &at, (long)p->key.n);
    x = parse_x509(p->leaf);
    fits = pkey != NULL && x != NULL && X509_check_private_key(x, pkey) == 1;
    EVP_PKEY_free(pkey);
    X509_free(x);
    ERR_clear_error();
    return fits;
}

static size_t names_length(struct span names)
{
    struct span name;
    size_t n = 0;

    while (leaf_next_name(&names, &name))
        n += name.n + 1;
    return n;
}

static char *put(char *to, struct span s)
{
    memcpy(to, s.p, s.n);
    return to + s.n;
}

/* One piece of memory for all. */
static struct cert *cert_make(const char *file, const struct pem *p, const struct leaf *leaf)
{
    struct span path = span_of(file), rest = leaf->names, name;
    size_t names = names_length(leaf->names);
    struct cert *c = xcalloc(1, sizeof(*c) + path.n + 1 + names + p->leaf.n + p->key.n);
    char *at = (char *)(c + 1);

    c->file = span_make(at, path.n);
    at = put(at, path) + 1;
    c->names = span_make(at, names);
    while (leaf_next_name(&rest, &name)) {
        for (size_t i = 0; i < name.n; i++)
            *at++ = ascii_lower(name.p[i]);
        *at++ = '\n';
    }
    c->der = span_make(at, p->leaf.n);
    at = put(at, p->leaf);
    c->key = span_make(at, p->key.n);
    put(at, p->key);
    c->refs = 1;
    c->kind = leaf->rsa ? CERT_RSA : CERT_ECDSA;
    c->must_staple = leaf->must_staple;
    c->common = !leaf->rsa && (leaf->public.n == POINT_P256 || leaf->public.n == POINT_P384);
    c->not_before = leaf->not_before;
    c->not_after = leaf->not_after;
    return c;
}

static struct cert *cert_judge(
    const char *file, const char *key, const struct pem *p, char why[static CERT_WHY])
{
    struct cert_chain *chain;
    struct leaf leaf;
    struct cert *c;

    if (p->leaf.n == 0) {
        (void)fail(why, "%s has no certificate in PEM form", file);
        return NULL;
    }
    if (!leaf_read(p->leaf, &leaf)) {
        (void)fail(why, "%s: the first certificate cannot be understood", file);
        return NULL;
    }
    if (p->key.n == 0) {
        (void)fail(why, "%s has no private key in PEM form", key);
        return NULL;
    }
    if (!key_fits(p, &leaf)) {
        (void)fail(
            why, "%s: the key in %s is of another certificate than the first one here", file, key);
        return NULL;
    }
    if (leaf.rsa && leaf.public.n < RSA_BYTES_LEAST) {
        (void)fail(why, "%s: an RSA key of less than 2048 bits is not taken by clients", file);
        return NULL;
    }
    if (!chain_of(p, &chain)) {
        (void)fail(why, "%s: a certificate behind the first cannot be understood", file);
        return NULL;
    }
    c = cert_make(file, p, &leaf);
    c->chain = chain;
    return c;
}

struct cert *cert_read(const char *file, const char *key, char why[static CERT_WHY])
{
    bool one = strcmp(file, key) == 0;
    struct cert *c = NULL;
    struct hash128 version = {0};
    struct pem p = {0};

    /* What changes while it is read is seen as changed next time. */
    if (!cert_version(file, key, &version) && access(file, F_OK) == 0 && access(key, F_OK) != 0)
        (void)fail(why, "cannot read %s: %s", key, strerror(errno));
    else if (pem_read(&p, file, true, one, why) && (one || pem_read(&p, key, false, true, why)))
        c = cert_judge(file, key, &p, why);
    if (c != NULL)
        c->version = version;
    pem_free(&p);
    return c;
}

/* --- the life of one ---------------------------------------------------------------------------
 */

struct cert *cert_ref(struct cert *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

/* Under the lock. */
static void make_unready(struct cert_live *l)
{
    if (l->x509 == NULL)
        return;
    list_remove(&l->node);
    ready_n--;
    X509_free(l->x509);
    EVP_PKEY_free(l->pkey);
    l->x509 = NULL;
    l->pkey = NULL;
}

static void cert_free(struct cert *c)
{
    pthread_mutex_lock(&lock);
    chain_unref(c->chain);
    if (c->live != NULL) {
        make_unready(c->live);
        free((char *)c->live->staple.p);
        free(c->live);
    }
    pthread_mutex_unlock(&lock);
    OPENSSL_cleanse((char *)c->key.p, c->key.n);
    free(c);
}

void cert_unref(struct cert **cp)
{
    struct cert *c = *cp;

    *cp = NULL;
    if (c != NULL && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        cert_free(c);
}

bool cert_next_name(struct span *rest, struct span *name)
{
    return rest->n > 0 && span_cut(rest, '\n', name);
}

/* --- ready -------------------------------------------------------------------------------------
 */

/* Under the lock. The list is in the order in which they became ready; who was used since its last
 * turn gets another one. */
static void make_room(void)
{
    while (ready_n > CERTS_READY_MAX) {
        struct cert_live *l = list_entry(ready.next, struct cert_live, node);

        if (l->used) {
            l->used = false;
            list_remove(&l->node);
            list_append(&ready, &l->node);
        } else {
            make_unready(l);
        }
    }
}

static struct cert_live *live_of(struct cert *c)
{
    if (c->live == NULL) {
        c->live = xcalloc(1, sizeof(*c->live));
        list_init(&c->live->node);
        atomic_fetch_add(&live_n, 1);
    }
    return c->live;
}

/* References to what is ready. False: it is not. */
static bool take_ready(struct cert *c, X509 **x509, EVP_PKEY **pkey)
{
    bool is;

    pthread_mutex_lock(&lock);
    is = c->live != NULL && c->live->x509 != NULL;
    if (is) {
        c->live->used = true;
        *x509 = c->live->x509;
        *pkey = c->live->pkey;
        X509_up_ref(*x509);
        EVP_PKEY_up_ref(*pkey);
    }
    pthread_mutex_unlock(&lock);
    return is;
}

/* Keeps what was parsed for the next client, unless another one did so meanwhile. */
static void keep_ready(struct cert *c, X509 *x509, EVP_PKEY *pkey)
{
    struct cert_live *l;

    pthread_mutex_lock(&lock);
    l = live_of(c);
    if (l->x509 == NULL) {
        X509_up_ref(x509);
        EVP_PKEY_up_ref(pkey);
        l->x509 = x509;
        l->pkey = pkey;
        l->used = false;
        list_append(&ready, &l->node);
        ready_n++;
        make_room();
    }
    pthread_mutex_unlock(&lock);
}

static bool parse(struct cert *c, X509 **x509, EVP_PKEY **pkey)
{
    const unsigned char *at = (const unsigned char *)c->key.p;

    *x509 = parse_x509(c->der);
    *pkey = d2i_AutoPrivateKey(NULL, &at, (long)c->key.n);
    if (*x509 != NULL && *pkey != NULL)
        return true;
    X509_free(*x509);
    EVP_PKEY_free(*pkey);
    return false;
}

bool cert_use(struct cert *c, SSL *ssl)
{
    EVP_PKEY *pkey;
    X509 *x509;
    bool ok;

    if (!take_ready(c, &x509, &pkey)) {
        if (!parse(c, &x509, &pkey))
            return false;
        keep_ready(c, x509, pkey);
    }
    ok = SSL_use_cert_and_key(ssl, x509, pkey, c->chain != NULL ? c->chain->certs : NULL, 1) == 1;
    X509_free(x509);
    EVP_PKEY_free(pkey);
    return ok;
}

bool cert_x509(struct cert *c, X509 **leaf, X509 **issuer)
{
    *leaf = parse_x509(c->der);
    *issuer = c->chain != NULL ? sk_X509_value(c->chain->certs, 0) : NULL;
    if (*leaf != NULL && *issuer != NULL)
        X509_up_ref(*issuer);
    return *leaf != NULL;
}

unsigned certs_ready(void)
{
    unsigned n;

    pthread_mutex_lock(&lock);
    n = ready_n;
    pthread_mutex_unlock(&lock);
    return n;
}

/* --- OCSP --------------------------------------------------------------------------------------
 */

struct cert_ocsp *cert_ocsp(struct cert *c)
{
    struct cert_live *l;

    pthread_mutex_lock(&lock);
    l = c->must_staple ? live_of(c) : c->live;
    pthread_mutex_unlock(&lock);
    return l != NULL ? &l->ocsp : NULL;
}

void cert_set_staple(struct cert *c, struct span staple, wall_s until)
{
    char *copy = staple.n > 0 ? xmalloc(staple.n) : NULL;
    struct cert_live *l;

    if (copy != NULL)
        memcpy(copy, staple.p, staple.n);
    pthread_mutex_lock(&lock);
    l = live_of(c);
    free((char *)l->staple.p);
    l->staple = span_make(copy, staple.n);
    l->staple_until = until;
    pthread_mutex_unlock(&lock);
}

/* Under the lock. */
static bool has_staple(const struct cert *c, wall_s now)
{
    return c->live != NULL && c->live->staple.n > 0 && now < c->live->staple_until;
}

bool cert_has_staple(struct cert *c, wall_s now)
{
    bool has;

    pthread_mutex_lock(&lock);
    has = has_staple(c, now);
    pthread_mutex_unlock(&lock);
    return has;
}

unsigned cert_live_count(void)
{
    return atomic_load(&live_n);
}

struct span cert_staple(struct cert *c, wall_s now)
{
    struct span copy = SPAN_EMPTY;

    pthread_mutex_lock(&lock);
    if (has_staple(c, now)) {
        copy.p = OPENSSL_memdup(c->live->staple.p, c->live->staple.n);
        copy.n = copy.p != NULL ? c->live->staple.n : 0;
    }
    pthread_mutex_unlock(&lock);
    return copy;
}
