#include "cache/disk_write.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/list.h"
#include "base/thread.h"
#include "cache/chunk.h"
#include "cache/disk_tier_impl.h"
#include "cache/image.h"
#include "cache/object.h"
#include "cache/slice.h"
#include "disk/disk.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum {
    BUSY_WAIT_MS = 5,
    BUSY_TRIES_MAX = 400, /* then the disk is not keeping up: what waits is better fetched again */
    SPANS_MAX = DISK_TIER_WHOLE_MAX / CHUNK_FILE_MIN + 2,
};

struct queued {
    struct list link;
    struct object *obj; /* counted */
    bool forgotten;
};

struct disk_writer {
    struct disk_tier *tier; /* borrowed */
    uint64_t bytes_max;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct list queue; /* oldest first */
    unsigned queued;
    uint64_t bytes;
    struct queued *writing; /* borrowed by the queue's thread; NULL: none */
    bool stop;
};

static uint64_t held_bytes(const struct object *o)
{
    return o->bytes + o->body_bytes;
}

/* --- writing one ---------------------------------------------------------------------------- */

static bool put_patiently(struct disk *d, const struct disk_put *p)
{
    const struct timespec wait = {.tv_nsec = BUSY_WAIT_MS * 1000000L};

    for (int i = 0; i < BUSY_TRIES_MAX; i++) {
        switch (disk_put(d, p)) {
        case DISK_PUT_DONE:
            count(C_DISK_WRITTEN);
            return true;
        case DISK_PUT_BUSY:
            nanosleep(&wait, NULL);
            continue;
        case DISK_PUT_LARGE:
        case DISK_PUT_OFF:
            return false;
        }
    }
    return false;
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
    struct disk *d = disk_tier_volume(t, key->text);
    struct span spans[SPANS_MAX];
    struct disk_put put = {
        .key = disk_key(d, key->text),
        .meta = meta_of(o, DISK_SLICE),
        .head = key->text,
        .body = spans,
        .body_n = spans_of(o->body, first, bytes, spans),
    };

    return put_patiently(d, &put);
}

/* All of a body that is larger than a record. */
static bool write_cut(struct disk_tier *t, const struct object *o)
{
    char text[SLICE_KEY_MAX];

    for (uint64_t at = 0; at < o->body_bytes; at += DISK_TIER_WHOLE_MAX) {
        struct cache_key key = slice_key(o->id, slice_at(at, DISK_TIER_WHOLE_MAX), text);
        uint64_t left = o->body_bytes - at;

        if (!write_slice(t, o, at, left < DISK_TIER_WHOLE_MAX ? left : DISK_TIER_WHOLE_MAX, &key))
            return false;
    }
    return true;
}

static bool write_image(struct disk_tier *t, const struct object *o, bool cut)
{
    struct disk *d = disk_tier_volume(t, o->key);
    uint32_t slice_bytes = cut ? DISK_TIER_WHOLE_MAX : o->slice_bytes;
    struct span spans[SPANS_MAX];
    size_t head_n = image_bytes(o);
    char *head = xmalloc(head_n);
    struct disk_put put = {
        .key = disk_key(d, o->key),
        .meta = meta_of(o, slice_bytes != 0 ? DISK_SLICED : DISK_WHOLE),
        .head = span_make(head, head_n),
        .body = spans,
        .body_n = cut ? 0 : spans_of(o->body, 0, o->body_bytes, spans),
    };
    bool ok;

    image_write(o, slice_bytes, head);
    ok = put_patiently(d, &put);
    free(head);
    return ok;
}

static void write_object(struct disk_tier *t, const struct object *o)
{
    struct cache_key key = {o->key, o->hash};
    bool cut = o->body_bytes > DISK_TIER_WHOLE_MAX, ok;

    if (slice_key_is(o->key))
        ok = !cut && write_slice(t, o, 0, o->body_bytes, &key);
    else /* the head last: who finds it finds slices */
        ok = (!cut || write_cut(t, o)) && write_image(t, o, cut);
    if (!ok)
        count(C_DISK_NOT_WRITTEN);
}

/* --- the thread ----------------------------------------------------------------------------- */

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

static void queued_free(struct disk_writer *w, struct queued *q)
{
    bool forgotten;

    pthread_mutex_lock(&w->lock);
    forgotten = q->forgotten;
    w->writing = NULL;
    w->queued--;
    w->bytes -= held_bytes(q->obj);
    pthread_mutex_unlock(&w->lock);
    if (forgotten)
        disk_tier_forget(w->tier, q->obj->key);
    object_release(&q->obj);
    free(q);
}

static void *writer_main(void *arg)
{
    struct disk_writer *w = arg;
    struct queued *q;

    thread_set(0, "disk-behind");
    while ((q = next_queued(w)) != NULL) {
        write_object(w->tier, q->obj);
        queued_free(w, q);
    }
    return NULL;
}

struct disk_writer *disk_writer_new(struct disk_tier *t, uint64_t bytes_max)
{
    struct disk_writer *w = xcalloc(1, sizeof(*w));
    sigset_t all, old;

    w->tier = t;
    w->bytes_max = bytes_max;
    list_init(&w->queue);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    check(pthread_create(&w->thread, NULL, writer_main, w) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return w;
}

void disk_writer_free(struct disk_writer **wp)
{
    struct disk_writer *w = *wp;

    if (w == NULL)
        return;
    *wp = NULL;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

void disk_writer_put(struct disk_writer *w, struct object *obj)
{
    struct queued *q;
    bool room;

    pthread_mutex_lock(&w->lock);
    room = w->queued < DISK_QUEUE_MAX && w->bytes + held_bytes(obj) <= w->bytes_max;
    if (room) {
        q = xmalloc(sizeof(*q));
        *q = (struct queued){.obj = object_ref(obj)};
        list_append(&w->queue, &q->link);
        w->queued++;
        w->bytes += held_bytes(obj);
        pthread_cond_signal(&w->work);
    }
    pthread_mutex_unlock(&w->lock);
    if (!room)
        count(C_DISK_NOT_WRITTEN);
}

void disk_writer_forget(struct disk_writer *w, struct span key)
{
    pthread_mutex_lock(&w->lock);
    if (w->writing != NULL && span_eq(w->writing->obj->key, key))
        w->writing->forgotten = true;
    list_each_safe (it, &w->queue) {
        struct queued *q = list_entry(it, struct queued, link);

        if (!span_eq(q->obj->key, key))
            continue;
        list_remove(&q->link);
        w->queued--;
        w->bytes -= held_bytes(q->obj);
        object_release(&q->obj);
        free(q);
    }
    pthread_mutex_unlock(&w->lock);
}

void disk_writer_queued(struct disk_writer *w, uint64_t *objects, uint64_t *bytes)
{
    pthread_mutex_lock(&w->lock);
    *objects = w->queued;
    *bytes = w->bytes;
    pthread_mutex_unlock(&w->lock);
}
