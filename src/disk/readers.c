#include "disk/readers.h"

#include "base/check.h"
#include "base/thread.h"
#include "disk/cached.h"
#include "disk/writer.h"

#include <stdlib.h>

enum { TABLE = 256, TRIES = 3 };

struct reader_thread {
    struct readers *all;
    pthread_t thread;
    char *memory;  /* owns; a record and what has to be read around it */
    mono_ms since; /* when it began what it is reading; 0: idle; under the lock */
};

struct readers {
    struct disk *d; /* borrowed */
    size_t memory_bytes;

    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t work;
    struct list queue; /* of struct disk_read, oldest first */
    unsigned queued;
    struct disk_read *table[TABLE]; /* waiting or running, without those who joined */
    _Atomic bool stop;

    unsigned threads_n;
    struct reader_thread threads[];
};

static struct disk_read **place_of(struct readers *rs, struct hash128 key)
{
    return &rs->table[key.hi % TABLE];
}

/* --- finding the record --- */

/* Where a record was found: in `memory`, or in a buffer that is not written yet. */
struct finding {
    struct disk_meta meta;
    struct span head, body;
    bool in_writer;
    struct writer_view view;
};

static bool same_key(const struct record_header *h, struct hash128 key)
{
    return h->key_lo == key.lo && h->key_hi == key.hi;
}

static void finding_set(
    struct finding *f, const struct record_header *h, struct span head, struct span body)
{
    f->meta = record_meta(h);
    f->head = head;
    f->body = body;
}

enum looked { LOOKED_FOUND, LOOKED_MISS, LOOKED_AGAIN };

/* The entry led to something that is not the record. If it still leads there, it is the record that
 * is wrong; otherwise it has gone elsewhere while we looked. */
static enum looked entry_wrong(
    struct disk *d, uint64_t hash, uint64_t loc, _Atomic uint64_t *counter)
{
    if (!disk_index_drop(d->index, hash, loc))
        return LOOKED_AGAIN;
    disk_count(counter, 1);
    return LOOKED_MISS;
}

static enum looked look_in_writer(
    struct disk *d, struct hash128 key, uint64_t loc, struct finding *f)
{
    if (!writer_view(d->writer, key.lo, loc, &f->view))
        return LOOKED_AGAIN;
    if (same_key(&f->view.h, key)) {
        finding_set(f, &f->view.h, f->view.head, f->view.body);
        f->in_writer = true;
        disk_count(&d->counts.reads_buffered, 1);
        return LOOKED_FOUND;
    }
    writer_view_end(d->writer, &f->view);
    return LOOKED_MISS;
}

/* Inside the segment `seq`. */
static enum looked look_on_disk(struct disk *d, struct reader_thread *t, struct hash128 key,
    const struct disk_entry *e, uint64_t seq, struct finding *f)
{
    uint64_t at = e->loc * DISK_SECTOR, from = at / DISK_PAGE * DISK_PAGE;
    uint64_t end = volume_segment_at(d->v, seq) + d->v->sb.segment_bytes;
    uint64_t to = round_up(at + (uint64_t)e->sectors * DISK_SECTOR, DISK_PAGE);
    struct record_view r;

    if (to > end)
        to = end;
    if (to - from > t->all->memory_bytes)
        to = from + t->all->memory_bytes;
    if (!disk_io_read(d->v->io, cached_fd_for(d, e), t->memory, to - from, from)) {
        disk_failed(d, false);
        disk_index_drop(d->index, key.lo, e->loc);
        return LOOKED_MISS;
    }
    if (!record_parse(d->v->sb.id, seq, t->memory + (at - from), to - at, &r))
        return entry_wrong(d, key.lo, e->loc, &d->counts.corrupt);
    if (!same_key(&r.h, key))
        return LOOKED_MISS;
    if (!record_body_ok(d->v->sb.id, &r))
        return entry_wrong(d, key.lo, e->loc, &d->counts.corrupt);
    finding_set(f, &r.h, r.head, r.body);
    return LOOKED_FOUND;
}

static bool look(struct disk *d, struct reader_thread *t, struct hash128 key, struct finding *f)
{
    f->in_writer = false;
    for (int i = 0; i < TRIES; i++) {
        enum looked l;
        struct disk_entry e;
        uint64_t seq;

        if (!disk_index_find(d->index, key.lo, &e))
            break;
        l = look_in_writer(d, key, e.loc, f);
        if (l == LOOKED_AGAIN && (seq = ring_enter(&d->ring, e.loc)) != 0) {
            l = look_on_disk(d, t, key, &e, seq, f);
            ring_leave(&d->ring, seq);
        }
        if (l == LOOKED_FOUND) {
            (void)disk_index_used(d->index, key.lo, e.loc);
            return true;
        }
        if (l == LOOKED_MISS)
            break;
    }
    disk_count(&d->counts.reads_missed, 1);
    return false;
}

/* --- the threads --- */

static void run_done(struct message *m, struct worker *w)
{
    struct disk_read *r = container_of(m, struct disk_read, message);

    (void)w;
    r->done(r, r->found);
}

static void finish(struct disk_read *r, bool found, const struct finding *f)
{
    struct worker *w = r->worker;

    r->found = found;
    if (found)
        r->take(r, &f->meta, f->head, f->body);
    r->message.run = run_done;
    worker_post(w, &r->message);
}

static void table_remove(struct readers *rs, struct disk_read *r)
{
    struct disk_read **at = place_of(rs, r->key);

    while (*at != r)
        at = &(*at)->chain;
    *at = r->chain;
}

static void serve(struct reader_thread *t, struct disk_read *r)
{
    struct readers *rs = t->all;
    struct finding f;
    bool found = !rs->stop && look(rs->d, t, r->key, &f);

    /* From here on nobody can join. */
    pthread_mutex_lock(&rs->lock);
    table_remove(rs, r);
    t->since = 0;
    pthread_mutex_unlock(&rs->lock);
    list_each_safe (it, &r->joined) {
        list_remove(it);
        finish(list_entry(it, struct disk_read, node), found, &f);
    }
    finish(r, found, &f);
    if (found && f.in_writer)
        writer_view_end(rs->d->writer, &f.view);
}

static void *thread_main(void *arg)
{
    struct reader_thread *t = arg;
    struct readers *rs = t->all;

    thread_set(0, "disk-reader");
    pthread_mutex_lock(&rs->lock);
    for (;;) {
        struct list *first;

        while (list_empty(&rs->queue) && !rs->stop)
            pthread_cond_wait(&rs->work, &rs->lock);
        first = list_pop(&rs->queue);
        if (first == NULL)
            break;
        rs->queued--;
        t->since = clock_mono_ms();
        pthread_mutex_unlock(&rs->lock);
        serve(t, list_entry(first, struct disk_read, node));
        pthread_mutex_lock(&rs->lock);
    }
    pthread_mutex_unlock(&rs->lock);
    return NULL;
}

/* --- the queue --- */

/* Nothing moves: all threads are stuck, or the oldest that waits has waited too long. One thread
 * that is stuck (on a bad place of the disk) leaves the others. */
static bool slow(const struct readers *rs, mono_ms now)
{
    mono_ms limit = now - rs->d->conf.slow_ms;
    unsigned stuck = 0;

    for (unsigned i = 0; i < rs->threads_n; i++)
        stuck += rs->threads[i].since != 0 && rs->threads[i].since < limit;
    return stuck == rs->threads_n ||
           (!list_empty(&rs->queue) &&
               list_entry(rs->queue.next, struct disk_read, node)->since < limit);
}

bool readers_slow(struct readers *rs, mono_ms now)
{
    bool is;

    pthread_mutex_lock(&rs->lock);
    is = slow(rs, now);
    pthread_mutex_unlock(&rs->lock);
    return is;
}

/* Under the lock. */
static bool enqueue(struct readers *rs, struct disk_read *r)
{
    struct disk_read **place = place_of(rs, r->key);

    for (struct disk_read *other = *place; other != NULL; other = other->chain)
        if (other->loc == r->loc && hash128_eq(other->key, r->key)) {
            list_append(&other->joined, &r->node);
            disk_count(&rs->d->counts.reads_joined, 1);
            return true;
        }
    if (rs->queued >= rs->d->conf.reads_max)
        return false;
    list_init(&r->joined);
    r->chain = *place;
    *place = r;
    list_append(&rs->queue, &r->node);
    rs->queued++;
    pthread_cond_signal(&rs->work);
    return true;
}

bool readers_submit(struct readers *rs, struct worker *w, struct disk_read *r, uint64_t loc)
{
    bool ok;

    r->worker = w;
    r->loc = loc;
    r->since = clock_mono_ms();
    pthread_mutex_lock(&rs->lock);
    ok = !rs->stop && !slow(rs, r->since) && enqueue(rs, r);
    pthread_mutex_unlock(&rs->lock);
    return ok;
}

/* --- its life --- */

struct readers *readers_new(struct disk *d)
{
    unsigned n = d->conf.readers;
    struct readers *rs = xcalloc(1, sizeof(*rs) + n * sizeof(rs->threads[0]));

    rs->d = d;
    rs->threads_n = n;
    /* The index may say an eighth too much, and pages are read, not sectors. */
    rs->memory_bytes = round_up(d->record_max + d->record_max / 8, DISK_PAGE) + 2 * DISK_PAGE;
    list_init(&rs->queue);
    pthread_mutex_init(&rs->lock, NULL);
    pthread_cond_init(&rs->work, NULL);
    for (unsigned i = 0; i < n; i++) {
        rs->threads[i].all = rs;
        rs->threads[i].memory = disk_io_memory(rs->memory_bytes);
        disk_thread(&rs->threads[i].thread, thread_main, &rs->threads[i]);
    }
    return rs;
}

void readers_stop(struct readers *rs)
{
    bool stopped;

    pthread_mutex_lock(&rs->lock);
    stopped = rs->stop;
    rs->stop = true;
    pthread_cond_broadcast(&rs->work);
    pthread_mutex_unlock(&rs->lock);
    for (unsigned i = 0; !stopped && i < rs->threads_n; i++)
        pthread_join(rs->threads[i].thread, NULL);
}

void readers_free(struct readers **rsp)
{
    struct readers *rs = *rsp;

    if (rs == NULL)
        return;
    *rsp = NULL;
    readers_stop(rs);
    for (unsigned i = 0; i < rs->threads_n; i++)
        free(rs->threads[i].memory);
    pthread_cond_destroy(&rs->work);
    pthread_mutex_destroy(&rs->lock);
    free(rs);
}

uint64_t readers_bytes(const struct readers *rs)
{
    return rs->threads_n * rs->memory_bytes;
}
