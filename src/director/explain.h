/*
 * explain.h - why a client is sent where it is sent: one struct for the page, its JSON and
 * `selvagectl steer`.
 *
 * The decision itself is steer_choose()'s, with its trace; nothing is decided anew here. What is
 * added are distances, the override that matched, and words. Any worker; allocates from the arena
 * of whoever asks, and from the heap for JSON.
 */
#ifndef DIRECTOR_EXPLAIN_H
#define DIRECTOR_EXPLAIN_H

#include "base/arena.h"
#include "director/steer.h"
#include "geo/database.h"
#include "geo/map.h"
#include "net/addr.h"

#include <jansson.h>

struct map_set;

struct explain_question {
    const struct steer *steer;
    struct geo_client client;
    struct geo_place place; /* of explain_looked_up(), as the databases have it */
    struct steering steering;
    const struct map_set *maps; /* has the places of PoPs */
};

/* The address that the databases are to be asked for: the one inside, where there is one
 * (geo/embedded.h). */
struct addr explain_looked_up(const struct steer *steer, const struct geo_client *client);

enum explain_located {
    LOCATED_NOT,
    LOCATED_BY_DATABASE,
    LOCATED_BY_COUNTRY, /* the country's point */
};

struct explained_pop {
    const struct pop *pop;
    struct pop_now now;
    enum steer_verdict verdict;
    mono_ms since_ms; /* of its state; 0: since the start */
    struct geo_point place;
    double km; /* < 0: unknown */
};

struct explained {
    const struct steer *steer;
    struct geo_client client;
    struct addr looked_up;
    struct geo_place place;
    enum explain_located located;
    double latitude, longitude;          /* unless LOCATED_NOT */
    const struct geo_override *override; /* that put the first PoP there; NULL: none did */
    struct steer_choice choice, v4, v6;  /* whatever the family; for A; for AAAA */
    struct explained_pop *pops;          /* pops_n of them, in the client's order; in the arena */
    unsigned pops_n;
    mono_ms now;
};

void explain_client(const struct explain_question *q, struct arena *a, struct explained *out);

/* "203.0.113.0/24": the network that the answer holds for. */
struct span explain_scope(const struct explained *e, struct arena *a);
/* "country JP -> tyo osa"; p == NULL: no override. */
struct span explain_override(const struct explained *e, struct arena *a);
/* A sentence without a full stop: what became of one of the PoPs. */
struct span explain_reason(
    const struct explained *e, const struct explained_pop *p, struct arena *a);
/* The same of the whole: why the first one is first. */
struct span explain_why(const struct explained *e, struct arena *a);

/* NULL: memory is out. */
json_t *explain_json(const struct explained *e, struct arena *a);

#endif
