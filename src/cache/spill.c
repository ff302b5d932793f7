#include "cache/spill.h"

#include "base/check.h"
#include "base/counters.h"
#include "cache/cache_impl.h"
#include "cache/disk_tier.h"
#include "cache/fill_impl.h"
#include "cache/index.h"
#include "cache/purge_impl.h"
#include "cache/slice.h"

#include <stdlib.h>

struct spill {
    struct fill *fill;        /* borrowed: has it */
    struct disk_batch *batch; /* counted */
    struct deadline tick;
    mono_ms waits_ms; /* since when nothing has moved; 0: it does */
    uint32_t next;    /* number of the next slice to be cut off */
};

bool spill_possible(const struct cache *c, const struct object *obj)
{
    return c->disk != NULL && !obj->loose && obj->status == 200 && obj->key.p[0] != '\n';
}

static void on_tick(struct deadline *d)
{
    struct fill *f = container_of(d, struct spill, tick)->fill;

    fill_ref(f);
    if (f->on_room != NULL)
        f->on_room(f->ctx);
    fill_release(&f);
}

bool spill_begin(struct fill *f, struct object *obj, uint64_t bytes)
{
    struct cache *c = f->cache;

    if (!spill_possible(c, obj) || bytes > c->object_max_bytes ||
        !slice_possible(c->object_max_bytes, SPILL_SLICE_BYTES) ||
        !disk_tier_admits(c->disk, obj, bytes))
        return false;
    f->spill = xcalloc(1, sizeof(*f->spill));
    f->spill->fill = f;
    f->spill->batch = disk_batch_new();
    deadline_init(&f->spill->tick, f->worker, on_tick);
    count(C_SPILLS);
    return true;
}

bool spill_goes_on(const struct fill *f)
{
    return f->spill != NULL && f->keep;
}

/* --- cutting off -------------------------------------------------------------------------- */

/* Takes the first `bytes` of the chain for the body of `slice`, where they begin at 0. Under the
 * fill's lock: who stands in it knows where that is by its first chunk. */
static void take_chain(struct fill *f, struct object *slice, uint64_t bytes)
{
    uint64_t start = f->first->at, left = bytes;
    struct chunk *c = f->first;

    slice->body = f->first;
    for (;; c = c->next) {
        check(c->n <= left);
        c->at -= start;
        left -= c->n;
        if (left == 0)
            break;
    }
    if (c == f->last)
        chunk_release(&f->last);
    if (c->next == f->last)
        f->previous = NULL;
    f->first = c->next;
    c->next = NULL;
    slice->body_bytes = bytes;
    slice->whole = true;
}

/* False: there is no memory for it. */
static bool cut_off(struct fill *f, uint64_t bytes)
{
    static const struct http_response nothing = {.status = 206, .minor = 1};
    struct spill *s = f->spill;
    char text[SLICE_KEY_MAX];
    struct cache_key key = slice_key(f->object->id, s->next, text);
    struct object *slice = object_new(f->cache, &key, &nothing, NULL, NULL);

    if (slice->loose) {
        object_release(&slice);
        return false;
    }
    pthread_mutex_lock(&f->lock);
    take_chain(f, slice, bytes);
    chunk_own(slice->body, index_hash(key.hash));
    memory_put(f->cache->memory, slice); /* so that readers find it here or there */
    pthread_mutex_unlock(&f->lock);
    disk_tier_write(f->cache->disk, slice, s->batch);
    object_release(&slice);
    count(C_SPILL_SLICES);
    s->next++;
    s->waits_ms = 0;
    return true;
}

/* Bytes that have come and were not cut off. */
static uint64_t backlog(const struct fill *f)
{
    return f->first != NULL ? f->bytes - f->first->at : 0;
}

static void give_up(struct fill *f)
{
    count(C_SPILLS_GIVEN_UP);
    deadline_clear(&f->spill->tick);
    fill_stop_keeping(f);
}

bool spill_wait(struct fill *f)
{
    struct spill *s = f->spill;
    mono_ms now = worker_now(f->worker);

    if (s->waits_ms == 0)
        s->waits_ms = now;
    if (now - s->waits_ms >= SPILL_PATIENCE_MS) {
        give_up(f);
        return true;
    }
    deadline_set(&s->tick, SPILL_TICK_MS);
    return false;
}

bool spill_make_room(struct fill *f)
{
    struct spill *s = f->spill;

    if (disk_batch_lost(s->batch)) {
        give_up(f);
        return true;
    }
    while (backlog(f) >= SPILL_SLICE_BYTES && disk_tier_room(f->cache->disk))
        if (!cut_off(f, SPILL_SLICE_BYTES))
            break;
    return backlog(f) < SPILL_BACKLOG * SPILL_SLICE_BYTES || spill_wait(f);
}

/* --- the end ------------------------------------------------------------------------------ */

/* False: there is no memory for some of it. */
static bool cut_off_all(struct fill *f)
{
    uint64_t left;

    while ((left = backlog(f)) > 0)
        if (!cut_off(f, left < SPILL_SLICE_BYTES ? left : SPILL_SLICE_BYTES))
            return false;
    return true;
}

void spill_store(struct fill *f)
{
    struct cache *c = f->cache;
    struct object *head;

    if (!cut_off_all(f) || disk_batch_lost(f->spill->batch) || atomic_load(&f->doomed) ||
        purges_ask(c->purges, f->object) == PURGED_HARD)
        return;
    head = object_sliced(f->object, f->bytes, SPILL_SLICE_BYTES);
    if (head == NULL)
        return;
    memory_put(c->memory, head);
    disk_tier_write(c->disk, head, f->spill->batch);
    count(C_FILLS_STORED);
    /* As when others are stored: a removal dooms first and removes then. */
    if (atomic_load(&f->doomed))
        cache_remove_object(c, head);
    object_release(&head);
}

void spill_stop(struct fill *f)
{
    if (f->spill != NULL)
        deadline_stop(&f->spill->tick);
}

void spill_free(struct spill **sp)
{
    struct spill *s = *sp;

    *sp = NULL;
    if (s == NULL)
        return;
    disk_batch_release(&s->batch);
    free(s);
}
