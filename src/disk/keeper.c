#include "disk/keeper.h"

#include "base/check.h"
#include "base/log.h"
#include "base/thread.h"
#include "disk/checkpoint.h"
#include "disk/recovery.h"
#include "disk/segment.h"
#include "disk/writer.h"

#include <stdlib.h>
#include <time.h>

enum {
    WINDOW_BYTES = 2 << 20,
    DENSE = 4,           /* one in so many bytes is kept: the segment is read in one go */
    LOOK_MS_MAX = 60000, /* to the first look, when it had been back for less than that */
};

struct keeper {
    struct disk *d; /* borrowed */
    pthread_t thread;

    pthread_mutex_t lock; /* of these */
    pthread_cond_t wake;
    pthread_cond_t written;
    bool woken, stop;
    unsigned asked, begun, ended; /* checkpoints: counted by who asks, begins, ends */
    bool ended_well;

    /* The thread's own. */
    struct checkpoint checkpoint;
    mono_ms next_checkpoint, next_step;
    bool recovered;
    mono_ms next_look; /* 0: it is in service */
    mono_ms look_ms, back_since;
    char *window; /* owns; some of the segment that is being emptied */
    uint64_t window_at;
    size_t window_n, window_cap;
};

/* --- emptying the tail --- */

/* The bytes of that record, read with what follows it when `dense`. */
static const char *window(struct keeper *k, uint64_t at, size_t n, uint64_t end, bool dense)
{
    uint64_t from = at / DISK_PAGE * DISK_PAGE, to = round_up(at + n, DISK_PAGE);

    if (at >= k->window_at && at + n <= k->window_at + k->window_n)
        return k->window + (at - k->window_at);
    if (dense && to < from + k->window_cap)
        to = from + k->window_cap;
    to = to < end ? to : end;
    k->window_n = 0;
    if (to - from > k->window_cap)
        return NULL;
    if (!volume_read(k->d->v, k->window, to - from, from)) {
        disk_failed(k->d, false);
        return NULL;
    }
    k->window_at = from;
    k->window_n = to - from;
    return k->window + (at - from);
}

/* What is to become of a record at the tail. */
enum fate { FATE_GONE, FATE_DEAD, FATE_DROP, FATE_KEEP };

static enum fate judge(
    const struct keeper *k, const struct footer_entry *f, uint64_t loc, struct disk_entry *e)
{
    const struct disk *d = k->d;
    struct disk_meta meta = {
        .born = f->born,
        .site = f->site,
        .expires = f->expires,
        .kind = f->kind,
        .flags = f->flags,
    };

    if (!disk_index_find(d->index, f->hash, e) || e->loc != loc)
        return FATE_GONE;
    if (d->conf.dead != NULL && d->conf.dead(d->conf.ctx, &meta))
        return FATE_DEAD;
    return d->conf.keep != NULL &&
                   d->conf.keep(d->conf.ctx, e->used, (uint64_t)f->sectors * DISK_SECTOR)
               ? FATE_KEEP
               : FATE_DROP;
}

/* Appends the record again, if it is right. */
static bool reinsert(struct keeper *k, uint64_t seq, const struct footer_entry *f,
    const struct disk_entry *e, bool dense)
{
    struct disk *d = k->d;
    uint64_t end = volume_segment_at(d->v, seq) + d->v->sb.segment_bytes;
    size_t n = (size_t)f->sectors * DISK_SECTOR;
    const char *p = window(k, e->loc * DISK_SECTOR, n, end, dense);
    struct record_view r;
    struct disk_put again;

    if (p == NULL)
        return false;
    if (!record_parse(d->v->sb.id, seq, p, n, &r) || !record_body_ok(d->v->sb.id, &r) ||
        r.h.key_lo != f->hash) {
        disk_count(&d->counts.corrupt, 1);
        return false;
    }
    again = (struct disk_put){
        .key = {r.h.key_lo, r.h.key_hi},
        .meta =
            {
                .born = r.h.born,
                .site = r.h.site,
                .expires = r.h.expires,
                .kind = r.h.kind,
                .flags = r.h.flags,
            },
        .head = r.head,
        .body = &r.body,
        .body_n = 1,
    };
    if (writer_append(d->writer, &again, e->loc, e->used / 2) == WRITER_BUSY)
        return false;
    disk_count(&d->counts.reinserted, 1);
    disk_count(&d->counts.reinserted_bytes, n);
    return true;
}

static void empty_one(struct keeper *k, uint64_t seq, const struct footer_entry *f, bool dense)
{
    struct disk *d = k->d;
    uint64_t loc = volume_segment_at(d->v, seq) / DISK_SECTOR + f->sector;
    struct disk_entry e;
    enum fate fate = judge(k, f, loc, &e);

    if (fate == FATE_GONE || (fate == FATE_KEEP && reinsert(k, seq, f, &e, dense)))
        return;
    if (!disk_index_drop(d->index, f->hash, loc))
        return;
    disk_count(&d->counts.dropped_live, 1);
    if (fate == FATE_DEAD)
        disk_count(&d->counts.dropped_dead, 1);
}

static bool is_dense(const struct keeper *k, uint64_t seq, const struct footer_entry *v, uint32_t n)
{
    uint64_t keep = 0, base = volume_segment_at(k->d->v, seq) / DISK_SECTOR;

    for (uint32_t i = 0; i < n; i++) {
        struct disk_entry e;

        if (disk_index_find(k->d->index, v[i].hash, &e) && e.loc == base + v[i].sector &&
            e.used != 0)
            keep += (uint64_t)v[i].sectors * DISK_SECTOR;
    }
    return keep * DENSE > k->d->v->sb.segment_bytes;
}

static void empty_tail(struct keeper *k)
{
    struct disk *d = k->d;
    uint64_t seq = atomic_load(&d->ring.tail), at = volume_segment_at(d->v, seq);
    void *memory;
    uint32_t n;
    bool scanned, dense;
    const struct footer_entry *v = segment_list(d, seq, &n, &memory, &scanned);

    k->window_n = 0;
    dense = is_dense(k, seq, v, n);
    for (uint32_t i = 0; i < n; i++)
        empty_one(k, seq, &v[i], dense);
    /* The index may lead to some that are not in the list. */
    if (scanned)
        disk_count(&d->counts.dropped_live, disk_index_drop_range(d->index, at / DISK_SECTOR,
                                                (at + d->v->sb.segment_bytes) / DISK_SECTOR));
    free(memory);
    ring_retire(&d->ring);
}

/* The segment that is being written, or still in the writer's buffers, is not emptied. */
static bool needs_room(struct disk *d)
{
    return disk_state(d) == DISK_READY && ring_free_segments(&d->ring) < DISK_FREE_SEGMENTS &&
           atomic_load(&d->ring.tail) + 2 < atomic_load(&d->ring.head);
}

/* --- checkpoints --- */

static void checkpoint_ended(struct keeper *k, bool well)
{
    k->next_checkpoint = clock_mono_ms() + k->d->conf.checkpoint_ms;
    pthread_mutex_lock(&k->lock);
    k->ended = k->begun;
    k->ended_well = well;
    pthread_cond_broadcast(&k->written);
    pthread_mutex_unlock(&k->lock);
}

static void checkpoint_some(struct keeper *k)
{
    struct disk *d = k->d;
    uint64_t bytes = checkpoint_shard_bytes(disk_index_shard_bytes(d->index));
    enum checkpoint_step s;

    if (k->checkpoint.page == NULL) {
        pthread_mutex_lock(&k->lock);
        k->begun = k->asked;
        pthread_mutex_unlock(&k->lock);
        checkpoint_begin(d, &k->checkpoint, false);
    }
    s = checkpoint_step(d, &k->checkpoint);
    if (s != CHECKPOINT_MORE)
        checkpoint_ended(k, s == CHECKPOINT_DONE);
    k->next_step = clock_mono_ms() + (mono_ms)(bytes * 1000 / d->conf.checkpoint_rate);
}

/* When the next step of one is due; -1: never. Under the lock. */
static mono_ms checkpoint_due(const struct keeper *k)
{
    if (k->checkpoint.page != NULL)
        return k->asked != k->begun ? 0 : k->next_step;
    if (k->asked != k->ended)
        return 0;
    return k->d->conf.checkpoint_ms > 0 ? k->next_checkpoint : -1;
}

/* --- out of service, and back --- */

/* In service again, for how long nobody knows. */
static void is_back(struct keeper *k)
{
    mono_ms now = clock_mono_ms();
    bool soon = k->back_since != 0 && now - k->back_since < LOOK_MS_MAX;

    /* What was written of it may be lost. */
    if (k->checkpoint.page != NULL) {
        checkpoint_drop(&k->checkpoint);
        checkpoint_ended(k, false);
    }
    k->look_ms = !soon                          ? k->d->conf.look_ms
                 : k->look_ms < LOOK_MS_MAX / 2 ? k->look_ms * 2
                                                : LOOK_MS_MAX;
    k->back_since = now;
    disk_state_back(k->d, DISK_READY);
}

static void look_again(struct keeper *k)
{
    struct disk *d = k->d;

    switch (volume_reopen(d->v)) {
    case VOLUME_GONE:
        if (disk_state(d) != DISK_OFFLINE)
            log_msg(LOG_ERROR, "volume %s: is gone, now offline", d->v->path);
        disk_state_set(d, DISK_OFFLINE);
        break;
    case VOLUME_READABLE:
        disk_state_back(d, DISK_READ_ONLY);
        break;
    case VOLUME_WRITABLE:
        is_back(k);
        break;
    }
    k->next_look = clock_mono_ms() + d->conf.look_ms;
}

/* When the next thing is to be done; -1: nothing by itself. Under the lock. */
static mono_ms due_at(struct keeper *k)
{
    if (disk_state(k->d) == DISK_READY) {
        k->next_look = 0;
        return checkpoint_due(k);
    }
    if (!k->recovered)
        return -1;
    if (k->next_look == 0)
        k->next_look = clock_mono_ms() + k->look_ms;
    return k->next_look;
}

/* --- the thread --- */

/* Waits until something is to be done; false: the end. */
static bool wait_for_work(struct keeper *k, bool *is_due)
{
    bool more;

    pthread_mutex_lock(&k->lock);
    for (;;) {
        mono_ms now = clock_mono_ms(), due = due_at(k);
        struct timespec ts = {due / 1000, due % 1000 * 1000000};

        more = !k->stop;
        if (disk_state(k->d) != DISK_READY)
            pthread_cond_broadcast(&k->written); /* none will be */
        *is_due = due >= 0 && due <= now;
        if (!more || k->woken || *is_due)
            break;
        if (due >= 0)
            pthread_cond_timedwait(&k->wake, &k->lock, &ts);
        else
            pthread_cond_wait(&k->wake, &k->lock);
    }
    k->woken = false;
    pthread_mutex_unlock(&k->lock);
    return more;
}

static bool stopping(struct keeper *k)
{
    bool stop;

    pthread_mutex_lock(&k->lock);
    stop = k->stop;
    pthread_mutex_unlock(&k->lock);
    return stop;
}

static void begin(struct keeper *k)
{
    struct disk *d = k->d;
    mono_ms start = clock_mono_ms();
    bool ok = recover(d);

    k->next_checkpoint = clock_mono_ms() + d->conf.checkpoint_ms;
    pthread_mutex_lock(&d->lock);
    d->recovery_ms = clock_mono_ms() - start;
    pthread_mutex_unlock(&d->lock);
    if (ok)
        writer_start(d->writer);
    disk_state_set(d, ok ? DISK_READY : DISK_OFFLINE);
    k->recovered = disk_state(d) != DISK_OFFLINE;
}

static void *thread_main(void *arg)
{
    struct keeper *k = arg;
    bool due = false;

    thread_set(0, "disk-keeper");
    begin(k);
    do {
        if (due && disk_state(k->d) == DISK_READY)
            checkpoint_some(k);
        else if (due)
            look_again(k);
        while (needs_room(k->d) && !stopping(k))
            empty_tail(k);
    } while (wait_for_work(k, &due));
    return NULL;
}

struct keeper *keeper_new(struct disk *d)
{
    struct keeper *k = xcalloc(1, sizeof(*k));
    pthread_condattr_t mono;

    k->d = d;
    k->look_ms = d->conf.look_ms;
    k->window_cap = round_up(d->record_max, DISK_PAGE) + DISK_PAGE;
    if (k->window_cap < WINDOW_BYTES)
        k->window_cap = WINDOW_BYTES;
    k->window = disk_io_memory(k->window_cap);
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&mono);
    pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
    pthread_cond_init(&k->wake, &mono);
    pthread_condattr_destroy(&mono);
    pthread_cond_init(&k->written, NULL);
    return k;
}

void keeper_start(struct keeper *k)
{
    disk_thread(&k->thread, thread_main, k);
}

void keeper_wake(struct keeper *k)
{
    pthread_mutex_lock(&k->lock);
    k->woken = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
}

bool keeper_checkpoint(struct keeper *k)
{
    unsigned mine;
    bool ok;

    pthread_mutex_lock(&k->lock);
    mine = ++k->asked;
    pthread_cond_signal(&k->wake);
    while (k->ended < mine && !k->stop && disk_state(k->d) == DISK_READY)
        pthread_cond_wait(&k->written, &k->lock);
    ok = k->ended >= mine && k->ended_well;
    pthread_mutex_unlock(&k->lock);
    return ok;
}

void keeper_stop(struct keeper *k)
{
    pthread_mutex_lock(&k->lock);
    k->stop = true;
    pthread_cond_broadcast(&k->wake);
    pthread_cond_broadcast(&k->written);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
}

void keeper_free(struct keeper **kp)
{
    struct keeper *k = *kp;

    *kp = NULL;
    checkpoint_drop(&k->checkpoint);
    pthread_cond_destroy(&k->written);
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->lock);
    free(k->window);
    free(k);
}
