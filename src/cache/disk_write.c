#include "cache/disk_write.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/list.h"
#include "base/log.h"
#include "base/thread.h"
#include "cache/chunk.h"
#include "cache/disk_tier_impl.h"
#include "cache/image.h"
#include "cache/memory.h"
#include "cache/object.h"
#include "cache/slice.h"
#include "disk/disk.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum {
    WAIT_MS = 5,
    BUSY_MS = 2000,  /* then the disk is not keeping up: what waits is better fetched again */
    DRAIN_MS = 5000, /* for what waits in the end */
    SPANS_MAX = DISK_TIER_WHOLE_MAX / CHUNK_FILE_MIN + 2,
    PLACES = 1024,
};

struct queued {
    struct list link;         /* in the queue, or alone while it is being written */
    struct list chain;        /* in its place */
    struct object *obj;       /* counted */
    struct disk_batch *batch; /* counted; of what it is a part, or NULL */
    bool forgotten;
};

struct disk_writer {
    struct disk_tier *tier; /* borrowed */
    uint64_t bytes_max;
    pthread_t thread;
    bool behind[DISK_TIER_VOLUMES_MAX]; /* the thread's: did not take the last record in time */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t work;
    struct list queue; /* oldest first */
    struct list places[PLACES];
    unsigned queued;
    uint64_t bytes;
    struct queued *writing; /* NULL: none */
    _Atomic bool stop;
    mono_ms stopped_ms;
};

static uint64_t held_bytes(const struct object *o)
{
    return o->bytes + o->body_bytes;
}

static void pause_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = WAIT_MS * 1000000L}, NULL);
}

/* --- writing one ---------------------------------------------------------------------------- */

/* Whether a volume that takes no more may be waited for. */
static bool may_wait(const struct disk_writer *w, unsigned place, mono_ms since)
{
    mono_ms now = clock_mono_ms();

    if (atomic_load(&w->stop) && now - w->stopped_ms > DRAIN_MS)
        return false;
    return !w->behind[place] && now - since < BUSY_MS;
}

static bool put_patiently(struct disk_tier *t, unsigned place, const struct disk_put *p)
{
    struct disk_writer *w = t->writer;
    mono_ms since = clock_mono_ms();

    for (;;) {
        switch (disk_put(t->volumes[place], p)) {
        case DISK_PUT_DONE:
            w->behind[place] = false;
            count(C_DISK_WRITTEN);
            return true;
        case DISK_PUT_BUSY:
            if (may_wait(w, place, since)) {
                pause_a_little();
                continue;
            }
            w->behind[place] = true;
            return false;
        case DISK_PUT_LARGE:
        case DISK_PUT_OFF:
            return false;
        }
    }
}

/* The pieces of a body's bytes [first, first + n). */
static unsigned spans_of(
    const struct chunk *c, uint64_t first, uint64_t n, struct span out[static SPANS_MAX])
{
    unsigned spans = 0;

    for (; c != NULL && n > 0; c = c->next) {
        uint64_t skip, take;

        if (first >= c->at + c->n)
            continue;
        skip = first - c->at;
        take = c->n - skip < n ? c->n - skip : n;
        check(spans < SPANS_MAX);
        out[spans++] = span_make(c->data + skip, (size_t)take);
        first += take;
        n -= take;
    }
    check(n == 0);
    return spans;
}

/* When nothing can be done with it any more: what has a validator may be made fresh again. 0:
 * never.
 */
static wall_s useless_at(const struct object *o)
{
    const struct freshness *f = &o->fresh;
    uint32_t stale = f->while_revalidate_s > f->if_error_s ? f->while_revalidate_s : f->if_error_s;

    if (f->response_s == 0 || object_get(o, FIELD_ETAG).n > 0 ||
        object_get(o, FIELD_LAST_MODIFIED).n > 0)
        return 0;
    return f->response_s + f->lifetime_s - f->initial_age_s + stale;
}

static struct disk_meta meta_of(const struct object *o, enum disk_kind kind)
{
    return (struct disk_meta){
        .born = o->born, .site = o->site, .expires = useless_at(o), .kind = (uint8_t)kind};
}

/* A slice's record has nothing but its key for a head. */
static bool write_slice(struct disk_tier *t, const struct object *o, uint64_t first, uint64_t bytes,
    const struct cache_key *key)
{
    unsigned place = disk_tier_place(t, key->text);
    struct span spans[SPANS_MAX];
    struct disk_put put = {
        .key = disk_key(t->volumes[place], key->text),
        .meta = meta_of(o, DISK_SLICE),
        .head = key->text,
        .body = spans,
        .body_n = spans_of(o->body, first, bytes, spans),
    };

    return put_patiently(t, place, &put);
}

static bool has_slice(struct disk_tier *t, struct span key)
{
    struct disk *d = disk_tier_volume(t, key);
    struct disk_entry entry;

    return disk_peek(d, disk_key(d, key), &entry);
}

/* All of a body that is larger than a record. Slices of another head of the same body stay. */
static bool write_cut(struct disk_tier *t, const struct object *o)
{
    char text[SLICE_KEY_MAX];

    for (uint64_t at = 0; at < o->body_bytes; at += DISK_TIER_WHOLE_MAX) {
        struct cache_key key = slice_key(o->id, slice_at(at, DISK_TIER_WHOLE_MAX), text);
        uint64_t left = o->body_bytes - at;

        if (!has_slice(t, key.text) &&
            !write_slice(t, o, at, left < DISK_TIER_WHOLE_MAX ? left : DISK_TIER_WHOLE_MAX, &key))
            return false;
    }
    return true;
}

static bool write_image(struct disk_tier *t, const struct object *o, bool cut)
{
    unsigned place = disk_tier_place(t, o->key);
    uint32_t slice_bytes = cut ? DISK_TIER_WHOLE_MAX : o->slice_bytes;
    struct span spans[SPANS_MAX];
    size_t head_n = image_bytes(o);
    char *head = xmalloc(head_n);
    struct disk_put put = {
        .key = disk_key(t->volumes[place], o->key),
        .meta = meta_of(o, slice_bytes != 0 ? DISK_SLICED : DISK_WHOLE),
        .head = span_make(head, head_n),
        .body = spans,
        .body_n = cut ? 0 : spans_of(o->body, 0, o->body_bytes, spans),
    };
    bool ok;

    image_write(o, slice_bytes, head);
    ok = put_patiently(t, place, &put);
    free(head);
    return ok;
}

static bool write_object(struct disk_tier *t, const struct object *o)
{
    struct cache_key key = {o->key, o->hash};
    bool cut = o->body_bytes > DISK_TIER_WHOLE_MAX;

    if (slice_key_is(o->key))
        return !cut && write_slice(t, o, 0, o->body_bytes, &key);
    /* The head last: who finds it finds slices. */
    return (!cut || write_cut(t, o)) && write_image(t, o, cut);
}

/* By now memory may have another version; then that is queued, too, or was before. Of a slice there
 * is one version only. */
static struct object *what_is_stored(struct disk_tier *t, const struct queued *q)
{
    const struct cache_key key = {q->obj->key, q->obj->hash};

    if (q->batch != NULL && slice_key_is(key.text))
        return object_ref(q->obj);
    return memory_find(t->cache->memory, &key, false);
}

static bool write_of_batch(struct disk_tier *t, const struct object *obj, struct disk_batch *b)
{
    if (!disk_batch_lost(b) && write_object(t, obj))
        return true;
    disk_batch_lose(b);
    return false;
}

static void write_what_is_stored(struct disk_tier *t, const struct queued *q)
{
    const struct cache_key key = {q->obj->key, q->obj->hash};
    struct object *obj = what_is_stored(t, q);
    bool ok =
        obj != NULL && (q->batch != NULL ? write_of_batch(t, obj, q->batch) : write_object(t, obj));

    if (!ok && q->batch != NULL && !slice_key_is(key.text))
        memory_remove_object(t->cache->memory, q->obj);
    if (!ok) {
        count(C_DISK_NOT_WRITTEN);
        disk_tier_forget(t, key.text);
    }
    object_release(&obj);
}

/* --- the thread ----------------------------------------------------------------------------- */

static void wait_for_directories(struct disk_writer *w)
{
    struct disk_tier *t = w->tier;
    unsigned left = t->volumes_n;

    while (left > 0 && !atomic_load(&w->stop)) {
        left = 0;
        for (unsigned i = 0; i < t->volumes_n; i++) {
            if (unread_over(&t->unread[i]))
                continue;
            if (disk_state(t->volumes[i]) == DISK_RECOVERING)
                left++;
            else if (!unread_end(&t->unread[i], t->volumes[i]))
                log_msg(LOG_ERROR,
                    "volume %s: too much has changed while it was recovered; it is "
                    "not used",
                    disk_volume(t->volumes[i])->path);
        }
        if (left > 0)
            pause_a_little();
    }
}

/* NULL: it is to stop, and nothing waits. */
static struct queued *next_queued(struct disk_writer *w)
{
    struct queued *q = NULL;

    pthread_mutex_lock(&w->lock);
    while (list_empty(&w->queue) && !w->stop)
        pthread_cond_wait(&w->work, &w->lock);
    if (!list_empty(&w->queue)) {
        q = list_entry(w->queue.next, struct queued, link);
        list_remove(&q->link);
    }
    w->writing = q;
    pthread_mutex_unlock(&w->lock);
    return q;
}

/* Under the lock. Ends it; the reference is the caller's to end. */
static struct object *queued_end(struct disk_writer *w, struct queued *q)
{
    struct object *obj = q->obj;

    if (!list_empty(&q->link))
        list_remove(&q->link);
    list_remove(&q->chain);
    w->queued--;
    w->bytes -= held_bytes(obj);
    disk_batch_release(&q->batch);
    free(q);
    return obj;
}

/* While it is on the list nobody loads what was written. */
static void written(struct disk_writer *w, struct queued *q)
{
    struct object *obj = NULL;

    while (obj == NULL) {
        bool forgotten;

        pthread_mutex_lock(&w->lock);
        forgotten = q->forgotten;
        q->forgotten = false;
        if (!forgotten) {
            w->writing = NULL;
            obj = queued_end(w, q);
        }
        pthread_mutex_unlock(&w->lock);
        if (forgotten)
            disk_tier_forget(w->tier, q->obj->key);
    }
    object_release(&obj);
}

static void *writer_main(void *arg)
{
    struct disk_writer *w = arg;
    struct queued *q;

    thread_set(0, "disk-behind");
    wait_for_directories(w);
    while ((q = next_queued(w)) != NULL) {
        write_what_is_stored(w->tier, q);
        written(w, q);
    }
    return NULL;
}

void disk_writer_start(struct disk_tier *t, uint64_t bytes_max)
{
    struct disk_writer *w = xcalloc(1, sizeof(*w));
    sigset_t all, old;

    w->tier = t;
    w->bytes_max = bytes_max;
    list_init(&w->queue);
    for (unsigned i = 0; i < PLACES; i++)
        list_init(&w->places[i]);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    t->writer = w; /* its thread looks there */
    check(pthread_create(&w->thread, NULL, writer_main, w) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void disk_writer_free(struct disk_writer **wp)
{
    struct disk_writer *w = *wp;

    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopped_ms = clock_mono_ms();
    w->stop = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    *wp = NULL;
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* --- the queue ------------------------------------------------------------------------------ */

static struct list *place_of(struct disk_writer *w, struct span key)
{
    return &w->places[hash128(key).lo % PLACES];
}

/* Under the lock. */
static struct queued *find(struct disk_writer *w, struct span key)
{
    list_each (it, place_of(w, key)) {
        struct queued *q = list_entry(it, struct queued, chain);

        if (span_eq(q->obj->key, key) && q != w->writing)
            return q;
    }
    return NULL;
}

static bool is_writing(const struct disk_writer *w, struct span key)
{
    return w->writing != NULL && span_eq(w->writing->obj->key, key);
}

/* Something large goes through alone, whatever the bound. */
static bool has_room(const struct disk_writer *w, const struct object *obj)
{
    return w->queued < DISK_QUEUE_MAX &&
           (w->queued == 0 || w->bytes + held_bytes(obj) <= w->bytes_max);
}

/* Under the lock. */
static void enqueue(struct disk_writer *w, struct object *obj, struct disk_batch *batch)
{
    struct queued *q = xmalloc(sizeof(*q));

    *q = (struct queued){.obj = object_ref(obj), .batch = batch};
    list_append(&w->queue, &q->link);
    list_append(place_of(w, obj->key), &q->chain);
    w->queued++;
    w->bytes += held_bytes(obj);
    pthread_cond_signal(&w->work);
}

bool disk_writer_put(struct disk_writer *w, struct object *obj)
{
    struct object *old = NULL;
    struct queued *q;
    bool room;

    pthread_mutex_lock(&w->lock);
    q = find(w, obj->key);
    if (q != NULL)
        old = queued_end(w, q);
    room = has_room(w, obj);
    if (room)
        enqueue(w, obj, NULL);
    pthread_mutex_unlock(&w->lock);
    object_release(&old);
    if (!room)
        count(C_DISK_NOT_WRITTEN);
    return room;
}

bool disk_writer_room(struct disk_writer *w)
{
    bool room;

    pthread_mutex_lock(&w->lock);
    room = w->queued < DISK_QUEUE_MAX / 2 && w->bytes < w->bytes_max / 2;
    pthread_mutex_unlock(&w->lock);
    return room;
}

void disk_writer_add(struct disk_writer *w, struct object *obj, struct disk_batch *batch)
{
    struct object *old = NULL;
    struct queued *q;

    pthread_mutex_lock(&w->lock);
    q = find(w, obj->key);
    if (q != NULL)
        old = queued_end(w, q);
    enqueue(w, obj, disk_batch_ref(batch));
    pthread_mutex_unlock(&w->lock);
    object_release(&old);
}

bool disk_writer_has(struct disk_writer *w, struct span key)
{
    bool has;

    pthread_mutex_lock(&w->lock);
    has = w->queued > 0 && (is_writing(w, key) || find(w, key) != NULL);
    pthread_mutex_unlock(&w->lock);
    return has;
}

void disk_writer_forget(struct disk_writer *w, struct span key)
{
    struct object *obj = NULL;
    struct queued *q;

    pthread_mutex_lock(&w->lock);
    if (is_writing(w, key))
        w->writing->forgotten = true;
    q = w->queued > 0 ? find(w, key) : NULL;
    if (q != NULL)
        obj = queued_end(w, q);
    pthread_mutex_unlock(&w->lock);
    object_release(&obj);
}

void disk_writer_queued(struct disk_writer *w, uint64_t *objects, uint64_t *bytes)
{
    pthread_mutex_lock(&w->lock);
    *objects = w->queued;
    *bytes = w->bytes;
    pthread_mutex_unlock(&w->lock);
}
