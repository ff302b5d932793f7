/*
 * look_up.c - what answers this request: something stored, a fill in flight, or a fill of its own.
 *
 *   stored and fresh                      HIT
 *   stored, stale, may be used meanwhile  UPDATING (stale-while-revalidate; one refresh runs)
 *   stored, stale                         EXPIRED or REVALIDATED, after asking the origin; STALE
 * when the origin fails and stale-if-error allows not stored                            MISS, as
 * leader or follower of a fill not to be looked up                   BYPASS
 */
#include "cache/object.h"
#include "cache/policy.h"
#include "cache/spec.h"
#include "cache/vary.h"
#include "edge/conf.h"
#include "edge/filler.h"
#include "edge/request.h"

/* A fill may turn out to be of another variant, or another's alone; then the look-up starts again,
 * but not for ever. */
enum { LOOK_UPS_MAX = 4 };

static void ask_origin(struct request *r, bool collapse);
static void on_wake(void *ctx);

/* --- what is stored ---------------------------------------------------------------------- */

/* The key of this request's variant under a spec; text.p == NULL: cannot be looked up. */
static struct cache_key variant_key(struct request *r, const struct object *spec)
{
    return cache_key_of(vary_key_text(&r->txn->arena, r->route.key.text, object_spec(spec),
        &r->txn->request.fields, &r->route.policy->cache));
}

/* What is stored for this request, as a reference, or NULL. Sets r->variant. */
static struct object *find(struct request *r)
{
    struct object *obj = cache_find(r->edge->cache, &r->route.key);

    r->variant = r->route.key;
    r->varies = obj != NULL && object_is_spec(obj);
    if (!r->varies)
        return obj;
    r->variant = variant_key(r, obj);
    object_release(&obj);
    return r->variant.text.p != NULL ? cache_find(r->edge->cache, &r->variant) : NULL;
}

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

    if (obj == NULL ||
        !fresh_may_serve_on_error(&obj->fresh, &r->ask, worker_wall_s(r->txn->worker)))
        return false;
    reader_close(&r->reader);
    r->cs.hit = true;
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

static void answer_failure(struct request *r)
{
    int status = reader_status(r->reader);

    r->cs.detail = span_of(reader_why(r->reader));
    if (!deliver_stale(r))
        request_answer_error(r, status, failure_sentence(status));
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
    mine = object_is_spec(spec) ? variant_key(r, spec) : r->route.key;
    object_release(&spec);
    return span_eq(obj->key, mine.text);
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
        answer_failure(r);
        return;
    case READ_READY:
    case READ_CUT:
        if (!answers_us(r, reader_object(r->reader))) {
            start_again(r, true);
            return;
        }
        request_deliver(r, reader_object(r->reader));
        return;
    }
}

/* --- asking the origin --------------------------------------------------------------------- */

/* Leads a fill or follows one. */
static void ask_origin(struct request *r, bool collapse)
{
    struct fill *fill;
    struct filler *f = filler_join(r, r->stored, collapse, true, &fill);

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
    if (f != NULL)
        filler_start(f);
    else
        on_wake(r); /* the head may be there already */
}

static void use_stored(struct request *r, struct object *obj)
{
    wall_s now = worker_wall_s(r->txn->worker);

    switch (fresh_judge(&obj->fresh, &r->ask, now, obj->soft_purged)) {
    case FRESH_USE:
        r->cs.hit = true;
        r->cs.has_ttl = true;
        r->cs.ttl_s = fresh_ttl(&obj->fresh, now);
        deliver_stored(r, obj, CACHE_HIT);
        object_release(&obj);
        return;
    case FRESH_USE_AND_REFRESH:
        r->cs.hit = true;
        r->cs.has_ttl = true;
        r->cs.ttl_s = fresh_ttl(&obj->fresh, now);
        refresh(r, obj);
        deliver_stored(r, obj, CACHE_UPDATING);
        object_release(&obj);
        return;
    case FRESH_VALIDATE:
        r->stored = obj;
        if (r->ask.honoured && r->ask.only_if_cached) {
            request_answer_error(
                r, 504, "What is stored is not fresh, and the request asked for stored only");
            return;
        }
        r->word = CACHE_EXPIRED;
        r->cs.fwd = FWD_STALE;
        ask_origin(r, true);
        return;
    }
}

/* Not in a state to be stored or found: goes to the origin by itself. */
static void on_its_own(struct request *r, enum cache_word word, enum cache_fwd why)
{
    r->word = word;
    r->cs.fwd = why;
    r->own_fetch = true;
    ask_origin(r, false);
}

void request_look_up(struct request *r)
{
    const struct http_request *req = &r->txn->request;
    struct object *obj;
    bool keyed = route_key(&r->route, &req->fields, &r->txn->arena);

    r->variant = r->route.key;
    if (!keyed || !route_cached(&r->route)) {
        on_its_own(r, CACHE_BYPASS, FWD_BYPASS);
        return;
    }
    if (req->method != METHOD_GET && req->method != METHOD_HEAD) {
        on_its_own(r, CACHE_BYPASS, FWD_METHOD);
        return;
    }
    r->ask = policy_ask(&req->fields, &r->route.policy->cache, &r->txn->arena);
    obj = find(r);
    if (obj != NULL) {
        use_stored(r, obj);
        return;
    }
    if (r->ask.honoured && r->ask.only_if_cached) {
        request_answer_error(
            r, 504, "Nothing is stored for this request, and it asked for that only");
        return;
    }
    if (r->variant.text.p == NULL) {
        on_its_own(r, CACHE_MISS, FWD_VARY_MISS);
        return;
    }
    if (req->method == METHOD_HEAD) {
        on_its_own(r, CACHE_MISS, r->varies ? FWD_VARY_MISS : FWD_URI_MISS);
        return;
    }
    r->word = CACHE_MISS;
    r->cs.fwd = r->varies ? FWD_VARY_MISS : FWD_URI_MISS;
    ask_origin(r, true);
}
