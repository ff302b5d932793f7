/*
 * cert.h - one certificate with its key: read from files, kept small, made ready when a client
 * comes.
 *
 *   state     what there is                                          bytes of memory, about
 *   read      names, dates, and DER of certificate and key           1.6 KiB
 *   ready     OpenSSL's objects, too; since the first client         11 KiB more
 *
 * Ready ones are CERTS_READY_MAX at most: who has not been asked for lately goes back to `read`.
 * Intermediate certificates are shared by all that have the same ones. Counted; what was read never
 * changes. Any thread.
 */
#ifndef NET_CERT_H
#define NET_CERT_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/span.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

enum {
    CERTS_READY_MAX = 4096,
    CERT_FILE_MAX = 256 << 10, /* bytes of a PEM file */
    CERT_CHAIN_MAX = 8,        /* certificates behind the first */
};

enum cert_kind { CERT_ECDSA /* or EdDSA */, CERT_RSA, CERT_KINDS };

struct cert_chain; /* counted; intermediate certificates */

struct cert {
    _Atomic unsigned refs;
    enum cert_kind kind;
    bool must_staple;
    bool common; /* a key on P-256 or P-384, which all clients know that know ECDSA */
    wall_s not_before, not_after;
    struct span file;  /* that it was read from */
    struct span names; /* DNS names of its SubjectAltName, lower case, each ended by a newline */
    struct hash128 version;   /* of the files: the same as long as nobody touches them */
    struct span der, key;     /* of the leaf and of its private key */
    struct cert_chain *chain; /* counted; or NULL */
    struct cert_live *live;   /* private: what clients made of it; NULL: none was here */
};

/* Reads certificate (with its chain behind it) and key; `key` may be the same file. NULL: `why` has
 * what is wrong, beginning with the file's name. */
enum { CERT_WHY = 512 };
MUST_USE struct cert *cert_read(const char *file, const char *key, char why[static CERT_WHY]);
/* What cert_read() of these files would have as `version`. False: one cannot be looked at. */
MUST_USE bool cert_version(const char *file, const char *key, struct hash128 *out);
struct cert *cert_ref(struct cert *c);
void cert_unref(struct cert **c);

/* The next name; false at the end. Starts with *rest = c->names. */
bool cert_next_name(struct span *rest, struct span *name);

/* Gives it to a connection, with key and chain, made ready if need be. False: OpenSSL's error queue
 * says why. */
MUST_USE bool cert_use(struct cert *c, SSL *ssl);

/* A reference to the leaf, and to its issuer if the chain has it (else NULL). False: it cannot be
 * read. */
MUST_USE bool cert_x509(struct cert *c, X509 **leaf, X509 **issuer);

/* What the one thread that asks responders keeps here between two times (ocsp.h). */
struct cert_ocsp {
    wall_s next;       /* when to ask again; 0: was not asked for yet */
    unsigned failures; /* in a row */
};
/* NULL: no client was given the certificate yet, and it does not insist on being stapled. */
struct cert_ocsp *cert_ocsp(struct cert *c);

/* The response to be sent along until then, copied; n == 0: none. */
void cert_set_staple(struct cert *c, struct span staple, wall_s until);
/* A copy from OPENSSL_malloc() of a staple that is still good; n == 0: there is none. */
struct span cert_staple(struct cert *c, wall_s now);

bool cert_has_staple(struct cert *c, wall_s now);

/* How many clients made live so far, for who looks after their staples. */
unsigned cert_live_count(void);
/* How many are ready now. */
unsigned certs_ready(void);

#endif
