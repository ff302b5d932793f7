/*
 * writer.h - one response, built in the caller's buffer up to a limit. No allocation, ever.
 *
 *   dns_writer_start(&w, out, limit, q, opt);
 *   w.flags |= DNS_AA;
 *   dns_writer_rrset(&w, DNS_ANSWER, NULL, rrset);
 *   n = dns_writer_end(&w, DNS_RCODE_NOERROR);
 *
 * The question stands as it came, letter by letter. Sections are written in their order. A record
 * set goes in whole or not at all: when one for answer or authority has no room, TC is set and the
 * writer takes nothing more (RFC 2181 §9); in additional it is just left out. Names are compressed
 * (RFC 1035 §4.1.4) against the question and those already written, up to a bound of
 * DNS_WRITER_NAMES; within data only where RFC 3597 §4 permits. OPT comes last and always has room.
 *
 * Owners and record sets must live until dns_writer_end(), for names are compared with where they
 * came from. A writer is a value on the stack; one thread.
 */
#ifndef DNS_WRITER_H
#define DNS_WRITER_H

#include "dns/query.h"
#include "dns/rrset.h"

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };

/* Bits of the header's second word that a caller may set. */
enum { DNS_AA = 0x0400, DNS_TC = 0x0200 };

enum { DNS_WRITER_NAMES = 32 };

struct dns_writer {
    uint8_t *p;         /* borrowed: the message */
    uint32_t at;        /* bytes written */
    uint32_t limit;     /* that may be written, without what OPT needs */
    uint32_t whole;     /* with it */
    uint16_t flags;     /* DNS_AA, DNS_TC; QR, opcode and RD are set by the writer */
    uint16_t class;     /* of the records: the question's, IN for ANY and without a question */
    uint16_t counts[3]; /* by enum dns_section */
    const struct dns_query *q; /* borrowed */
    const struct dns_opt *opt; /* borrowed; may change until the end, except that its nsid,
                                  cookie and keepalive must not grow */
    enum dns_section section;  /* private from here: the last one written to */
    unsigned names_n;
    struct dns_writer_name {
        const uint8_t *wire; /* borrowed */
        uint16_t n, at;
    } names[DNS_WRITER_NAMES];
};

/* `limit` is at least 512; more than 65535 counts as 65535. opt may be NULL when the query has no
 * OPT. */
void dns_writer_start(struct dns_writer *w, uint8_t *out, size_t limit, const struct dns_query *q,
    const struct dns_opt *opt);

/* All records of a set under `owner`: wire format, or NULL for the question's name as it was asked.
 * False: there was no room, see above. */
bool dns_writer_rrset(
    struct dns_writer *w, enum dns_section s, const uint8_t *owner, const struct dns_rrset *set);
/* One record of a set that the caller puts together; data without names. For a set that must be
 * whole, mark first and go back when one fails. */
bool dns_writer_rr(struct dns_writer *w, enum dns_section s, const uint8_t *owner, uint16_t type,
    uint32_t ttl, const void *rdata, size_t n);

struct dns_writer_mark {
    uint32_t at;
    unsigned names_n;
    uint16_t counts[3];
    enum dns_section section;
};
struct dns_writer_mark dns_writer_mark(const struct dns_writer *w);
/* As if nothing had been written since the mark; TC stays. */
void dns_writer_back(struct dns_writer *w, const struct dns_writer_mark *m);

/* Writes the header and OPT (and TSIG for a query that had one); returns the message's length. An
 * rcode above 15 needs a query with OPT; else it becomes SERVFAIL. */
MUST_USE size_t dns_writer_end(struct dns_writer *w, unsigned rcode);

/* Start and end for DNS_READ_REFUSE: the code, the question if there is one, OPT. q->ede is said
 * unless opt has one. */
MUST_USE size_t dns_refuse(
    uint8_t *out, size_t limit, const struct dns_query *q, const struct dns_opt *opt);

#endif
