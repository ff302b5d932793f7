#include "edge/decision.h"

#include "cache/load.h"
#include "cache/object.h"
#include "cache/policy.h"
#include "cache/spec.h"
#include "cache/vary.h"

struct cache_key decision_variant(
    const struct route *route, struct span spec, const struct fields *fields, struct arena *a)
{
    return cache_key_of(vary_key_text(a, route->key.text, spec, fields, &route->policy->cache));
}

static struct object *look(const struct decision_question *q, const struct cache_key *key)
{
    struct object *obj;

    if (q->cache == NULL)
        return NULL;
    if (q->peek || q->loaded)
        return cache_peek(q->cache, key);
    obj = cache_find(q->cache, key);
    return obj == NULL && q->load ? cache_load_now(q->cache, key) : obj;
}

/* Nothing in memory under that key, but on the disk. */
static bool must_load(
    struct decision *d, const struct decision_question *q, const struct cache_key *key)
{
    if (!q->load || q->cache == NULL || !cache_on_disk(q->cache, key))
        return false;
    d->by = BY_LOAD;
    d->load = *key;
    return true;
}

static void find(struct decision *d, const struct decision_question *q, const struct route *route,
    struct arena *a)
{
    d->obj = look(q, &route->key);
    if (d->obj == NULL && must_load(d, q, &route->key))
        return;
    d->varies = d->obj != NULL && object_is_spec(d->obj);
    if (!d->varies)
        return;
    d->spec = arena_dup(a, object_spec(d->obj));
    if (q->peek) {
        d->listed = arena_alloc(a, SPEC_VARIANTS_MAX * sizeof(*d->listed));
        d->listed_n = object_spec_variants(d->obj, d->listed);
    }
    object_release(&d->obj);
    d->variant = decision_variant(route, d->spec, q->fields, a);
    if (d->variant.text.p != NULL)
        d->obj = look(q, &d->variant);
    if (d->obj == NULL && d->variant.text.p != NULL && must_load(d, q, &d->variant))
        return;
    if (d->obj != NULL && !q->peek)
        object_used(d->obj, q->now);
}

static void ask_origin(
    struct decision *d, enum answer_by by, enum cache_word word, enum cache_fwd fwd)
{
    d->by = by;
    d->word = word;
    d->fwd = fwd;
}

static void refuse(struct decision *d, const char *why)
{
    d->by = BY_REFUSAL;
    d->refusal = why;
}

/* Stale, or fresh but the client's Cache-Control asks for more (RFC 9211 §2.2). */
static enum cache_fwd why_forward(const struct decision *d, wall_s now)
{
    bool fresh = fresh_judge(&d->obj->fresh, NULL, now, d->obj->soft_purged) == FRESH_USE;

    return fresh ? FWD_REQUEST : FWD_STALE;
}

static void judge_stored(struct decision *d, enum http_method method, wall_s now)
{
    switch (fresh_judge(&d->obj->fresh, &d->ask, now, d->obj->soft_purged)) {
    case FRESH_USE:
        d->by = BY_STORED;
        d->word = CACHE_HIT;
        return;
    case FRESH_USE_AND_REFRESH:
        d->by = BY_STALE;
        d->word = CACHE_UPDATING;
        return;
    case FRESH_VALIDATE:
        if (d->ask.honoured && d->ask.only_if_cached)
            refuse(d, "What is stored is not fresh, and the request asked for stored only");
        else if (method == METHOD_HEAD) /* its answer renews what is stored, RFC 9111 §4.3.5 */
            ask_origin(d, BY_OWN_FETCH, CACHE_EXPIRED, FWD_STALE);
        else
            ask_origin(d, BY_VALIDATION, CACHE_EXPIRED, why_forward(d, now));
        return;
    }
}

static void judge_missing(struct decision *d, const struct decision_question *q,
    const struct route *route, struct arena *a)
{
    enum cache_fwd fwd = d->varies ? FWD_VARY_MISS : FWD_URI_MISS;

    if (d->ask.honoured && d->ask.only_if_cached) {
        refuse(d, "Nothing is stored for this request, and it asked for that only");
    } else if (d->variant.text.p == NULL || q->method == METHOD_HEAD) {
        ask_origin(d, BY_OWN_FETCH, CACHE_MISS, fwd);
    } else {
        ask_origin(d, BY_FILL, CACHE_MISS, fwd);
        if (d->varies)
            d->unlearnt = cache_key_of(
                vary_key_unlearnt(a, route->key.text, d->spec, q->fields, &route->policy->cache));
    }
}

void decide(
    struct decision *d, const struct decision_question *q, struct route *route, struct arena *a)
{
    bool keyed = route_key(route, q->fields, a);

    *d = (struct decision){.variant = route->key};
    if (!keyed || !route_cached(route)) {
        ask_origin(d, BY_OWN_FETCH, CACHE_BYPASS, FWD_BYPASS);
        return;
    }
    if (q->method != METHOD_GET && q->method != METHOD_HEAD) {
        ask_origin(d, BY_OWN_FETCH, CACHE_BYPASS, FWD_METHOD);
        return;
    }
    d->ask = policy_ask(q->fields, &route->policy->cache, a);
    find(d, q, route, a);
    if (d->load.text.p != NULL)
        return;
    if (d->obj != NULL)
        judge_stored(d, q->method, q->now);
    else
        judge_missing(d, q, route, a);
}
