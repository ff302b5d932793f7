#include "cache/fill.h"

#include "base/check.h"
#include "base/counters.h"
#include "cache/cache_impl.h"
#include "cache/disk_tier.h"
#include "cache/fill_impl.h"
#include "cache/index.h"
#include "cache/purge_impl.h"
#include "cache/spill.h"

#include <stdlib.h>

/* --- life ---------------------------------------------------------------------------------------
 */

static struct fill *fill_new(struct cache *c, const struct fill_request *rq)
{
    struct fill *f = xcalloc(1, sizeof(*f) + rq->key->text.n);

    atomic_init(&f->refs, 1);
    f->cache = c;
    f->hash = rq->key->hash;
    f->key = span_make((char *)(f + 1), rq->key->text.n);
    if (rq->key->text.n > 0) /* what goes by alone may have no key */
        memcpy(f + 1, rq->key->text.p, rq->key->text.n);
    atomic_init(&f->born, purges_last(c->purges));
    f->site = rq->site.n > 0 ? label_of(c->purges->seed, LABEL_SITE, rq->site) : 0;
    f->worker = rq->worker;
    f->on_room = rq->on_room;
    f->ctx = rq->ctx;
    pthread_mutex_init(&f->lock, NULL);
    f->state = FILL_WAITING;
    f->length = -1;
    list_init(&f->readers);
    f->room.run = fill_room_run;
    deadline_init(&f->laggard, rq->worker, fill_laggard_fire);
    return f;
}

static void fill_free(struct fill *f)
{
    check(list_empty(&f->readers));
    chunk_release(&f->first);
    chunk_release(&f->last);
    chunk_release(&f->untrimmed);
    spill_free(&f->spill);
    object_release(&f->object);
    pthread_mutex_destroy(&f->lock);
    free((char *)f->trailers.p);
    free(f);
}

struct fill *fill_ref(struct fill *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void fill_release(struct fill **fp)
{
    struct fill *f = *fp;

    *fp = NULL;
    if (f == NULL || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    check(fill_ended(f));
    fill_free(f);
}

void fill_doom(struct fill *f)
{
    atomic_store(&f->doomed, true);
}

uint64_t fill_sent(struct fill *f)
{
    uint64_t born = purges_last(f->cache->purges);

    atomic_store_explicit(&f->born, born, memory_order_relaxed);
    return born;
}

/* Whether there was a purge since its request went out, that names it by what is known by now. */
static bool fill_purged(struct fill *f)
{
    struct purges *p = f->cache->purges;
    uint64_t born = atomic_load_explicit(&f->born, memory_order_relaxed);
    struct object *obj;
    enum purged how;

    if (likely(born == purges_last(p)))
        return false;
    pthread_mutex_lock(&f->lock);
    obj = f->object != NULL ? object_ref(f->object) : NULL;
    pthread_mutex_unlock(&f->lock);
    how = obj != NULL ? purges_ask(p, obj) : purges_ask_key(p, f->key, f->site, born);
    object_release(&obj);
    return how != PURGED_NOT;
}

bool fill_ended(const struct fill *f)
{
    return f->state == FILL_DONE || f->state == FILL_FAILED;
}

static enum fill_role fill_led(struct fill *f, enum fill_role role)
{
    count(C_FILLS);
    atomic_fetch_add_explicit(&f->cache->fills, 1, memory_order_relaxed);
    return role;
}

/* Makes a fill that nobody knows yet one that has long been done. Takes over the reference. */
static void fill_become(struct fill *f, struct object *obj)
{
    f->state = FILL_DONE;
    f->object = obj;
    f->first = chunk_ref(obj->body);
    f->bytes = obj->body_bytes;
    f->length = (int64_t)obj->body_bytes;
}

void fill_unlist(struct fill *f)
{
    flights_remove(f->cache->flights, f);
}

/* Nobody joins it from now on; who reads it already asked before the purge. Ends the reference. */
static void fill_shun(struct fill **fp)
{
    fill_doom(*fp);
    fill_unlist(*fp);
    fill_release(fp);
}

/* A fill that was listed under that other key and is, or may yet be, of the variant that is asked
 * for. */
static struct fill *fill_of_before(
    struct cache *c, const struct fill_request *rq, const struct cache_key *before)
{
    struct fill *f = rq->collapse && before != NULL ? flights_find(c->flights, before) : NULL;
    bool ours;

    if (f != NULL && fill_purged(f))
        fill_shun(&f);
    if (f == NULL)
        return NULL;
    pthread_mutex_lock(&f->lock);
    ours =
        f->state == FILL_WAITING || (f->object != NULL && span_eq(f->object->key, rq->key->text));
    pthread_mutex_unlock(&f->lock);
    if (!ours)
        fill_release(&f);
    return f;
}

/* flights_join(), past fills that are purged. */
static enum flight join_flight(
    struct cache *c, const struct fill_request *rq, struct fill *own, struct flight_found *found)
{
    enum flight what;

    for (;;) {
        what = flights_join(c->flights, c, rq->key, rq->seen, worker_now(rq->worker), own, found);
        if (what != FLIGHT_OTHERS || !fill_purged(found->fill))
            return what;
        fill_shun(&found->fill);
    }
}

enum fill_role fill_join(struct cache *c, const struct fill_request *rq, struct fill **fill)
{
    struct fill *f;
    struct flight_found found;

    if ((*fill = fill_of_before(c, rq, rq->resource)) != NULL ||
        (*fill = fill_of_before(c, rq, rq->unlearnt)) != NULL)
        return FILL_FOLLOW;
    f = fill_new(c, rq);
    *fill = f;
    if (!rq->collapse) {
        flights_hide(c->flights, f);
        return fill_led(f, FILL_ALONE);
    }
    switch (join_flight(c, rq, f, &found)) {
    case FLIGHT_OURS:
        return fill_led(f, FILL_LEAD);
    case FLIGHT_MARKED:
        return fill_led(f, FILL_ALONE);
    case FLIGHT_STORED:
        fill_become(f, found.stored);
        return FILL_FOLLOW;
    case FLIGHT_OTHERS:
        fill_free(f);
        *fill = found.fill;
        return FILL_FOLLOW;
    }
    check_failed("a flight", __FILE__, __LINE__, __func__);
}

/* --- the leader's worker ---------------------------------------------------------------------- */

/* Memory has its own mind about what is large; but what is to be written has to be there first. */
static bool admits(const struct fill *f, const struct object *obj, uint64_t length)
{
    struct cache *c = f->cache;

    return memory_admit(c->memory, &obj->hash, obj->bytes + length) ||
           (c->disk != NULL && disk_tier_wants(c->disk, obj, length));
}

/* Whether there is room for a body of that length (-1: not known, and it will turn out). */
static bool fill_has_room(struct fill *f, struct object *obj, int64_t length)
{
    if (length < 0)
        return true;
    if ((uint64_t)length > f->cache->whole_max_bytes)
        return spill_begin(f, obj, (uint64_t)length);
    return admits(f, obj, (uint64_t)length);
}

bool fill_head(struct fill *f, struct object *obj, int64_t length)
{
    bool keep = !obj->loose && !atomic_load(&f->doomed) && fill_has_room(f, obj, length);
    bool slices = f->spill != NULL || (keep && length < 0 && spill_possible(f->cache, obj));

    check(f->state == FILL_WAITING && !obj->whole);
    flights_mark(f->cache->flights, &f->hash, 0);
    pthread_mutex_lock(&f->lock);
    f->state = FILL_STREAMING;
    f->object = obj;
    f->length = length;
    f->keep = keep;
    f->slice_bytes = slices ? SPILL_SLICE_BYTES : 0;
    fill_wake(f, true);
    pthread_mutex_unlock(&f->lock);
    return keep;
}

void fill_pass(struct fill *f, struct object *obj, int64_t length, mono_ms remember_ms)
{
    check(f->state == FILL_WAITING);
    count(C_FILLS_PASSED);
    obj->passed = true;
    if (remember_ms > 0)
        flights_mark(f->cache->flights, &f->hash, worker_now(f->worker) + remember_ms);
    fill_unlist(f);
    pthread_mutex_lock(&f->lock);
    f->state = FILL_PASSING;
    f->passing = true;
    f->object = obj;
    f->length = length;
    fill_wake(f, true);
    list_each_safe (it, &f->readers) {
        struct reader *r = list_entry(it, struct reader, link);

        if (!r->leader)
            fill_detach(f, r);
    }
    pthread_mutex_unlock(&f->lock);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void fill_end(struct fill *f, enum fill_state state)
{
    deadline_stop(&f->laggard);
    spill_stop(f);
    pthread_mutex_lock(&f->lock);
    f->state = state;
    f->shut = false;
    fill_wake(f, true);
    pthread_mutex_unlock(&f->lock);
    fill_unlist(f);
    atomic_fetch_sub_explicit(&f->cache->fills, 1, memory_order_relaxed);
}

/* Gives the last chunk no more room than it needs, in a copy. */
static void fill_trim(struct fill *f)
{
    struct chunk *c;

    if (f->last == NULL)
        return;
    c = chunk_trimmed(f->last, index_hash(f->object->hash));
    if (c == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    if (f->previous != NULL) {
        chunk_release(&f->previous->next);
        f->previous->next = chunk_ref(c);
    } else {
        chunk_release(&f->first);
        f->first = chunk_ref(c);
    }
    /* A reader that stands in an earlier chunk may be sending bytes of this one. */
    if (f->readers_n > 0)
        f->untrimmed = chunk_ref(f->last);
    chunk_release(&f->last);
    f->last = c;
    pthread_mutex_unlock(&f->lock);
}

static void fill_store(struct fill *f)
{
    struct object *obj = f->object;

    fill_trim(f);
    obj->body = chunk_ref(f->first);
    obj->body_bytes = f->bytes;
    obj->whole = true;
    if (f->length < 0 && !admits(f, obj, f->bytes))
        return;
    if (atomic_load(&f->doomed) || purges_ask(f->cache->purges, obj) == PURGED_HARD)
        return;
    cache_put(f->cache, obj);
    count(C_FILLS_STORED);
    /* A removal dooms first and removes then: either it found the object, or we see it here. */
    if (atomic_load(&f->doomed))
        cache_remove_object(f->cache, obj);
}

void fill_trailers(struct fill *f, struct span text)
{
    char *copy;

    check(!fill_ended(f) && f->trailers.p == NULL);
    copy = xmalloc(text.n);
    memcpy(copy, text.p, text.n);
    f->trailers = span_make(copy, text.n);
}

void fill_finish(struct fill *f)
{
    check(f->state == FILL_STREAMING || f->state == FILL_PASSING);
    if (f->length >= 0 && (uint64_t)f->length != f->bytes) {
        fill_fail(f, 502, "the body is not as long as was announced");
        return;
    }
    if (spill_goes_on(f))
        spill_store(f);
    else if (f->keep)
        fill_store(f);
    fill_end(f, FILL_DONE);
}

void fill_fail(struct fill *f, int status, const char *why)
{
    check(!fill_ended(f));
    count(C_FILLS_SHORT);
    pthread_mutex_lock(&f->lock);
    f->status = status;
    f->why = why;
    pthread_mutex_unlock(&f->lock);
    fill_end(f, FILL_FAILED);
}

void fill_validated(struct fill *f, struct object *obj)
{
    check(f->state == FILL_WAITING && obj->whole);
    pthread_mutex_lock(&f->lock);
    f->object = object_ref(obj);
    f->first = chunk_ref(obj->body);
    f->bytes = obj->body_bytes;
    f->length = (int64_t)obj->body_bytes;
    list_each (it, &f->readers)
        list_entry(it, struct reader, link)->chunk = chunk_ref(f->first);
    pthread_mutex_unlock(&f->lock);
    fill_end(f, FILL_DONE);
}

/* --- questions -------------------------------------------------------------------------------- */

enum fill_state fill_state(struct fill *f)
{
    enum fill_state state;

    pthread_mutex_lock(&f->lock);
    state = f->state;
    pthread_mutex_unlock(&f->lock);
    return state;
}

unsigned fill_readers(struct fill *f)
{
    unsigned n;

    pthread_mutex_lock(&f->lock);
    n = f->readers_n;
    pthread_mutex_unlock(&f->lock);
    return n;
}

bool fill_kept(struct fill *f)
{
    bool kept;

    pthread_mutex_lock(&f->lock);
    kept = f->keep;
    pthread_mutex_unlock(&f->lock);
    return kept;
}

uint64_t fill_bytes(struct fill *f)
{
    uint64_t n;

    pthread_mutex_lock(&f->lock);
    n = f->bytes;
    pthread_mutex_unlock(&f->lock);
    return n;
}

int64_t fill_length(struct fill *f)
{
    int64_t n;

    pthread_mutex_lock(&f->lock);
    n = f->length;
    pthread_mutex_unlock(&f->lock);
    return n;
}
