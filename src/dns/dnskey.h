/*
 * dnskey.h - one key of a signed zone: ECDSA on P-256 with SHA-256 (algorithm 13, RFC 6605), made,
 * read, shown, and signed with.
 *
 * A key is kept as BIND keeps it, in two texts: K<zone>.+013+<tag>.key has the DNSKEY record, and
 * K<zone>.+013+<tag>.private the secret, so that keys may come from dnssec-keygen, and go to
 * whatever reads its files (ldns, Knot, PowerDNS). The secret alone says neither whose key it is
 * nor what it may sign.
 *
 * Signing leaves a key as it is: any thread. Everything else happens while configuration is read,
 * or in selvagectl. Names are in wire format and lower case.
 */
#ifndef DNS_DNSKEY_H
#define DNS_DNSKEY_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/span.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DNSKEY_ALGORITHM = 13,
    DNSKEY_ZONE = 0x0100, /* flags: RFC 4034 §2.1.1 */
    DNSKEY_SEP = 0x0001,  /* what a DS at the parent points to */
    DNSKEY_REVOKE = 0x0080,
    DNSKEY_POINT_LEN = 64,
    DNSKEY_RDATA_LEN = 4 + DNSKEY_POINT_LEN,
    DNSKEY_SIGNATURE_LEN = 64,
    DNSKEY_DIGEST_LEN = 32,                /* SHA-256 */
    DNSKEY_DS_LEN = 4 + DNSKEY_DIGEST_LEN, /* digest type 2, RFC 4509 */
};

struct dnskey {
    uint16_t flags;
    uint16_t tag;                    /* RFC 4034 appendix B; two keys may have the same */
    uint8_t point[DNSKEY_POINT_LEN]; /* x and y */
    EVP_PKEY *secret;                /* owns; NULL: only the public half is known */
};

/* A new one, of this zone's apex with DNSKEY_SEP or without. False: the system has no random
 * numbers. */
MUST_USE bool dnskey_generate(struct dnskey *k, bool sep);
void dnskey_free(struct dnskey *k);

/* The two texts. Readers answer false with a sentence in *why, which never repeats the text. The
 * owner's name comes out in lower case. */
MUST_USE bool dnskey_read_record(struct span text, struct dnskey *k, uint8_t owner[static 255],
    size_t *owner_n, const char **why);
/* The secret of a key whose record is known already. */
MUST_USE bool dnskey_read_secret(struct span text, struct dnskey *k, const char **why);
/* False: the buffer's limit. `owner` as people write it, with the dot at its end. */
MUST_USE bool dnskey_write_record(const struct dnskey *k, struct span owner, struct buf *out);
MUST_USE bool dnskey_write_secret(const struct dnskey *k, struct buf *out);

/* RDATA of DNSKEY (and CDNSKEY), and of DS (and CDS) for an owner. */
void dnskey_rdata(const struct dnskey *k, uint8_t out[static DNSKEY_RDATA_LEN]);
void dnskey_ds(const struct dnskey *k, const uint8_t *owner, size_t owner_n,
    uint8_t out[static DNSKEY_DS_LEN]);

/* r and s of the digest (RFC 6605 §4). False: OpenSSL could not, for want of memory. */
MUST_USE bool dnskey_sign(const struct dnskey *k, const uint8_t digest[static DNSKEY_DIGEST_LEN],
    uint8_t out[static DNSKEY_SIGNATURE_LEN]);
MUST_USE bool dnskey_verify(const struct dnskey *k, const uint8_t digest[static DNSKEY_DIGEST_LEN],
    const uint8_t signature[static DNSKEY_SIGNATURE_LEN]);

#endif
