#include "cache/fill.h"

#include "base/check.h"
#include "base/counters.h"
#include "cache/cache_impl.h"
#include "cache/fill_impl.h"
#include "cache/index.h"
#include "cache/purge_impl.h"

#include <stdlib.h>

enum {
    FIRST_CHUNK_BYTES = 4 << 10,            /* when the length is not known */
    JOINABLE_BYTES = FILL_WINDOW_BYTES / 4, /* a window keeps its first byte until then */
};

/* --- life ---------------------------------------------------------------------------------------
 */

static void fill_room_run(struct message *m, struct worker *w);
static void fill_laggard_fire(struct deadline *d);

static struct fill *fill_new(struct cache *c, const struct fill_request *rq)
{
    struct fill *f = xcalloc(1, sizeof(*f) + rq->key->text.n);

    atomic_init(&f->refs, 1);
    f->cache = c;
    f->hash = rq->key->hash;
    f->key = span_make((char *)(f + 1), rq->key->text.n);
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

static void fill_unlist(struct fill *f)
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

/* --- readers, under the lock ------------------------------------------------------------------ */

void fill_attach(struct fill *f, struct reader *r)
{
    r->chunk = chunk_ref(f->first);
    list_append(&f->readers, &r->link);
    f->readers_n++;
}

static void fill_post_room(struct fill *f)
{
    if (f->room_posted || f->on_room == NULL)
        return;
    f->room_posted = true;
    fill_ref(f);
    worker_post(f->worker, &f->room);
}

void fill_detach(struct fill *f, struct reader *r)
{
    if (list_empty(&r->link))
        return;
    list_remove(&r->link);
    f->readers_n--;
    if (fill_ended(f))
        return;
    fill_readers_moved(f);
    if (f->readers_n == 0)
        fill_post_room(f);
}

static void fill_wake(struct fill *f, bool all)
{
    list_each (it, &f->readers) {
        struct reader *r = list_entry(it, struct reader, link);

        if (all || r->hungry)
            reader_post(r);
    }
}

/* Where the slowest reader stands; false when none wants more. */
static bool fill_slowest(const struct fill *f, uint64_t *pos)
{
    bool found = false;

    list_each (it, &f->readers) {
        const struct reader *r = list_entry(it, struct reader, link);

        if (r->pos >= r->end || (found && r->pos >= *pos))
            continue;
        *pos = r->pos;
        found = true;
    }
    return found;
}

static uint64_t window_limit(const struct fill *f)
{
    return f->starved ? FILL_STARVED_BYTES : FILL_WINDOW_BYTES;
}

/* How much more a window may take. */
static uint64_t window_room(const struct fill *f)
{
    uint64_t slowest = 0, held, limit = window_limit(f);

    if (!fill_slowest(f, &slowest))
        return limit;
    held = slowest < f->bytes ? f->bytes - slowest : 0;
    return held < limit ? limit - held : 0;
}

void fill_readers_moved(struct fill *f)
{
    if (!f->shut || window_room(f) < window_limit(f) / 4)
        return;
    f->shut = false;
    fill_post_room(f);
}

/* --- the leader's worker ---------------------------------------------------------------------- */

static void fill_room_run(struct message *m, struct worker *w)
{
    struct fill *f = container_of(m, struct fill, room);
    bool call;

    (void)w;
    pthread_mutex_lock(&f->lock);
    f->room_posted = false;
    call = !fill_ended(f);
    pthread_mutex_unlock(&f->lock);
    if (call)
        f->on_room(f->ctx);
    fill_release(&f);
}

/* Cuts off those who keep the window shut, if that makes somebody else wait. Under the lock. */
static void fill_cut_laggards(struct fill *f)
{
    bool starving = false;

    list_each (it, &f->readers) {
        const struct reader *r = list_entry(it, struct reader, link);

        starving |= r->pos >= f->bytes && r->pos < r->end;
    }
    if (!starving)
        return;
    list_each_safe (it, &f->readers) {
        struct reader *r = list_entry(it, struct reader, link);

        if (r->pos >= r->end || r->pos + window_limit(f) / 4 * 3 >= f->bytes)
            continue;
        r->cut = true;
        count(C_LAGGARDS_CUT);
        reader_post(r);
        fill_detach(f, r);
    }
}

static void fill_laggard_fire(struct deadline *d)
{
    struct fill *f = container_of(d, struct fill, laggard);
    mono_ms left_ms = f->stalled_ms + f->cache->laggard_ms - worker_now(f->worker);

    pthread_mutex_lock(&f->lock);
    if (f->shut && left_ms <= 0) {
        fill_cut_laggards(f);
        left_ms = f->cache->laggard_ms;
    }
    if (f->shut)
        deadline_set(d, left_ms);
    pthread_mutex_unlock(&f->lock);
}

/* Lets the first bytes go when it is a window that has moved on. Under the lock; true: nobody can
 * join it from now on, see fill_unlist(). */
static bool fill_let_go(struct fill *f)
{
    if (f->keep || f->gone || f->bytes <= JOINABLE_BYTES)
        return false;
    f->gone = true;
    chunk_release(&f->first);
    return true;
}

static void fill_stop_keeping(struct fill *f)
{
    bool gone;

    pthread_mutex_lock(&f->lock);
    f->keep = false;
    gone = fill_let_go(f);
    pthread_mutex_unlock(&f->lock);
    if (gone)
        fill_unlist(f);
}

bool fill_head(struct fill *f, struct object *obj, int64_t length)
{
    bool keep = !obj->loose && !atomic_load(&f->doomed);

    check(f->state == FILL_WAITING && !obj->whole);
    flights_mark(f->cache->flights, &f->hash, 0);
    if (keep && length >= 0)
        keep = (uint64_t)length <= f->cache->object_max_bytes &&
               memory_admit(f->cache->memory, &obj->hash, (uint64_t)length + obj->bytes);
    pthread_mutex_lock(&f->lock);
    f->state = FILL_STREAMING;
    f->object = obj;
    f->length = length;
    f->keep = keep;
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

/* --- bytes ------------------------------------------------------------------------------------ */

/* How many bytes the next chunk is for: what is left, or as much again as has come. */
static uint32_t chunk_wanted(const struct fill *f, size_t more)
{
    uint64_t wanted;

    if (f->length >= 0 && f->bytes < (uint64_t)f->length)
        wanted = (uint64_t)f->length - f->bytes;
    else
        wanted = f->bytes > more ? f->bytes : more;
    if (wanted > CHUNK_MAX)
        return CHUNK_MAX;
    if (f->length < 0 && wanted < FIRST_CHUNK_BYTES)
        return FIRST_CHUNK_BYTES - sizeof(struct chunk);
    return (uint32_t)wanted;
}

/* Takes over the reference. Under the lock. */
static void fill_link(struct fill *f, struct chunk *c)
{
    if (f->last != NULL) {
        f->last->next = chunk_ref(c);
        f->previous = f->keep ? f->last : NULL;
        chunk_release(&f->last);
    } else {
        f->first = chunk_ref(c);
        list_each (it, &f->readers)
            list_entry(it, struct reader, link)->chunk = chunk_ref(c);
    }
    f->last = c;
}

/* A chunk for what comes next. NULL: there is no memory, and the window is shut; or a kept fill
 * became a window, so try again. */
static struct chunk *fill_chunk(struct fill *f, size_t more)
{
    struct memory *m = f->cache->memory;
    struct chunk *c = chunk_new(m, chunk_wanted(f, more), f->bytes, index_hash(f->object->hash));
    uint64_t room;

    if (c == NULL && f->keep) {
        fill_stop_keeping(f);
        return NULL;
    }
    pthread_mutex_lock(&f->lock);
    f->starved = c == NULL;
    room = f->starved ? window_room(f) : 0;
    if (room > CHUNK_MAX)
        room = CHUNK_MAX;
    if (f->starved && room > 0)
        c = chunk_new_loose(m, (uint32_t)room, f->bytes);
    if (c != NULL)
        fill_link(f, c);
    pthread_mutex_unlock(&f->lock);
    return c;
}

static size_t fill_write(struct fill *f, struct chunk *c, struct span data)
{
    uint32_t n = chunk_write(c, data);
    bool gone;

    pthread_mutex_lock(&f->lock);
    c->n += n;
    f->bytes += n;
    gone = fill_let_go(f);
    fill_wake(f, false);
    pthread_mutex_unlock(&f->lock);
    if (gone)
        fill_unlist(f);
    return n;
}

/* A window that nobody looks through: the bytes are counted, not kept. Under the lock. */
static void fill_drop(struct fill *f, size_t n)
{
    f->bytes += n;
    f->gone = true;
    chunk_release(&f->first);
    chunk_release(&f->last);
}

enum window { WINDOW_OPEN, WINDOW_SHUT, WINDOW_UNSEEN };

/* Whether more may be taken, of `left` bytes that are there; *room says how much. */
static enum window fill_window(struct fill *f, size_t left, size_t *room)
{
    enum window is = WINDOW_OPEN;
    uint64_t slowest = 0;

    *room = left;
    pthread_mutex_lock(&f->lock);
    if (f->keep)
        goto out;
    if (!fill_slowest(f, &slowest)) {
        fill_drop(f, left);
        is = WINDOW_UNSEEN;
        goto out;
    }
    if (window_room(f) < left)
        *room = window_room(f);
    if (*room == 0)
        is = WINDOW_SHUT;
out:
    pthread_mutex_unlock(&f->lock);
    return is;
}

/* Waits for the readers; true when they have moved on meanwhile after all. */
static bool fill_shut(struct fill *f)
{
    bool open;

    f->stalled_ms = worker_now(f->worker);
    deadline_set(&f->laggard, f->cache->laggard_ms);
    pthread_mutex_lock(&f->lock);
    open = f->readers_n == 0 || window_room(f) > 0;
    f->shut = !open;
    pthread_mutex_unlock(&f->lock);
    return open;
}

size_t fill_append(struct fill *f, struct span data)
{
    size_t taken = 0, room;
    struct chunk *c;

    check(f->state == FILL_STREAMING || f->state == FILL_PASSING);
    if (f->keep && f->length < 0 && f->bytes + data.n > f->cache->object_max_bytes)
        fill_stop_keeping(f);
    while (taken < data.n) {
        switch (fill_window(f, data.n - taken, &room)) {
        case WINDOW_UNSEEN:
            fill_unlist(f);
            return data.n;
        case WINDOW_SHUT:
            if (fill_shut(f))
                continue;
            return taken;
        case WINDOW_OPEN:
            break;
        }
        c = f->last;
        if (c == NULL || c->n == c->cap)
            c = fill_chunk(f, room);
        if (c != NULL)
            taken += fill_write(f, c, span_make(data.p + taken, room));
    }
    return taken;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void fill_end(struct fill *f, enum fill_state state)
{
    deadline_stop(&f->laggard);
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
    struct memory *m = f->cache->memory;
    struct object *obj = f->object;

    fill_trim(f);
    obj->body = chunk_ref(f->first);
    obj->body_bytes = f->bytes;
    obj->whole = true;
    if (f->length < 0 && !memory_admit(m, &obj->hash, obj->bytes + f->bytes))
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
    if (f->keep)
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
