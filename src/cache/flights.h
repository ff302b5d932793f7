/*
 * flights.h - which keys are being fetched right now, and which are known not to be storable.
 *
 * Fills in flight stand in a hash table of fixed size with chains; what is not storable in a table
 * of fixed size in which newer marks replace older ones. Locks per stripe; no other lock is taken
 * under them but a memory shard's and the purged prefixes'. Any thread.
 */
#ifndef CACHE_FLIGHTS_H
#define CACHE_FLIGHTS_H

#include "base/attrs.h"
#include "base/clock.h"
#include "cache/cache.h"

#include <stdbool.h>
#include <stdint.h>

struct fill;
struct flights;

/* `budget_bytes` is the cache's; what the tables take of it is flights_bytes(). */
struct flights *flights_new(uint64_t budget_bytes);
uint64_t flights_bytes(uint64_t budget_bytes);
void flights_free(struct flights **fl);

struct flight_embedded {
    struct fill *next;
    bool listed;
    bool hidden; /* listed to be doomed only: nobody may join it */
};

enum flight {
    FLIGHT_OURS,   /* `own` is what others will find */
    FLIGHT_MARKED, /* known not to be storable: `own` is listed, and nobody will find it */
    FLIGHT_OTHERS, /* there is a fill */
    FLIGHT_STORED, /* there is an object */
};

struct flight_found {
    struct fill *fill;     /* FLIGHT_OTHERS: with a reference of the caller's own */
    struct object *stored; /* FLIGHT_STORED: likewise */
};

/*
 * Looks for a fill of that key; then for an object in `c` that is neither `seen` nor purged; then
 * for a mark that is still good at now_ms. In the first two cases `own` (of that key) is not
 * listed.
 */
MUST_USE enum flight flights_join(struct flights *fl, struct cache *c, const struct cache_key *key,
    const struct object *seen, mono_ms now_ms, struct fill *own, struct flight_found *found);
/* The fill that others may join under that key, with a reference of the caller's own; or NULL. */
MUST_USE struct fill *flights_find(struct flights *fl, const struct cache_key *key);
/* Lists a fill that nobody may join. */
void flights_hide(struct flights *fl, struct fill *own);
/* The fill is no longer found. Harmless when it is not listed. */
void flights_remove(struct flights *fl, struct fill *f);

/* The key is not storable until then; 0 takes the mark away. */
void flights_mark(struct flights *fl, const struct hash128 *hash, mono_ms until_ms);

/* The fills of that key (NULL: of every key) are no longer found, and fill_doom()ed. */
void flights_doom(struct flights *fl, const struct cache_key *key);

#endif
