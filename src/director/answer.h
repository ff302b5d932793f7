/*
 * answer.h - one question in, the whole response out: what zones, steering and signer say about it.
 *
 * The same for UDP, TCP and TLS: the transport reads the message (dns/query.h), drops what wants no
 * answer, limits rates and checks cookies, and sends what comes out of here. Here are: REFUSED for
 * what is not ours, records, wildcards, CNAME chains within our zones, referrals, NODATA and
 * NXDOMAIN (RFC 2308), steered addresses with their scope (RFC 7871), ANY kept small (RFC 8482),
 * CH TXT, additional addresses, truncation by whole RRsets (RFC 2181 §9) and OPT.
 *
 * Pure computation on the worker that got the query: no allocation, no lock, no system call. The
 * structs that it reads are immutable or read through atomics (director/pops.h).
 */
#ifndef DIRECTOR_ANSWER_H
#define DIRECTOR_ANSWER_H

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addr;
struct dns_name;
struct dns_query;
struct signer;
struct steer;
struct steering;
struct zone;
struct zones;

/* What we say about ourselves; empty: REFUSED for CH TXT, no NSID. */
struct answer_identity {
    struct span version; /* CH TXT version.bind, version.server */
    struct span server;  /* CH TXT id.server, hostname.bind; NSID (RFC 5001), at most 255 bytes */
};

enum answer_transport {
    ANSWER_UDP,
    ANSWER_TCP,
    ANSWER_TLS,
};

/* What the answer was, for counters, logs and rate limiting. */
enum answer_kind {
    ANSWER_DATA,     /* records of that name and type, or of where its CNAMEs lead */
    ANSWER_STEERED,  /* addresses chosen for the client */
    ANSWER_REFERRAL, /* NS of others */
    ANSWER_NODATA,
    ANSWER_NXDOMAIN,
    ANSWER_REFUSED,
    ANSWER_FAILED, /* SERVFAIL, FORMERR, NOTIMP, BADVERS: what is wrong lies in rcode */
    ANSWER_CHAOS,
};

struct answer_ctx {
    /* The worker's, the same from query to query; borrowed. */
    const struct zones *zones;
    const struct steering *steering; /* may be NULL when no name is steered */
    struct signer *signer;           /* NULL: nothing is signed */
    const struct answer_identity *identity;
    uint16_t udp_bytes; /* what we take by UDP, said in OPT */

    /* Of this query. */
    const struct addr *client; /* who asks: the resolver, most of the time */
    enum answer_transport transport;
    size_t limit; /* bytes that the response may have: by what the client takes and what we give */
    int rcode;    /* not NOERROR: answer with that alone (read errors, BADCOOKIE) */
    struct span cookie; /* the COOKIE option's value to send back; empty for none */
    int keepalive_ds;   /* TCP: edns-tcp-keepalive timeout in 100 ms to send; -1 for none */

    /* Set by answer_query(). */
    struct {
        enum answer_kind kind;
        unsigned rcode; /* all 12 bits */
        bool truncated;
        const struct zone *zone; /* that the answer comes from, or NULL */
        /* What the answer is counted under for rate limits: the name asked, or the wildcard, the
         * cut or the zone that it came out of, so that made-up names share one account. Wire
         * format, lower case; lives as long as query and zones. */
        const uint8_t *account;
        uint8_t account_n;
        const struct steer *steer; /* ANSWER_STEERED, or when all were down */
        int why;                   /* enum of director/steer.h */
        int scope;                 /* sent with Client Subnet; -1 when none was sent */
    } said;
};

/* Returns the length of the response in `out`, never more than min(limit, cap). cap is at least
 * 512. */
size_t answer_query(struct answer_ctx *, const struct dns_query *, uint8_t *out, size_t cap);

#endif
