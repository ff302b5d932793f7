#include "disk/writer.h"

#include "base/check.h"
#include "base/list.h"
#include "base/thread.h"
#include "disk/keeper.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Instead of a magic, in memory: a record that is never sealed. */
#define RECORD_VOID UINT64_C(1)

enum buffer_state { BUFFER_FREE, BUFFER_OPEN, BUFFER_SEALED, BUFFER_WRITTEN };

/* What the thread does, one after the other: a buffer, or a footer. */
struct item {
    struct list node;
    bool is_footer;
    uint64_t seq; /* of the segment */
};

struct buffer {
    struct item item;
    enum buffer_state state;
    char *data;
    uint64_t at;         /* on the volume, in bytes */
    uint32_t used, room; /* bytes */
    uint32_t first;      /* where its first record is */
    unsigned pending;    /* appending */
    unsigned viewers;
    mono_ms opened;
};

struct footer {
    struct item item;
    struct footer_entry *entries; /* owns */
    uint32_t n;
};

struct writer {
    struct disk *d; /* borrowed */
    uint32_t run;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t work;  /* for the thread */
    pthread_cond_t room;  /* an item is done, or a buffer is free */
    struct buffer *buffers, *open;
    struct list queue;     /* of items */
    uint64_t queued, done; /* items so far */
    bool stop, abandon;

    uint64_t seq;                 /* of the segment being written; 0: none */
    uint32_t filled;              /* bytes of it that belong to buffers that are not open */
    struct footer_entry *entries; /* owns */
    uint32_t entries_n, entries_cap;
};

/* --- segments; under the lock --- */

static void queue(struct writer *w, struct item *it, bool is_footer)
{
    it->is_footer = is_footer;
    it->seq = w->seq;
    list_append(&w->queue, &it->node);
    w->queued++;
    pthread_cond_signal(&w->work);
}

static void buffer_seal(struct writer *w)
{
    struct buffer *b = w->open;
    uint32_t whole = (uint32_t)round_up(b->used, DISK_PAGE);

    memset(b->data + b->used, 0, whole - b->used);
    w->filled += whole;
    b->state = BUFFER_SEALED;
    w->open = NULL;
    queue(w, &b->item, false);
}

static void segment_close(struct writer *w)
{
    struct footer *f;

    if (w->open != NULL)
        buffer_seal(w);
    f = xcalloc(1, sizeof(*f));
    f->entries = w->entries;
    f->n = w->entries_n;
    w->entries = NULL;
    w->entries_n = w->entries_cap = 0;
    queue(w, &f->item, true);
    w->seq = 0;
}

static bool segment_open(struct writer *w, bool keeper)
{
    if (ring_free_segments(&w->d->ring) < (keeper ? 1 : 2))
        return false;
    w->seq = ring_advance(&w->d->ring);
    w->filled = 0;
    keeper_wake(w->d->keeper);
    return true;
}

/* Whether a record of that many bytes fits, and the footer with it, wherever it comes to stand. */
static bool segment_fits(const struct writer *w, uint32_t bytes)
{
    uint64_t at = w->filled != 0 || w->open != NULL ? w->filled : DISK_PAGE;

    if (w->open != NULL)
        at += round_up(w->open->used, DISK_PAGE);
    return at + bytes + footer_bytes(w->entries_n + 1) <= w->d->v->sb.segment_bytes;
}

static bool buffer_open(struct writer *w)
{
    const struct superblock *sb = &w->d->v->sb;

    for (unsigned i = 0; i < w->d->conf.buffers; i++) {
        struct buffer *b = &w->buffers[i];
        uint32_t left = sb->segment_bytes - w->filled;

        if (b->state != BUFFER_FREE)
            continue;
        b->state = BUFFER_OPEN;
        b->at = volume_segment_at(w->d->v, w->seq) + w->filled;
        b->room = left < w->d->conf.buffer_bytes ? left : w->d->conf.buffer_bytes;
        b->used = b->first = w->filled == 0 ? DISK_PAGE : 0;
        b->opened = clock_mono_ms();
        if (w->filled == 0)
            segment_header_write(sb->id, w->seq, w->run, b->data);
        w->open = b;
        pthread_cond_signal(&w->work); /* its time runs */
        return true;
    }
    return false;
}

/* The open buffer has room for that many bytes when this returns true. */
static bool make_room(struct writer *w, uint32_t bytes, bool keeper)
{
    for (;;) {
        if (!keeper && ring_free_segments(&w->d->ring) == 0)
            return false;
        if (w->seq != 0 && !segment_fits(w, bytes))
            segment_close(w);
        if (w->seq == 0 && !segment_open(w, keeper))
            return false;
        if (w->open != NULL && w->open->room - w->open->used >= bytes)
            return true;
        if (w->open != NULL)
            buffer_seal(w);
        if (buffer_open(w))
            continue;
        if (!keeper || w->stop)
            return false;
        pthread_cond_wait(&w->room, &w->lock);
    }
}

/* --- appending --- */

static void list_entry_of(struct writer *w, const struct disk_put *p, uint64_t at, uint32_t bytes)
{
    if (w->entries_n == w->entries_cap) {
        w->entries_cap = w->entries_cap != 0 ? 2 * w->entries_cap : 64;
        w->entries = xrealloc(w->entries, w->entries_cap * sizeof(*w->entries));
    }
    w->entries[w->entries_n++] = (struct footer_entry){
        .hash = p->key.lo,
        .born = p->meta.born,
        .site = p->meta.site,
        .expires = disk_expires(p->meta.expires),
        .sector = (uint32_t)((at - volume_segment_at(w->d->v, w->seq)) / DISK_SECTOR),
        .sectors = (uint16_t)(bytes / DISK_SECTOR),
        .kind = p->meta.kind,
        .flags = p->meta.flags,
    };
}

static void record_copy(
    struct writer *w, char *to, const struct disk_put *p, uint32_t body_n, uint64_t seq)
{
    struct record_header h = {
        .seq = seq,
        .key_lo = p->key.lo,
        .key_hi = p->key.hi,
        .born = p->meta.born,
        .site = p->meta.site,
        .expires = disk_expires(p->meta.expires),
        .head_n = (uint32_t)p->head.n,
        .body_n = body_n,
        .kind = p->meta.kind,
        .flags = p->meta.flags,
        .run = w->run,
    };

    record_begin(&h, to);
    to += record_head_at(body_n);
    if (p->head.n != 0)
        memcpy(to, p->head.p, p->head.n);
    to += p->head.n;
    for (unsigned i = 0; i < p->body_n; i++) {
        if (p->body[i].n != 0)
            memcpy(to, p->body[i].p, p->body[i].n);
        to += p->body[i].n;
    }
}

static bool index_it(
    struct disk *d, const struct disk_put *p, uint64_t from, const struct disk_entry *e)
{
    if (from != 0)
        return disk_index_move(d->index, p->key.lo, from, e);
    if (disk_index_put(d->index, p->key.lo, e))
        disk_count(&d->counts.dropped_full, 1);
    return true;
}

/* A record that nobody is to find, neither now nor when the log is read again: it may be older than
 * the one that has its key now. Its buffer is not written yet, so its footer is not, either. */
static void record_void(struct writer *w, uint64_t seq, char *p, uint32_t entry)
{
    ((struct record_header *)(void *)p)->magic = RECORD_VOID;
    if (seq == w->seq)
        w->entries[entry].gone = 1;
    list_each (it, &w->queue) {
        struct item *item = list_entry(it, struct item, node);

        if (item->is_footer && item->seq == seq)
            container_of(item, struct footer, item)->entries[entry].gone = 1;
    }
}

enum writer_result writer_append(
    struct writer *w, const struct disk_put *p, uint64_t from, unsigned used)
{
    uint32_t body_n = 0, bytes, entry;
    struct buffer *b;
    uint64_t seq, at;
    struct disk_entry e;
    char *to;
    bool found;

    for (unsigned i = 0; i < p->body_n; i++)
        body_n += (uint32_t)p->body[i].n;
    bytes = record_bytes((uint32_t)p->head.n, body_n);
    check(bytes <= w->d->record_max);

    pthread_mutex_lock(&w->lock);
    if (!w->started || w->stop || !make_room(w, bytes, from != 0)) {
        pthread_mutex_unlock(&w->lock);
        return WRITER_BUSY;
    }
    b = w->open;
    to = b->data + b->used;
    at = b->at + b->used;
    b->used += bytes;
    b->pending++;
    seq = w->seq;
    entry = w->entries_n;
    list_entry_of(w, p, at, bytes);
    pthread_mutex_unlock(&w->lock);

    record_copy(w, to, p, body_n, seq);
    e = (struct disk_entry){
        .loc = at / DISK_SECTOR,
        .sectors = bytes / DISK_SECTOR,
        .born = p->meta.born,
        .site = (uint16_t)p->meta.site,
        .kind = p->meta.kind,
        .used = (uint8_t)used,
    };
    found = index_it(w->d, p, from, &e);

    pthread_mutex_lock(&w->lock);
    if (!found)
        record_void(w, seq, to, entry);
    if (--b->pending == 0 && b->state == BUFFER_SEALED)
        pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    return found ? WRITER_DONE : WRITER_LOST;
}

/* --- reading what is not written yet --- */

/* The place of `loc` in a buffer, which stays what it is until writer_view_end(); or NULL. */
static const char *pin(struct writer *w, uint64_t loc, struct writer_view *out)
{
    uint64_t at = loc * DISK_SECTOR;
    const char *p = NULL;

    pthread_mutex_lock(&w->lock);
    for (unsigned i = 0; i < w->d->conf.buffers; i++) {
        struct buffer *b = &w->buffers[i];

        if ((b->state != BUFFER_OPEN && b->state != BUFFER_SEALED) || at < b->at + b->first ||
            at >= b->at + b->used)
            continue;
        b->viewers++;
        out->buffer = b;
        p = b->data + (at - b->at);
        break;
    }
    pthread_mutex_unlock(&w->lock);
    return p;
}

bool writer_view(struct writer *w, uint64_t hash, uint64_t loc, struct writer_view *out)
{
    const char *p = pin(w, loc, out);
    struct disk_entry e;

    if (p == NULL)
        return false;
    /* What the index says now is of this buffer: it was copied, and it begins here. What it said
     * before may have been of an earlier lap. */
    if (!disk_index_find(w->d->index, hash, &e) || e.loc != loc) {
        writer_view_end(w, out);
        return false;
    }
    /* Behind magic and check, which the thread may be setting just now. */
    memcpy(&out->h.seq, p + offsetof(struct record_header, seq),
        sizeof(out->h) - offsetof(struct record_header, seq));
    p += record_head_at(out->h.body_n);
    out->head = span_make(p, out->h.head_n);
    out->body = span_make(p + out->h.head_n, out->h.body_n);
    return true;
}

void writer_view_end(struct writer *w, struct writer_view *view)
{
    struct buffer *b = view->buffer;

    pthread_mutex_lock(&w->lock);
    if (--b->viewers == 0 && b->state == BUFFER_WRITTEN) {
        b->state = BUFFER_FREE;
        pthread_cond_broadcast(&w->room);
    }
    pthread_mutex_unlock(&w->lock);
}

const struct footer_entry *writer_footer(struct writer *w, uint64_t seq, uint32_t *n, void **memory)
{
    const struct footer_entry *v = NULL;

    *memory = NULL;
    *n = 0;
    pthread_mutex_lock(&w->lock);
    if (seq == w->seq) {
        v = w->entries;
        *n = w->entries_n;
    }
    list_each (it, &w->queue) {
        const struct item *item = list_entry(it, struct item, node);

        if (!item->is_footer || item->seq != seq)
            continue;
        v = container_of(item, struct footer, item)->entries;
        *n = container_of(item, struct footer, item)->n;
    }
    if (v != NULL)
        *memory = memcpy(xmalloc(*n * sizeof(*v)), v, *n * sizeof(*v));
    pthread_mutex_unlock(&w->lock);
    return *memory;
}

/* --- the thread --- */

/* Calls visit() for each record of a buffer. */
static void each_record(
    struct writer *w, struct buffer *b, void (*visit)(struct writer *, struct buffer *, char *))
{
    for (uint32_t at = b->first; at < b->used;) {
        struct record_header *h = (struct record_header *)(void *)(b->data + at);
        uint32_t bytes = record_bytes(h->head_n, h->body_n);

        if (h->magic != RECORD_VOID)
            visit(w, b, b->data + at);
        at += bytes;
    }
}

static void seal_one(struct writer *w, struct buffer *b, char *p)
{
    (void)b;
    record_seal(w->d->v->sb.id, p);
}

static void forget_one(struct writer *w, struct buffer *b, char *p)
{
    const struct record_header *h = (const struct record_header *)(const void *)p;

    disk_index_drop(w->d->index, h->key_lo, (b->at + (uint64_t)(p - b->data)) / DISK_SECTOR);
}

static void buffer_write(struct writer *w, struct buffer *b)
{
    uint64_t n = round_up(b->used, DISK_PAGE);

    each_record(w, b, seal_one);
    if (volume_write(w->d->v, b->data, n, b->at)) {
        disk_count(&w->d->counts.written_bytes, n);
        return;
    }
    disk_failed(w->d, true);
    each_record(w, b, forget_one);
}

/* Without its footer a segment is read record by record when it has to be. */
static void footer_put(struct writer *w, struct footer *f)
{
    const struct superblock *sb = &w->d->v->sb;
    uint64_t n = footer_bytes(f->n);
    void *p = disk_io_memory(n);

    footer_write(sb->id, f->item.seq, w->run, f->entries, f->n, p);
    if (volume_write(
            w->d->v, p, n, volume_segment_at(w->d->v, f->item.seq) + sb->segment_bytes - n))
        disk_count(&w->d->counts.written_bytes, n);
    else
        disk_failed(w->d, true);
    free(p);
}

static void item_free(struct item *it)
{
    struct footer *f = container_of(it, struct footer, item);

    if (!it->is_footer)
        return;
    free(f->entries);
    free(f);
}

/* The first of the queue, if nobody is appending to it any more. Under the lock. */
static struct item *next_item(struct writer *w)
{
    struct item *it = list_entry(w->queue.next, struct item, node);

    if (list_empty(&w->queue))
        return NULL;
    if (!it->is_footer && container_of(it, struct buffer, item)->pending != 0)
        return NULL;
    return it;
}

static void item_do(struct writer *w, struct item *it)
{
    struct buffer *b = container_of(it, struct buffer, item);

    pthread_mutex_unlock(&w->lock);
    if (it->is_footer)
        footer_put(w, container_of(it, struct footer, item));
    else
        buffer_write(w, b);
    pthread_mutex_lock(&w->lock);
    w->done++;
    list_remove(&it->node);
    if (!it->is_footer)
        b->state = b->viewers != 0 ? BUFFER_WRITTEN : BUFFER_FREE;
    item_free(it);
    pthread_cond_broadcast(&w->room);
}

/* Until something happens, or the open buffer is old enough. */
static void wait_for_work(struct writer *w)
{
    mono_ms until = w->open != NULL ? w->open->opened + DISK_SEAL_MS : 0;
    struct timespec ts = {until / 1000, until % 1000 * 1000000};

    if (w->open != NULL)
        pthread_cond_timedwait(&w->work, &w->lock, &ts);
    else
        pthread_cond_wait(&w->work, &w->lock);
}

static void *thread_main(void *arg)
{
    struct writer *w = arg;

    thread_set(0, "disk-writer");
    pthread_mutex_lock(&w->lock);
    while (!w->abandon) {
        struct item *it = next_item(w);

        if (it != NULL)
            item_do(w, it);
        else if (w->stop && list_empty(&w->queue))
            break;
        else if (w->open != NULL && clock_mono_ms() >= w->open->opened + DISK_SEAL_MS)
            buffer_seal(w);
        else
            wait_for_work(w);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* --- its life --- */

struct writer *writer_new(struct disk *d)
{
    struct writer *w = xcalloc(1, sizeof(*w));
    pthread_condattr_t mono;

    w->d = d;
    w->run = (uint32_t)random_u64();
    list_init(&w->queue);
    w->buffers = xcalloc(d->conf.buffers, sizeof(*w->buffers));
    for (unsigned i = 0; i < d->conf.buffers; i++)
        w->buffers[i].data = disk_io_memory(d->conf.buffer_bytes);
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&mono);
    pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    pthread_cond_init(&w->work, &mono);
    pthread_condattr_destroy(&mono);
    pthread_cond_init(&w->room, NULL);
    return w;
}

void writer_start(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->started = true;
    pthread_mutex_unlock(&w->lock);
    disk_thread(&w->thread, thread_main, w);
}

void writer_flush(struct writer *w)
{
    uint64_t until;

    pthread_mutex_lock(&w->lock);
    if (w->open != NULL)
        buffer_seal(w);
    until = w->queued;
    while (w->done < until)
        pthread_cond_wait(&w->room, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

void writer_free(struct writer **wp, bool write)
{
    struct writer *w = *wp;

    if (w == NULL)
        return;
    *wp = NULL;
    pthread_mutex_lock(&w->lock);
    if (w->seq != 0 && write)
        segment_close(w);
    w->stop = true;
    w->abandon = !write;
    pthread_cond_broadcast(&w->work);
    pthread_cond_broadcast(&w->room);
    pthread_mutex_unlock(&w->lock);
    if (w->started)
        pthread_join(w->thread, NULL);
    list_each_safe (it, &w->queue) {
        list_remove(it);
        item_free(list_entry(it, struct item, node));
    }
    for (unsigned i = 0; i < w->d->conf.buffers; i++)
        free(w->buffers[i].data);
    free(w->buffers);
    free(w->entries);
    pthread_cond_destroy(&w->room);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

uint64_t writer_bytes(const struct writer *w)
{
    return (uint64_t)w->d->conf.buffers * w->d->conf.buffer_bytes;
}

uint64_t writer_waiting(struct writer *w)
{
    uint64_t bytes = 0;

    pthread_mutex_lock(&w->lock);
    for (unsigned i = 0; i < w->d->conf.buffers; i++) {
        const struct buffer *b = &w->buffers[i];

        if (b->state == BUFFER_OPEN || b->state == BUFFER_SEALED)
            bytes += b->used - b->first;
    }
    pthread_mutex_unlock(&w->lock);
    return bytes;
}
