/*
 * zone_conf.h - zones as they are written: the block zone { } of main and the blocks name { } in
 * it.
 *
 *   zone cdn.example.com {
 *       soa ns1 hostmaster serial 1;
 *       ns  ns1;
 *       name ns1 { a 192.0.2.53; }
 *       name www { steer cdn; }
 *       name *.dev { cname www; }
 *       name sub { ns ns.sub; }
 *       name ns.sub { a 192.0.2.54; }        (glue)
 *   }
 *
 * A name that ends in a dot, or in the zone's own name, is whole; others get the zone's name behind
 * them, and @ is the zone itself. That which is written without a dot at its end by mistake does
 * not exist in the zone, and is reported.
 */
#ifndef DIRECTOR_ZONE_CONF_H
#define DIRECTOR_ZONE_CONF_H

#include "conf/directive.h"
#include "director/zone.h"

struct steer_list;
struct zone_draft;

struct zones_conf {
    struct zone_draft *drafts, **drafts_end; /* while configuration is read */
    const struct zones *zones;               /* NULL until zones_conf_close() */
};

/* zone NAME { ... }; its parent is struct director_conf. */
extern const struct conf_context zone_context;

/* For main's close(), when all steers are known: judges all zones and makes what is looked up. */
void zones_conf_close(struct conf_load *l, struct zones_conf *z, const struct steer_list *steers);

/* What is not in the arena: the keys of signed zones. */
void zones_conf_free(struct zones_conf *z);

#endif
