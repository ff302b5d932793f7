/*
 * purge_impl.h - the inside of purging, for the files of this folder.
 *
 * The number of the last purge (`last`) is published after what the purge says, and read before it:
 * whoever has held an object against all that he sees may note the number that he read first.
 * Locks: `lock` for purges, one after the other; under it the prefixes' and the journal's. Who asks
 * for an object takes at most the prefixes', and may hold the flights'.
 */
#ifndef CACHE_PURGE_IMPL_H
#define CACHE_PURGE_IMPL_H

#include "cache/cache_impl.h"
#include "cache/object.h"
#include "cache/purge.h"
#include "cache/purge_journal.h"
#include "cache/purge_prefixes.h"
#include "cache/purge_table.h"

/* What kinds of labels there were purges of. */
enum purge_kind { KIND_URL, KIND_SITE, KIND_TAG, KIND_TAG_WITHIN, PURGE_KINDS };

struct purges {
    _Alignas(64) _Atomic uint64_t last;
    _Atomic uint64_t last_of[PURGE_KINDS]; /* likewise published after, so that who was held against
                                              all of a kind need not be again */
    uint64_t seed;                         /* of labels; the journal's identity */
    struct purge_journal *journal;         /* owns; or NULL */
    struct purge_table table;              /* the floor is in it, too */
    struct purge_prefixes prefixes;
    pthread_mutex_t lock;
};

/* NULL with a sentence in err. Replays the journal, if there is a path. */
MUST_USE struct purges *purges_new(
    uint64_t budget_bytes, struct span journal, char *err, unsigned long err_cap);
void purges_free(struct purges **p);
/* What may come to be needed, of the budget. */
uint64_t purges_bytes(uint64_t budget_bytes);

static inline uint64_t purges_last(const struct purges *p)
{
    return atomic_load_explicit(&p->last, memory_order_acquire);
}

/* Whether there was no purge since somebody asked for this object. */
static inline bool purges_seen(const struct purges *p, const struct object *obj)
{
    return likely(atomic_load_explicit(&obj->checked, memory_order_acquire) == purges_last(p));
}

/* Takes note of what it finds in the object. */
enum purged purges_ask(struct purges *p, struct object *obj);
/* For those who find one in the cache: NULL in the place of what is purged hard, which is forgotten
 * and released. */
struct object *purges_sift(struct cache *c, struct object *obj);

static inline struct object *cache_unless_gone(struct cache *c, struct object *obj)
{
    return obj == NULL || purges_seen(c->purges, obj) ? obj : purges_sift(c, obj);
}

/* Fills in what cache_stats says of purges. */
void purges_stats(struct purges *p, struct cache_stats *out);

/* What is known before there is an object: whether a key of that site is purged that was asked for
 * at `born`. */
enum purged purges_ask_key(struct purges *p, struct span key, uint64_t site, uint64_t born);
/* Likewise of something whose tags are known. */
enum purged purges_ask_tagged(struct purges *p, struct span key, uint64_t site, uint64_t born,
    const uint64_t *tags, unsigned tags_n);
/* Whether everything of that site that was asked for at `born` is purged hard, whatever its key. */
bool purges_dead(struct purges *p, uint64_t site, uint64_t born);

#endif
