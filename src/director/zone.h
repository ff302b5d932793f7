/*
 * zone.h - the names that we answer for: records, steered names, wildcards and delegations, as they
 * are looked up.
 *
 * A name of a zone is a node. Nodes stand in one hash for all zones, under their names in wire
 * format and lower case, so that a look-up costs no more than one probe for each label, however
 * many names and zones there are. Empty non-terminals (RFC 4592 §2.2.2) are nodes too; what lies
 * below a cut is none: its addresses hang on the cut as glue. The longest name found above a
 * question is therefore its closest encloser (RFC 4592 §3.3.1), or the cut that it lies behind.
 *
 * Zones are made by zone_conf.c while configuration is read and are immutable from then on; they
 * live in its arena. Any thread. What an answer is made of them is answer.h's matter.
 */
#ifndef DIRECTOR_ZONE_H
#define DIRECTOR_ZONE_H

#include "base/attrs.h"
#include "conf/errors.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_name;
struct dns_rrset;
struct dnssec;
struct steer;
struct zone;

/* Records of one type, and the names of the same zone that they point to (NS, MX, SRV, SVCB,
 * HTTPS): those with addresses of their own, for the additional section. */
struct zone_rrset {
    const struct dns_rrset *data;
    const struct zone_node *const *targets; /* targets_n of them */
    unsigned targets_n;
};

/* Addresses of a name server, on the cut that needs them (RFC 9471). */
struct zone_glue {
    const uint8_t *name; /* wire format, lower case */
    uint8_t name_n;
    bool needed;                      /* lies below the cut: without it nobody gets there */
    const struct dns_rrset *a, *aaaa; /* NULL for none */
};

struct zone_node {
    const uint8_t *name; /* wire format, lower case; a wildcard begins with \001* */
    uint8_t name_n;
    uint8_t labels; /* without the root */
    bool cut;       /* has NS and is not the apex: what is below belongs to others */
    const struct zone *zone;
    const struct zone_rrset *rrsets; /* rrsets_n of them, by type, each type once; no A, AAAA,
                                      * CNAME beside a steer */
    unsigned rrsets_n;               /* 0 without a steer: an empty non-terminal */
    unsigned glue_n;
    const struct zone_glue *glue;  /* cut: glue_n of them, those needed first */
    const struct steer *steer;     /* A and AAAA come from there; NULL for none */
    const struct zone_node *star;  /* the wildcard right below, or NULL */
    const struct zone_node *above; /* apex: the cut of that name in the zone above, when we serve
                                    * that one, too; DS is there (RFC 4035 §3.1.4.1) */
};

struct zone {
    const struct zone_node *apex;
    const struct dns_rrset *soa;          /* at the apex, too */
    const struct dns_rrset *denial;       /* the SOA as it goes with NODATA and NXDOMAIN: its TTL is
                                           * min(SOA's TTL, its MINIMUM), RFC 2308 §3 */
    const struct dnssec *dnssec;          /* what it is signed with (dnssec.h); NULL: it is not */
    const struct zone_node *const *nodes; /* nodes_n of them: all of the zone, in no order */
    unsigned nodes_n;
    struct conf_place at;
};

enum zone_found {
    ZONE_FOREIGN,  /* no zone of ours encloses the name */
    ZONE_NODE,     /* `node` is of that name */
    ZONE_WILDCARD, /* the name does not exist; `node` is the wildcard that stands for it */
    ZONE_NONE,     /* the name does not exist, nor does a wildcard for it */
    ZONE_CUT,      /* the name is at or behind the cut `node` */
};

struct zone_place {
    enum zone_found found;
    const struct zone *zone;          /* NULL for ZONE_FOREIGN */
    const struct zone_node *node;     /* NULL for ZONE_FOREIGN and ZONE_NONE */
    const struct zone_node *encloser; /* the closest encloser, for ZONE_WILDCARD and ZONE_NONE */
};

struct zones; /* all zones of a configuration */

/* Where a name (lower case) belongs. `parent_side` is for the type DS: at a cut, and at an apex
 * whose zone above is ours too, the parent answers, so the node of the parent is ZONE_NODE then. */
struct zone_place zones_find(const struct zones *, const struct dns_name *name, bool parent_side);

/* Of that type, or NULL. */
const struct zone_rrset *zone_node_rrset(const struct zone_node *, uint16_t type);

/* The zones themselves, in the order of the file. */
unsigned zones_count(const struct zones *);
const struct zone *zones_at(const struct zones *, unsigned i);

#endif
