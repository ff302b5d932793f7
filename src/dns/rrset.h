/*
 * rrset.h - the records of one name and type (RFC 2181 §5), ready for the wire.
 *
 * Immutable once made; whoever has the arena owns them. Records stand in canonical order (RFC 4034
 * §6.3) and only once. The case of names within them is kept, canonical form is made for signing
 * (dns/rdata.h). Any thread.
 */
#ifndef DNS_RRSET_H
#define DNS_RRSET_H

#include "base/arena.h"
#include "dns/types.h"

#include <stddef.h>
#include <stdint.h>

struct dns_rdata {
    const uint8_t *p;
    uint16_t n;
};

struct dns_rrset {
    uint16_t type;
    uint16_t n;           /* records, at least 1 */
    uint32_t ttl;         /* at most 2^31 - 1 (RFC 2181 §8) */
    uint32_t rdata_bytes; /* in rdata */
    const uint8_t *rdata; /* of each record: two bytes of length, big-endian, and as many of data */
};

/* Sorts and copies the records into the arena. Duplicates are left out: *duplicates, if not NULL,
 * says how many. n is at least 1. */
struct dns_rrset *dns_rrset_make(struct arena *a, uint16_t type, uint32_t ttl,
    const struct dns_rdata *records, size_t n, size_t *duplicates);

/* One record after the other: *at starts with 0; false: there are no more. */
static inline bool dns_rrset_next(const struct dns_rrset *s, size_t *at, struct dns_rdata *out)
{
    if (*at >= s->rdata_bytes)
        return false;
    out->n = (uint16_t)(s->rdata[*at] << 8 | s->rdata[*at + 1]);
    out->p = s->rdata + *at + 2;
    *at += 2u + out->n;
    return true;
}

#endif
