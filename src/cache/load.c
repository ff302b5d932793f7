#include "cache/load.h"

#include "base/check.h"
#include "base/counters.h"
#include "cache/disk_tier_impl.h"
#include "cache/image.h"
#include "cache/index.h"
#include "cache/memory.h"
#include "cache/object.h"
#include "cache/purge_impl.h"
#include "cache/slice.h"
#include "loop/deadline.h"

#include <stdlib.h>
#include <string.h>

_Static_assert((int)CHUNK_MAX == (int)RECORD_PIECE, "a piece of a record is a chunk");

/* What all loads are, for those who remove and replace. */
struct loading {
    struct disk_tier *tier; /* borrowed */
    struct list link;       /* in its place among the tier's loads */
    bool doomed;            /* under their lock: something newer was stored, or this removed */
    struct cache_key key;   /* borrowed text */
};

struct cache_load {
    struct loading loading;   /* the text of its key is in this allocation */
    void (*ready)(void *ctx); /* NULL: nobody waits any more */
    void *ctx;
    struct deadline deadline;
    struct disk_read read;
    struct object *obj; /* counted; what was read, or was in memory by then */
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
        struct loading *l = list_entry(it, struct loading, link);

        if (span_eq(l->key.text, key))
            l->doomed = true;
    }
    pthread_mutex_unlock(&t->loads_lock);
}

/* False: a doomed one of that key is still on its way, and the disk would take this one for the
 * same. */
static bool loads_add(struct loading *l)
{
    struct disk_tier *t = l->tier;
    struct list *place = place_of(t, l->key.hash);
    bool ok = true;

    pthread_mutex_lock(&t->loads_lock);
    list_each (it, place) {
        struct loading *other = list_entry(it, struct loading, link);

        ok &= !other->doomed || !span_eq(other->key.text, l->key.text);
    }
    if (ok)
        list_append(place, &l->link);
    pthread_mutex_unlock(&t->loads_lock);
    return ok;
}

/* Whether it was not doomed. */
static bool loads_remove(struct loading *l)
{
    bool ok;

    pthread_mutex_lock(&l->tier->loads_lock);
    list_remove(&l->link);
    ok = !l->doomed;
    pthread_mutex_unlock(&l->tier->loads_lock);
    return ok;
}

/* A removal drops the record, dooms then, and looks into memory last: it finds the object there or
 * we see it here. */
static void store(struct loading *l, struct object *obj)
{
    struct disk_tier *t = l->tier;

    pthread_mutex_lock(&t->loads_lock);
    if (!l->doomed)
        memory_put_new(t->cache->memory, obj);
    pthread_mutex_unlock(&t->loads_lock);
}

/* --- from a record to an object ------------------------------------------------------------- */

static struct object *of_image(
    struct loading *l, const struct disk_meta *meta, struct span head, struct arena *a)
{
    struct image image;

    if (!image_read(head, a, &image) || !span_eq(image.key, l->key.text) ||
        (meta->kind == DISK_SLICED) != (image.slice_bytes != 0))
        return NULL;
    return object_of_image(l->tier->cache, &l->key, &image);
}

static struct object *of_head(struct loading *l, const struct disk_meta *meta, struct span head)
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
    return o;
}

/* Room for a body, a chunk for each piece of the record. False: the budget has none. */
static bool make_room(struct object *o, uint32_t body_n, char **pieces)
{
    struct memory *m = o->cache->memory;
    struct chunk **link = &o->body;

    for (uint32_t at = 0; at < body_n; at += RECORD_PIECE) {
        uint32_t n = record_piece_bytes(body_n, at / RECORD_PIECE);
        struct chunk *c = chunk_new(m, n, at, index_hash(o->hash));

        if (c == NULL)
            return false;
        c->n = n;
        *link = c;
        link = &c->next;
        *pieces++ = c->data;
    }
    o->body_bytes = body_n;
    return true;
}

/* A record's object without the bytes of its body, which are to go where `pieces` say; or NULL. */
static struct object *of_record(struct loading *l, const struct disk_meta *meta, struct span head,
    uint32_t body_n, char **pieces)
{
    struct object *o = of_head(l, meta, head);

    if (o != NULL && (o->loose || !make_room(o, body_n, pieces)))
        object_release(&o);
    return o;
}

/* --- on the disk's reader thread ------------------------------------------------------------ */

/* Equal reads come here one after another: the first one's object is everybody's. */
static void on_take(
    struct disk_read *r, const struct disk_meta *meta, struct span head, struct span body)
{
    struct cache_load *l = container_of(r, struct cache_load, read);
    char *pieces[RECORD_PIECES_MAX];

    l->obj = memory_find(l->loading.tier->cache->memory, &l->loading.key, false);
    if (l->obj != NULL)
        return;
    l->obj = of_record(&l->loading, meta, head, (uint32_t)body.n, pieces);
    if (l->obj == NULL)
        return;
    for (uint32_t i = 0; i * (size_t)RECORD_PIECE < body.n; i++)
        memcpy(
            pieces[i], body.p + i * (size_t)RECORD_PIECE, record_piece_bytes((uint32_t)body.n, i));
    l->obj->whole = true;
    disk_tier_loaded(l->loading.tier, l->obj);
    store(&l->loading, l->obj);
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
    (void)loads_remove(&l->loading);
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
    l->loading.tier = t;
    l->loading.key = (struct cache_key){span_make((char *)(l + 1), key->text.n), key->hash};
    l->ready = ready;
    l->ctx = ctx;
    l->read.key = disk_key(d, key->text);
    l->read.take = on_take;
    l->read.done = on_done;
    deadline_init(&l->deadline, w, on_late);
    if (!loads_add(&l->loading)) {
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

/* --- at once -------------------------------------------------------------------------------- */

struct load_now {
    struct loading loading;
    struct disk_now read;
    struct object *obj; /* counted; NULL: none yet */
};

static bool on_begin(struct disk_now *r, const struct disk_meta *meta, struct span head,
    uint32_t body_n, char **pieces)
{
    struct load_now *l = container_of(r, struct load_now, read);

    l->obj = of_record(&l->loading, meta, head, body_n, pieces);
    return l->obj != NULL;
}

struct object *cache_load_now(struct cache *c, const struct cache_key *key)
{
    struct disk_tier *t = c->disk;
    struct load_now l;
    struct disk *d;
    bool found;

    if (t == NULL)
        return NULL;
    d = disk_tier_volume(t, key->text);
    l = (struct load_now){
        .loading = {.tier = t, .key = *key},
        .read = {.key = disk_key(d, key->text), .begin = on_begin},
    };
    if (!loads_add(&l.loading))
        return NULL;
    /* Only now it can be doomed, and so a record that is there now is the right one. */
    found = disk_tier_has(t, key->text) && disk_get_now(d, &l.read);
    if (found) {
        l.obj->whole = true;
        disk_tier_loaded(t, l.obj);
        if (memory_pass(c->memory, l.obj))
            store(&l.loading, l.obj);
    }
    if (!loads_remove(&l.loading) || !found) {
        object_release(&l.obj);
        return NULL;
    }
    count(C_DISK_LOADED);
    count(C_DISK_LOADED_NOW);
    return cache_unless_gone(c, l.obj);
}

void cache_load_cancel(struct cache_load **lp)
{
    struct cache_load *l = *lp;

    *lp = NULL;
    if (l != NULL)
        l->ready = NULL;
}
