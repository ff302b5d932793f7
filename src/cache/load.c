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
    struct list link;         /* in its place among the tier's loads */
    bool doomed;              /* under their lock: something newer was stored, or this removed */
    void (*ready)(void *ctx); /* NULL: nobody waits any more */
    void *ctx;
    struct deadline deadline;
    struct disk_read read;
    struct object *obj;   /* counted; what was read, or was in memory by then */
    struct cache_key key; /* text in this allocation */
};

/* --- loads in flight ------------------------------------------------------------------------ */

void loads_init(struct disk_tier *t)
{
    pthread_mutex_init(&t->loads_lock, NULL);
    for (unsigned i = 0; i < DISK_LOADS_PLACES; i++)
        list_init(&t->loads[i]);
}

static struct list *place_of(struct disk_tier *t, struct hash128 hash)
{
    return &t->loads[hash.hi % DISK_LOADS_PLACES];
}

void loads_doom(struct disk_tier *t, struct span key)
{
    pthread_mutex_lock(&t->loads_lock);
    list_each (it, place_of(t, hash128(key))) {
        struct cache_load *l = list_entry(it, struct cache_load, link);

        if (span_eq(l->key.text, key))
            l->doomed = true;
    }
    pthread_mutex_unlock(&t->loads_lock);
}

/* False: a doomed one of that key is still on its way, and the disk would take this one for the
 * same. */
static bool loads_add(struct cache_load *l)
{
    struct disk_tier *t = l->tier;
    struct list *place = place_of(t, l->key.hash);
    bool ok = true;

    pthread_mutex_lock(&t->loads_lock);
    list_each (it, place) {
        struct cache_load *other = list_entry(it, struct cache_load, link);

        ok &= !other->doomed || !span_eq(other->key.text, l->key.text);
    }
    if (ok)
        list_append(place, &l->link);
    pthread_mutex_unlock(&t->loads_lock);
    return ok;
}

static void loads_remove(struct cache_load *l)
{
    pthread_mutex_lock(&l->tier->loads_lock);
    list_remove(&l->link);
    pthread_mutex_unlock(&l->tier->loads_lock);
}

/* A removal drops the record, dooms then, and looks into memory last: it finds the object there or
 * we see it here. */
static void store(struct cache_load *l, struct object *obj)
{
    struct disk_tier *t = l->tier;

    pthread_mutex_lock(&t->loads_lock);
    if (!l->doomed)
        memory_put_new(t->cache->memory, obj);
    pthread_mutex_unlock(&t->loads_lock);
}

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

static struct object *of_record(
    struct cache_load *l, const struct disk_meta *meta, struct span head, struct span body)
{
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
    return o;
}

/* Equal reads come here one after another: the first one's object is everybody's. */
static void on_take(
    struct disk_read *r, const struct disk_meta *meta, struct span head, struct span body)
{
    struct cache_load *l = container_of(r, struct cache_load, read);

    l->obj = memory_find(l->tier->cache->memory, &l->key, false);
    if (l->obj != NULL)
        return;
    l->obj = of_record(l, meta, head, body);
    if (l->obj != NULL)
        store(l, l->obj);
}

/* --- on the worker -------------------------------------------------------------------------- */

static void tell(struct cache_load *l)
{
    void (*ready)(void *ctx) = l->ready;

    l->ready = NULL;
    if (ready != NULL)
        ready(l->ctx);
}

static void load_free(struct cache_load *l)
{
    loads_remove(l);
    deadline_stop(&l->deadline);
    object_release(&l->obj);
    free(l);
}

static void on_done(struct disk_read *r, bool found)
{
    struct cache_load *l = container_of(r, struct cache_load, read);

    (void)found; /* the record may be there and be another's, or have had no room */
    if (l->obj != NULL)
        count(C_DISK_LOADED);
    tell(l);
    load_free(l);
}

static void on_late(struct deadline *d)
{
    struct cache_load *l = container_of(d, struct cache_load, deadline);

    if (l->ready != NULL)
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
    if (!loads_add(l)) {
        free(l);
        return NULL;
    }
    /* Again: only now it can be doomed, and so a record that is there now is the right one. */
    if (!disk_tier_has(t, key->text) || disk_get(d, w, &l->read) != DISK_GET_READING) {
        load_free(l);
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
