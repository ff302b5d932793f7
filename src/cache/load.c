#include "cache/load.h"

#include "base/check.h"
#include "base/counters.h"
#include "cache/disk_tier_impl.h"
#include "cache/image.h"
#include "cache/index.h"
#include "cache/memory.h"
#include "cache/object.h"
#include "cache/slice.h"
#include "loop/deadline.h"

#include <stdlib.h>

struct cache_load {
    struct disk_tier *tier;   /* borrowed */
    void (*ready)(void *ctx); /* NULL: nobody waits any more */
    void *ctx;
    struct deadline deadline;
    struct disk_read read;
    struct object *obj;   /* counted; what was read */
    struct cache_key key; /* text in this allocation */
};

/* --- on the disk's reader thread ------------------------------------------------------------ */

/* False: the budget has no room for it. */
static bool give_body(struct object *o, struct span body)
{
    struct memory *m = o->cache->memory;
    struct chunk **link = &o->body;
    uint64_t at = 0;

    while (at < body.n) {
        size_t n = body.n - at < CHUNK_MAX ? body.n - at : CHUNK_MAX;
        struct chunk *c = chunk_new(m, (uint32_t)n, at, index_hash(o->hash));

        if (c == NULL)
            return false;
        c->n = chunk_write(c, span_make(body.p + at, n));
        *link = c;
        link = &c->next;
        at += n;
    }
    o->body_bytes = body.n;
    o->whole = true;
    return true;
}

static struct object *of_image(
    struct cache_load *l, const struct disk_meta *meta, struct span head, struct arena *a)
{
    struct image image;

    if (!image_read(head, a, &image) || !span_eq(image.key, l->key.text) ||
        (meta->kind == DISK_SLICED) != (image.slice_bytes != 0))
        return NULL;
    return object_of_image(l->tier->cache, &l->key, &image);
}

static void on_take(
    struct disk_read *r, const struct disk_meta *meta, struct span head, struct span body)
{
    struct cache_load *l = container_of(r, struct cache_load, read);
    struct http_response nothing = {0};
    struct object *o = NULL;
    struct arena a;

    arena_init(&a);
    switch ((enum disk_kind)meta->kind) {
    case DISK_WHOLE:
    case DISK_SLICED:
        o = of_image(l, meta, head, &a);
        break;
    case DISK_SLICE:
        if (span_eq(head, l->key.text))
            o = object_new(l->tier->cache, &l->key, &nothing, NULL, NULL);
        break;
    }
    arena_free(&a);
    if (o != NULL && (o->loose || !give_body(o, body)))
        object_release(&o);
    l->obj = o;
}

/* --- on the worker -------------------------------------------------------------------------- */

static void tell(struct cache_load *l)
{
    void (*ready)(void *ctx) = l->ready;

    l->ready = NULL;
    if (ready != NULL)
        ready(l->ctx);
}

static void on_done(struct disk_read *r, bool found)
{
    struct cache_load *l = container_of(r, struct cache_load, read);
    struct disk_tier *t = l->tier;
    struct object *there;

    (void)found; /* the record may be there and be another's, or have had no room */
    deadline_stop(&l->deadline);
    if (l->obj != NULL) {
        /* Somebody else's load, or a fill, may have come first. */
        there = memory_find(t->cache->memory, &l->key, false);
        if (there == NULL)
            memory_put(t->cache->memory, l->obj);
        object_release(&there);
        object_release(&l->obj);
        count(C_DISK_LOADED);
    }
    tell(l);
    free(l);
}

static void on_late(struct deadline *d)
{
    struct cache_load *l = container_of(d, struct cache_load, deadline);

    count(C_DISK_LATE);
    tell(l);
}

struct cache_load *cache_load(struct cache *c, const struct cache_key *key, struct worker *w,
    void (*ready)(void *ctx), void *ctx)
{
    struct disk_tier *t = c->disk;
    struct cache_load *l;
    struct disk *d;

    if (t == NULL || !disk_tier_has(t, key->text))
        return NULL;
    d = disk_tier_volume(t, key->text);
    l = xcalloc(1, sizeof(*l) + key->text.n);
    memcpy(l + 1, key->text.p, key->text.n);
    l->tier = t;
    l->ready = ready;
    l->ctx = ctx;
    l->key = (struct cache_key){span_make((char *)(l + 1), key->text.n), key->hash};
    l->read.key = disk_key(d, key->text);
    l->read.take = on_take;
    l->read.done = on_done;
    deadline_init(&l->deadline, w, on_late);
    if (disk_get(d, w, &l->read) != DISK_GET_READING) {
        deadline_stop(&l->deadline);
        free(l);
        return NULL;
    }
    deadline_set(&l->deadline, t->wait_ms);
    return l;
}

void cache_load_cancel(struct cache_load **lp)
{
    struct cache_load *l = *lp;

    *lp = NULL;
    if (l != NULL)
        l->ready = NULL;
}
