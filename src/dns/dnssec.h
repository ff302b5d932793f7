/*
 * dnssec.h - what a signature is made over, byte by byte: RRSIG's RDATA and the canonical form of
 * an RRset (RFC 4034 §3.1, §6).
 *
 * Pure; any thread. Names are in wire format and lower case.
 */
#ifndef DNS_DNSSEC_H
#define DNS_DNSSEC_H

#include "dns/dnskey.h"
#include "dns/rrset.h"

#include <stddef.h>
#include <stdint.h>

enum {
    RRSIG_FIXED_LEN = 18, /* in front of the signer's name */
    RRSIG_TERMS_MAX = RRSIG_FIXED_LEN + 255,
    RRSIG_RDATA_MAX = RRSIG_TERMS_MAX + DNSKEY_SIGNATURE_LEN,
};

/* RRSIG's RDATA but for the signature. */
struct rrsig_terms {
    uint16_t type;                  /* covered */
    uint8_t labels;                 /* rrsig_labels() of the owner */
    uint32_t ttl_s;                 /* the original one; a record may be sent with less */
    uint32_t expiration, inception; /* RFC 4034 §3.1.5: seconds modulo 2^32 */
    uint16_t tag;
    const uint8_t *signer; /* the apex */
    size_t signer_n;
};

/* Of a name, neither the root nor a leading * counted (RFC 4034 §3.1.3). */
uint8_t rrsig_labels(const uint8_t *name);

/* Returns the length. */
size_t rrsig_put_terms(const struct rrsig_terms *t, uint8_t out[static RRSIG_TERMS_MAX]);

/* What is signed with it: records in canonical order, each once; names inside them in any case. */
struct dnssec_set {
    const uint8_t *owner;
    size_t owner_n;
    const uint8_t *rdata; /* as in struct dns_rrset */
    size_t rdata_bytes;
};

/* The digest that dnskey_sign() takes. */
void dnssec_digest(const struct rrsig_terms *t, const struct dnssec_set *set,
    uint8_t out[static DNSKEY_DIGEST_LEN]);

#endif
