#include "dns/edns.h"

#include "base/check.h"
#include "dns/types.h"
#include "dns/wire.h"

enum {
    OPT_FIXED = 11,    /* owner, type, class, TTL, length */
    OPTION_HEADER = 4, /* code, length */
    ECS_FIXED = 4,     /* family, source, scope */
    ECS_ADDRESS = 16,  /* at most */
    FLAG_DO = 0x8000,
    FLAG_CO = 0x4000,
};

/* RFC 7871 §6 */
static bool read_ecs(struct dns_ecs *ecs, const uint8_t *p, size_t n)
{
    unsigned family, source, bytes;

    if (n < ECS_FIXED)
        return false;
    family = get16(p);
    source = p[2];
    bytes = (source + 7) / 8;
    /* The scope is for responses to say. */
    if (p[3] != 0 || n != ECS_FIXED + bytes)
        return false;
    switch (family) {
    case DNS_ECS_NONE:
        if (source > 0)
            return false;
        break;
    case DNS_ECS_V4:
        if (source > 32)
            return false;
        break;
    case DNS_ECS_V6:
        if (source > 128)
            return false;
        break;
    default: /* a stranger's number */
        return false;
    }
    p += ECS_FIXED;
    /* No bit behind the source's. */
    if (source % 8 != 0 && (p[bytes - 1] & 0xff >> source % 8) != 0)
        return false;
    ecs->family = (uint8_t)family;
    ecs->source = (uint8_t)source;
    memset(ecs->address, 0, sizeof(ecs->address));
    memcpy(ecs->address, p, bytes);
    return true;
}

static bool read_option(struct dns_edns *e, unsigned code, const uint8_t *p, size_t n)
{
    switch (code) {
    case DNS_OPTION_ECS:
        if (e->has_ecs || !read_ecs(&e->ecs, p, n))
            return false;
        e->has_ecs = true;
        return true;
    case DNS_OPTION_COOKIE:
        /* RFC 7873 §5.2: of several the first counts. */
        if (e->cookie_n != 0)
            return true;
        if (n != DNS_COOKIE_CLIENT && (n < 16 || n > DNS_COOKIE_MAX))
            return false;
        memcpy(e->cookie, p, n);
        e->cookie_n = (uint8_t)n;
        return true;
    case DNS_OPTION_NSID:
        /* RFC 5001 §2.1: what stands in it is not looked at. */
        e->nsid = true;
        return true;
    case DNS_OPTION_KEEPALIVE:
        /* RFC 7828 §3.2.1: empty in queries. */
        e->keepalive = true;
        return n == 0;
    case DNS_OPTION_PADDING:
        e->padding = true;
        return true;
    default:
        return true;
    }
}

bool dns_edns_read(struct dns_edns *e, const uint8_t *p, size_t n)
{
    while (n >= OPTION_HEADER) {
        size_t option = OPTION_HEADER + get16(p + 2);

        if (option > n || !read_option(e, get16(p), p + OPTION_HEADER, option - OPTION_HEADER))
            return false;
        p += option;
        n -= option;
    }
    return n == 0;
}

size_t dns_edns_room(const struct dns_edns *e, const struct dns_opt *o)
{
    size_t n = OPT_FIXED;

    if (!e->has)
        return 0;
    if (e->has_ecs)
        n += OPTION_HEADER + ECS_FIXED + ECS_ADDRESS;
    if (e->cookie_n != 0 && o->cookie_n != 0)
        n += OPTION_HEADER + o->cookie_n;
    if (o->keepalive)
        n += OPTION_HEADER + 2;
    if (e->nsid && o->nsid.n != 0)
        n += OPTION_HEADER + o->nsid.n;
    return n;
}

/* Where a record is written to, and where it must end. */
struct room {
    uint8_t *p, *end;
};

/* An option's header and room for its `n` bytes: where they go, NULL when they do not fit. */
static inline uint8_t *option(struct room *r, enum dns_option code, size_t n)
{
    uint8_t *p = r->p;

    if ((size_t)(r->end - p) < OPTION_HEADER + n)
        return NULL;
    r->p += OPTION_HEADER + n;
    return put16(put16(p, code), (unsigned)n);
}

static void write_ecs(struct room *r, const struct dns_ecs *ecs, unsigned scope)
{
    size_t n = (ecs->source + 7u) / 8;
    uint8_t *p = option(r, DNS_OPTION_ECS, ECS_FIXED + ECS_ADDRESS);

    if (p == NULL)
        return;
    check(scope <= (ecs->family == DNS_ECS_V4 ? 32 : 128));
    put16(p - 2, (unsigned)(ECS_FIXED + n));
    p = put16(p, ecs->family);
    p[0] = ecs->source;
    /* Who keeps his subnet to himself gets what holds for everybody (RFC 7871 §7.2.1). */
    p[1] = ecs->source != 0 ? (uint8_t)scope : 0;
    /* The address as a whole, of which the last bytes may not be wanted. */
    memcpy(p + 2, ecs->address, ECS_ADDRESS);
    r->p -= ECS_ADDRESS - n;
}

/* RFC 7828 §3.1 */
static void write_keepalive(struct room *r, unsigned ds)
{
    uint8_t *p = option(r, DNS_OPTION_KEEPALIVE, 2);

    if (p != NULL)
        put16(p, ds);
}

static void write_bytes(struct room *r, enum dns_option code, const void *bytes, size_t n)
{
    uint8_t *p = option(r, code, n);

    if (p != NULL)
        memcpy(p, bytes, n);
}

/* RFC 8914 §2 */
static void write_ede(struct room *r, unsigned ede, struct span text)
{
    size_t n = text.n < DNS_EDE_TEXT_MAX ? text.n : DNS_EDE_TEXT_MAX;
    uint8_t *p = option(r, DNS_OPTION_EDE, 2 + n);

    if (p == NULL && n != 0) {
        n = 0;
        p = option(r, DNS_OPTION_EDE, 2);
    }
    if (p == NULL)
        return;
    p = put16(p, ede);
    if (n != 0)
        memcpy(p, text.p, n);
}

/* RFC 8467 §4.1; `size` is the whole message so far. */
static void write_padding(struct room *r, size_t size)
{
    size_t left = (size_t)(r->end - r->p);
    size_t n = DNS_PAD_TO - 1 - (size + OPTION_HEADER + DNS_PAD_TO - 1) % DNS_PAD_TO;
    uint8_t *p;

    if (left < OPTION_HEADER)
        return;
    if (n > left - OPTION_HEADER)
        n = left - OPTION_HEADER;
    p = option(r, DNS_OPTION_PADDING, n);
    if (p != NULL)
        memset(p, 0, n);
}

size_t dns_edns_write(const struct dns_edns *e, const struct dns_opt *o, unsigned rcode,
    size_t before, uint8_t *p, size_t room)
{
    struct room r = {p + OPT_FIXED, p + room};

    check(e->has && room >= OPT_FIXED);
    if (e->has_ecs)
        write_ecs(&r, &e->ecs, o->ecs_scope);
    if (e->cookie_n != 0 && o->cookie_n != 0)
        write_bytes(&r, DNS_OPTION_COOKIE, o->cookie, o->cookie_n);
    if (o->keepalive)
        write_keepalive(&r, o->keepalive_ds);
    if (e->nsid && o->nsid.n != 0)
        write_bytes(&r, DNS_OPTION_NSID, o->nsid.p, o->nsid.n);
    if (o->ede != DNS_EDE_NONE)
        write_ede(&r, o->ede, o->ede_text);
    if (e->padding && o->pad)
        write_padding(&r, before + (size_t)(r.p - p));
    p[0] = 0;
    put16(p + 1, DNS_OPT);
    put16(p + 3, o->udp_bytes);
    p[5] = (uint8_t)(rcode >> 4);
    p[6] = 0; /* version */
    put16(p + 7, (e->dnssec_ok ? FLAG_DO : 0) | (e->compact_ok ? FLAG_CO : 0));
    put16(p + 9, (unsigned)(r.p - p - OPT_FIXED));
    return (size_t)(r.p - p);
}
