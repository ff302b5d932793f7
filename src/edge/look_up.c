/*
 * look_up.c - acts upon a decision (decision.h): delivers what is stored, follows somebody's fill,
 * or leads one; and waits for its head.
 */
#include "base/counters.h"
#include "cache/load.h"
#include "cache/object.h"
#include "cache/purge.h"
#include "cache/spec.h"
#include "edge/decision.h"
#include "edge/filler.h"
#include "edge/hints.h"
#include "edge/request.h"
#include "edge/server.h"

/* A fill may turn out to be of another variant, or another's alone; then the look-up starts again,
 * but not for ever. */
enum {
    LOOK_UPS_MAX = 4,
    LOADS_MAX = 4, /* a specification and its variant, and each once more */
};

static void ask_origin(struct request *r, bool collapse);
static void start_again(struct request *r, bool collapse);
static void on_wake(void *ctx);

/* --- answers ------------------------------------------------------------------------------ */

static void deliver_stored(struct request *r, struct object *obj, enum cache_word word)
{
    r->word = word;
    r->reader = reader_of_object(obj);
    request_deliver(r, obj);
}

/* Asks the origin without this client, which has its answer already. */
static void refresh(struct request *r, struct object *obj)
{
    struct fill *fill;
    struct filler *f = filler_join(r, obj, true, false, &fill);

    if (f != NULL)
        filler_start(f);
    else
        fill_release(&fill); /* somebody does it already */
}

/* The origin failed, and something stale may be used instead (RFC 5861 §4). */
static bool deliver_stale(struct request *r)
{
    struct object *obj = r->stored;

    if (obj == NULL || !fresh_may_serve_on_error(
                           &obj->fresh, &r->ask, worker_wall_s(r->txn->worker), obj->soft_purged))
        return false;
    reader_close(&r->reader);
    r->cs.has_ttl = true;
    r->cs.ttl_s = fresh_ttl(&obj->fresh, worker_wall_s(r->txn->worker));
    deliver_stored(r, obj, CACHE_STALE);
    return true;
}

static const char *failure_sentence(int status)
{
    switch (status) {
    case 400:
        return "The body of the request is not framed as it should be";
    case 408:
        return "The body of the request did not arrive in time";
    case 413:
        return "The body of the request is larger than this edge takes";
    case 503:
        return "This edge has reached a limit of its own; try again soon";
    case 504:
        return "The origin did not answer in time";
    default:
        return "The origin could not be reached, or did not answer as it should";
    }
}

/* What it asked the origin for by itself is not to be had so. */
static void wait_for_ranges(struct request *r)
{
    r->ranges_alone = r->own_fetch = false;
    r->ranges_wait = true;
    r->cs.detail = SPAN_EMPTY;
    start_again(r, true);
}

void request_fail(struct request *r, int status, const char *why)
{
    r->cs.detail = span_of(why);
    request_answer_error(r, status, failure_sentence(status));
}

static void answer_failure(struct request *r)
{
    int status = reader_status(r->reader);
    const char *why = reader_why(r->reader);

    r->cs.detail = span_of(why);
    if (!deliver_stale(r))
        request_fail(r, status, why);
}

/* --- waiting for a head ------------------------------------------------------------------- */

/* Whether the head that the fill got answers this request, too (RFC 9111 §4.1). */
static bool answers_us(struct request *r, const struct object *obj)
{
    struct object *spec;
    struct cache_key mine;

    if (r->leads || span_eq(obj->key, r->variant.text))
        return true;
    spec = cache_peek(r->edge->cache, &r->route.key);
    if (spec == NULL)
        return false;
    mine = r->route.key;
    if (object_is_spec(spec))
        mine =
            decision_variant(&r->route, object_spec(spec), &r->txn->request.fields, &r->txn->arena);
    object_release(&spec);
    return span_eq(obj->key, mine.text);
}

/* The fill's request went out before a purge that was there when this one came. (When the head was
 * not yet there, its tags could not be asked about.) */
static bool came_after_purge(struct request *r, struct object *obj)
{
    return !r->leads && obj->born < r->purges_then &&
           cache_purged(r->edge->cache, obj) != PURGED_NOT;
}

static void start_again(struct request *r, bool collapse)
{
    reader_close(&r->reader);
    object_release(&r->stored);
    if (!collapse || ++r->look_ups >= LOOK_UPS_MAX)
        ask_origin(r, false);
    else
        request_look_up(r);
}

void request_start_again(struct request *r, bool large)
{
    r->cs = (struct cache_status){0};
    r->large = large;
    start_again(r, true);
}

static void on_wake(void *ctx)
{
    struct request *r = ctx;

    if (r->responded) {
        txn_wake(r->txn);
        return;
    }
    switch (reader_state(r->reader)) {
    case READ_WAIT:
        return;
    case READ_ALONE:
        start_again(r, false);
        return;
    case READ_FAILED:
        if (r->ranges_alone)
            wait_for_ranges(r);
        else
            answer_failure(r);
        return;
    case READ_READY:
    case READ_CUT:
        if (!answers_us(r, reader_object(r->reader)) ||
            came_after_purge(r, reader_object(r->reader))) {
            start_again(r, true);
            return;
        }
        request_deliver(r, reader_object(r->reader));
        return;
    }
}

/* --- asking the origin --------------------------------------------------------------------- */

/* Whoever waits for the origin can begin with what the page needed the last time (RFC 8297). */
static void send_hints(struct request *r)
{
    struct fields links;

    if (r->hinted || r->own_fetch || r->txn->request.method != METHOD_GET ||
        !hints_get(r->edge->edge->hints, r->route.key.hash, &r->txn->arena, &links))
        return;
    r->hinted = true;
    txn_interim(r->txn, 103, &links);
}

/* Leads a fill or follows one. */
static void ask_origin(struct request *r, bool collapse)
{
    struct fill *fill;
    struct object *validate = r->own_fetch ? NULL : r->stored;
    struct filler *f = filler_join(r, validate, collapse, true, &fill);

    r->filler = f;
    r->leads = f != NULL;
    r->cs.collapsed = f == NULL;
    r->reader = reader_of_fill(fill, f != NULL, r->txn->worker, on_wake, r);
    if (f == NULL)
        fill_release(&fill);
    if (r->reader == NULL) { /* its first bytes are gone */
        start_again(r, false);
        return;
    }
    send_hints(r);
    if (f != NULL)
        filler_start(f);
    else
        on_wake(r); /* the head may be there already */
}

void request_fetch_ranges(struct request *r)
{
    count(C_RANGES_ALONE);
    reader_close(&r->reader);
    r->ranges_alone = r->own_fetch = true;
    r->cs.fwd = FWD_PARTIAL;
    r->cs.detail = SPAN("range-ahead");
    ask_origin(r, false);
}

void request_fetch_tunnel(struct request *r)
{
    r->own_fetch = true;
    r->word = CACHE_BYPASS;
    r->cs.fwd = FWD_BYPASS;
    r->cs.detail = r->upgrade;
    ask_origin(r, false);
}

/* The answer says how long what is stored stays fresh. */
static void use_stored(struct request *r, struct object *obj, enum cache_word word)
{
    r->cs.hit = true;
    r->cs.has_ttl = true;
    r->cs.ttl_s = fresh_ttl(&obj->fresh, worker_wall_s(r->txn->worker));
    deliver_stored(r, obj, word);
    object_release(&obj);
}

static void on_loaded(void *ctx)
{
    struct request *r = ctx;

    r->load = NULL;
    request_look_up(r);
}

/* What is stored is on the disk: looked up again when it is in memory. What the disk does not give
 * is as if it were not stored. */
static void load(struct request *r, const struct cache_key *key)
{
    r->loads++;
    r->load = cache_load(r->edge->cache, key, r->txn->worker, on_loaded, r);
    if (r->load == NULL)
        request_look_up(r);
}

void request_look_up(struct request *r)
{
    const struct decision_question q = {
        .cache = r->edge->cache,
        .load = r->loads<LOADS_MAX, .loaded = r->loads> 0,
        .method = r->txn->request.method,
        .fields = &r->txn->request.fields,
        .now = worker_wall_s(r->txn->worker),
    };
    struct decision d;

    r->purges_then = cache_purge_seq(r->edge->cache);
    decide(&d, &q, &r->route, &r->txn->arena);
    r->word = d.word;
    r->cs.fwd = d.fwd;
    r->ask = d.ask;
    r->varies = d.varies;
    r->variant = d.variant;
    r->unlearnt = d.unlearnt;
    switch (d.by) {
    case BY_STORED:
        use_stored(r, d.obj, d.word);
        return;
    case BY_STALE:
        refresh(r, d.obj);
        use_stored(r, d.obj, d.word);
        return;
    case BY_VALIDATION:
        r->stored = d.obj;
        ask_origin(r, true);
        return;
    case BY_FILL:
        if (!request_deliver_beginning(r))
            ask_origin(r, true);
        return;
    case BY_OWN_FETCH:
        r->stored = d.obj;
        r->own_fetch = true;
        ask_origin(r, false);
        return;
    case BY_LOAD:
        load(r, &d.load);
        return;
    case BY_REFUSAL:
        object_release(&d.obj);
        request_answer_error(r, 504, d.refusal);
        return;
    }
}
