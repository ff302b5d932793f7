/*
 * pop.h - a PoP as the configuration has it: where it is, its addresses, its weight, how it is
 * looked after.
 *
 * Immutable, in the configuration's arena; any thread. What it does at run time (up, drained, down,
 * load) is in pops.h under the same index.
 */
#ifndef DIRECTOR_POP_H
#define DIRECTOR_POP_H

#include "base/span.h"
#include "conf/errors.h"
#include "net/addr.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    POPS_MAX = 256,     /* of one configuration */
    POP_ADDRS_MAX = 8,  /* of one PoP and family */
    POP_LOADS_MAX = 16, /* edges of a PoP whose load is asked for */
    POP_NAME_MAX = 63,  /* bytes */
    POP_WEIGHT_MAX = 10000,
};

/* What people say of a PoP, in the configuration or at run time. Its checks have a say only in
 * POP_UP. */
enum pop_order {
    POP_UP,    /* answers while its checks pass */
    POP_DRAIN, /* no new clients; whoever has its address is served */
    POP_DOWN,  /* as POP_DRAIN, and not even when no other PoP is up */
};
enum { POP_ORDERS = 3 };
extern const char *const pop_order_words[POP_ORDERS + 1]; /* up drain down, NULL */

struct health_probe;

struct pop {
    unsigned index;   /* in the configuration's list */
    struct span name; /* NUL-terminated */
    struct conf_place at;
    bool has_location; /* false: looked for in the databases, by its addresses */
    double latitude, longitude;
    struct addr *v4, *v6;       /* port 0 */
    unsigned v4_n, v6_n;        /* POP_ADDRS_MAX at most */
    int64_t weight;             /* 1 .. POP_WEIGHT_MAX, against PoPs at like distance */
    int64_t capacity_percent;   /* of load; what is above is shed to neighbours */
    enum pop_order order;       /* by configuration */
    struct health_probe *check; /* of each address; NULL: none, it counts as up */
    struct health_probe *loads; /* loads_n of them: each asks one edge for its load */
    unsigned loads_n;
    uint64_t hash; /* of the name, the same on every director */
};

struct pop_list {
    struct pop *v; /* in the order of the text; v[i].index == i */
    unsigned n;
};

/* NULL: none of that name. */
const struct pop *pop_find(const struct pop_list *l, struct span name) PURE;
/* Its addresses of AF_INET or AF_INET6. */
const struct addr *pop_addrs(const struct pop *p, int family, unsigned *n);

#endif
