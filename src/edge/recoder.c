#include "edge/recoder.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "cache/object.h"
#include "cache/reader.h"
#include "coding/coder.h"
#include "edge/recode.h"
#include "edge/server.h"
#include "loop/deadline.h"
#include "loop/pool.h"

#include <stdlib.h>

enum {
    PIECES = 8,
    INLINE_WORK_BYTES = 64 << 10, /* in and out; what is more goes to the pool after all */
    WORTH_BYTES = 4 << 20,        /* a body up to that is finished when nobody waits for it */
    OUT_SLACK_BYTES = 1 << 10,
};

struct recoder {
    struct job job; /* a step on the pool */
    struct list node;
    struct edge_worker *edge; /* borrowed */
    struct arena arena;
    struct fill *fill;     /* counted; led */
    struct object *base;   /* counted */
    struct reader *source; /* owns; of base */
    enum coding from, to;
    int level;
    int64_t length; /* of the source; -1: not known yet */
    bool background;
    bool headed;       /* the fill has its head */
    bool busy;         /* a step is on the pool */
    _Atomic bool dead; /* ended while it was: freed when it is back */
    bool unflushed;    /* went in, and may not have come out yet */
    bool flush_due;    /* nothing came for long enough */
    struct deadline quiet;
    size_t inline_bytes; /* left to be done on the loop */
    uint64_t in_bytes, out_bytes;

    /* A step: on the loop or on the pool, never both. */
    struct coder *coder; /* owns; made by the first step */
    enum coder_state state;
    enum coder_flush flush;
    struct span in;  /* what is left of in_text */
    struct span out; /* what is made and was not taken yet */
    char *in_text, *out_text;
    size_t in_cap, out_cap;
};

struct tallies {
    enum counter bodies, in, out;
};

/* By coding; CODING_IDENTITY has no row. */
static const struct tallies encoded[CODING_KINDS] = {
    [CODING_GZIP] = {C_ENCODED_GZIP, C_ENCODED_GZIP_IN, C_ENCODED_GZIP_OUT},
    [CODING_BR] = {C_ENCODED_BR, C_ENCODED_BR_IN, C_ENCODED_BR_OUT},
    [CODING_ZSTD] = {C_ENCODED_ZSTD, C_ENCODED_ZSTD_IN, C_ENCODED_ZSTD_OUT},
};
static const struct tallies decoded[CODING_KINDS] = {
    [CODING_GZIP] = {C_DECODED_GZIP, C_DECODED_GZIP_IN, C_DECODED_GZIP_OUT},
    [CODING_BR] = {C_DECODED_BR, C_DECODED_BR_IN, C_DECODED_BR_OUT},
    [CODING_ZSTD] = {C_DECODED_ZSTD, C_DECODED_ZSTD_IN, C_DECODED_ZSTD_OUT},
};

static bool decodes(const struct recoder *r)
{
    return r->to == CODING_IDENTITY;
}

/* --- life ------------------------------------------------------------------------------------- */

static void recoder_free(struct recoder *r)
{
    coder_free(&r->coder);
    arena_free(&r->arena);
    free(r->in_text);
    free(r->out_text);
    free(r);
}

static void tally(const struct recoder *r, bool whole)
{
    const struct tallies *t = decodes(r) ? &decoded[r->from] : &encoded[r->to];

    count(whole ? t->bodies : C_RECODES_SHORT);
    if (whole && r->background)
        count(C_RECODES_IMPROVED);
    count_add(t->in, r->in_bytes);
    count_add(t->out, r->out_bytes);
}

/* The fill has been ended before. */
static void recoder_end(struct recoder *r)
{
    deadline_stop(&r->quiet);
    reader_close(&r->source);
    fill_release(&r->fill);
    object_release(&r->base);
    list_remove(&r->node);
    r->edge->recoders_n--;
    if (r->background)
        r->edge->improving = false;
    atomic_store_explicit(&r->dead, true, memory_order_relaxed);
    if (!r->busy)
        recoder_free(r);
}

static void fail(struct recoder *r, int status, const char *why)
{
    tally(r, false);
    fill_fail(r->fill, status, why);
    recoder_end(r);
}

/* What was made of something that is not stored, would be found by nobody. */
static void finish(struct recoder *r)
{
    struct cache_key key = recode_key(r->base, r->to, &r->arena);

    tally(r, true);
    fill_finish(r->fill);
    if (!r->base->passed && !r->base->whole)
        cache_remove(r->edge->cache, &key);
    recoder_end(r);
}

/* --- the head --------------------------------------------------------------------------------- */

static void give_head(struct recoder *r)
{
    struct fields fields = object_fields(r->base, &r->arena);
    struct http_response head = {.status = r->base->status, .minor = 1};
    struct cache_key key = recode_key(r->base, r->to, &r->arena);
    struct object *obj;

    recode_fields(&fields, r->to, &r->arena);
    head.fields = fields;
    obj = object_new(r->edge->cache, &key, &head, &r->base->fresh, NULL);
    obj->head_id = r->base->head_id;
    atomic_init(&obj->wanted, r->background ? RECODER_IMPROVED : 0);
    r->headed = true;
    if (r->base->passed)
        fill_pass(r->fill, obj, -1, 0);
    else
        (void)fill_head(r->fill, obj, -1);
}

/* --- a step ----------------------------------------------------------------------------------- */

/* On the loop or on the pool: touches the coder and the buffers only. */
static void step(struct recoder *r)
{
    size_t made = 0;

    if (r->coder == NULL)
        r->coder = decodes(r) ? coder_decoder(r->from) : coder_encoder(r->to, r->level, r->length);
    r->state = r->coder == NULL
                   ? CODER_FAILED
                   : coder_step(r->coder, &r->in, r->out_text, r->out_cap, r->flush, &made);
    r->out = span_make(r->out_text, made);
}

static void run_step(struct job *j)
{
    struct recoder *r = container_of(j, struct recoder, job);

    if (!atomic_load_explicit(&r->dead, memory_order_relaxed))
        step(r);
}

static void advance(struct recoder *r);

static void on_stepped(struct job *j)
{
    struct recoder *r = container_of(j, struct recoder, job);

    r->busy = false;
    if (r->dead)
        recoder_free(r);
    else
        advance(r);
}

/* Small bodies at once, unless more comes of them than was thought. False: the pool is closing. */
static bool do_step(struct recoder *r)
{
    size_t had = r->in.n, worked;

    if (r->inline_bytes == 0) {
        r->busy = pool_submit(r->edge->edge->coding, r->edge->worker, &r->job);
        return r->busy;
    }
    step(r);
    worked = had - r->in.n + r->out.n;
    r->inline_bytes -= worked < r->inline_bytes ? worked : r->inline_bytes;
    return true;
}

/* --- from the source to the fill -------------------------------------------------------------- */

enum input { INPUT_READY, INPUT_NONE /* not yet */, INPUT_CUT };

static size_t copy_in(struct recoder *r)
{
    struct piece pieces[PIECES];
    int n = reader_pieces(r->source, pieces, PIECES, r->in_cap);
    size_t bytes = 0;

    for (int i = 0; i < n; i++) {
        memcpy(r->in_text + bytes, pieces[i].data.p, pieces[i].data.n);
        bytes += pieces[i].data.n;
    }
    reader_consume(r->source, bytes, false);
    r->in = span_make(r->in_text, bytes);
    r->in_bytes += bytes;
    return bytes;
}

/* The next input and what to do with it: to gather, to make readable, or the last. */
static enum input take_in(struct recoder *r)
{
    size_t bytes = copy_in(r);

    if (reader_state(r->source) == READ_CUT)
        return INPUT_CUT;
    r->flush = CODER_GATHER;
    if (reader_at_end(r->source)) {
        r->flush = CODER_END;
        return INPUT_READY;
    }
    if (bytes > 0) {
        r->unflushed = !decodes(r);
        r->flush_due = false;
        deadline_clear(&r->quiet);
        return INPUT_READY;
    }
    if (!r->unflushed)
        return INPUT_NONE;
    if (!r->flush_due) {
        deadline_set(&r->quiet, RECODER_FLUSH_MS);
        return INPUT_NONE;
    }
    r->flush_due = false;
    r->unflushed = false;
    r->flush = CODER_SYNC;
    return INPUT_READY;
}

/* False: the readers are to move on first. */
static bool give_out(struct recoder *r)
{
    size_t took;

    if (r->out.n == 0)
        return true;
    took = fill_append(r->fill, r->out);
    r->out_bytes += took;
    r->out = span_from(r->out, took);
    return r->out.n == 0;
}

/* As far as it goes now. May end the recoder. */
static void advance(struct recoder *r)
{
    while (!r->busy) {
        if (r->state == CODER_FAILED) {
            fail(r, 502, "bad-coding");
            return;
        }
        if (r->coder != NULL && !r->headed)
            give_head(r);
        if (!give_out(r))
            return;
        if (r->state == CODER_DONE) {
            finish(r);
            return;
        }
        if (r->state == CODER_NEEDS_INPUT) {
            switch (take_in(r)) {
            case INPUT_READY:
                break;
            case INPUT_NONE:
                return;
            case INPUT_CUT:
                fail(r, 502, "cut");
                return;
            }
        }
        if (!do_step(r)) {
            fail(r, 503, "stopping");
            return;
        }
    }
}

static void on_source(void *ctx)
{
    struct recoder *r = ctx;

    if (!r->busy)
        advance(r);
}

static void on_quiet(struct deadline *d)
{
    struct recoder *r = container_of(d, struct recoder, quiet);

    r->flush_due = true;
    if (!r->busy)
        advance(r);
}

/* Nobody reads it any more: what is worth being stored goes on. */
static bool abandoned(struct recoder *r)
{
    if (r->background || fill_readers(r->fill) > 0)
        return false;
    return r->base->passed || r->length < 0 || r->length > WORTH_BYTES;
}

static void on_room(void *ctx)
{
    struct recoder *r = ctx;

    if (abandoned(r))
        fail(r, 499, "client-gone");
    else if (!r->busy)
        advance(r);
}

/* --- starting --------------------------------------------------------------------------------- */

static struct recoder *recoder_new(
    struct edge_worker *e, const struct recoder_job *job, bool background)
{
    struct recoder *r = xcalloc(1, sizeof(*r));
    enum coding from = recode_has(job->base);
    const struct coding_levels *levels = &job->options->levels[job->to];

    *r = (struct recoder){
        .job = {.work = run_step, .done = on_stepped},
        .edge = e,
        .base = object_ref(job->base),
        .from = from,
        .to = job->to,
        .level = background ? levels->stored : levels->first,
        .background = background,
        .state = CODER_NEEDS_INPUT,
    };
    list_init(&r->node);
    arena_init(&r->arena);
    deadline_init(&r->quiet, e->worker, on_quiet);
    return r;
}

/* Before it leads. */
static void recoder_discard(struct recoder *r)
{
    deadline_stop(&r->quiet);
    object_release(&r->base);
    recoder_free(r);
}

static enum fill_role join(struct recoder *r, bool share, struct fill **fill)
{
    struct cache_key key = recode_key(r->base, r->to, &r->arena);
    const struct fill_request rq = {
        .key = &key,
        .collapse = share,
        .worker = r->edge->worker,
        .on_room = on_room,
        .ctx = r,
    };

    return fill_join(r->edge->cache, &rq, fill);
}

/* Whether it may be done on the loop: 16 KiB in gzip at level 4 take 0.5 ms (bench/codings). */
static bool quick(const struct recoder *r, int64_t length)
{
    if (length < 0 || length > RECODER_INLINE_BYTES)
        return false;
    return decodes(r) || r->level <= coder_levels(r->to)->first;
}

static void start(struct recoder *r)
{
    int64_t length = reader_length(r->source);

    r->length = length;
    r->in_cap = length > 0 && length < RECODER_STEP_BYTES ? (size_t)length : RECODER_STEP_BYTES;
    r->out_cap = decodes(r) || length < 0 ? RECODER_STEP_BYTES : r->in_cap + OUT_SLACK_BYTES;
    r->in_text = xmalloc(r->in_cap);
    r->out_text = xmalloc(r->out_cap);
    if (quick(r, length))
        r->inline_bytes = INLINE_WORK_BYTES;
    list_append(&r->edge->recoders, &r->node);
    r->edge->recoders_n++;
    if (!decodes(r))
        give_head(r);
    advance(r);
}

/* It leads, and will not do it. */
static void refuse(struct recoder *r, struct fill *fill)
{
    count(C_RECODES_REFUSED);
    fill_fail(fill, 503, "busy");
    fill_release(&fill);
    recoder_discard(r);
}

struct reader *recoder_read(struct edge_worker *e, const struct recoder_job *job,
    struct reader *source, void (*wake)(void *ctx), void *ctx)
{
    struct recoder *r = recoder_new(e, job, false);
    struct reader *reader;
    struct fill *fill;

    if (join(r, !job->base->passed, &fill) == FILL_FOLLOW) {
        recoder_discard(r);
        reader = reader_of_fill(fill, false, e->worker, wake, ctx);
        fill_release(&fill);
        return reader;
    }
    if (e->recoders_n < RECODERS_MAX)
        r->source = reader_again(source, on_source, r);
    if (r->source == NULL) {
        refuse(r, fill);
        return NULL;
    }
    r->fill = fill;
    reader = reader_of_fill(fill, true, e->worker, wake, ctx);
    start(r);
    return reader;
}

bool recoder_improve(struct edge_worker *e, const struct recoder_job *job)
{
    struct recoder *r;
    struct fill *fill;

    if (e->improving || e->recoders_n >= RECODERS_MAX)
        return false;
    r = recoder_new(e, job, true);
    if (join(r, false, &fill) == FILL_FOLLOW)
        check_failed("a fill of one's own", __FILE__, __LINE__, __func__);
    r->fill = fill;
    r->source = reader_of_object(r->base);
    e->improving = true;
    start(r);
    return true;
}

void recoders_stop(struct edge_worker *e)
{
    list_each_safe (n, &e->recoders)
        fail(list_entry(n, struct recoder, node), 503, "stopping");
}
