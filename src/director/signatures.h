/*
 * signatures.h - all signatures that there are for the zones of one configuration, and the thread
 * that makes those of their own record sets. What they are for and how much is kept: signer.h,
 * which is what answers use.
 */
#ifndef DIRECTOR_SIGNATURES_H
#define DIRECTOR_SIGNATURES_H

#include "director/dnssec.h"
#include "director/kept.h"
#include "director/zone.h"
#include "dns/dnssec.h"

/* What is to be signed; everything is borrowed. */
struct signing {
    const struct zone *zone;
    const uint8_t *owner; /* lower case */
    size_t owner_n;
    const struct dns_rrset *set; /* with the TTL to be signed */
};

struct signatures {
    struct kept_table chosen, asked;
    /* private from here */
    struct signed_record *records; /* owns; records_n of them */
    size_t records_n;
    struct kept_place *places;  /* owns */
    struct signed_index *index; /* owns; index_n of them, a power of two */
    size_t index_n;
    struct signatures_thread *thread; /* owns */
};

/* Does this key sign sets of this type? */
bool signatures_by(const struct dnssec_key *k, uint16_t type);

/* The terms of a signature by that key, without its times. */
struct rrsig_terms signatures_terms(const struct signing *s, const struct dnssec_key *k);

/* One of the zones' own sets, and where its signatures are: by the first key that signs it, the
 * others behind. */
struct signed_record {
    struct signing what;
    struct kept_place *places;
};
/* By the set's address; for the SOA of a denial, too, which is signed as the other one. NULL: it is
 * none of the zones' own. */
const struct signed_record *signatures_record(
    const struct signatures *s, const struct dns_rrset *set);

/* Makes one, good from an hour before `now` on. False: OpenSSL could not. */
MUST_USE bool signatures_make(
    const struct signing *s, const struct dnssec_key *k, wall_s now, struct kept *out);

/* Good now, and for `spare_ms` longer? */
bool signatures_good(const struct kept *k, wall_s now, int64_t spare_ms);

#endif
