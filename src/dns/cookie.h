/*
 * cookie.h - server cookies (RFC 7873) that a fleet can share: version 1 of RFC 9018, SipHash-2-4
 * over client cookie, time and client address under a secret of 16 bytes.
 *
 * Who brings a good cookie has seen an answer of ours at its address: it did not forge it. Secrets
 * come from configuration; the first makes cookies, all of them are accepted, so that a new one can
 * be brought to all servers before it is used, and an old one stays good for a while.
 *
 * Pure; any thread.
 */
#ifndef DNS_COOKIE_H
#define DNS_COOKIE_H

#include "base/clock.h"
#include "dns/edns.h"

enum {
    DNS_COOKIE_SECRET = 16,
    DNS_COOKIE_SECRETS_MAX = 4,
    DNS_COOKIE_SERVER = 16, /* bytes of our part */
    DNS_COOKIE_OURS = DNS_COOKIE_CLIENT + DNS_COOKIE_SERVER,
    DNS_COOKIE_TTL_S = 3600,   /* RFC 9018 §4.3: good for so long, */
    DNS_COOKIE_AHEAD_S = 300,  /* and so far in the future (clocks of a fleet differ); */
    DNS_COOKIE_RENEW_S = 1800, /* made new when older than that */
};

struct dns_cookie_secrets {
    unsigned n; /* 0: no cookies are made and none is good */
    uint8_t secret[DNS_COOKIE_SECRETS_MAX][DNS_COOKIE_SECRET];
};

enum dns_cookie_state {
    DNS_COOKIE_NONE,    /* no COOKIE option */
    DNS_COOKIE_NEW,     /* the client's part alone */
    DNS_COOKIE_INVALID, /* a server's part that is not ours, too old, or for another address */
    DNS_COOKIE_GOOD,
};

/* What the query's cookie says, and what to send back: *reply gets DNS_COOKIE_OURS bytes (a good
 * and fresh one of the first secret as it came, RFC 9018 §4.3, else a new one) unless the state is
 * DNS_COOKIE_NONE or there are no secrets; *reply_n says how many. `address` is the client's, 4 or
 * 16 bytes. */
enum dns_cookie_state dns_cookie_check(const struct dns_cookie_secrets *secrets,
    const struct dns_edns *e, const uint8_t *address, size_t address_n, wall_s now,
    uint8_t reply[static DNS_COOKIE_MAX], uint8_t *reply_n);

#endif
