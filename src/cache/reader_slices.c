/*
 * reader_slices.c - where a reader of a fill that spills, or may come to (spill.h), stands: in the
 * chain that the fill still has, or in a slice that was cut off from it, which is in memory or has
 * to come from the disk. One slice at a time; of the next one no more than that it is in memory.
 *
 * `first` is the first chunk of those that hold together: who holds it keeps the memory tier from
 * moving them. The leader may cut the slice off meanwhile, so that its chunks begin at 0: therefore
 * positions are reckoned from the first chunk's.
 */
#include "base/check.h"
#include "base/counters.h"
#include "cache/cache_impl.h"
#include "cache/fill_impl.h"
#include "cache/load.h"
#include "cache/object.h"
#include "cache/slice.h"

#include <stdlib.h>

enum { RETRY_MS = 20 };

struct place {
    struct reader *reader;   /* borrowed: has it */
    struct chunk *first;     /* counted; NULL: nowhere */
    uint64_t at;             /* position of its first byte in the body */
    struct cache_load *load; /* owns; NULL: nothing is on its way */
    uint32_t loading;        /* number of that slice */
    uint32_t ahead;          /* number of the slice up to which was looked for */
    bool waits;              /* for what is loaded, or to try it again */
    mono_ms lost_ms;         /* since when it looks for something in vain; 0: it does not */
    struct deadline retry;
};

static void on_retry(struct deadline *d);

static struct place *place_new(struct reader *r)
{
    struct place *p = xcalloc(1, sizeof(*p));

    p->reader = r;
    deadline_init(&p->retry, r->worker, on_retry);
    return p;
}

void place_leave(struct reader *r)
{
    chunk_release(&r->chunk);
    if (r->fill != NULL && r->place != NULL)
        chunk_release(&r->place->first);
}

void place_free(struct reader *r)
{
    struct place *p = r->place;

    if (p == NULL)
        return;
    cache_load_cancel(&p->load);
    deadline_stop(&p->retry);
    place_leave(r);
    r->place = NULL;
    free(p);
}

static const struct place *place_of(const struct reader *r)
{
    return r->fill != NULL && r->place != NULL && r->place->first != NULL ? r->place : NULL;
}

uint64_t place_at(const struct reader *r, const struct chunk *c)
{
    const struct place *p = place_of(r);

    return p != NULL ? p->at + (c->at - p->first->at) : c->at;
}

uint64_t place_end(const struct reader *r)
{
    const struct place *p = place_of(r);
    uint64_t slice = p != NULL ? r->fill->slice_bytes : 0;

    return p != NULL ? p->at / slice * slice + slice : UINT64_MAX;
}

/* --- looking ------------------------------------------------------------------------------ */

/* Takes over the reference. */
static void stand(struct reader *r, struct chunk *first, uint64_t at)
{
    struct place *p = r->place;

    place_leave(r);
    p->first = first;
    p->at = at;
    p->waits = false;
    p->lost_ms = 0;
    r->chunk = chunk_ref(first);
}

/* The first chunk of the slice that pos is in, out of the chain that the fill has. There chunks say
 * where they are. */
static struct chunk *in_chain(const struct reader *r, uint64_t start)
{
    const struct chunk *last = r->chunk;
    struct chunk *c = r->fill->first;

    /* The usual case: the chain goes on behind the slice that it has just read. */
    if (last != NULL && last->next != NULL && last->next->at == start && r->pos == start)
        return last->next;
    while (c != NULL && c->at < start)
        c = c->next;
    return c != NULL && c->at <= r->pos ? c : NULL;
}

static struct object *in_memory(const struct reader *r, uint32_t n)
{
    char text[SLICE_KEY_MAX];
    struct cache_key key = slice_key(r->fill->object->id, n, text);

    return memory_find(r->fill->cache->memory, &key, false);
}

/* A slice that was cut off has its size, but for the last one of all. */
static bool is_all(
    const struct reader *r, const struct object *slice, uint64_t start, uint64_t come)
{
    uint64_t size = come - start < r->fill->slice_bytes ? come - start : r->fill->slice_bytes;

    return slice->body != NULL && slice->body_bytes == size;
}

enum place_found place_find(struct reader *r)
{
    const struct fill *f = r->fill;
    uint64_t come = r->local ? r->total : f->bytes;
    uint64_t start = r->pos / f->slice_bytes * f->slice_bytes;
    struct object *slice;
    struct chunk *c;

    if (r->place == NULL)
        r->place = place_new(r);
    if (r->place->first != NULL && r->pos >= r->place->at && r->pos < place_end(r))
        return PLACE_HERE;
    c = in_chain(r, start);
    if (c != NULL) {
        stand(r, chunk_ref(c), c->at);
        return PLACE_HERE;
    }
    if (r->pos >= come) {
        place_leave(r);
        return PLACE_AHEAD;
    }
    slice = in_memory(r, slice_at(start, f->slice_bytes));
    if (slice != NULL && is_all(r, slice, start, come)) {
        stand(r, chunk_ref(slice->body), start);
        object_release(&slice);
        return PLACE_HERE;
    }
    object_release(&slice);
    place_leave(r);
    r->place->waits = true;
    return PLACE_AWAY;
}

/* --- bringing ----------------------------------------------------------------------------- */

static void wake(struct place *p)
{
    p->waits = false;
    p->reader->wake(p->reader->ctx);
}

static void on_loaded(void *ctx)
{
    struct place *p = ctx;
    struct reader *r = p->reader;
    struct object *slice;

    p->load = NULL;
    count(C_SPILL_LOADS);
    if (!p->waits || p->loading != slice_at(r->pos, r->fill->slice_bytes))
        return;
    slice = in_memory(r, p->loading);
    if (slice != NULL)
        wake(p);
    else
        deadline_set(&p->retry, RETRY_MS);
    object_release(&slice);
}

static bool load(struct place *p, uint32_t n)
{
    const struct fill *f = p->reader->fill;
    char text[SLICE_KEY_MAX];
    struct cache_key key = slice_key(f->object->id, n, text);

    if (p->load != NULL && p->loading == n)
        return true;
    cache_load_cancel(&p->load);
    p->load = cache_load(f->cache, &key, p->reader->worker, on_loaded, p);
    p->loading = n;
    return p->load != NULL;
}

/* The slice behind the one that it stands in, if it was cut off and memory has it no more. */
static void load_ahead(struct reader *r)
{
    struct place *p = r->place;
    uint64_t next = place_end(r);
    struct object *slice;
    uint32_t n;

    if (p->first == NULL || p->load != NULL || next >= r->end || (r->local && next >= r->total))
        return;
    n = slice_at(next, r->fill->slice_bytes);
    if (n == p->ahead)
        return;
    p->ahead = n;
    slice = in_memory(r, n);
    if (slice == NULL)
        (void)load(p, n); /* if that is still in the chain, the disk has nothing */
    object_release(&slice);
}

void place_fetch(struct reader *r, enum place_found found)
{
    struct place *p = r->place;
    mono_ms now = worker_now(r->worker);

    switch (found) {
    case PLACE_HERE:
        load_ahead(r);
        return;
    case PLACE_AHEAD:
        return;
    case PLACE_AWAY:
        break;
    }
    if (p->lost_ms == 0)
        p->lost_ms = now;
    if (!load(p, slice_at(r->pos, r->fill->slice_bytes)) || p->retry.at_ms == 0)
        deadline_set(&p->retry, RETRY_MS);
}

static void on_retry(struct deadline *d)
{
    struct place *p = container_of(d, struct place, retry);
    struct reader *r = p->reader;

    if (!p->waits)
        return;
    if (worker_now(r->worker) - p->lost_ms >= FILL_LOST_MS) {
        pthread_mutex_lock(&r->fill->lock);
        r->cut = true;
        pthread_mutex_unlock(&r->fill->lock);
        count(C_SPILL_READERS_CUT);
    } else if (p->load != NULL) {
        deadline_set(d, RETRY_MS);
        return;
    }
    wake(p);
}
