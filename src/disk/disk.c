#include "disk/disk.h"

#include "base/check.h"
#include "base/log.h"
#include "disk/cached.h"
#include "disk/checkpoint.h"
#include "disk/disk_impl.h"
#include "disk/keeper.h"
#include "disk/readers.h"
#include "disk/writer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ERRORS_WINDOW_MS = 10000 };

void disk_thread(pthread_t *t, void *(*main)(void *), void *arg)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    check(pthread_create(t, NULL, main, arg) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* --- the state --- */

enum disk_state disk_state(const struct disk *d)
{
    return (enum disk_state)atomic_load(&d->state);
}

static void state_set_locked(struct disk *d, enum disk_state to)
{
    if ((int)to <= atomic_load(&d->state))
        return;
    atomic_store(&d->state, (int)to);
    pthread_cond_broadcast(&d->moved);
}

void disk_state_set(struct disk *d, enum disk_state to)
{
    pthread_mutex_lock(&d->lock);
    state_set_locked(d, to);
    pthread_mutex_unlock(&d->lock);
}

void disk_state_back(struct disk *d, enum disk_state to)
{
    bool moved;

    pthread_mutex_lock(&d->lock);
    moved = (int)to < atomic_load(&d->state);
    if (moved) {
        d->errors = 0;
        atomic_store(&d->state, (int)to);
        pthread_cond_broadcast(&d->moved);
    }
    pthread_mutex_unlock(&d->lock);
    if (moved)
        log_msg(LOG_NOTICE, "volume %s: is back, now %s", d->v->path,
            to == DISK_READY ? "ready" : "read-only");
}

enum disk_state disk_wait(struct disk *d)
{
    pthread_mutex_lock(&d->lock);
    while (disk_state(d) == DISK_RECOVERING)
        pthread_cond_wait(&d->moved, &d->lock);
    pthread_mutex_unlock(&d->lock);
    return disk_state(d);
}

void disk_failed(struct disk *d, bool writing)
{
    const char *why = strerror(errno);
    mono_ms now = clock_mono_ms();
    enum disk_state was;
    unsigned errors;

    disk_count(writing ? &d->counts.write_errors : &d->counts.read_errors, 1);
    pthread_mutex_lock(&d->lock);
    if (now - d->errors_since > ERRORS_WINDOW_MS) {
        d->errors_since = now;
        d->errors = 0;
    }
    errors = ++d->errors;
    was = disk_state(d);
    if (errors >= DISK_ERRORS_OFFLINE)
        state_set_locked(d, DISK_OFFLINE);
    else if (errors >= DISK_ERRORS_READ_ONLY && was == DISK_READY)
        state_set_locked(d, DISK_READ_ONLY);
    pthread_mutex_unlock(&d->lock);

    if (errors == 1)
        log_msg(LOG_WARN, "volume %s: %s: %s", d->v->path, writing ? "writing" : "reading", why);
    if (disk_state(d) == was)
        return;
    log_msg(LOG_ERROR, "volume %s: %u errors, now %s", d->v->path, errors,
        disk_state(d) == DISK_OFFLINE ? "offline" : "read-only");
    if (d->keeper != NULL)
        keeper_wake(d->keeper);
}

/* --- its life --- */

static void defaults(struct disk *d, const struct disk_conf *conf)
{
    struct disk_conf *c = &d->conf;
    uint32_t half = d->v->sb.segment_bytes / 2;

    *c = *conf;
    c->readers = c->readers != 0 ? c->readers : 4;
    c->reads_max = c->reads_max != 0 ? c->reads_max : 1024;
    c->buffers = c->buffers != 0 ? c->buffers : 4;
    c->buffer_bytes = c->buffer_bytes != 0 ? c->buffer_bytes : 4 << 20;
    c->buffer_bytes = c->buffer_bytes < half ? c->buffer_bytes : half;
    c->slow_ms = c->slow_ms != 0 ? c->slow_ms : 200;
    c->look_ms = c->look_ms != 0 ? c->look_ms : 1000;
    c->checkpoint_ms = c->checkpoint_ms != 0 ? c->checkpoint_ms : 5 * 60 * 1000;
    c->checkpoint_rate = c->checkpoint_rate != 0 ? c->checkpoint_rate : 32 << 20;
    c->buffer_bytes = c->buffer_bytes / DISK_PAGE * DISK_PAGE;
    d->record_max = record_bytes(RECORD_HEAD_MAX, RECORD_BODY_MAX);
    /* Into a segment's first buffer, which has the header page in it. */
    if (d->record_max > c->buffer_bytes - DISK_PAGE)
        d->record_max = c->buffer_bytes - DISK_PAGE;
}

struct disk *disk_new(struct volume **v, const struct disk_conf *conf, char err[VOLUME_ERR_MAX])
{
    struct disk *d = xcalloc(1, sizeof(*d));

    d->v = *v;
    *v = NULL;
    defaults(d, conf);
    check(d->conf.buffer_bytes >= 4 * DISK_PAGE);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->moved, NULL);
    ring_init(&d->ring, d->v);
    d->index = disk_index_new(d->v->sb.buckets);
    if (d->index == NULL) {
        snprintf(err, VOLUME_ERR_MAX, "%s: no memory for an index of %llu MiB: %s", d->v->path,
            (unsigned long long)d->v->sb.buckets * INDEX_SHARDS * INDEX_BUCKET_BYTES >> 20,
            strerror(errno));
        disk_free(&d);
    }
    return d;
}

void disk_free(struct disk **dp)
{
    struct disk *d = *dp;

    *dp = NULL;
    disk_index_free(&d->index);
    ring_free(&d->ring);
    volume_close(&d->v);
    pthread_cond_destroy(&d->moved);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

struct disk *disk_open(struct volume **v, const struct disk_conf *conf, char err[VOLUME_ERR_MAX])
{
    struct disk *d = disk_new(v, conf, err);

    if (d == NULL)
        return NULL;
    if (!conf->direct)
        volume_use_page_cache(d->v);
    d->writer = writer_new(d);
    d->readers = readers_new(d);
    d->keeper = keeper_new(d);
    keeper_start(d->keeper);
    return d;
}

/* Everything is written: the directory is what it was when the last record came. */
static void save_clean(struct disk *d)
{
    struct checkpoint c;
    enum checkpoint_step s;

    if (disk_state(d) != DISK_READY)
        return;
    checkpoint_begin(d, &c, true);
    do
        s = checkpoint_step(d, &c);
    while (s == CHECKPOINT_MORE);
}

static void disk_end(struct disk **dp, bool clean)
{
    struct disk *d = *dp;

    if (d == NULL)
        return;
    *dp = NULL;
    readers_free(&d->readers);
    keeper_stop(d->keeper);
    writer_free(&d->writer, clean);
    if (clean)
        save_clean(d);
    keeper_free(&d->keeper);
    disk_free(&d);
}

void disk_close(struct disk **d)
{
    disk_end(d, true);
}

void disk_abandon(struct disk **d)
{
    disk_end(d, false);
}

/* --- records --- */

const struct volume *disk_volume(const struct disk *d)
{
    return d->v;
}

struct hash128 disk_key(const struct disk *d, struct span text)
{
    return volume_key(d->v, text);
}

uint32_t disk_body_max(const struct disk *d, uint32_t head_n)
{
    uint32_t around = record_head_at(RECORD_BODY_MAX) + head_n;

    if (head_n > RECORD_HEAD_MAX || around >= d->record_max)
        return 0;
    return d->record_max - around < RECORD_BODY_MAX ? d->record_max - around : RECORD_BODY_MAX;
}

enum disk_put_result disk_put(struct disk *d, const struct disk_put *p)
{
    uint64_t body_n = 0;

    check(p->meta.kind < DISK_KINDS);
    for (unsigned i = 0; i < p->body_n; i++)
        body_n += p->body[i].n;
    if (p->head.n > RECORD_HEAD_MAX || body_n > disk_body_max(d, (uint32_t)p->head.n))
        return DISK_PUT_LARGE;
    if (disk_state(d) != DISK_READY)
        return DISK_PUT_OFF;
    if (writer_append(d->writer, p, 0, 0) != WRITER_DONE) {
        disk_count(&d->counts.refused_puts, 1);
        return DISK_PUT_BUSY;
    }
    disk_count(&d->counts.admitted, 1);
    disk_count(&d->counts.admitted_bytes, record_bytes((uint32_t)p->head.n, (uint32_t)body_n));
    return DISK_PUT_DONE;
}

bool disk_peek(struct disk *d, struct hash128 key, struct disk_entry *out)
{
    return disk_state(d) != DISK_RECOVERING && disk_index_find(d->index, key.lo, out);
}

bool disk_drop(struct disk *d, struct hash128 key)
{
    struct disk_entry e;

    /* Again when it was moved in between. */
    while (disk_peek(d, key, &e))
        if (disk_index_drop(d->index, key.lo, e.loc))
            return true;
    return false;
}

void disk_used(struct disk *d, struct hash128 key)
{
    struct disk_entry e;

    if (disk_peek(d, key, &e))
        (void)disk_index_used(d->index, key.lo, e.loc);
}

enum disk_get_result disk_get(struct disk *d, struct worker *w, struct disk_read *r)
{
    struct disk_entry e;

    if (disk_state(d) == DISK_RECOVERING)
        return DISK_GET_UNKNOWN;
    if (disk_state(d) == DISK_OFFLINE)
        return DISK_GET_REFUSED;
    if (!disk_index_find(d->index, r->key.lo, &e))
        return DISK_GET_MISS;
    if (!readers_submit(d->readers, w, r, e.loc)) {
        disk_count(&d->counts.refused_reads, 1);
        return DISK_GET_REFUSED;
    }
    disk_count(&d->counts.reads, 1);
    return DISK_GET_READING;
}

bool disk_get_now(struct disk *d, struct disk_now *r)
{
    enum disk_state s = disk_state(d);

    if ((s != DISK_READY && s != DISK_READ_ONLY) || !cached_read(d, r))
        return false;
    disk_count(&d->counts.reads_now, 1);
    return true;
}

void disk_stop_reads(struct disk *d)
{
    readers_stop(d->readers);
}

bool disk_slow(struct disk *d)
{
    return readers_slow(d->readers, clock_mono_ms());
}

/* --- looking after it --- */

bool disk_checkpoint(struct disk *d)
{
    return disk_state(d) == DISK_READY && keeper_checkpoint(d->keeper);
}

void disk_flush(struct disk *d)
{
    if (disk_wait(d) != DISK_OFFLINE)
        writer_flush(d->writer);
}

bool disk_gone_round(const struct disk *d)
{
    return atomic_load(&d->ring.tail) > 1;
}

void disk_stats(struct disk *d, struct disk_stats *out)
{
    const struct disk_counts *c = &d->counts;

    *out = (struct disk_stats){
        .bytes = d->v->sb.bytes,
        .objects = disk_index_count(d->index),
        .index_bytes = disk_index_bytes(d->index),
        .buffer_bytes = writer_bytes(d->writer) + readers_bytes(d->readers),
        .waiting_bytes = writer_waiting(d->writer),
        .segments = d->v->sb.segments,
        .head = atomic_load(&d->ring.head),
        .tail = atomic_load(&d->ring.tail),
        .clean = d->clean,
#define COPY(name) .name = atomic_load_explicit(&c->name, memory_order_relaxed)
        COPY(admitted),
        COPY(reinserted),
        COPY(admitted_bytes),
        COPY(reinserted_bytes),
        COPY(written_bytes),
        COPY(reads),
        COPY(reads_joined),
        COPY(reads_buffered),
        COPY(reads_now),
        COPY(reads_missed),
        COPY(refused_puts),
        COPY(refused_reads),
        COPY(corrupt),
        COPY(read_errors),
        COPY(write_errors),
        COPY(dropped_live),
        COPY(dropped_dead),
        COPY(dropped_full),
        COPY(checkpoints),
        COPY(recovered),
#undef COPY
    };
    pthread_mutex_lock(&d->lock);
    out->recovery_ms = d->recovery_ms;
    pthread_mutex_unlock(&d->lock);
}
