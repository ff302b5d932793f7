/*
 * zone_impl.h - how zones come about, between zone_conf.c (what is written), zone_build.c (what it
 * means) and zone_find.c (how it is looked up). For these files only.
 */
#ifndef DIRECTOR_ZONE_IMPL_H
#define DIRECTOR_ZONE_IMPL_H

#include "conf/directive.h"
#include "director/zone.h"
#include "dns/name.h"

/* A record as written; its data is well-formed. */
struct zone_record {
    uint16_t type, n;
    const uint8_t *rdata;
    struct span target; /* the name in it as written, when the zone's name was put behind it and it
                         * has a dot of its own; else empty */
    struct conf_place at;
    struct zone_record *next;
};

/* A name as written; it becomes a node unless it is glue. */
struct zone_name {
    struct zone_node node;
    struct span text;
    struct conf_place at;
    struct zone_draft *draft;
    struct zone_record *records, **records_end;
    unsigned records_n;
    struct conf_word steer;         /* text.n == 0: not steered */
    int64_t ttl_ms;                 /* -1: the zone's */
    const struct zone_name *behind; /* the cut that hides it, or NULL */
    bool serves;                    /* some NS of the zone points here */
    bool opened;                    /* the block name @ was there */
    struct zone_name *next;
};

struct zone_draft {
    struct zone zone;
    struct dns_name origin; /* lower case */
    struct span text;
    struct zone_record *soa; /* NULL: none, which is reported */
    uint32_t negative_max_s; /* its MINIMUM */
    int64_t ttl_ms;
    struct zone_name apex;
    struct zone_name *names, **names_end; /* without the apex */
    struct zone_draft *next;
};

/* The set grows as needed; what it needs is in the arena, and so is the list. */
struct zones *zones_make(struct arena *a, const struct zone *const *list, unsigned n);
/* In place of another node of that name. */
void zones_put(struct zones *z, const struct zone_node *node);
/* The node of exactly that name, or NULL. */
const struct zone_node *zones_get(const struct zones *z, const uint8_t *name, size_t name_n);

#endif
