/*
 * query.h - one request message, read strictly.
 *
 * Every byte comes from strangers. What is not a request is dropped, what is not in order is
 * answered with a response code and nothing else; what is left has at most one question, in which
 * the name stands uncompressed, and at most one OPT.
 *
 *   too short for a header, or a response (QR)      drop: an answer could make a loop
 *   an opcode other than QUERY                      NOTIMP; nothing behind the header is looked at
 *   QDCOUNT other than 1                            FORMERR; but 0 is in order with a COOKIE
 *                                                   (RFC 7873 §5.4): has_question is false then
 *   records in answer or authority                  FORMERR
 *   two OPT, one with an owner, outside additional  FORMERR (RFC 6891 §6.1.1)
 *   something behind the last record                FORMERR
 *   TSIG (RFC 8945 §5.1)                            last: NOTAUTH with BADKEY, we have no keys;
 *                                                   elsewhere: FORMERR
 *   SIG(0) and any other record in additional       passed over (RFC 2931 §3.1: may be ignored)
 *   EDNS version above 0                            BADVERS; its options are not looked at
 *   an option with a length or value against its
 *   RFC, two Client Subnets                         FORMERR
 *   QTYPE NXNAME                                    FORMERR, EDE 30 (RFC 9824 §3.5)
 *   QTYPE OPT, TSIG                                 FORMERR
 *   QTYPE AXFR, IXFR                                REFUSED: we transfer nothing to anybody
 *   QTYPE TKEY, MAILA, MAILB, other meta types      NOTIMP
 *   QCLASS                                          left to whoever answers (IN, CH, ANY, others)
 *   flags that we do not know, TC, AA, RA, AD, Z,
 *   RCODE in a request                              passed over
 *
 * An answer with a code alone repeats the question if it could be read, and has an OPT if the query
 * had one that could be read up to its options.
 *
 * Pure; any thread; no allocation.
 */
#ifndef DNS_QUERY_H
#define DNS_QUERY_H

#include "dns/edns.h"
#include "dns/name.h"
#include "dns/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DNS_HEADER = 12 };

enum dns_read {
    DNS_READ_OK,     /* to be answered by what it asks; rcode is NOERROR */
    DNS_READ_REFUSE, /* to be answered with `rcode` (and `ede`) alone: dns_refuse() (writer.h) */
    DNS_READ_DROP,   /* say nothing; nothing is set */
};

/* Of a TSIG record, borrowed from the message: what the answer repeats (RFC 8945 §5.3.2). */
struct dns_tsig {
    const uint8_t *name, *algorithm; /* wire names; behind the algorithm's stand time and fudge */
    uint8_t name_n, algorithm_n;
};

struct dns_query {
    uint16_t id;
    uint8_t opcode;
    bool rd;
    bool has_question;
    uint16_t type, class; /* of the question */
    uint16_t rcode;       /* DNS_READ_REFUSE: enum dns_rcode; may be above 15 */
    uint16_t ede;         /* enum dns_ede */
    /* Borrowed from the message, has_question only: the question as it came, name, type and class,
     * for the response to repeat. The name is its first name.n bytes. */
    const uint8_t *question;
    struct dns_tsig tsig; /* its name NULL: none */
    struct dns_edns edns;
    struct dns_name name; /* of the question, in lower case; has_question only */
};

/* `msg` must live as long as the query is used. Longer than 65535 bytes is dropped. */
MUST_USE enum dns_read dns_query_read(const uint8_t *msg, size_t n, struct dns_query *q);

#endif
