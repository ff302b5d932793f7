/*
 * signer.h - RRSIGs for what an answer holds, and the NSEC that says what there is not (RFC 4035
 * §3.1, RFC 9824).
 *
 * There are three kinds of things to sign, and a place for the signatures of each:
 *
 *   kind       what                                           kept
 *   RECORDS    a record set of the zone under its own name    one place for each of them and key;
 *                                                             made by a thread beside the workers,
 *                                                             and made anew before they expire
 *   CHOSEN     addresses that steering has chosen, NSEC of    a table of SIGNER_CHOSEN_PLACES for
 *              names that exist: finitely many                all workers, by what was signed
 *   ASKED      what has the asker's name for owner: names     a second table like it, so that
 *              that do not exist, or come out of a wildcard   made-up names drive nothing else out
 *
 * What is not there yet, or about to expire, the worker signs itself, which takes it some 30 us.
 * For RECORDS there is an end to that; for the other two each worker signs SIGNER_PER_S a second at
 * most, of each kind. A quarter of it is kept for TCP, where nobody can ask under others'
 * addresses: what is beyond is SIGNER_BUSY, and by UDP the asker is sent to TCP (truncated), by TCP
 * told to come again (SERVFAIL). Signatures that were made are sent without limit.
 *
 * A signature is never sent before its inception nor after its expiration, whatever the clock does:
 * inception is an hour ago when it is made, and whoever sends one looks at both.
 *
 * struct signatures is shared by all workers and lives as long as the zones that it was made for;
 * it is read without lock. struct signer is one worker's.
 */
#ifndef DIRECTOR_SIGNER_H
#define DIRECTOR_SIGNER_H

#include "base/clock.h"
#include "dns/rrset.h"
#include "dns/writer.h"

#include <stdbool.h>
#include <stdint.h>

struct zone;
struct zone_node;
struct zones;

enum {
    SIGNER_PER_S = 2000,
    SIGNER_CHOSEN_PLACES = 1 << 14,
    SIGNER_ASKED_PLACES = 1 << 15,
};

struct signatures;

/* NULL: no zone is signed. Starts the thread that signs records and keeps them fresh. Main thread.
 */
struct signatures *signatures_new(const struct zones *zones);
/* When no worker reads it any more, before its zones go. */
void signatures_free(struct signatures **s);

struct signer_allowance {
    uint32_t left; /* signatures, in 1/1000 */
    mono_ms since;
};

struct signer {
    struct signatures *signatures; /* borrowed */
    wall_s now_s;                  /* set before each batch of queries, as is now */
    mono_ms now;
    bool tcp;                              /* set before each query: it did not come by UDP */
    struct signer_allowance chosen, asked; /* private */
};

void signer_init(struct signer *s, struct signatures *signatures);
/* Before each query. */
static inline void signer_ready(struct signer *s, wall_s now_s, mono_ms now, bool tcp)
{
    s->now_s = now_s;
    s->now = now;
    s->tcp = tcp;
}

enum signer_end {
    SIGNER_DONE,
    SIGNER_FULL, /* no room: the writer is cut off (writer.h) */
    SIGNER_BUSY, /* see above; nothing was written */
};

/* Under which name something is said, and what we know of that name. */
struct signer_name {
    const struct zone *zone;
    const struct zone_node *node; /* of that name, or the wildcard that stands for it; NULL: it does
                                   * not exist */
    const uint8_t *lower;         /* wire format, lower case */
    size_t lower_n;
    const uint8_t *owner; /* as the writer is given it: the same name, or NULL */
};

/* Writes the signatures of a set that was written just now, all or none; nothing, if the zone is
 * not signed. `set` has the TTL to be signed, of which ttl_s was sent, or less than it. */
enum signer_end signer_add(struct signer *s, struct dns_writer *w, enum dns_section section,
    const struct signer_name *name, const struct dns_rrset *set, uint32_t ttl_s);

/* Writes NSEC and its signatures; for a cut without DS, too. Nothing, if the zone is not signed. */
enum signer_end signer_deny(struct signer *s, struct dns_writer *w, enum dns_section section,
    const struct signer_name *name);

#endif
