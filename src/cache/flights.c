#include "cache/flights.h"

#include "base/check.h"
#include "cache/fill_impl.h"
#include "cache/index.h"

#include <stdlib.h>

enum {
    STRIPES = 16,
    CHAINS = 128,              /* per stripe */
    BYTES_PER_MARK = 16 << 10, /* of the budget */
    MARK_WAYS = 4,
};

struct mark {
    uint64_t hash;
    mono_ms until_ms; /* 0: none */
};

struct stripe {
    _Alignas(64) pthread_mutex_t lock;
    struct fill *chains[CHAINS];
    struct mark *marks; /* marks_n of flights.marks */
};

struct flights {
    struct stripe stripes[STRIPES];
    struct mark *marks; /* owns; sets of MARK_WAYS */
    uint32_t marks_n;   /* per stripe, a power of two */
};

static uint32_t marks_for(uint64_t budget_bytes)
{
    uint64_t wanted = budget_bytes / BYTES_PER_MARK / STRIPES;
    uint32_t n = MARK_WAYS;

    while (n * UINT64_C(2) <= wanted && n < 1u << 20)
        n *= 2;
    return n;
}

uint64_t flights_bytes(uint64_t budget_bytes)
{
    return sizeof(struct flights) +
           (uint64_t)marks_for(budget_bytes) * STRIPES * sizeof(struct mark);
}

struct flights *flights_new(uint64_t budget_bytes)
{
    void *p = NULL;
    struct flights *fl;

    check(posix_memalign(&p, _Alignof(struct flights), sizeof(*fl)) == 0);
    fl = p;
    *fl = (struct flights){.marks_n = marks_for(budget_bytes)};
    fl->marks = xcalloc((unsigned long)fl->marks_n * STRIPES, sizeof(*fl->marks));
    for (int i = 0; i < STRIPES; i++) {
        pthread_mutex_init(&fl->stripes[i].lock, NULL);
        fl->stripes[i].marks = fl->marks + (uint64_t)i * fl->marks_n;
    }
    return fl;
}

void flights_free(struct flights **flp)
{
    struct flights *fl = *flp;

    for (int i = 0; i < STRIPES; i++) {
        for (int j = 0; j < CHAINS; j++)
            check(fl->stripes[i].chains[j] == NULL);
        pthread_mutex_destroy(&fl->stripes[i].lock);
    }
    free(fl->marks);
    free(fl);
    *flp = NULL;
}

/* The hash's high half: the low one chooses the memory's shard. */
static struct stripe *stripe_of(struct flights *fl, const struct hash128 *hash)
{
    return &fl->stripes[hash->hi % STRIPES];
}

static struct fill **chain_of(struct stripe *st, const struct hash128 *hash)
{
    return &st->chains[hash->hi / STRIPES % CHAINS];
}

static bool fill_has_key(const struct fill *f, const struct cache_key *key)
{
    return hash128_eq(f->hash, key->hash) && span_eq(f->key, key->text);
}

static struct mark *mark_set(struct flights *fl, struct stripe *st, const struct hash128 *hash)
{
    return st->marks + ((hash->hi >> 16) & (fl->marks_n / MARK_WAYS - 1)) * MARK_WAYS;
}

/* The place of that hash in its set, or NULL. */
static struct mark *mark_find(struct flights *fl, struct stripe *st, const struct hash128 *hash)
{
    struct mark *set = mark_set(fl, st, hash);

    for (int i = 0; i < MARK_WAYS; i++)
        if (set[i].until_ms != 0 && set[i].hash == hash->lo)
            return &set[i];
    return NULL;
}

static void chain_add(struct fill **chain, struct fill *f, bool hidden)
{
    f->flight = (struct flight_embedded){*chain, true, hidden};
    *chain = f;
}

/* Under the stripe's lock; with a reference for the caller. */
static struct fill *chain_find(struct fill *f, const struct cache_key *key)
{
    for (; f != NULL; f = f->flight.next)
        if (!f->flight.hidden && fill_has_key(f, key))
            return fill_ref(f);
    return NULL;
}

struct fill *flights_find(struct flights *fl, const struct cache_key *key)
{
    struct stripe *st = stripe_of(fl, &key->hash);
    struct fill *f;

    pthread_mutex_lock(&st->lock);
    f = chain_find(*chain_of(st, &key->hash), key);
    pthread_mutex_unlock(&st->lock);
    return f;
}

enum flight flights_join(struct flights *fl, struct cache *c, const struct cache_key *key,
    const struct object *seen, mono_ms now_ms, struct fill *own, struct flight_found *found)
{
    struct stripe *st = stripe_of(fl, &key->hash);
    struct fill **chain = chain_of(st, &key->hash);
    enum flight what = FLIGHT_OURS;
    struct mark *mark;

    *found = (struct flight_found){NULL, NULL};
    pthread_mutex_lock(&st->lock);
    found->fill = chain_find(*chain, key);
    if (found->fill != NULL) {
        what = FLIGHT_OTHERS;
        goto out;
    }
    /* A fill is stored before it is unlisted, so what it stored is seen here. */
    found->stored = cache_peek(c, key);
    if (found->stored != NULL && found->stored != seen &&
        !atomic_load_explicit(&found->stored->soft_purged, memory_order_relaxed)) {
        what = FLIGHT_STORED;
        goto out;
    }
    mark = mark_find(fl, st, &key->hash);
    if (mark != NULL && mark->until_ms > now_ms)
        what = FLIGHT_MARKED;
    chain_add(chain, own, what == FLIGHT_MARKED);
out:
    pthread_mutex_unlock(&st->lock);
    if (what != FLIGHT_STORED)
        object_release(&found->stored);
    return what;
}

void flights_hide(struct flights *fl, struct fill *own)
{
    struct stripe *st = stripe_of(fl, &own->hash);

    pthread_mutex_lock(&st->lock);
    chain_add(chain_of(st, &own->hash), own, true);
    pthread_mutex_unlock(&st->lock);
}

static void chain_remove(struct fill **link, struct fill *f)
{
    while (*link != f)
        link = &(*link)->flight.next;
    *link = f->flight.next;
    f->flight.listed = false;
}

void flights_remove(struct flights *fl, struct fill *f)
{
    struct stripe *st = stripe_of(fl, &f->hash);

    pthread_mutex_lock(&st->lock);
    if (f->flight.listed)
        chain_remove(chain_of(st, &f->hash), f);
    pthread_mutex_unlock(&st->lock);
}

void flights_mark(struct flights *fl, const struct hash128 *hash, mono_ms until_ms)
{
    struct stripe *st = stripe_of(fl, hash);
    struct mark *mark, *set;

    pthread_mutex_lock(&st->lock);
    mark = mark_find(fl, st, hash);
    if (mark == NULL && until_ms != 0) {
        set = mark_set(fl, st, hash);
        mark = &set[0];
        for (int i = 1; i < MARK_WAYS; i++)
            if (set[i].until_ms < mark->until_ms)
                mark = &set[i];
    }
    if (mark != NULL)
        *mark = (struct mark){hash->lo, until_ms};
    pthread_mutex_unlock(&st->lock);
}

static void stripe_doom(struct stripe *st, struct fill **chain, const struct cache_key *key)
{
    pthread_mutex_lock(&st->lock);
    for (struct fill **link = chain, *f; (f = *link) != NULL;) {
        if (key != NULL && !fill_has_key(f, key)) {
            link = &f->flight.next;
            continue;
        }
        fill_doom(f);
        *link = f->flight.next;
        f->flight.listed = false;
    }
    pthread_mutex_unlock(&st->lock);
}

void flights_doom(struct flights *fl, const struct cache_key *key)
{
    if (key != NULL) {
        struct stripe *st = stripe_of(fl, &key->hash);

        stripe_doom(st, chain_of(st, &key->hash), key);
        return;
    }
    for (int i = 0; i < STRIPES; i++)
        for (int j = 0; j < CHAINS; j++)
            stripe_doom(&fl->stripes[i], &fl->stripes[i].chains[j], NULL);
}
