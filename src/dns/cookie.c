#include "dns/cookie.h"

#include "base/check.h"
#include "dns/siphash.h"
#include "dns/wire.h"

/* RFC 9018 §4: client cookie (8), version (1), reserved (3), time (4), hash (8). */
enum {
    COOKIE_VERSION = 1,
    AT_VERSION = DNS_COOKIE_CLIENT,
    AT_TIME = AT_VERSION + 4,
    AT_HASH = AT_TIME + 4,
    ADDRESS_MAX = 16,
};

/* What stands before the hash, and the address behind it, under a secret. */
static void hash_cookie(const uint8_t secret[DNS_COOKIE_SECRET], const uint8_t *cookie,
    const uint8_t *address, size_t address_n, uint8_t hash[static SIPHASH_BYTES])
{
    uint8_t in[AT_HASH + ADDRESS_MAX];

    check(address_n == 4 || address_n == ADDRESS_MAX);
    memcpy(in, cookie, AT_HASH);
    memcpy(in + AT_HASH, address, address_n);
    siphash24(secret, in, AT_HASH + address_n, hash);
}

/* Without a branch on where they differ. */
static bool same_hash(const uint8_t *a, const uint8_t *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x == y;
}

/* Its time against ours, in the serial arithmetic of RFC 1982, as RFC 9018 §4.3 says. */
static int32_t age_s(const uint8_t *cookie, wall_s now)
{
    return (int32_t)((uint32_t)now - get32(cookie + AT_TIME));
}

/* Which secret made it; -1: none of ours, or it is not good now. */
static int made_with(const struct dns_cookie_secrets *s, const struct dns_edns *e,
    const uint8_t *address, size_t address_n, wall_s now)
{
    int32_t age = age_s(e->cookie, now);
    uint8_t hash[SIPHASH_BYTES];

    if (e->cookie_n != DNS_COOKIE_OURS || e->cookie[AT_VERSION] != COOKIE_VERSION ||
        age > DNS_COOKIE_TTL_S || age < -DNS_COOKIE_AHEAD_S)
        return -1;
    for (unsigned i = 0; i < s->n; i++) {
        hash_cookie(s->secret[i], e->cookie, address, address_n, hash);
        if (same_hash(hash, e->cookie + AT_HASH))
            return (int)i;
    }
    return -1;
}

static void make(const struct dns_cookie_secrets *s, const uint8_t *client, const uint8_t *address,
    size_t address_n, wall_s now, uint8_t *out)
{
    memcpy(out, client, DNS_COOKIE_CLIENT);
    out[AT_VERSION] = COOKIE_VERSION;
    memset(out + AT_VERSION + 1, 0, 3);
    put32(out + AT_TIME, (uint32_t)now);
    hash_cookie(s->secret[0], out, address, address_n, out + AT_HASH);
}

enum dns_cookie_state dns_cookie_check(const struct dns_cookie_secrets *secrets,
    const struct dns_edns *e, const uint8_t *address, size_t address_n, wall_s now,
    uint8_t reply[static DNS_COOKIE_MAX], uint8_t *reply_n)
{
    int secret = -1;

    *reply_n = 0;
    if (e->cookie_n == 0)
        return DNS_COOKIE_NONE;
    if (e->cookie_n > DNS_COOKIE_CLIENT)
        secret = made_with(secrets, e, address, address_n, now);
    if (secrets->n != 0) {
        *reply_n = DNS_COOKIE_OURS;
        if (secret == 0 && age_s(e->cookie, now) <= DNS_COOKIE_RENEW_S)
            memcpy(reply, e->cookie, DNS_COOKIE_OURS);
        else
            make(secrets, e->cookie, address, address_n, now, reply);
    }
    if (e->cookie_n == DNS_COOKIE_CLIENT)
        return DNS_COOKIE_NEW;
    return secret >= 0 ? DNS_COOKIE_GOOD : DNS_COOKIE_INVALID;
}
