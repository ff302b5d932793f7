/*
 * edns.h - EDNS(0), RFC 6891: what the OPT record of a query says, and what the one of the
 * response shall say.
 *
 * Options: Client Subnet (RFC 7871), COOKIE (RFC 7873, 9018), NSID (RFC 5001), edns-tcp-keepalive
 * (RFC 7828), Padding (RFC 7830, 8467), Extended DNS Error (RFC 8914). Others are passed
 * over. Reading is called by dns/query.h, writing by dns/writer.h. Pure; any thread.
 */
#ifndef DNS_EDNS_H
#define DNS_EDNS_H

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dns_option {
    DNS_OPTION_NSID = 3,
    DNS_OPTION_ECS = 8,
    DNS_OPTION_COOKIE = 10,
    DNS_OPTION_KEEPALIVE = 11,
    DNS_OPTION_PADDING = 12,
    DNS_OPTION_EDE = 15,
};

/* RFC 8914 §4, RFC 9824 §3.5: those that we have a use for. */
enum dns_ede {
    DNS_EDE_OTHER = 0,
    DNS_EDE_NOT_AUTHORITATIVE = 20,
    DNS_EDE_NOT_SUPPORTED = 21,
    DNS_EDE_INVALID_QUERY_TYPE = 30,
    DNS_EDE_NONE = 0xffff, /* of ours: nothing to say */
};

enum {
    DNS_COOKIE_CLIENT = 8, /* bytes of the client's part */
    DNS_COOKIE_MAX = 40,   /* both parts */
    DNS_UDP_BYTES_MIN = 512,
    DNS_PAD_TO = 468, /* RFC 8467 §4.1, responses over TLS */
    DNS_EDE_TEXT_MAX = 127,
};

/* The numbers of the families (IANA address family numbers). */
enum dns_ecs_family { DNS_ECS_NONE = 0, DNS_ECS_V4 = 1, DNS_ECS_V6 = 2 };

struct dns_ecs {
    uint8_t family;      /* enum dns_ecs_family */
    uint8_t source;      /* bits that the client gives: at most 32 or 128 */
    uint8_t address[16]; /* 4 or 16 of them; 0 behind the source's bits */
};

/* What a query's OPT says. Without one (has == false), udp_bytes is 512 and the rest says nothing;
 * `cookie` and `ecs` are set only when cookie_n and has_ecs say so. */
struct dns_edns {
    bool has;
    uint8_t version;
    bool dnssec_ok;  /* DO, RFC 3225 */
    bool compact_ok; /* CO, RFC 9824 §5: NXDOMAIN may come with NSEC that says NXNAME */
    bool has_ecs;    /* then ecs is set; has_ecs with source 0 is a wish for privacy */
    bool nsid;       /* asked for */
    bool keepalive;
    bool padding;       /* the client pads: so may we, over TLS only */
    uint16_t udp_bytes; /* largest response by UDP, at least 512 */
    uint8_t cookie_n;   /* 0: none; 8: the client's part alone; 16..40: with a server's */
    uint8_t cookie[DNS_COOKIE_MAX];
    struct dns_ecs ecs;
};

/* As if no option had been there. */
static inline void dns_edns_clear(struct dns_edns *e)
{
    e->has_ecs = e->nsid = e->keepalive = e->padding = false;
    e->cookie_n = 0;
}

/* Reads the options of version 0 in p[0 .. n) into *e, whose header part is set already. False:
 * FORMERR. */
MUST_USE bool dns_edns_read(struct dns_edns *e, const uint8_t *p, size_t n);

/* What the OPT of a response says beside what it repeats of the query's. A query without OPT gets
 * none, whatever stands here; what was not asked for is left out, but for EDE and (RFC 7828 §3.3.2)
 * keepalive. */
struct dns_opt {
    uint16_t udp_bytes;             /* what we take */
    uint8_t ecs_scope;              /* bits for which the answer holds; RFC 7871 §7.2.1 */
    uint8_t cookie_n;               /* 0: none to give */
    uint8_t cookie[DNS_COOKIE_MAX]; /* the client's part and ours */
    struct span nsid;               /* borrowed; empty: none to give. At most 255 bytes */
    bool keepalive;                 /* TCP or TLS: say how long we wait */
    uint16_t keepalive_ds;          /* tenths of a second */
    uint16_t ede;                   /* enum dns_ede; left out when there is no room */
    struct span ede_text;           /* borrowed; may be empty; cut to DNS_EDE_TEXT_MAX */
    bool pad;                       /* over TLS: to blocks of DNS_PAD_TO, if the client pads */
};

#define DNS_OPT_INIT(udp) ((struct dns_opt){.udp_bytes = (udp), .ede = DNS_EDE_NONE})

/* Bytes that the response's OPT takes at most, without EDE and padding; 0 when the query had
 * none. */
size_t dns_edns_room(const struct dns_edns *e, const struct dns_opt *o);
/* Writes the whole record to p, with padding for a message of `before` bytes in front; uses at most
 * `room` bytes (at least what dns_edns_room() said). Returns how many. */
size_t dns_edns_write(const struct dns_edns *e, const struct dns_opt *o, unsigned rcode,
    size_t before, uint8_t *p, size_t room);

#endif
