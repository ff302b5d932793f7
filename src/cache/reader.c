#include "cache/reader.h"

#include "base/check.h"
#include "base/counters.h"
#include "cache/fill_impl.h"

#include <stdlib.h>

static void reader_run(struct message *m, struct worker *w);

struct reader *reader_new(struct worker *w, void (*wake)(void *ctx), void *ctx)
{
    struct reader *r = xcalloc(1, sizeof(*r));

    r->worker = w;
    r->wake = wake;
    r->ctx = ctx;
    r->end = UINT64_MAX;
    r->posted_wake.run = reader_run;
    list_init(&r->link);
    return r;
}

struct reader *reader_of_object(struct object *obj)
{
    struct reader *r = reader_new(NULL, NULL, NULL);

    check(obj->whole);
    r->object = object_ref(obj);
    r->chunk = chunk_ref(obj->body);
    r->total = obj->body_bytes;
    r->local = true;
    return r;
}

struct reader *reader_of_fill(
    struct fill *f, bool is_leader, struct worker *w, void (*wake)(void *ctx), void *ctx)
{
    struct reader *r = reader_new(w, wake, ctx);
    bool alone, can_join;

    r->leader = is_leader;
    r->hungry = true;
    pthread_mutex_lock(&f->lock);
    alone = f->passing && !is_leader;
    can_join = alone || !f->gone;
    if (can_join)
        r->fill = fill_ref(f);
    if (can_join && !alone)
        fill_attach(f, r);
    if (can_join && f->state != FILL_WAITING)
        reader_post(r); /* no change may come any more */
    pthread_mutex_unlock(&f->lock);
    if (!can_join) {
        free(r);
        return NULL;
    }
    return r;
}

struct reader *reader_again(struct reader *r, void (*wake)(void *ctx), void *ctx)
{
    struct reader *other;

    if (r->parts != NULL)
        return NULL;
    if (r->fill == NULL)
        return reader_of_object(r->object);
    other = reader_of_fill(r->fill, r->leader, r->worker, wake, ctx);
    if (other != NULL)
        other->followed = true; /* r was, or will be */
    return other;
}

static void reader_free(struct reader *r)
{
    chunk_release(&r->chunk);
    if (r->fill == NULL)
        object_release(&r->object);
    fill_release(&r->fill);
    free(r);
}

void reader_close(struct reader **rp)
{
    struct reader *r = *rp;
    bool posted = false;

    *rp = NULL;
    if (r == NULL)
        return;
    if (r->parts != NULL) {
        parts_close(r);
        return;
    }
    if (r->fill != NULL) {
        place_free(r);
        pthread_mutex_lock(&r->fill->lock);
        fill_detach(r->fill, r);
        r->closed = true;
        posted = r->posted;
        pthread_mutex_unlock(&r->fill->lock);
    }
    if (!posted)
        reader_free(r);
}

/* --- wake-ups --------------------------------------------------------------------------------- */

void reader_post(struct reader *r)
{
    r->hungry = false;
    if (r->posted)
        return;
    r->posted = true;
    worker_post(r->worker, &r->posted_wake);
}

static void reader_run(struct message *m, struct worker *w)
{
    struct reader *r = container_of(m, struct reader, posted_wake);
    bool closed;

    (void)w;
    pthread_mutex_lock(&r->fill->lock);
    r->posted = false;
    closed = r->closed;
    pthread_mutex_unlock(&r->fill->lock);
    if (closed)
        reader_free(r);
    else
        r->wake(r->ctx);
}

/* --- state ------------------------------------------------------------------------------------ */

/* False: no lock is needed (and none held), because nothing changes any more. */
static bool reader_lock(struct reader *r)
{
    if (r->local)
        return false;
    pthread_mutex_lock(&r->fill->lock);
    if (!fill_ended(r->fill))
        return true;
    r->local = true;
    r->total = r->fill->bytes;
    fill_detach(r->fill, r);
    pthread_mutex_unlock(&r->fill->lock);
    return false;
}

static void reader_unlock(struct reader *r, bool locked)
{
    if (locked)
        pthread_mutex_unlock(&r->fill->lock);
}

static enum read_state fill_read_state(const struct fill *f, const struct reader *r)
{
    if (r->cut)
        return READ_CUT;
    if (f->passing && !r->leader)
        return READ_ALONE;
    if (f->object == NULL)
        return f->state == FILL_FAILED ? READ_FAILED : READ_WAIT;
    return f->state == FILL_FAILED ? READ_CUT : READ_READY;
}

enum read_state reader_state(struct reader *r)
{
    enum read_state state;
    bool locked;

    if (r->fill == NULL)
        return r->parts == NULL ? READ_READY : parts_state(r);
    locked = reader_lock(r);
    state = fill_read_state(r->fill, r);
    reader_unlock(r, locked);
    if (state == READ_READY && !r->leader && !r->followed) {
        r->followed = true;
        count(C_FOLLOWS);
    }
    return state;
}

struct object *reader_object(struct reader *r)
{
    struct object *obj;
    bool locked;

    if (r->fill == NULL)
        return r->object;
    locked = reader_lock(r);
    obj = r->fill->object;
    reader_unlock(r, locked);
    check(obj != NULL);
    return obj;
}

int64_t reader_length(struct reader *r)
{
    int64_t length;
    bool locked;

    if (r->fill == NULL)
        return r->parts == NULL ? (int64_t)r->object->body_bytes : parts_length(r);
    locked = reader_lock(r);
    length = r->fill->state == FILL_DONE ? (int64_t)r->fill->bytes : r->fill->length;
    reader_unlock(r, locked);
    return length;
}

uint64_t reader_come(struct reader *r)
{
    bool locked = reader_lock(r);
    uint64_t bytes = locked ? r->fill->bytes : r->total;

    check(r->parts == NULL);
    reader_unlock(r, locked);
    return bytes;
}

bool reader_stays(struct reader *r)
{
    bool locked, stays;

    if (r->fill == NULL)
        return r->parts == NULL;
    locked = reader_lock(r);
    stays = !r->cut && !r->fill->gone && (r->fill->keep || r->fill->state == FILL_DONE);
    reader_unlock(r, locked);
    return stays;
}

struct span reader_trailers(struct reader *r)
{
    struct span text = SPAN_EMPTY;
    bool locked;

    if (r->fill == NULL)
        return text;
    locked = reader_lock(r);
    if (r->fill->state == FILL_DONE)
        text = r->fill->trailers;
    reader_unlock(r, locked);
    return text;
}

/* Both are set once, before the state is READ_FAILED or READ_CUT. */
int reader_status(struct reader *r)
{
    bool locked = reader_lock(r);
    int status = r->fill != NULL ? r->fill->status : 0;

    reader_unlock(r, locked);
    return status;
}

const char *reader_why(struct reader *r)
{
    bool locked = reader_lock(r);
    const char *why = r->fill != NULL ? r->fill->why : NULL;

    reader_unlock(r, locked);
    return why != NULL ? why : "";
}

/* --- bytes ------------------------------------------------------------------------------------ */

void reader_range(struct reader *r, uint64_t first, uint64_t count)
{
    bool locked = reader_lock(r);

    check(r->pos == 0 && r->parts == NULL);
    r->pos = first;
    r->end = count <= UINT64_MAX - first ? first + count : UINT64_MAX;
    if (locked)
        fill_readers_moved(r->fill);
    reader_unlock(r, locked);
}

/* Moves to the chunk where pos is; the one before it when that is not there yet, or of another
 * slice.
 */
static void reader_seek(struct reader *r)
{
    uint64_t end = place_end(r);
    struct chunk *next;

    while (r->chunk != NULL && r->pos < end && r->pos >= place_at(r, r->chunk) + r->chunk->n &&
           r->chunk->next != NULL) {
        next = chunk_ref(r->chunk->next);
        chunk_release(&r->chunk);
        r->chunk = next;
    }
}

/* `n` bytes from its byte `at` on. */
static struct piece piece_of(const struct chunk *c, uint64_t at, size_t n)
{
    struct piece p = {.data = span_make(c->data + at, n), .fd = -1};

    p.fd = chunk_file(c, &p.offset);
    if (p.fd >= 0)
        p.offset += (int64_t)at;
    return p;
}

/* Whether nothing will ever come behind pos. */
static bool reader_over(const struct reader *r)
{
    return r->cut || r->pos >= r->end || (r->local && r->pos >= r->total);
}

/* Of what is in its chunks. */
static int pieces_here(struct reader *r, struct piece *out, int max, size_t bytes)
{
    const struct chunk *c;
    uint64_t pos = r->pos, end = place_end(r), at, n;
    int pieces = 0;

    if (end > r->end)
        end = r->end;
    for (c = r->chunk; c != NULL && pieces < max && bytes > 0 && pos < end; c = c->next) {
        at = place_at(r, c);
        if (pos >= at + c->n)
            continue;
        n = at + c->n - pos;
        if (n > end - pos)
            n = end - pos;
        if (n > bytes)
            n = bytes;
        out[pieces++] = piece_of(c, pos - at, (size_t)n);
        pos += n;
        bytes -= (size_t)n;
    }
    return pieces;
}

int reader_pieces(struct reader *r, struct piece *out, int max, size_t bytes)
{
    enum place_found found = PLACE_HERE;
    int pieces;
    bool locked;

    if (r->parts != NULL)
        return parts_pieces(r, out, max, bytes);
    locked = reader_lock(r);
    if (r->cut)
        place_leave(r);
    else if (r->fill != NULL && r->fill->slice_bytes != 0 && !reader_over(r))
        found = place_find(r);
    reader_seek(r);
    pieces = pieces_here(r, out, max, bytes);
    if (pieces == 0 && locked && !reader_over(r) && found != PLACE_AWAY)
        r->hungry = true;
    reader_unlock(r, locked);
    if (r->fill != NULL && r->place != NULL)
        place_fetch(r, found);
    return pieces;
}

void reader_consume(struct reader *r, size_t bytes, bool by_file)
{
    bool locked;
    uint64_t n;

    if (r->parts != NULL) {
        parts_consume(r, bytes, by_file);
        return;
    }
    locked = reader_lock(r);
    while (bytes > 0 && r->chunk != NULL) {
        reader_seek(r);
        n = place_at(r, r->chunk) + r->chunk->n - r->pos;
        if (n > bytes)
            n = bytes;
        check(n > 0);
        chunk_sent(r->chunk, n, by_file);
        r->pos += n;
        bytes -= (size_t)n;
    }
    reader_seek(r);
    if (locked)
        fill_readers_moved(r->fill);
    reader_unlock(r, locked);
}

bool reader_at_end(struct reader *r)
{
    bool locked, over;

    if (r->parts != NULL)
        return parts_at_end(r);
    locked = reader_lock(r);
    over = reader_over(r);
    reader_unlock(r, locked);
    return over;
}

bool reader_covers(struct reader *r, size_t bytes)
{
    bool locked, whole;

    if (r->parts != NULL)
        return parts_cover(r, bytes);
    locked = reader_lock(r);
    whole = !locked && (r->fill == NULL || r->fill->state == FILL_DONE);
    whole = r->pos + bytes >= r->end || (whole && r->pos + bytes >= r->total);
    reader_unlock(r, locked);
    return whole;
}
