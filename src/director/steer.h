/*
 * steer.h - which PoPs answer a client now: the one decision that DNS, redirects, the page and
 * `selvagectl steer` all ask for.
 *
 *   steer cdn { pops fra iad; ttl 30s; country JP -> iad fra; }
 *
 * A struct steer is configuration, immutable. The order of its PoPs for a client comes from its
 * geo_map (geo/map.h), compiled from the databases and the steer's overrides; without a map it is
 * the order in which `pops` has them. steer_choose() goes through that order:
 *
 *   - PoPs that are not up, and those without a working address of the asked family, are passed
 *     over. A client that asks for AAAA where only a far PoP has IPv6 is given the far one: it may
 *     have nothing else. When no PoP that is up has an address of the family the answer is
 *     STEER_NODATA: whoever can use the other family does, and nobody waits for what is dead.
 *   - The first of what is left answers. PoPs that are no more than share-within farther than it
 *     share its clients, by weight (rendezvous hashing of the client's network: /24, /56).
 *   - A PoP above its capacity hands some client networks (64ths, the same ones every time) to the
 *     next few.
 *   - No PoP is up: what `all-down` says.
 *
 * Scope. The answer is the same for every address in the client's network of `scope` bits, as long
 * as no PoP changes. It is what the map says for the first entry of the order, when that is what
 * answers; else for the whole order; where a hash has decided, no wider than what was hashed. A
 * client that gave a prefix too short to tell has its own prefix for scope, as geo/map.h says.
 *
 * Any thread; no lock, no allocation, O(number of PoPs in the steer).
 */
#ifndef DIRECTOR_STEER_H
#define DIRECTOR_STEER_H

#include "base/attrs.h"
#include "base/clock.h"
#include "director/pop.h"
#include "director/pops.h"
#include "geo/map.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STEERS_MAX = GEO_MAPS_MAX - 1, /* of one configuration; a map is for director/countries.h */
    STEER_POPS_MAX = 128,          /* of one steer */
    STEER_ANSWERS_MAX = 8,         /* PoPs in one answer */
    STEER_SHARE_V4_BITS = 24,
    STEER_SHARE_V6_BITS = 56, /* client networks that keep their PoP */
};

enum steer_all_down {
    STEER_ALL,     /* up to `answers` of those that are not POP_DOWN, nearest first, as if they were
                    * up; those that work and are only drained come before those that fail */
    STEER_DEFAULT, /* the first PoPs of `pops` */
    STEER_SERVFAIL, /* none: the resolver is told that we fail */
};

struct steer {
    unsigned index;   /* in the configuration's list: which map is its */
    struct span name; /* NUL-terminated */
    struct conf_place at;
    const struct pop *const *pops; /* the default order */
    unsigned pops_n;
    int64_t ttl_ms, ttl_changing_ms; /* whole seconds */
    int64_t changing_ms;             /* for so long after a change ttl_changing_ms applies */
    int64_t answers;
    int64_t neighbours; /* that take what a PoP sheds */
    enum steer_all_down all_down;
    struct geo_map_conf map;       /* what to compile; its points are steer_points()' */
    struct steer_reading *reading; /* while the configuration is read */
};

struct steer_list {
    struct steer *v; /* v[i].index == i */
    unsigned n;
};

/* NULL: none of that name. */
const struct steer *steer_find(const struct steer_list *l, struct span name) PURE;

/* The points of its map: the PoPs' locations, those that are not configured from the databases (`g`
 * may be NULL), by the first of their addresses that is found. out[] has room for pops_n. */
void steer_points(const struct steer *s, const struct geo *g, struct geo_point *out);

/* A client by its whole address. False: it is neither IPv4 nor IPv6. */
MUST_USE bool steer_client(const struct addr *a, struct geo_client *out);

/* What a worker decides by: borrowed for as long as it answers one client. */
struct steering {
    const struct pops *pops;
    const struct geo_map *const *maps; /* by steer.index; NULL, and a NULL in it: no map */
    mono_ms now;
};

enum steer_end {
    STEER_ANSWER,
    STEER_NODATA, /* there are PoPs, but none with an address of that family */
    STEER_NOBODY, /* all are down, and all-down servfail */
};

/* What brought the first PoP of the answer to its place, beside the order itself (geo_why_word()).
 */
enum steer_how {
    STEER_FIRST,    /* it is the first of the order */
    STEER_NEXT,     /* those before it are not up, or lack the family */
    STEER_SHARED,   /* it shares with others at like distance */
    STEER_SHED,     /* it takes over from one that is above its capacity */
    STEER_ALL_DOWN, /* nobody is up; all-down decided */
};
enum { STEER_HOWS = 5 };
const char *steer_how_word(enum steer_how how);

struct steer_pick {
    const struct pop *pop;
    uint8_t v4, v6; /* bit i: address i of the family belongs into the answer */
};

struct steer_choice {
    enum steer_end end;
    enum steer_how how;
    bool all_down;          /* nobody is up: an extended error says so, whatever `end` is */
    enum geo_why_first why; /* of the order */
    unsigned n;             /* of picks; 0 unless STEER_ANSWER */
    struct steer_pick picks[STEER_ANSWERS_MAX]; /* best first */
    unsigned scope; /* bits of the client's own family; 0 when the client gave 0 */
    unsigned ttl_s;
};

/* For people: what became of each PoP. Filled in when asked for. */
enum steer_verdict {
    STEER_CHOSEN,
    STEER_SPARE,       /* up, but others come first */
    STEER_PASSED,      /* not up: `now` says why */
    STEER_NO_FAMILY,   /* has no address of the family */
    STEER_FAMILY_DOWN, /* has some, none of which passes its checks */
    STEER_SHEDS,       /* above its capacity, and this client is one that it hands over */
    STEER_LOST_SHARE,  /* another one at like distance has this client */
};
enum { STEER_VERDICTS = 7 };
/* A short phrase: "chosen", "spare", "not up", ... */
const char *steer_verdict_text(enum steer_verdict v);

struct steer_candidate {
    const struct pop *pop;
    struct pop_now now;
    enum steer_verdict verdict;
};
struct steer_trace {
    struct steer_candidate v[STEER_POPS_MAX]; /* in the client's order */
    unsigned n;
};

struct steer_ask {
    const struct geo_client *client;
    int family;       /* of the addresses wanted: AF_INET, AF_INET6; AF_UNSPEC: any */
    unsigned answers; /* 0: as configured; more, for those who want alternates, up to the max */
    struct steer_trace *trace; /* NULL: nobody asks */
};
void steer_choose(const struct steering *s, const struct steer *steer, const struct steer_ask *ask,
    struct steer_choice *out);

#endif
