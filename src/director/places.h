/*
 * places.h - what the databases say of one address, for people who ask why.
 *
 * Answers to clients come from compiled maps, which do not know places any more, and the databases
 * are larger than what a director should hold in memory. So they are opened when somebody asks, as
 * copies without a name in the folder for maps (in memory, where that cannot be written), and
 * again when a file has changed, but not more often than every PLACES_FRESH_MS. All of that may
 * wait for the disk, and happens on a thread of its own.
 */
#ifndef DIRECTOR_PLACES_H
#define DIRECTOR_PLACES_H

#include "base/attrs.h"
#include "director/map_conf.h"
#include "geo/database.h"
#include "loop/pool.h"
#include "net/addr.h"

enum { PLACES_QUEUE_MAX = 256, PLACES_FRESH_MS = 10000 };

struct places;

struct place_request {
    struct job job;        /* private */
    struct places *places; /* private */
    struct addr addr;
    void (*done)(struct place_request *r);
    struct geo_place place; /* for done(); empty: nothing is known */
};

/* By main, before the workers. NULL: there are no databases. `conf` outlives it. */
struct places *places_new(const struct map_conf *conf);
/* By main, before workers are joined: done() comes for all that was asked. NULL is fine. */
void places_free(struct places **p);

/* done() follows on that worker, and *r lives until then. False: nobody knows, because there is no
 * database (`p` may be NULL) or too many others ask. */
MUST_USE bool places_ask(struct places *p, struct worker *w, struct place_request *r);

#endif
