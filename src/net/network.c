#include "net/network.h"

#include <endian.h>

enum { V4_AT = 12 /* bytes before the four of an IPv4 address */ };

static const unsigned char mapped[V4_AT] = {[10] = 0xff, [11] = 0xff};

/* False: no IP address. */
static bool to_bytes(const struct addr *a, unsigned char bytes[16])
{
    switch (addr_family(a)) {
    case AF_INET:
        memcpy(bytes, mapped, V4_AT);
        memcpy(bytes + V4_AT, &a->in.sin_addr, 4);
        return true;
    case AF_INET6:
        memcpy(bytes, &a->in6.sin6_addr, 16);
        return true;
    default:
        return false;
    }
}

static bool is_v4(const unsigned char bytes[16])
{
    return memcmp(bytes, mapped, V4_AT) == 0;
}

/* The bits of byte i that belong to the network. */
static unsigned mask_of(unsigned bits, unsigned i)
{
    if (bits >= (i + 1) * 8)
        return 0xff;
    return bits <= i * 8 ? 0 : 0xffU << ((i + 1) * 8 - bits) & 0xff;
}

enum network_parsed network_parse(struct span s, struct network *out)
{
    struct span address = span_make(s.p, span_find(s, '/'));
    struct network n;
    struct addr a;
    uint64_t most, bits;

    if (!addr_parse_ip(address, 0, &a) || !to_bytes(&a, n.bytes))
        return NETWORK_NO_ADDRESS;
    most = bits = addr_family(&a) == AF_INET ? 32 : 128;
    if (address.n < s.n && (!span_u64(span_from(s, address.n + 1), &bits) || bits > most))
        return NETWORK_NO_BITS;
    n.bits = (unsigned)(128 - most + bits);
    for (unsigned i = 0; i < 16; i++) {
        if ((n.bytes[i] & ~mask_of(n.bits, i)) != 0)
            return NETWORK_HOST_BITS;
    }
    *out = n;
    return NETWORK_OK;
}

/* An address, or a network, as two numbers. */
struct words {
    uint64_t high, low;
};

static struct words words_of(const unsigned char bytes[16])
{
    struct words w;

    memcpy(&w.high, bytes, 8);
    memcpy(&w.low, bytes + 8, 8);
    return (struct words){be64toh(w.high), be64toh(w.low)};
}

/* The first `bits` of 64 set. */
static uint64_t first_bits(unsigned bits)
{
    return bits == 0 ? 0 : UINT64_MAX << (64 - bits);
}

static bool has(const struct network *n, struct words w, bool v4)
{
    struct words own = words_of(n->bytes);

    /* All of IPv6 is not all of IPv4 as well. */
    if (v4 && n->bits < V4_AT * 8)
        return false;
    if (n->bits <= 64)
        return (w.high & first_bits(n->bits)) == own.high;
    return w.high == own.high && (w.low & first_bits(n->bits - 64)) == own.low;
}

bool network_has(const struct network *n, const struct addr *a)
{
    return network_list_has(&(struct network_list){n, 1}, a);
}

bool network_list_has(const struct network_list *l, const struct addr *a)
{
    unsigned char bytes[16];
    struct words w;
    bool v4;

    if (l->n == 0 || !to_bytes(a, bytes))
        return false;
    w = words_of(bytes);
    v4 = is_v4(bytes);
    for (unsigned i = 0; i < l->n; i++) {
        if (has(&l->v[i], w, v4))
            return true;
    }
    return false;
}
