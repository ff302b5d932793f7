#include "cache/fill.h"

#include "base/check.h"
#include "base/counters.h"
#include "cache/cache_impl.h"
#include "cache/fill_impl.h"
#include "cache/index.h"
#include "cache/spill.h"

enum {
    FIRST_CHUNK_BYTES = 4 << 10,            /* when the length is not known */
    JOINABLE_BYTES = FILL_WINDOW_BYTES / 4, /* a window keeps its first byte until then */
};

/* --- readers, under the lock ------------------------------------------------------------------ */

void fill_attach(struct fill *f, struct reader *r)
{
    if (f->slice_bytes == 0) /* else it looks for its place when it reads */
        r->chunk = chunk_ref(f->first);
    list_append(&f->readers, &r->link);
    f->readers_n++;
}

static void fill_post_room(struct fill *f)
{
    if (f->room_posted || f->on_room == NULL)
        return;
    f->room_posted = true;
    fill_ref(f);
    worker_post(f->worker, &f->room);
}

void fill_detach(struct fill *f, struct reader *r)
{
    if (list_empty(&r->link))
        return;
    list_remove(&r->link);
    f->readers_n--;
    if (fill_ended(f))
        return;
    fill_readers_moved(f);
    if (f->readers_n == 0)
        fill_post_room(f);
}

void fill_wake(struct fill *f, bool all)
{
    list_each (it, &f->readers) {
        struct reader *r = list_entry(it, struct reader, link);

        if (all || r->hungry)
            reader_post(r);
    }
}

/* Where the slowest reader stands; false when none wants more. */
static bool fill_slowest(const struct fill *f, uint64_t *pos)
{
    bool found = false;

    list_each (it, &f->readers) {
        const struct reader *r = list_entry(it, struct reader, link);

        if (r->pos >= r->end || (found && r->pos >= *pos))
            continue;
        *pos = r->pos;
        found = true;
    }
    return found;
}

static uint64_t window_limit(const struct fill *f)
{
    return f->starved ? FILL_STARVED_BYTES : FILL_WINDOW_BYTES;
}

/* How much more a window may take. */
static uint64_t window_room(const struct fill *f)
{
    uint64_t slowest = 0, held, limit = window_limit(f);

    if (!fill_slowest(f, &slowest))
        return limit;
    held = slowest < f->bytes ? f->bytes - slowest : 0;
    return held < limit ? limit - held : 0;
}

void fill_readers_moved(struct fill *f)
{
    if (!f->shut || window_room(f) < window_limit(f) / 4)
        return;
    f->shut = false;
    fill_post_room(f);
}

/* --- the leader's worker ---------------------------------------------------------------------- */

void fill_room_run(struct message *m, struct worker *w)
{
    struct fill *f = container_of(m, struct fill, room);
    bool call;

    (void)w;
    pthread_mutex_lock(&f->lock);
    f->room_posted = false;
    call = !fill_ended(f);
    pthread_mutex_unlock(&f->lock);
    if (call)
        f->on_room(f->ctx);
    fill_release(&f);
}

/* Cuts off those who keep the window shut, if that makes somebody else wait. Under the lock. */
static void fill_cut_laggards(struct fill *f)
{
    bool starving = false;

    list_each (it, &f->readers) {
        const struct reader *r = list_entry(it, struct reader, link);

        starving |= r->pos >= f->bytes && r->pos < r->end;
    }
    if (!starving)
        return;
    list_each_safe (it, &f->readers) {
        struct reader *r = list_entry(it, struct reader, link);

        if (r->pos >= r->end || r->pos + window_limit(f) / 4 * 3 >= f->bytes)
            continue;
        r->cut = true;
        count(C_LAGGARDS_CUT);
        reader_post(r);
        fill_detach(f, r);
    }
}

void fill_laggard_fire(struct deadline *d)
{
    struct fill *f = container_of(d, struct fill, laggard);
    mono_ms left_ms = f->stalled_ms + f->cache->laggard_ms - worker_now(f->worker);

    pthread_mutex_lock(&f->lock);
    if (f->shut && left_ms <= 0) {
        fill_cut_laggards(f);
        left_ms = f->cache->laggard_ms;
    }
    if (f->shut)
        deadline_set(d, left_ms);
    pthread_mutex_unlock(&f->lock);
}

/* Lets the first bytes go when it is a window that has moved on. Under the lock; true: nobody can
 * join it from now on, see fill_unlist(). */
static bool fill_let_go(struct fill *f)
{
    if (f->keep || f->gone || f->bytes <= JOINABLE_BYTES)
        return false;
    f->gone = true;
    if (f->slice_bytes == 0)
        chunk_release(&f->first);
    return true;
}

/* A window of what was, or might have been, cut into slices: readers look into the chain for their
 * place, so it begins where the slowest one stands, who may even be before it. Under the lock. */
static void fill_trail(struct fill *f)
{
    uint64_t slowest = f->bytes;
    struct chunk *next;

    if (f->keep || !f->gone || f->slice_bytes == 0)
        return;
    (void)fill_slowest(f, &slowest);
    while (f->first != f->last && f->first->at + f->first->n <= slowest) {
        next = chunk_ref(f->first->next);
        chunk_release(&f->first);
        f->first = next;
    }
}

void fill_stop_keeping(struct fill *f)
{
    bool gone;

    pthread_mutex_lock(&f->lock);
    f->keep = false;
    gone = fill_let_go(f); /* which it is when slices were cut off */
    pthread_mutex_unlock(&f->lock);
    if (gone)
        fill_unlist(f);
}

/* --- bytes ------------------------------------------------------------------------------------ */

/* How many bytes the next chunk is for: what is left, or as much again as has come. */
static uint32_t chunk_wanted(const struct fill *f, size_t more)
{
    uint64_t wanted;

    if (f->length >= 0 && f->bytes < (uint64_t)f->length)
        wanted = (uint64_t)f->length - f->bytes;
    else
        wanted = f->bytes > more ? f->bytes : more;
    if (f->length < 0 && wanted < FIRST_CHUNK_BYTES)
        wanted = FIRST_CHUNK_BYTES - sizeof(struct chunk);
    if (wanted > CHUNK_MAX)
        wanted = CHUNK_MAX;
    if (f->slice_bytes != 0 && wanted > f->slice_bytes - f->bytes % f->slice_bytes)
        wanted = f->slice_bytes - f->bytes % f->slice_bytes;
    return (uint32_t)wanted;
}

/* Takes over the reference. Under the lock. */
static void fill_link(struct fill *f, struct chunk *c)
{
    if (f->last != NULL) {
        f->last->next = chunk_ref(c);
        f->previous = f->keep ? f->last : NULL;
        chunk_release(&f->last);
    } else {
        f->first = chunk_ref(c);
        if (f->slice_bytes == 0) {
            list_each (it, &f->readers)
                list_entry(it, struct reader, link)->chunk = chunk_ref(c);
        }
    }
    f->last = c;
}

/* A chunk for what comes next. NULL: there is no memory, and the window is shut; or a kept fill
 * became a window, so try again; or one that spills had better wait. */
static struct chunk *fill_chunk(struct fill *f, size_t more)
{
    struct memory *m = f->cache->memory;
    struct chunk *c = chunk_new(m, chunk_wanted(f, more), f->bytes, index_hash(f->object->hash));
    uint64_t room;

    if (c == NULL && f->keep) {
        if (f->spill == NULL)
            fill_stop_keeping(f);
        return NULL;
    }
    pthread_mutex_lock(&f->lock);
    f->starved = c == NULL;
    room = f->starved ? window_room(f) : 0;
    if (room > CHUNK_MAX)
        room = CHUNK_MAX;
    if (f->starved && room > 0)
        c = chunk_new_loose(m, (uint32_t)room, f->bytes);
    if (c != NULL)
        fill_link(f, c);
    pthread_mutex_unlock(&f->lock);
    return c;
}

static size_t fill_write(struct fill *f, struct chunk *c, struct span data)
{
    uint32_t n = chunk_write(c, data);
    bool gone;

    pthread_mutex_lock(&f->lock);
    c->n += n;
    f->bytes += n;
    gone = fill_let_go(f);
    fill_trail(f);
    fill_wake(f, false);
    pthread_mutex_unlock(&f->lock);
    if (gone)
        fill_unlist(f);
    return n;
}

/* A window that nobody looks through: the bytes are counted, not kept. Under the lock. */
static void fill_drop(struct fill *f, size_t n)
{
    f->bytes += n;
    f->gone = true;
    chunk_release(&f->first);
    chunk_release(&f->last);
}

enum window { WINDOW_OPEN, WINDOW_SHUT, WINDOW_UNSEEN };

/* Whether more may be taken, of `left` bytes that are there; *room says how much. */
static enum window fill_window(struct fill *f, size_t left, size_t *room)
{
    enum window is = WINDOW_OPEN;
    uint64_t slowest = 0;

    *room = left;
    pthread_mutex_lock(&f->lock);
    if (f->keep)
        goto out;
    if (!fill_slowest(f, &slowest)) {
        fill_drop(f, left);
        is = WINDOW_UNSEEN;
        goto out;
    }
    if (window_room(f) < left)
        *room = window_room(f);
    if (*room == 0)
        is = WINDOW_SHUT;
out:
    pthread_mutex_unlock(&f->lock);
    return is;
}

/* Waits for the readers; true when they have moved on meanwhile after all. */
static bool fill_shut(struct fill *f)
{
    bool open;

    f->stalled_ms = worker_now(f->worker);
    deadline_set(&f->laggard, f->cache->laggard_ms);
    pthread_mutex_lock(&f->lock);
    open = f->readers_n == 0 || window_room(f) > 0;
    f->shut = !open;
    pthread_mutex_unlock(&f->lock);
    return open;
}

/* It comes to that many bytes, and nobody has said before how many there will be. */
static void fill_outgrow(struct fill *f, uint64_t bytes)
{
    if (bytes <= f->cache->whole_max_bytes)
        return;
    if (bytes > f->cache->object_max_bytes ||
        (f->spill == NULL && (f->slice_bytes == 0 || !spill_begin(f, f->object, bytes))))
        fill_stop_keeping(f);
}

size_t fill_append(struct fill *f, struct span data)
{
    size_t taken = 0, room;
    struct chunk *c;

    check(f->state == FILL_STREAMING || f->state == FILL_PASSING);
    if (f->keep && f->length < 0)
        fill_outgrow(f, f->bytes + data.n);
    while (taken < data.n) {
        if (spill_goes_on(f) && !spill_make_room(f))
            return taken;
        switch (fill_window(f, data.n - taken, &room)) {
        case WINDOW_UNSEEN:
            fill_unlist(f);
            return data.n;
        case WINDOW_SHUT:
            if (fill_shut(f))
                continue;
            return taken;
        case WINDOW_OPEN:
            break;
        }
        c = f->last;
        if (c == NULL || c->n == c->cap)
            c = fill_chunk(f, room);
        if (c != NULL)
            taken += fill_write(f, c, span_make(data.p + taken, room));
        else if (spill_goes_on(f) && !spill_wait(f))
            return taken;
    }
    return taken;
}
