#include "dns/writer.h"

#include "base/check.h"
#include "dns/rdata.h"
#include "dns/wire.h"

enum {
    FLAG_QR = 0x8000,
    FLAG_RD = 0x0100,
    POINTER = 0xc000,
    POINTER_END = 0x4000, /* what a pointer cannot say any more */
    QUESTION_FIXED = 4,   /* type, class */
    RECORD_FIXED = 8,     /* type, class, TTL */
    /* Names of the question that are compared with: its last ones. */
    QUESTION_NAMES = DNS_WRITER_NAMES / 2,
    TSIG_TIME_FUDGE = 8,
    TSIG_BADKEY = 17,
};

void dns_writer_start(struct dns_writer *w, uint8_t *out, size_t limit, const struct dns_query *q,
    const struct dns_opt *opt)
{
    uint32_t room = 0;

    check(limit >= DNS_UDP_BYTES_MIN);
    w->p = out;
    w->at = DNS_HEADER;
    w->whole = limit < UINT16_MAX ? (uint32_t)limit : UINT16_MAX;
    w->flags = 0;
    w->class = q->class == DNS_CLASS_ANY ? DNS_IN : q->class;
    memset(w->counts, 0, sizeof(w->counts));
    w->section = DNS_ANSWER;
    w->q = q;
    w->opt = opt;
    w->names_n = 0;
    if (q->has_question) {
        memcpy(out + DNS_HEADER, q->question, q->name.n + (size_t)QUESTION_FIXED);
        w->at += q->name.n + (uint32_t)QUESTION_FIXED;
    }
    if (q->edns.has)
        room = (uint32_t)dns_edns_room(&q->edns, opt);
    /* An NSID of ours for a question of the greatest length: it is left out then. */
    w->limit = room < w->whole - w->at ? w->whole - room : w->at;
}

/* --- names -------------------------------------------------------------------------------------
 */

static void remember(struct dns_writer *w, const uint8_t *wire, size_t n, size_t at)
{
    if (w->names_n < DNS_WRITER_NAMES && at < POINTER_END)
        w->names[w->names_n++] = (struct dns_writer_name){wire, (uint16_t)n, (uint16_t)at};
}

/* Only a response with names beside the question's gets to know these. */
static void remember_question(struct dns_writer *w)
{
    const struct dns_name *name = &w->q->name;
    unsigned labels = dns_name_labels(name->wire), nth = 0;

    for (size_t at = 0; name->wire[at] != 0; at += 1u + name->wire[at]) {
        if (labels - nth++ <= QUESTION_NAMES)
            remember(w, name->wire + at, name->n - at, DNS_HEADER + at);
    }
}

/* Where that name stands in the message; 0: nowhere that we know of. */
static unsigned find_name(const struct dns_writer *w, const uint8_t *wire, size_t n)
{
    for (unsigned i = 0; i < w->names_n; i++) {
        if (w->names[i].n == n && dns_name_eq(w->names[i].wire, n, wire, n))
            return w->names[i].at;
    }
    return 0;
}

/* As much of the name as is not in the message already, and a pointer to the rest. */
static bool put_name(struct dns_writer *w, const uint8_t *wire)
{
    size_t n = dns_name_bytes(wire), own = 0;
    unsigned rest = 0;

    if (w->names_n == 0 && w->q->has_question)
        remember_question(w);
    while (wire[own] != 0 && (rest = find_name(w, wire + own, n - own)) == 0)
        own += 1u + wire[own];
    if (w->limit - w->at < own + (rest != 0 ? 2 : 1))
        return false;
    for (size_t at = 0; at < own; at += 1u + wire[at])
        remember(w, wire + at, n - at, w->at + at);
    memcpy(w->p + w->at, wire, own);
    w->at += (uint32_t)own;
    if (rest != 0) {
        put16(w->p + w->at, POINTER | rest);
        w->at += 2;
    } else {
        w->p[w->at++] = 0;
    }
    return true;
}

static bool put_bytes(struct dns_writer *w, const uint8_t *p, size_t n)
{
    if (w->limit - w->at < n)
        return false;
    memcpy(w->p + w->at, p, n);
    w->at += (uint32_t)n;
    return true;
}

/* --- records -----------------------------------------------------------------------------------
 */

/* Data with names that may be compressed: its length is known afterwards. */
static bool put_names_data(
    struct dns_writer *w, const struct dns_rdata *r, struct dns_rdata_shape shape)
{
    uint32_t length_at = w->at;
    size_t at = shape.before;

    if (w->limit - w->at < 2u + shape.before)
        return false;
    memcpy(w->p + w->at + 2, r->p, shape.before);
    w->at += 2u + shape.before;
    for (unsigned i = 0; i < shape.names; i++) {
        if (!put_name(w, r->p + at))
            return false;
        at += dns_name_bytes(r->p + at);
    }
    if (!put_bytes(w, r->p + at, r->n - at))
        return false;
    put16(w->p + length_at, w->at - length_at - 2);
    return true;
}

/* Where the owner stands already, as a pointer; 0: that is to be found out. */
static unsigned known_owner(const struct dns_writer *w, const uint8_t *owner)
{
    if (owner != NULL)
        return 0;
    check(w->q->has_question);
    /* No pointer to the root: it is as long as it. */
    return w->q->name.n > 1 ? POINTER | DNS_HEADER : 0;
}

/* What stands in front of a record's data, and room for `n` bytes behind. The first record of a set
 * finds out where its owner stands, for the others to point there. */
static inline bool put_head(struct dns_writer *w, const uint8_t *owner, unsigned *known,
    unsigned type, uint32_t ttl, size_t n)
{
    uint32_t at = w->at;
    uint8_t *p;

    if (unlikely(*known == 0)) {
        if (!put_name(w, owner != NULL ? owner : w->q->name.wire))
            return false;
        if ((w->p[at] & 0xc0) == 0xc0)
            *known = get16(w->p + at);
        else if (at < POINTER_END && w->p[at] != 0)
            *known = POINTER | at;
        if (w->limit - w->at < RECORD_FIXED + n)
            return false;
        p = w->p + w->at;
    } else {
        if (w->limit - at < 2 + RECORD_FIXED + n)
            return false;
        p = put16(w->p + at, *known);
    }
    p = put32(put16(put16(p, type), w->class), ttl);
    w->at = (uint32_t)(p - w->p);
    return true;
}

static bool put_set(struct dns_writer *w, const uint8_t *owner, const struct dns_rrset *set)
{
    struct dns_rdata_shape shape = dns_rdata_shape(set->type);
    unsigned known = known_owner(w, owner);
    struct dns_rdata r;
    size_t at = 0;

    while (dns_rrset_next(set, &at, &r)) {
        /* The length stands in front of the data already. */
        size_t n = shape.compress ? 0 : r.n + 2u;

        if (!put_head(w, owner, &known, set->type, set->ttl, n))
            return false;
        if (shape.compress && !put_names_data(w, &r, shape))
            return false;
        memcpy(w->p + w->at, r.p - 2, n);
        w->at += (uint32_t)n;
    }
    return true;
}

/* --- what others call --------------------------------------------------------------------------
 */

struct dns_writer_mark dns_writer_mark(const struct dns_writer *w)
{
    struct dns_writer_mark m = {.at = w->at, .names_n = w->names_n, .section = w->section};

    memcpy(m.counts, w->counts, sizeof(m.counts));
    return m;
}

void dns_writer_back(struct dns_writer *w, const struct dns_writer_mark *m)
{
    w->at = m->at;
    w->names_n = m->names_n;
    w->section = m->section;
    memcpy(w->counts, m->counts, sizeof(w->counts));
}

/* Nothing more goes in when something is missing already; sections stand in their order. */
static bool open_for(struct dns_writer *w, enum dns_section s)
{
    check(s >= w->section);
    w->section = s;
    return (w->flags & DNS_TC) == 0;
}

/* For the record set begun at `at`. */
static bool no_room(struct dns_writer *w, enum dns_section s, uint32_t at, unsigned names_n)
{
    w->at = at;
    w->names_n = names_n;
    if (s != DNS_ADDITIONAL)
        w->flags |= DNS_TC;
    return false;
}

bool dns_writer_rrset(
    struct dns_writer *w, enum dns_section s, const uint8_t *owner, const struct dns_rrset *set)
{
    uint32_t at = w->at;
    unsigned names_n = w->names_n;

    if (!open_for(w, s))
        return false;
    if (!put_set(w, owner, set))
        return no_room(w, s, at, names_n);
    w->counts[s] = (uint16_t)(w->counts[s] + set->n);
    return true;
}

bool dns_writer_rr(struct dns_writer *w, enum dns_section s, const uint8_t *owner, uint16_t type,
    uint32_t ttl, const void *rdata, size_t n)
{
    unsigned known = known_owner(w, owner), names_n = w->names_n;
    uint32_t at = w->at;

    if (!open_for(w, s))
        return false;
    if (!put_head(w, owner, &known, type, ttl, 2 + n))
        return no_room(w, s, at, names_n);
    memcpy(put16(w->p + w->at, (unsigned)n), rdata, n);
    w->at += 2 + (uint32_t)n;
    w->counts[s]++;
    return true;
}

/* --- the end -----------------------------------------------------------------------------------
 */

/* RFC 8945 §5.3.2: without a MAC, the error in it; left out where there is no room. */
static unsigned put_badkey(struct dns_writer *w)
{
    const struct dns_tsig *t = &w->q->tsig;
    size_t data = t->algorithm_n + TSIG_TIME_FUDGE + 8u;
    uint8_t *p = w->p + w->at;

    if (w->whole - w->at < t->name_n + RECORD_FIXED + 2 + data)
        return 0;
    memcpy(p, t->name, t->name_n);
    p = put16(p + t->name_n, DNS_TSIG);
    p = put32(put16(p, DNS_CLASS_ANY), 0);
    p = put16(p, (unsigned)data);
    memcpy(p, t->algorithm, t->algorithm_n + (size_t)TSIG_TIME_FUDGE);
    p = put16(p + t->algorithm_n + TSIG_TIME_FUDGE, 0); /* size of the MAC */
    p = put16(p, w->q->id);
    p = put16(p, TSIG_BADKEY);
    p = put16(p, 0); /* other data */
    w->at = (uint32_t)(p - w->p);
    return 1;
}

size_t dns_writer_end(struct dns_writer *w, unsigned rcode)
{
    const struct dns_query *q = w->q;
    unsigned additional = w->counts[DNS_ADDITIONAL];
    uint8_t *p = w->p;

    if (rcode > 15 && !q->edns.has)
        rcode = DNS_RCODE_SERVFAIL;
    if (q->edns.has) {
        w->at += (uint32_t)dns_edns_write(
            &q->edns, w->opt, rcode, w->at, w->p + w->at, w->whole - w->at);
        additional++;
    }
    if (rcode == DNS_RCODE_NOTAUTH && q->tsig.name != NULL)
        additional += put_badkey(w);
    p = put16(p, q->id);
    p = put16(
        p, FLAG_QR | (unsigned)q->opcode << 11 | w->flags | (q->rd ? FLAG_RD : 0) | (rcode & 0xf));
    p = put16(p, q->has_question);
    p = put16(p, w->counts[DNS_ANSWER]);
    p = put16(p, w->counts[DNS_AUTHORITY]);
    put16(p, additional);
    return w->at;
}

size_t dns_refuse(uint8_t *out, size_t limit, const struct dns_query *q, const struct dns_opt *opt)
{
    struct dns_opt o = *opt;
    struct dns_writer w;

    o.ecs_scope = 0;
    if (o.ede == DNS_EDE_NONE)
        o.ede = q->ede;
    dns_writer_start(&w, out, limit, q, &o);
    return dns_writer_end(&w, q->rcode);
}
