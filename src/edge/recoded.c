/*
 * recoded.c - answers a request with its response in another coding: one that is stored, or one
 * that is being made.
 *
 * What is recoded is stored under a key that its source's id is in, so it goes out of reach with
 * it. Freshness, age and head are the source's: an update gives the source a new head, and what was
 * made of it takes that on when it is asked for next.
 */
#include "base/log.h"
#include "cache/object.h"
#include "edge/conf.h"
#include "edge/deliver.h"
#include "edge/recode.h"
#include "edge/recoder.h"

enum { IMPROVE_AT = 3 /* wanted so often, it is worth a better level */ };

static void on_wake(void *ctx);

/* --- heads ------------------------------------------------------------------------------------ */

static struct fields *fields_in(struct request *r, const struct object *base, enum coding to)
{
    struct fields *f = arena_alloc(&r->txn->arena, sizeof(*f));

    *f = object_fields(base, &r->txn->arena);
    recode_fields(f, to, &r->txn->arena);
    return f;
}

/* With the head that the source has by now, as it is stored from then on. Takes over the reference.
 */
static struct object *with_head_of(
    struct request *r, struct object *recoded, const struct object *base, enum coding to)
{
    struct http_response head = {.status = base->status, .minor = 1};
    struct object *obj;

    if (recoded->head_id == base->head_id)
        return recoded;
    head.fields = *fields_in(r, base, to);
    obj = object_with_head(recoded, &head, &base->fresh, NULL);
    obj->head_id = base->head_id;
    atomic_init(&obj->wanted, atomic_load(&recoded->wanted));
    if (!cache_replace(r->edge->cache, recoded, obj))
        log_msg(LOG_DEBUG, "a recoded response has been replaced meanwhile; it is not stored");
    object_release(&recoded);
    return obj;
}

/* --- stored ----------------------------------------------------------------------------------- */

static void improve(struct request *r, struct object *recoded, struct object *base, enum coding to)
{
    const struct coding_options *o = &r->route.policy->coding;
    const struct recoder_job job = {.base = base, .to = to, .options = o};

    if (to == CODING_IDENTITY || o->levels[to].stored == o->levels[to].first || !base->whole ||
        recoder_improve(r->edge, &job))
        atomic_store(&recoded->wanted, RECODER_IMPROVED);
}

static void count_use(
    struct request *r, struct object *recoded, struct object *base, enum coding to)
{
    unsigned wanted = atomic_load_explicit(&recoded->wanted, memory_order_relaxed);

    if (wanted == RECODER_IMPROVED)
        return;
    if (wanted + 1 < IMPROVE_AT)
        atomic_store_explicit(&recoded->wanted, (uint8_t)(wanted + 1), memory_order_relaxed);
    else
        improve(r, recoded, base, to);
}

/* The reader of the source is not needed any more, but the source is. */
static void take_source(struct request *r, struct object *base)
{
    object_release(&r->base);
    r->base = object_ref(base);
    reader_close(&r->reader);
}

static void deliver_found(
    struct request *r, struct object *recoded, struct object *base, enum coding to)
{
    recoded = with_head_of(r, recoded, base, to);
    take_source(r, base);
    r->reader = reader_of_object(recoded);
    count_use(r, recoded, r->base, to);
    deliver_whole(r, recoded, NULL, r->base, (int64_t)recoded->body_bytes);
    object_release(&recoded);
}

/* --- in the making ---------------------------------------------------------------------------- */

/* It cannot be had: what there is goes out as it is, which is more use than nothing. */
static void deliver_as_it_is(struct request *r)
{
    struct object *base = reader_object(r->reader);

    reader_close(&r->recoded);
    deliver_whole(r, base, NULL, base, reader_length(r->reader));
}

static void deliver_made(struct request *r)
{
    const struct object *obj = reader_object(r->recoded);
    struct fields *newer = NULL;

    take_source(r, reader_object(r->reader));
    r->reader = r->recoded;
    r->recoded = NULL;
    if (obj->head_id != r->base->head_id) /* of an earlier head */
        newer = fields_in(r, r->base, r->recoding);
    deliver_whole(r, obj, newer, r->base, reader_length(r->reader));
}

static void answer_failure(struct request *r)
{
    r->cs.detail = span_of(reader_why(r->recoded));
    request_answer_error(r, 502, "The origin's response cannot be decoded");
}

static void on_head(struct request *r)
{
    switch (reader_state(r->recoded)) {
    case READ_WAIT:
        return;
    case READ_READY:
        deliver_made(r);
        return;
    case READ_FAILED:
        if (reader_status(r->recoded) == 502)
            answer_failure(r);
        else
            deliver_as_it_is(r);
        return;
    case READ_ALONE:
    case READ_CUT:
        deliver_as_it_is(r);
        return;
    }
}

static void on_wake(void *ctx)
{
    struct request *r = ctx;

    if (r->responded)
        txn_wake(r->txn);
    else
        on_head(r);
}

static void make(struct request *r, struct object *base, enum coding to)
{
    const struct recoder_job job = {.base = base, .to = to, .options = &r->route.policy->coding};

    r->recoding = to;
    r->recoded = recoder_read(r->edge, &job, r->reader, on_wake, r);
    if (r->recoded == NULL)
        deliver_as_it_is(r);
    else
        on_head(r); /* a small one is ready at once */
}

void deliver_recoded(struct request *r, struct object *base, enum coding to)
{
    struct cache_key key = recode_key(base, to, &r->txn->arena);
    struct object *recoded = base->passed ? NULL : cache_find(r->edge->cache, &key);

    if (recoded != NULL)
        deliver_found(r, recoded, base, to);
    else if (r->txn->request.method == METHOD_HEAD)
        deliver_whole(r, base, fields_in(r, base, to), base, -1);
    else
        make(r, base, to);
}
