/*
 * access.h - `allow` and `deny`: who may ask, by network, by country, continent or autonomous
 * system.
 *
 * The first rule that matches decides, in the order of the file; who matches none is allowed. (So
 * it is with nginx, and so it is that rules inside of a block take the place of those outside.)
 * What no database knows of an address is no country, which no rule but `all` and networks matches.
 *
 * Immutable once built; look-ups are for any thread.
 */
#ifndef EDGE_ACCESS_H
#define EDGE_ACCESS_H

#include "base/attrs.h"
#include "conf/directive.h"
#include "geo/database.h"
#include "net/network.h"

enum access_kind {
    ACCESS_ALL,
    ACCESS_NETWORK,
    ACCESS_COUNTRY,
    ACCESS_CONTINENT,
    ACCESS_ASN,
};

struct access_rule {
    bool allow;
    enum access_kind kind;
    struct network_list networks;
    const char (*codes)[3]; /* of countries or continents, upper case; n of them */
    const uint32_t *asns;   /* n of them */
    unsigned n;
    struct conf_place at;
    struct span text; /* as written: "deny country DE" */
    struct access_rule *next;
};

struct access_list {
    struct access_rule *first, *last;
    bool own; /* written in this block, not in one around it */
};

/* What a client is, as far as rules ask. The place is looked up at the first rule that does. */
struct access_client {
    const struct addr *address;
    const struct geo *geo;   /* NULL: nothing is known of places */
    struct geo_place *place; /* of the connection; valid when */
    bool *placed;            /* this is set */
};

/* The rule that keeps the client out, or NULL. */
const struct access_rule *access_refusal(
    const struct access_list *list, const struct access_client *who);
/* The first rule that needs a database, or NULL. */
const struct access_rule *access_by_place(const struct access_list *list) PURE;

/* Of main, site and path; self: struct access_list. */
extern const struct directive access_directives[];

#endif
