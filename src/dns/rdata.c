#include "dns/rdata.h"

#include "dns/svcb.h"
#include "dns/wire.h"

/* Strings of a length byte each, at least one, that fill p[0 .. n). */
static bool check_strings(const uint8_t *p, size_t n)
{
    size_t at = 0;

    while (at < n)
        at += 1u + p[at];
    return n != 0 && at == n;
}

/* RFC 8659 §4.1 */
static bool check_caa(const uint8_t *p, size_t n)
{
    if (n < 3 || p[1] == 0 || n - 2 < p[1])
        return false;
    for (size_t i = 2; i < 2u + p[1]; i++) {
        bool digit = p[i] >= '0' && p[i] <= '9',
             letter = (p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z';

        if (!digit && !letter)
            return false;
    }
    return true;
}

/* Of a type whose names are where dns_rdata_shape() says: what must stand behind them. */
static bool check_rest(unsigned type, const uint8_t *p, size_t n)
{
    switch (type) {
    case DNS_SOA:
        return n == 20;
    case DNS_SVCB:
    case DNS_HTTPS:
        return dns_svcb_check(p, n);
    case DNS_SIG:
    case DNS_RRSIG:
    case DNS_NSEC:
        return n != 0;
    default: /* any number */
        return n == 0;
    }
}

/* Where the first name stands; behind the end when the data is too short for that. */
static size_t names_at(unsigned type, const uint8_t *p, size_t n)
{
    size_t at = dns_rdata_shape(type).before;

    /* RFC 3403 §4.1 */
    for (unsigned i = 0; type == DNS_NAPTR && i < 3; i++) {
        if (at >= n)
            return n + 1;
        at += 1u + p[at];
    }
    return at;
}

bool dns_rdata_check(uint16_t type, const uint8_t *p, size_t n)
{
    struct dns_rdata_shape shape = dns_rdata_shape(type);
    size_t at = names_at(type, p, n);

    switch (type) {
    case DNS_A:
        return n == 4;
    case DNS_AAAA:
        return n == 16;
    case DNS_TXT:
    case DNS_SPF:
        return check_strings(p, n);
    case DNS_CAA:
        return check_caa(p, n);
    case DNS_DS:
    case DNS_CDS:
    case DNS_DNSKEY:
    case DNS_CDNSKEY:
        return n > 4;
    default: /* any number */
        break;
    }
    if (shape.names == 0)
        return n <= UINT16_MAX;
    if (n < at)
        return false;
    for (unsigned i = 0; i < shape.names; i++) {
        size_t name = dns_name_scan(p + at, n - at);

        if (name == 0)
            return false;
        at += name;
    }
    return check_rest(type, p + at, n - at);
}

void dns_rdata_canonical(uint16_t type, const uint8_t *p, size_t n, uint8_t *out)
{
    struct dns_rdata_shape shape = dns_rdata_shape(type);
    size_t at = names_at(type, p, n);

    if (out != p)
        memcpy(out, p, n);
    /* Types younger than RFC 3597 stay as they are (its §7), and NSEC since RFC 6840 §5.1. */
    if (type == DNS_NSEC || type == DNS_SVCB || type == DNS_HTTPS)
        return;
    for (unsigned i = 0; i < shape.names; i++) {
        size_t name = dns_name_bytes(out + at);

        dns_name_lower(out + at, out + at, name);
        at += name;
    }
}

int dns_rdata_compare(const uint8_t *a, size_t a_n, const uint8_t *b, size_t b_n)
{
    size_t n = a_n < b_n ? a_n : b_n;
    int d = n != 0 ? memcmp(a, b, n) : 0;

    if (d != 0)
        return d;
    return (a_n > b_n) - (a_n < b_n);
}
