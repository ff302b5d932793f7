#include "dns/dnssec.h"

#include "base/check.h"
#include "dns/name.h"
#include "dns/rdata.h"

#include <openssl/evp.h>
#include <string.h>

static uint8_t *put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
    return put16(put16(p, v >> 16), v & 0xffff);
}

uint8_t rrsig_labels(const uint8_t *name)
{
    return (uint8_t)(dns_name_labels(name) - dns_name_is_wildcard(name));
}

size_t rrsig_put_terms(const struct rrsig_terms *t, uint8_t out[static RRSIG_TERMS_MAX])
{
    uint8_t *p = put16(out, t->type);

    *p++ = DNSKEY_ALGORITHM;
    *p++ = t->labels;
    p = put32(p, t->ttl_s);
    p = put32(p, t->expiration);
    p = put32(p, t->inception);
    p = put16(p, t->tag);
    memcpy(p, t->signer, t->signer_n);
    return (size_t)(p - out) + t->signer_n;
}

/* Owner, type, class, TTL (RFC 4034 §3.1.8.1), which are the same for all records of a set. */
static size_t put_head(const struct rrsig_terms *t, const struct dnssec_set *set, uint8_t *out)
{
    uint8_t *p = out + set->owner_n;

    memcpy(out, set->owner, set->owner_n);
    p = put16(p, t->type);
    p = put16(p, DNS_IN);
    p = put32(p, t->ttl_s);
    return (size_t)(p - out);
}

void dnssec_digest(const struct rrsig_terms *t, const struct dnssec_set *set,
    uint8_t out[static DNSKEY_DIGEST_LEN])
{
    const struct dns_rrset records = {
        .rdata = set->rdata, .rdata_bytes = (uint32_t)set->rdata_bytes};
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    uint8_t terms[RRSIG_TERMS_MAX], head[DNS_NAME_MAX + 8], data[2 + DNS_RDATA_MAX];
    size_t head_n = put_head(t, set, head), at = 0;
    struct dns_rdata r;
    bool ok = sha != NULL && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(sha, terms, rrsig_put_terms(t, terms)) == 1;

    while (ok && dns_rrset_next(&records, &at, &r)) {
        put16(data, r.n);
        dns_rdata_canonical(t->type, r.p, r.n, data + 2);
        ok = EVP_DigestUpdate(sha, head, head_n) == 1 && EVP_DigestUpdate(sha, data, 2u + r.n) == 1;
    }
    check(ok && EVP_DigestFinal_ex(sha, out, NULL) == 1);
    EVP_MD_CTX_free(sha);
}
