#include "edge/slices.h"

#include "base/check.h"
#include "base/counters.h"
#include "cache/load.h"
#include "cache/object.h"
#include "cache/slice.h"
#include "edge/filler.h"
#include "edge/slice_fill.h"
#include "loop/deadline.h"

enum {
    TRIES_MAX = 2, /* of one slice, for one response */
    LOOK_MAX = 256,
    DISK_RETRY_MS = 50,
    DISK_FIRST_MS = 1000,  /* a disk is waited for, before the first byte, */
    DISK_LATER_MS = 10000, /* and in the middle of a body */
};

/* A slice that was opened and not handed out yet. */
struct open_slice {
    struct reader *reader;   /* owns; NULL: none */
    struct cache_load *load; /* owns; it comes from the disk, and there is no reader yet; or NULL */
    struct fill *fill;       /* counted; NULL: it was stored */
    uint32_t n;
    bool late; /* the disk has it, does not give it now, and is asked again */
    bool lost; /* it is nowhere */
};

/* Some bytes of a representation, on their way to one client. In the request's arena. */
struct slices {
    struct request *r;      /* borrowed */
    struct object *head;    /* counted */
    struct reader *self;    /* the reader of parts; NULL while the first slice is waited for */
    uint64_t first;         /* of the range */
    uint64_t pos, end;      /* the next byte to be handed out; the first behind the range */
    struct open_slice next; /* the one that pos is in, or that is read ahead */
    struct fill *arriving; /* counted; of the slice that was handed out last, if it was not whole */
    uint32_t tried;        /* the slice that failed last, */
    unsigned tries;        /* and how often */
    struct deadline retry; /* for what is late */
    mono_ms late_ms;       /* since when; 0: nothing is */
};

static void on_slice(void *ctx);

/* --- opening -------------------------------------------------------------------------------- */

static void close_slice(struct open_slice *o)
{
    cache_load_cancel(&o->load);
    reader_close(&o->reader);
    fill_release(&o->fill);
    o->late = o->lost = false;
}

static bool is_open(const struct open_slice *o)
{
    return o->reader != NULL || o->load != NULL || o->late || o->lost;
}

static enum read_state open_state(const struct open_slice *o)
{
    if (o->lost)
        return READ_FAILED;
    return o->load != NULL || o->late ? READ_WAIT : reader_state(o->reader);
}

static int open_status(const struct open_slice *o)
{
    return o->lost ? SLICE_LOST : reader_status(o->reader);
}

static const char *open_why(const struct open_slice *o)
{
    return o->lost ? "slice-lost" : reader_why(o->reader);
}

/* The part of slice `n` that is wanted. */
static void set_range(struct slices *s, uint32_t n)
{
    struct byte_range range = slice_range(s->head->sliced_bytes, s->head->slice_bytes, n);
    uint64_t from = s->pos > range.first ? s->pos : range.first;
    uint64_t to = s->end - 1 < range.last ? s->end - 1 : range.last;

    reader_range(s->next.reader, from - range.first, to - from + 1);
}

/* Before the first byte, the answer tells that something had to be fetched. */
static void tell_status(struct request *r, bool collapsed)
{
    if (r->responded)
        return;
    r->cs.hit = false;
    if (r->cs.fwd == FWD_NONE) {
        r->cs.fwd = FWD_PARTIAL;
        r->cs.collapsed = collapsed;
    }
    if (r->word == CACHE_HIT)
        r->word = CACHE_PARTIAL;
}

static void fetch_slice(struct slices *s, uint32_t n, bool collapse)
{
    struct request *r = s->r;
    struct open_slice *o = &s->next;
    bool first = !r->responded && r->filler == NULL;
    struct fill *fill;
    struct filler *f = filler_join_slice(r, s->head, n, collapse, first, &fill);

    o->reader = reader_of_fill(fill, f != NULL, r->txn->worker, on_slice, s);
    o->fill = f != NULL ? fill_ref(fill) : fill;
    if (f != NULL) {
        if (first)
            r->filler = f;
        filler_start(f);
    }
    count(f != NULL ? C_SLICES_FETCHED : C_SLICES_FOLLOWED);
    tell_status(r, f == NULL);
}

/* What was loaded for this is no use of what memory had. */
static bool open_stored(struct slices *s, const struct cache_key *key, bool loaded)
{
    struct cache *c = s->r->edge->cache;
    struct object *obj = loaded ? cache_peek(c, key) : cache_find(c, key);

    if (obj == NULL)
        obj = cache_load_now(c, key);
    if (obj == NULL)
        return false;
    count(C_SLICES_HIT);
    s->late_ms = 0;
    s->next.reader = reader_of_object(obj);
    object_release(&obj);
    set_range(s, s->next.n);
    return true;
}

static void open_fetched(struct slices *s)
{
    fetch_slice(s, s->next.n, true);
    if (s->next.reader == NULL) { /* a window whose first bytes are gone */
        fill_release(&s->next.fill);
        fetch_slice(s, s->next.n, false);
    }
    set_range(s, s->next.n);
}

static void drop(struct request *r, struct object *head)
{
    count(C_SLICES_LOST);
    cache_remove_object(r->edge->cache, head);
}

/* The whole is worth nothing without it, unless it is the disk that does not answer now. */
static void lose(struct slices *s, bool there)
{
    struct request *r = s->r;

    s->next.lost = true;
    if (!there || !r->responded)
        drop(r, s->head);
}

/* Neither memory nor the disk gives it now. */
static void open_missing(struct slices *s, const struct cache_key *key)
{
    mono_ms now = worker_now(s->r->txn->worker);
    bool there;

    if (slice_can_be_asked(s->head)) {
        open_fetched(s);
        return;
    }
    there = cache_on_disk(s->r->edge->cache, key);
    if (s->late_ms == 0)
        s->late_ms = now;
    if (!there || now - s->late_ms >= (s->r->responded ? DISK_LATER_MS : DISK_FIRST_MS)) {
        lose(s, there);
        return;
    }
    s->next.late = true;
    deadline_set(&s->retry, DISK_RETRY_MS);
}

/* What the disk had of the slice is in memory now. */
static void on_loaded(void *ctx)
{
    struct slices *s = ctx;
    char text[SLICE_KEY_MAX];
    struct cache_key key = slice_key(s->head->id, s->next.n, text);

    s->next.load = NULL;
    if (!open_stored(s, &key, true))
        open_missing(s, &key);
    on_slice(s);
}

/* From memory, the disk or the origin. */
static void open_slice(struct slices *s, uint32_t n)
{
    char text[SLICE_KEY_MAX];
    struct cache_key key = slice_key(s->head->id, n, text);

    s->next.n = n;
    if (open_stored(s, &key, false))
        return;
    s->next.load = cache_load(s->r->edge->cache, &key, s->r->txn->worker, on_loaded, s);
    if (s->next.load == NULL)
        open_missing(s, &key);
}

static void on_retry(struct deadline *d)
{
    struct slices *s = container_of(d, struct slices, retry);

    if (!s->next.late)
        return;
    s->next.late = false;
    open_slice(s, s->next.n);
    on_slice(s);
}

/* The open slice turned out to be another's alone, because it may not be stored. */
static void open_alone(struct slices *s)
{
    uint32_t n = s->next.n;

    close_slice(&s->next);
    fetch_slice(s, n, false);
    set_range(s, n);
}

/* --- failing -------------------------------------------------------------------------------- */

/* Whether the slice may be asked for again; counts. */
static bool may_try(struct slices *s, uint32_t n)
{
    if (s->tried != n || s->tries == 0) {
        s->tried = n;
        s->tries = 1;
    }
    return s->tries++ < TRIES_MAX;
}

/* The open slice failed. True: it has been opened again. */
static bool try_again(struct slices *s)
{
    uint32_t n = s->next.n;

    if (open_status(&s->next) == SLICE_LOST || !may_try(s, n))
        return false;
    close_slice(&s->next);
    open_slice(s, n);
    return true;
}

/* Nothing was sent yet. */
static void fail(struct slices *s)
{
    struct request *r = s->r;
    int status = open_status(&s->next);
    const char *why = open_why(&s->next);
    bool large = slice_can_be_asked(s->head);

    slices_close(r);
    if (status == SLICE_LOST)
        request_start_again(r, large);
    else
        request_fail(r, status, why);
}

/* --- the reader of parts -------------------------------------------------------------------- */

/* What is on the disk is asked for a slice early: reading it takes as long as sending one. */
static void read_ahead_stored(struct slices *s)
{
    char text[SLICE_KEY_MAX];
    struct cache_key key;

    if (s->pos >= s->end)
        return;
    key = slice_key(s->head->id, slice_at(s->pos, s->head->slice_bytes), text);
    if (cache_on_disk(s->r->edge->cache, &key))
        open_slice(s, slice_at(s->pos, s->head->slice_bytes));
}

/* Takes the open slice for a part. */
static void hand_out(struct slices *s, struct reader_part *out)
{
    struct byte_range range = slice_range(s->head->sliced_bytes, s->head->slice_bytes, s->next.n);

    out->reader = s->next.reader;
    s->next.reader = NULL;
    fill_release(&s->arriving);
    s->arriving = s->next.fill;
    s->next.fill = NULL;
    s->pos = range.last + 1 < s->end ? range.last + 1 : s->end;
    read_ahead_stored(s);
}

static enum part_state next_part(void *ctx, struct reader *self, struct reader_part *out)
{
    struct slices *s = ctx;
    uint32_t n;

    (void)self;
    if (s->pos >= s->end)
        return PART_END;
    n = slice_at(s->pos, s->head->slice_bytes);
    if (!is_open(&s->next))
        open_slice(s, n);
    for (;;) {
        switch (open_state(&s->next)) {
        case READ_WAIT:
            return PART_WAIT;
        case READ_READY:
            hand_out(s, out);
            return PART_READY;
        case READ_ALONE:
            open_alone(s);
            continue;
        case READ_FAILED:
        case READ_CUT:
            if (try_again(s))
                continue;
            s->r->cs.detail = span_of(open_why(&s->next));
            return PART_CUT;
        }
    }
}

/* A slice ended short. What came of it has been sent, and the rest of it may be had. */
static bool resume(void *ctx, uint64_t sent)
{
    struct slices *s = ctx;
    uint64_t pos = s->first + sent;

    if (!may_try(s, slice_at(pos, s->head->slice_bytes)))
        return false;
    close_slice(&s->next);
    fill_release(&s->arriving);
    s->pos = pos;
    return true;
}

static void close_view(void *ctx)
{
    struct slices *s = ctx;

    close_slice(&s->next);
    deadline_stop(&s->retry);
    fill_release(&s->arriving);
    object_release(&s->head);
}

static const struct part_source source = {
    .next = next_part,
    .resume = resume,
    .close = close_view,
};

/* --- wake-ups ------------------------------------------------------------------------------- */

/* The client waits for bytes of a slice that arrives: by half of it, the next one is asked for. */
static void read_ahead(struct slices *s)
{
    if (s->arriving == NULL || is_open(&s->next) || s->pos >= s->end ||
        fill_bytes(s->arriving) < s->head->slice_bytes / 2)
        return;
    open_slice(s, slice_at(s->pos, s->head->slice_bytes));
}

static void on_slice(void *ctx)
{
    struct slices *s = ctx;

    if (s->self == NULL) {
        if (!s->r->responded)
            request_deliver(s->r, s->head);
        return;
    }
    read_ahead(s);
    reader_parts_ready(s->self);
}

/* --- for a request -------------------------------------------------------------------------- */

static struct slices *view_new(struct request *r, struct object *head)
{
    struct slices *s = arena_zalloc(&r->txn->arena, sizeof(*s));

    s->r = r;
    s->head = object_ref(head);
    deadline_init(&s->retry, r->txn->worker, on_retry);
    return s;
}

static void view_range(struct slices *s, uint64_t first, uint64_t count)
{
    check(count > 0 && first < s->head->sliced_bytes && count <= s->head->sliced_bytes - first);
    s->first = s->pos = first;
    s->end = first + count;
}

void slices_begun(struct request *r, struct object *head, uint32_t n, struct fill *fill)
{
    struct slices *s;

    slices_close(r);
    s = r->slices = view_new(r, head);
    s->next.n = n;
    s->next.fill = fill_ref(fill);
    s->next.reader = reader_of_fill(fill, true, r->txn->worker, on_slice, s);
}

/* A view whose first slice is open. One that was begun may be of another slice, or of bytes that
 * are not wanted after all. */
static void open_first(struct request *r, struct object *head, uint64_t first, uint64_t count)
{
    struct slices *s = r->slices;
    uint32_t n = slice_at(first, head->slice_bytes);

    if (s != NULL &&
        (s->head != head || (s->end != 0 && (s->first != first || s->end != first + count))))
        slices_close(r);
    if (r->slices == NULL)
        r->slices = view_new(r, head);
    s = r->slices;
    if (s->end != 0)
        return;
    view_range(s, first, count);
    if (is_open(&s->next) && s->next.n != n)
        close_slice(&s->next);
    if (!is_open(&s->next))
        open_slice(s, n);
    else if (s->next.reader != NULL)
        set_range(s, n);
}

static bool is_stored(struct request *r, const struct object *head, uint32_t n)
{
    char text[SLICE_KEY_MAX];
    struct cache_key key = slice_key(head->id, n, text);
    struct object *slice = cache_peek(r->edge->cache, &key);
    bool stored = slice != NULL || cache_on_disk(r->edge->cache, &key);

    object_release(&slice);
    return stored;
}

/* Whether the slices seem to be there, by some of them: a disk loses many at a time. */
static bool seem_stored(
    struct request *r, const struct object *head, uint64_t first, uint64_t count)
{
    uint32_t from = slice_at(first, head->slice_bytes);
    uint32_t last = slice_at(first + count - 1, head->slice_bytes);
    uint64_t step = (last - from) / LOOK_MAX + 1;

    for (uint64_t n = from; n <= last; n += step) {
        if (!is_stored(r, head, (uint32_t)n))
            return false;
    }
    return is_stored(r, head, last);
}

/* Whether only what is stored may be used (RFC 9111 §5.2.1.7), and a slice is not. */
static bool may_not_fetch(
    struct request *r, const struct object *head, uint64_t first, uint64_t count)
{
    uint32_t last = slice_at(first + count - 1, head->slice_bytes);

    if (!r->ask.honoured || !r->ask.only_if_cached)
        return false;
    for (uint64_t n = slice_at(first, head->slice_bytes); n <= last; n++) {
        if (!is_stored(r, head, (uint32_t)n))
            return true;
    }
    return false;
}

bool slices_there(struct request *r, struct object *head, uint64_t first, uint64_t count)
{
    if (slice_can_be_asked(head) || seem_stored(r, head, first, count))
        return true;
    drop(r, head);
    slices_close(r);
    request_start_again(r, false);
    return false;
}

bool slices_ready(struct request *r, struct object *head, uint64_t first, uint64_t count)
{
    if (r->slices == NULL && may_not_fetch(r, head, first, count)) {
        r->cs.hit = false;
        request_answer_error(
            r, 504, "Not all slices of this are stored, and the request asked for stored only");
        return false;
    }
    if (r->slices == NULL && !slices_there(r, head, first, count))
        return false;
    open_first(r, head, first, count);
    for (;;) {
        switch (open_state(&r->slices->next)) {
        case READ_WAIT:
            return false;
        case READ_READY:
            return true;
        case READ_ALONE:
            open_alone(r->slices);
            continue;
        case READ_FAILED:
        case READ_CUT:
            if (try_again(r->slices))
                continue;
            fail(r->slices);
            return false;
        }
    }
}

/* The usual case of a seek: one slice has all of it, and is stored. */
static bool all_is_open(const struct slices *s)
{
    uint32_t bytes = s->head->slice_bytes;

    return s->next.reader != NULL && s->next.fill == NULL &&
           slice_at(s->end - 1, bytes) == s->next.n;
}

static struct reader *take_open(struct slices *s)
{
    struct reader *reader = s->next.reader;
    struct request *r = s->r;

    s->next.reader = NULL;
    if (r->stored == NULL) /* whose head is being sent */
        r->stored = object_ref(s->head);
    close_view(s);
    return reader;
}

struct reader *slices_reader(struct request *r, struct object *head, uint64_t first, uint64_t count,
    void (*wake)(void *ctx), void *ctx)
{
    struct slices *s = r->slices;

    if (s != NULL && s->first == first) {
        r->slices = NULL;
        if (all_is_open(s))
            return take_open(s);
    } else {
        s = view_new(r, head);
        view_range(s, first, count);
    }
    s->self = reader_of_parts(s->head, &source, s, (int64_t)count, r->txn->worker, wake, ctx);
    return s->self;
}

void slices_close(struct request *r)
{
    if (r->slices != NULL)
        close_view(r->slices);
    r->slices = NULL;
}
