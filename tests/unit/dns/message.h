/*
 * message.h - a strict reader of whole messages, for what we have written ourselves: every count is
 * right, every name well-formed, no byte is left over, nothing stands twice that may stand once.
 */
#ifndef TESTS_UNIT_DNS_MESSAGE_H
#define TESTS_UNIT_DNS_MESSAGE_H

#include "base/attrs.h"
#include "dns/name.h"
#include "dns/rdata.h"
#include "dns/wire.h"

#include <stdlib.h>

enum { MESSAGE_RECORDS = 4096 };

struct message_record {
    unsigned section, type, class, at, rdata_at, rdata_n; /* section 0: answer, 1, 2: additional */
    uint32_t ttl;
    struct dns_name owner;
};

struct message {
    const uint8_t *p;
    size_t n;
    unsigned id, flags, records_n;
    bool has_question;
    struct dns_name question;
    unsigned question_type, question_class;
    const struct message_record *opt; /* NULL: none */
    struct message_record records[MESSAGE_RECORDS];
};

/* Types whose names others may compress: each must end within the data. */
static inline bool message_names_good(const struct message *m, const struct message_record *r)
{
    struct dns_rdata_shape shape = dns_rdata_shape(r->type);
    size_t at = r->rdata_at + shape.before, end = r->rdata_at + r->rdata_n;
    struct dns_name name;

    if (r->type == DNS_NAPTR)
        return dns_rdata_check(DNS_NAPTR, m->p + r->rdata_at, r->rdata_n);
    for (unsigned i = 0; i < shape.names; i++) {
        if (shape.compress ? !dns_name_read(m->p, m->n, &at, &name)
                           : (at += dns_name_scan(m->p + at, end - at)) > end)
            return false;
    }
    return at <= end;
}

static inline bool message_options_good(const uint8_t *p, size_t n)
{
    while (n >= 4 && n - 4 >= get16(p + 2)) {
        size_t option = 4u + get16(p + 2);

        p += option;
        n -= option;
    }
    return n == 0;
}

static inline UNUSED bool message_read(struct message *m, const uint8_t *p, size_t n)
{
    unsigned counts[3];
    size_t at = 12;

    m->p = p;
    m->n = n;
    m->records_n = 0;
    m->opt = NULL;
    if (n < 12 || get16(p + 4) > 1)
        return false;
    m->id = get16(p);
    m->flags = get16(p + 2);
    m->has_question = get16(p + 4) == 1;
    if (m->has_question) {
        if (dns_name_scan(p + at, n - at) == 0 || !dns_name_read(p, n, &at, &m->question) ||
            n - at < 4)
            return false;
        m->question_type = get16(p + at);
        m->question_class = get16(p + at + 2);
        at += 4;
    }
    for (unsigned s = 0; s < 3; s++) {
        counts[s] = get16(p + 6 + (size_t)(2 * s));
        for (unsigned i = 0; i < counts[s]; i++) {
            struct message_record *r = &m->records[m->records_n];

            if (m->records_n++ == MESSAGE_RECORDS)
                return false;
            r->at = (unsigned)at;
            if (!dns_name_read(p, n, &at, &r->owner) || n - at < 10)
                return false;
            r->section = s;
            r->type = get16(p + at);
            r->class = get16(p + at + 2);
            r->ttl = get32(p + at + 4);
            r->rdata_n = get16(p + at + 8);
            r->rdata_at = (unsigned)at + 10;
            at += 10;
            if (n - at < r->rdata_n || !message_names_good(m, r))
                return false;
            at += r->rdata_n;
            if (r->type != DNS_OPT)
                continue;
            if (m->opt != NULL || s != 2 || r->owner.n != 1 ||
                !message_options_good(p + r->rdata_at, r->rdata_n))
                return false;
            m->opt = r;
        }
    }
    return at == n;
}

/* With what OPT adds. */
static inline UNUSED unsigned message_rcode(const struct message *m)
{
    return (m->flags & 0xf) | (m->opt != NULL ? m->opt->ttl >> 24 << 4 : 0);
}

/* The value of an option; NULL: it is not there. */
static inline UNUSED const uint8_t *message_option(
    const struct message *m, unsigned code, size_t *n)
{
    const uint8_t *p = m->opt != NULL ? m->p + m->opt->rdata_at : NULL;
    const uint8_t *end = p != NULL ? p + m->opt->rdata_n : NULL;

    for (; p < end; p += 4 + get16(p + 2)) {
        *n = get16(p + 2);
        if (get16(p) == code)
            return p + 4;
    }
    return NULL;
}

#endif
