#include "director/signer.h"

#include "base/check.h"
#include "base/counters.h"
#include "director/signatures.h"
#include "director/steer.h"
#include "dns/denial.h"

#include <string.h>

/* Of one answer at most: for each PoP all its addresses, with their lengths. */
enum { SIGNER_ADDRESSES_BYTES = STEER_ANSWERS_MAX * POP_ADDRS_MAX * (2 + 16) };
enum { ONE = 1000, ALLOWED = SIGNER_PER_S * ONE, FOR_TCP = ALLOWED / 4 };

void signer_init(struct signer *s, struct signatures *signatures)
{
    *s = (struct signer){.signatures = signatures, .chosen.left = ALLOWED, .asked.left = ALLOWED};
}

/* --- how many ----------------------------------------------------------------------------- */

/* One more signature? What was not used in a second is lost. */
static bool allow(struct signer *s, struct signer_allowance *a)
{
    mono_ms passed = s->now - a->since;
    uint64_t left = a->left + (uint64_t)(passed > 1000 ? 1000 : passed) * SIGNER_PER_S;

    a->since = s->now;
    a->left = left > ALLOWED ? ALLOWED : (uint32_t)left;
    if (a->left < ONE + (s->tcp ? 0 : FOR_TCP))
        return false;
    a->left -= ONE;
    return true;
}

/* --- one signature ------------------------------------------------------------------------ */

static enum signer_end made_now(struct signer *s, const struct signing *what,
    const struct dnssec_key *k, enum counter counter, struct kept *out)
{
    if (!signatures_make(what, k, s->now_s, out))
        return SIGNER_BUSY;
    count(counter);
    return SIGNER_DONE;
}

/* Of the zone's own, at its place. The thread is there long before it ends; so half of `refresh` is
 * for a thread that is late, or a clock that jumped. */
static enum signer_end find_record(struct signer *s, const struct signing *what,
    const struct dnssec_key *k, struct kept_place *place, struct kept *out)
{
    struct hash128 key;
    enum signer_end end;

    if (kept_read(place, &key, out) &&
        signatures_good(out, s->now_s, what->zone->dnssec->refresh_ms / 2))
        return SIGNER_DONE;
    end = made_now(s, what, k, C_DNSSEC_RECORDS, out);
    if (end == SIGNER_DONE)
        kept_write(place, (struct hash128){0, 0}, out);
    return end;
}

/* All that the signature depends on, but for its times. */
static struct hash128 key_of(const struct signing *what, const struct dnssec_key *k)
{
    struct {
        const struct dnssec_key *by;
        struct hash128 rdata;
        uint32_t ttl;
        uint16_t type;
        uint8_t owner[DNS_NAME_MAX];
    } all;
    struct span bytes = {(const char *)&all, offsetof(__typeof__(all), owner) + what->owner_n};

    memset(&all, 0, offsetof(__typeof__(all), owner));
    all.by = k;
    all.rdata = hash128(span_make((const char *)what->set->rdata, what->set->rdata_bytes));
    all.ttl = what->set->ttl;
    all.type = what->set->type;
    memcpy(all.owner, what->owner, what->owner_n);
    return hash128(bytes);
}

static enum signer_end find_other(struct signer *s, const struct signing *what,
    const struct dnssec_key *k, bool chosen, struct kept *out)
{
    struct kept_table *table = chosen ? &s->signatures->chosen : &s->signatures->asked;
    struct hash128 key = key_of(what, k);
    bool found = kept_find(table, key, out);
    enum signer_end end = SIGNER_BUSY;

    if (found && signatures_good(out, s->now_s, what->zone->dnssec->refresh_ms))
        return SIGNER_DONE;
    if (allow(s, chosen ? &s->chosen : &s->asked))
        end = made_now(s, what, k, chosen ? C_DNSSEC_CHOSEN : C_DNSSEC_ASKED, out);
    if (end == SIGNER_DONE) {
        kept_put(table, key, out);
        return SIGNER_DONE;
    }
    /* Better one that is about to end than none. */
    if (found && signatures_good(out, s->now_s, 0))
        return SIGNER_DONE;
    count(chosen ? C_DNSSEC_BUSY_CHOSEN : C_DNSSEC_BUSY_ASKED);
    return SIGNER_BUSY;
}

/* --- answers ------------------------------------------------------------------------------ */

/* The name is one that the asker made up. */
static bool is_asked(const struct signer_name *name)
{
    const struct zone_node *node = name->node;

    return node == NULL || node->name_n != name->lower_n ||
           memcmp(node->name, name->lower, name->lower_n) != 0;
}

static bool write_one(struct dns_writer *w, enum dns_section section, const uint8_t *owner,
    const struct rrsig_terms *terms, const struct kept *kept, uint32_t ttl_s)
{
    struct rrsig_terms timed = *terms;
    uint8_t rdata[RRSIG_RDATA_MAX];
    size_t n;

    timed.inception = kept->inception;
    timed.expiration = kept->expiration;
    n = rrsig_put_terms(&timed, rdata);
    memcpy(rdata + n, kept->signature, DNSKEY_SIGNATURE_LEN);
    return dns_writer_rr(w, section, owner, DNS_RRSIG, ttl_s, rdata, n + DNSKEY_SIGNATURE_LEN);
}

/* `record` if it is one of the zone's own, else NULL. */
static enum signer_end add_all(struct signer *s, struct dns_writer *w, enum dns_section section,
    const struct signer_name *name, const struct signing *what, const struct signed_record *record,
    uint32_t ttl_s)
{
    const struct dnssec *d = name->zone->dnssec;
    struct kept_place *place = record != NULL ? record->places : NULL;
    struct dns_writer_mark mark = dns_writer_mark(w);
    bool chosen = !is_asked(name);
    enum signer_end end;
    struct kept kept;

    for (unsigned i = 0; i < d->keys_n; i++) {
        const struct dnssec_key *k = &d->keys[i];
        struct rrsig_terms terms;

        if (!signatures_by(k, what->set->type))
            continue;
        end = place != NULL ? find_record(s, what, k, place++, &kept)
                            : find_other(s, what, k, chosen, &kept);
        terms = signatures_terms(what, k);
        if (end == SIGNER_DONE && !write_one(w, section, name->owner, &terms, &kept, ttl_s))
            end = SIGNER_FULL;
        if (end != SIGNER_DONE) {
            dns_writer_back(w, &mark);
            return end;
        }
    }
    return SIGNER_DONE;
}

/* A set whose records stand in no order, into canonical one. They are few, and all of one length:
 * addresses. */
static void sort_addresses(const struct dns_rrset *set, uint8_t *out)
{
    unsigned size = set->rdata_bytes / set->n;

    for (unsigned i = 0; i < set->n; i++) {
        const uint8_t *r = set->rdata + i * size;
        unsigned at = i;

        while (at > 0 && memcmp(out + (at - 1) * size, r, size) > 0)
            at--;
        memmove(out + (at + 1) * size, out + at * size, (i - at) * size);
        memcpy(out + at * size, r, size);
    }
}

enum signer_end signer_add(struct signer *s, struct dns_writer *w, enum dns_section section,
    const struct signer_name *name, const struct dns_rrset *set, uint32_t ttl_s)
{
    struct signing what = {name->zone, name->lower, name->lower_n, set};
    const struct signed_record *record;
    uint8_t sorted[SIGNER_ADDRESSES_BYTES];
    struct dns_rrset ordered;

    if (name->zone->dnssec == NULL)
        return SIGNER_DONE;
    record = signatures_record(s->signatures, set);
    if (record == NULL && set->n > 1) {
        check(set->rdata_bytes <= sizeof(sorted));
        sort_addresses(set, sorted);
        ordered = *set;
        ordered.rdata = sorted;
        what.set = &ordered;
    } else if (record != NULL && !is_asked(name)) {
        return add_all(s, w, section, name, &record->what, record, ttl_s);
    }
    return add_all(s, w, section, name, &what, NULL, ttl_s);
}

/* --- denial ------------------------------------------------------------------------------- */

static void add_types(struct denial_types *t, const struct zone_node *node)
{
    unsigned n;

    /* At a cut the rest is the child's (RFC 4035 §2.3). */
    for (unsigned i = 0; i < node->rrsets_n; i++) {
        uint16_t type = node->rrsets[i].data->type;

        if (!node->cut || type == DNS_NS || type == DNS_DS)
            denial_types_add(t, type);
    }
    for (unsigned i = 0; node->steer != NULL && i < node->steer->pops_n; i++) {
        (void)pop_addrs(node->steer->pops[i], AF_INET, &n);
        if (n > 0)
            denial_types_add(t, DNS_A);
        (void)pop_addrs(node->steer->pops[i], AF_INET6, &n);
        if (n > 0)
            denial_types_add(t, DNS_AAAA);
    }
}

enum signer_end signer_deny(struct signer *s, struct dns_writer *w, enum dns_section section,
    const struct signer_name *name)
{
    const struct zone_node *apex = name->zone->apex;
    uint8_t rdata[2 + DENIAL_RDATA_MAX];
    /* RFC 9077: as long as the denial. */
    struct dns_rrset set = {
        .type = DNS_NSEC, .n = 1, .ttl = name->zone->denial->ttl, .rdata = rdata};
    struct signing what = {name->zone, name->lower, name->lower_n, &set};
    struct denial_name of = {.name = name->lower,
        .name_n = name->lower_n,
        .apex = apex->name,
        .apex_n = apex->name_n,
        .cut = name->node != NULL && name->node->cut};
    struct dns_writer_mark mark = dns_writer_mark(w);
    struct denial_types types;
    enum signer_end end;
    size_t n;

    if (name->zone->dnssec == NULL)
        return SIGNER_DONE;
    denial_types_init(&types);
    if (name->node != NULL)
        add_types(&types, name->node);
    else
        denial_types_add(&types, DNS_NXNAME);
    n = denial_put(&of, &types, rdata + 2);
    rdata[0] = (uint8_t)(n >> 8);
    rdata[1] = (uint8_t)n;
    set.rdata_bytes = (uint32_t)n + 2;
    if (!dns_writer_rr(w, section, name->owner, DNS_NSEC, set.ttl, rdata + 2, n))
        return SIGNER_FULL;
    end = add_all(s, w, section, name, &what, NULL, set.ttl);
    if (end == SIGNER_BUSY)
        dns_writer_back(w, &mark);
    return end;
}
