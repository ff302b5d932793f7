/*
 * answer.h - one question in, the whole response out: what zones, steering and signer say about it.
 *
 * The same for UDP, TCP and TLS: the transport reads the message (dns/query.h), drops what wants no
 * answer, checks cookies, says what OPT shall have of its own, limits rates by what was said, and
 * sends. Here are: REFUSED for what is not ours, records, wildcards, CNAME chains within our zones,
 * referrals, NODATA and NXDOMAIN (RFC 2308), steered addresses with their scope (RFC 7871), ANY
 * kept small (RFC 8482), CH TXT, additional addresses, truncation by whole record sets (RFC 2181
 * §9). DNAME is not served: the configuration refuses it.
 *
 * Client Subnet. An answer that depends on no client has scope 0: records, negative answers, a
 * steered name without addresses of that family. A steered one has the scope that the choice says,
 * at the end of a CNAME chain, too. A client in a network that is not routed (RFC 6890) is taken to
 * be where its resolver is, and the scope covers that network's whole block (RFC 7871 §10).
 *
 * Pure computation on the worker that got the query: no allocation, no lock, no system call. The
 * structs that it reads are immutable or read through atomics (director/pops.h).
 */
#ifndef DIRECTOR_ANSWER_H
#define DIRECTOR_ANSWER_H

#include "base/span.h"
#include "director/steer.h"
#include "dns/edns.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addr;
struct dns_query;
struct signer;
struct zone;
struct zones;

/* What we say about ourselves in CH TXT; empty: REFUSED. */
struct answer_identity {
    struct span version; /* version.bind, version.server */
    struct span server;  /* id.server, hostname.bind */
};

/* What the answer was, for counters, logs and rate limits. */
enum answer_kind {
    ANSWER_DATA,     /* records of that name and type, or of where its CNAMEs lead */
    ANSWER_STEERED,  /* addresses chosen for the client */
    ANSWER_REFERRAL, /* name servers of others */
    ANSWER_NODATA,
    ANSWER_NXDOMAIN,
    ANSWER_REFUSED,
    ANSWER_ERROR, /* any other rcode */
    ANSWER_CHAOS,
};

struct answer_ctx {
    /* The worker's, the same from query to query; borrowed. */
    const struct zones *zones;
    const struct steering *steering; /* may be NULL when no name is steered */
    struct signer *signer;           /* NULL: nothing is signed */
    const struct answer_identity *identity;

    /* Of this query. */
    const struct addr *client; /* who asks: the resolver, most of the time */
    struct dns_opt opt;        /* from the transport: udp_bytes, cookie, nsid, keepalive, pad;
                                * ecs_scope, ede and ede_text are set by answer_query() */

    /* Set by answer_query(). */
    struct answer_said {
        enum answer_kind kind;
        unsigned rcode; /* all 12 bits */
        bool truncated;
        /* What the answer is counted under for rate limits, so that made-up names share one: the
         * name that was found, the wildcard, the cut, the closest encloser of what does not
         * exist; NULL for what is not ours. Wire format, lower case; lives as long as the zones. */
        const uint8_t *account;
        uint8_t account_n;
        const struct zone *zone;    /* that the (first) name belongs to, or NULL */
        const struct steer *steer;  /* ANSWER_STEERED, and when it had nobody: else NULL */
        struct steer_choice choice; /* if there is a steer */
        struct geo_client whom;     /* and for whom it was made */
    } said;
};

/* A query that dns_query_read() took, or one with an rcode (then that alone is answered:
 * DNS_READ_REFUSE, or BADCOOKIE set by the transport). Returns the length of the response; limit is
 * at least 512. */
size_t answer_query(struct answer_ctx *, const struct dns_query *, uint8_t *out, size_t limit);

#endif
