/*
 * rdata.h - the data of a record: from the words of a directive to the wire, and what must be known
 * of names within it.
 *
 * The words are those of a zone file (RFC 1035 §5.1 and the types' own RFCs) without its
 * parentheses; quoting was undone by who cut the words. Any type may be written as RFC 3597 §5 has
 * it: \# LENGTH HEX.... Names without a dot at the end get the origin behind them.
 *
 *   A 192.0.2.1                  AAAA 2001:db8::1        NS name      CNAME name     PTR name
 *   MX 10 name                   SRV 0 5 443 name        DS tag algorithm digest-type HEX
 *   TXT word...                  a word of more than 255 bytes becomes several strings
 *   CAA 0 issue "ca.example"     (RFC 8659)
 *   SOA mname rname serial refresh retry expire minimum
 *   SVCB, HTTPS 1 . alpn=h2,h3 port=443 ipv4hint=192.0.2.1 ... (RFC 9460; also ipv6hint,
 *                                no-default-alpn, mandatory, ech, dohpath, keyNNNNN)
 *
 * Pure; any thread.
 */
#ifndef DNS_RDATA_H
#define DNS_RDATA_H

#include "dns/name.h"
#include "dns/rrset.h"
#include "dns/types.h"

/* A record of ours is never longer: with its name, it fits into a message. */
enum { DNS_RDATA_MAX = 32768 };

/* A sentence for people, without place and newline: what was found and what would be right. */
struct dns_why {
    char text[256];
};

/* *n bytes of data in out. False: *why says why not. */
MUST_USE bool dns_rdata_parse(uint16_t type, const struct span *words, size_t words_n,
    const struct dns_name *origin, uint8_t out[static DNS_RDATA_MAX], size_t *n,
    struct dns_why *why);

/* Well-formed for its type: names where names must be, lengths that add up. Types that we do not
 * know are anything. */
MUST_USE bool dns_rdata_check(uint16_t type, const uint8_t *p, size_t n);

/* Where the names of a type stand: `before` bytes (NAPTR: and three strings), then `names` names,
 * then the rest. In messages they may be compressed for the types of RFC 1035 only (RFC 3597 §4).
 */
struct dns_rdata_shape {
    uint8_t before;
    uint8_t names;
    bool compress;
};
static inline struct dns_rdata_shape dns_rdata_shape(unsigned type)
{
    switch (type) {
    case DNS_NS:
    case DNS_CNAME:
    case DNS_PTR:
    case DNS_MD:
    case DNS_MF:
    case DNS_MB:
    case DNS_MG:
    case DNS_MR:
        return (struct dns_rdata_shape){0, 1, true};
    case DNS_SOA:
    case DNS_MINFO:
        return (struct dns_rdata_shape){0, 2, true};
    case DNS_MX:
        return (struct dns_rdata_shape){2, 1, true};
    case DNS_RP:
        return (struct dns_rdata_shape){0, 2, false};
    case DNS_AFSDB:
    case DNS_RT:
    case DNS_KX:
        return (struct dns_rdata_shape){2, 1, false};
    case DNS_PX:
        return (struct dns_rdata_shape){2, 2, false};
    case DNS_NAPTR:
        return (struct dns_rdata_shape){4, 1, false};
    case DNS_SRV:
        return (struct dns_rdata_shape){6, 1, false};
    case DNS_DNAME:
    case DNS_NSEC:
        return (struct dns_rdata_shape){0, 1, false};
    case DNS_SVCB:
    case DNS_HTTPS:
        return (struct dns_rdata_shape){2, 1, false};
    case DNS_SIG:
    case DNS_RRSIG:
        return (struct dns_rdata_shape){18, 1, false};
    default: /* any number */
        return (struct dns_rdata_shape){0, 0, false};
    }
}

/* Canonical form (RFC 4034 §6.2, RFC 6840 §5.1): names in lower case. n bytes to out, which may be
 * p. The data must be well-formed. */
void dns_rdata_canonical(uint16_t type, const uint8_t *p, size_t n, uint8_t *out);
/* The order of RFC 4034 §6.3 for data in canonical form: <0, 0, >0. */
int dns_rdata_compare(const uint8_t *a, size_t a_n, const uint8_t *b, size_t b_n) PURE;

#endif
