/*
 * zone_impl.h - how zones come about, between zone_conf.c (what is written), zone_check.c (what is
 * wrong with it), zone_build.c (what it means) and zone_find.c (how it is looked up). For these
 * files only.
 */
#ifndef DIRECTOR_ZONE_IMPL_H
#define DIRECTOR_ZONE_IMPL_H

#include "conf/directive.h"
#include "director/zone.h"
#include "dns/name.h"
#include "dns/rrset.h"

/* A record as written; its data is well-formed. */
struct zone_record {
    uint16_t type, n;
    const uint8_t *rdata;
    struct span target; /* the name in it as written, when the zone's name was put behind it and it
                         * has a dot of its own; else empty */
    struct conf_place at;
    struct zone_record *next;
};

/* A name as written, or an empty non-terminal above one. It becomes a node unless it is glue. Nodes
 * are found in here by container_of(). */
struct zone_name {
    struct zone_node node;
    struct span text;
    struct conf_place at;
    struct zone_draft *draft;
    struct zone_record *records, **records_end;
    unsigned records_n;
    struct conf_word steer;           /* text.n == 0: not steered */
    int64_t ttl_ms;                   /* -1: the zone's */
    const struct zone_name *behind;   /* the cut that hides it, or NULL */
    bool serves;                      /* some NS of the zone points here */
    const struct dns_rrset *a, *aaaa; /* of a cut or behind one, for glue; or NULL */
    bool opened;                      /* the block name @ was there */
    struct zone_name *next;
};

struct zone_draft {
    struct zone zone;
    struct dns_name origin; /* lower case */
    struct span text;
    uint32_t negative_max_s; /* its MINIMUM */
    int64_t ttl_ms;
    struct zone_name apex;
    struct zone_name *names, **names_end; /* without the apex */
    struct zone_draft *next;
};

struct steer_list;

/* All names of a zone, the apex first. What is appended meanwhile is come to. */
#define zone_each_name(it, draft)                                                                  \
    for (struct zone_name *it = &(draft)->apex; it != NULL;                                        \
         it = it == &(draft)->apex ? (draft)->names : it->next)

static inline bool zone_is_apex(const struct zone_name *n)
{
    return n == &n->draft->apex;
}

void zone_name_init(struct zone_name *n, struct zone_draft *z, struct span text,
    const uint8_t *wire, size_t wire_n);
/* The first one of that type, or NULL. */
const struct zone_record *zone_record_of(const struct zone_name *n, uint16_t type);

/* A zone that is being built. */
struct zone_build {
    struct conf_load *l;
    struct zone_draft *z;
    struct arena scratch;           /* of one zone */
    struct zones *written;          /* in scratch: all names, those behind cuts, too */
    const struct zone_node **nodes; /* in the configuration's arena: those that are not */
    unsigned nodes_n;
};

/* The name as written, or that of an empty non-terminal; NULL: there is none. */
struct zone_name *zone_written(const struct zone_build *b, const uint8_t *wire, size_t n);

/* What the name in a record's data is, for this zone. */
struct zone_target {
    enum zone_target_kind {
        ZONE_TARGET_OUTSIDE,
        ZONE_TARGET_NAME,
        ZONE_TARGET_WILDCARD, /* stands for it; `found` is the wildcard */
        ZONE_TARGET_BEHIND,   /* a cut; `found` if there is glue of that name */
        ZONE_TARGET_NONE,
    } kind;
    struct zone_name *found; /* or NULL */
    struct dns_name name;    /* lower case; not for ZONE_TARGET_OUTSIDE */
};
struct zone_target zone_target_of(
    const struct zone_build *b, const struct dns_rdata *data, uint16_t type);

/* What can be said of each name by itself. Also finds the steers. */
void zone_check_names(struct zone_build *b, const struct steer_list *steers);
/* What can be said when the tree and its record sets are there. */
void zone_check(struct zone_build *b);

/* The set grows as needed; what it needs is in the arena, and so is the list. */
struct zones *zones_make(struct arena *a, const struct zone *const *list, unsigned n);
/* In place of another node of that name. */
void zones_put(struct zones *z, const struct zone_node *node);
/* The node of exactly that name, or NULL. */
const struct zone_node *zones_get(const struct zones *z, const uint8_t *name, size_t name_n);

#endif
