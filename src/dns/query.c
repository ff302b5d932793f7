#include "dns/query.h"

#include "dns/wire.h"

enum {
    FLAG_QR = 0x80, /* of the header's third byte */
    FLAG_RD = 0x01,
    QUESTION_FIXED = 4, /* type, class */
    RECORD_FIXED = 10,  /* type, class, TTL, length */
    TSIG_FIXED = 16,    /* of its data, beside algorithm, MAC and other data */
    EDNS_DO = 0x8000,
    EDNS_CO = 0x4000,
};

/* One record, whose data is all there. */
struct record {
    unsigned type, class, rdata_n;
    uint32_t ttl;
    const uint8_t *owner, *rdata;
};

static inline bool read_record(const uint8_t *msg, size_t n, size_t *at, struct record *r)
{
    /* Mostly, it is OPT, whose owner is the root. */
    bool root = *at < n && msg[*at] == 0;
    size_t fixed = likely(root) ? *at + 1 : dns_name_skip(msg, n, *at);

    if (fixed == 0 || n - fixed < RECORD_FIXED)
        return false;
    r->owner = msg + *at;
    r->type = get16(msg + fixed);
    r->class = get16(msg + fixed + 2);
    r->ttl = get32(msg + fixed + 4);
    r->rdata_n = get16(msg + fixed + 8);
    r->rdata = msg + fixed + RECORD_FIXED;
    if (n - fixed - RECORD_FIXED < r->rdata_n)
        return false;
    *at = fixed + RECORD_FIXED + r->rdata_n;
    return true;
}

/* RFC 6891 §6.1. Sets rcode for a version that we do not speak; false: FORMERR. */
static bool take_opt(struct dns_query *q, const struct record *r)
{
    struct dns_edns *e = &q->edns;

    if (e->has || r->owner[0] != 0)
        return false;
    e->has = true;
    e->udp_bytes = (uint16_t)(r->class < DNS_UDP_BYTES_MIN ? DNS_UDP_BYTES_MIN : r->class);
    e->version = (uint8_t)(r->ttl >> 16);
    e->dnssec_ok = (r->ttl & EDNS_DO) != 0;
    e->compact_ok = (r->ttl & EDNS_CO) != 0;
    if (e->version != 0) {
        q->rcode = DNS_RCODE_BADVERS;
        return true;
    }
    if (dns_edns_read(e, r->rdata, r->rdata_n))
        return true;
    /* What could be read of it is not repeated. */
    dns_edns_clear(e);
    return false;
}

/* RFC 8945 §4.2, §5.1: well-formed, the last record. The key's name is wanted uncompressed. */
static bool take_tsig(struct dns_query *q, const struct record *r, bool last)
{
    size_t owner = dns_name_scan(r->owner, (size_t)(r->rdata - r->owner));
    size_t at = dns_name_scan(r->rdata, r->rdata_n), mac;

    if (!last || owner == 0 || at == 0 || r->class != DNS_CLASS_ANY || r->ttl != 0 ||
        r->rdata_n - at < TSIG_FIXED)
        return false;
    mac = get16(r->rdata + at + 8);
    if (r->rdata_n - at - TSIG_FIXED < mac)
        return false;
    if (r->rdata_n - at - TSIG_FIXED - mac != get16(r->rdata + at + mac + 14))
        return false;
    q->tsig = (struct dns_tsig){.name = r->owner,
        .name_n = (uint8_t)owner,
        .algorithm = r->rdata,
        .algorithm_n = (uint8_t)at};
    return true;
}

static bool read_question(const uint8_t *msg, size_t n, size_t *at, struct dns_query *q)
{
    const uint8_t *p = msg + *at;
    size_t name_n = dns_name_scan(p, n - *at);

    if (name_n == 0 || n - *at - name_n < QUESTION_FIXED)
        return false;
    q->has_question = true;
    q->question = p;
    q->name.n = (uint8_t)name_n;
    dns_name_lower(q->name.wire, p, name_n);
    q->type = get16(p + name_n);
    q->class = get16(p + name_n + 2);
    *at += name_n + QUESTION_FIXED;
    return true;
}

/* Everything behind the header. rcode may be set on success, too; false: FORMERR. */
static bool read_sections(const uint8_t *msg, size_t n, struct dns_query *q)
{
    unsigned questions = get16(msg + 4), authority = get16(msg + 8), additional = get16(msg + 10);
    size_t at = DNS_HEADER;
    struct record r;

    if (questions > 1 || (questions == 1 && !read_question(msg, n, &at, q)))
        return false;
    if (get16(msg + 6) != 0)
        return false;
    /* IXFR says there what it has already (RFC 1995 §3). */
    if (authority != 0 && q->type != DNS_IXFR)
        return false;
    for (unsigned i = 0; i < authority; i++) {
        if (!read_record(msg, n, &at, &r) || r.type == DNS_OPT || r.type == DNS_TSIG)
            return false;
    }
    for (unsigned i = 1; i <= additional; i++) {
        if (!read_record(msg, n, &at, &r))
            return false;
        if (r.type == DNS_OPT && !take_opt(q, &r))
            return false;
        if (r.type == DNS_TSIG && !take_tsig(q, &r, i == additional))
            return false;
    }
    if (at != n)
        return false;
    return questions == 1 || q->edns.cookie_n != 0 || q->rcode != DNS_RCODE_NOERROR;
}

/* What a type that is no data of a name is answered with. */
static enum dns_rcode meta_rcode(struct dns_query *q)
{
    switch (q->type) {
    case DNS_ANY:
        return DNS_RCODE_NOERROR;
    case DNS_NXNAME:
        q->ede = DNS_EDE_INVALID_QUERY_TYPE;
        return DNS_RCODE_FORMERR;
    case DNS_OPT:
    case DNS_TSIG:
        return DNS_RCODE_FORMERR;
    case DNS_AXFR:
    case DNS_IXFR:
        return DNS_RCODE_REFUSED;
    default: /* a stranger's number */
        return DNS_RCODE_NOTIMP;
    }
}

enum dns_read dns_query_read(const uint8_t *msg, size_t n, struct dns_query *q)
{
    if (n < DNS_HEADER || n > UINT16_MAX || (msg[2] & FLAG_QR) != 0)
        return DNS_READ_DROP;
    q->id = get16(msg);
    q->opcode = msg[2] >> 3 & 0xf;
    q->rd = (msg[2] & FLAG_RD) != 0;
    q->has_question = false;
    q->type = 0;
    q->class = DNS_IN;
    q->rcode = DNS_RCODE_NOERROR;
    q->ede = DNS_EDE_NONE;
    q->question = NULL;
    q->tsig.name = NULL;
    q->edns.has = false;
    q->edns.dnssec_ok = q->edns.compact_ok = false;
    q->edns.version = 0;
    q->edns.udp_bytes = DNS_UDP_BYTES_MIN;
    dns_edns_clear(&q->edns);

    if (q->opcode != DNS_OPCODE_QUERY)
        q->rcode = DNS_RCODE_NOTIMP;
    else if (!read_sections(msg, n, q))
        q->rcode = DNS_RCODE_FORMERR;
    else if (q->rcode == DNS_RCODE_NOERROR && q->tsig.name != NULL)
        q->rcode = DNS_RCODE_NOTAUTH;
    else if (q->rcode == DNS_RCODE_NOERROR && dns_type_is_meta(q->type))
        q->rcode = (uint16_t)meta_rcode(q);
    return q->rcode == DNS_RCODE_NOERROR ? DNS_READ_OK : DNS_READ_REFUSE;
}
