/*
 * t_model_engine.c - random scripts of requests, responses, clock steps and failures for a few
 * resources, run against the caching rules with the memory tier and its fills, and against the
 * naive model of model.h, which remembers responses as numbers on a shelf. At every step both must
 * agree on what is stored, how old it is, and what may be done with it.
 */
#include "model.h"
#include "things.h"

#include "cache/spec.h"
#include "cache/vary.h"

enum { ENGINE_SCRIPTS = 4000, ENGINE_STEPS = 40, RESOURCES = 3, CHOICES = 3 };

/* --- what the model has stored -------------------------------------------------------------- */

struct entry {
    bool there;
    struct model m;
    unsigned serial; /* its body */
};

/* Of a resource either one response, or one for each X-Choice (9111 §4.1). */
struct shelf {
    bool varies;
    struct entry plain, by_choice[CHOICES];
};

static struct shelf shelves[RESOURCES];
static struct cache_options options;
static struct cache *cache;
static struct worker *worker;
static wall_s now;
static unsigned serials;

static struct {
    unsigned hits, variants, refreshes, misses, renewed, kept, passed, followed, bridged, failed,
        invalidated;
} did;

struct visit {
    unsigned resource, choice;
    struct asked asked;
    struct fields fields; /* the same as a request */
    struct fresh_ask ask;
    struct cache_key key, place; /* of the resource, and where it was looked up */
    struct object *obj;          /* what the engine found, counted */
    struct entry *known;         /* what the model has for it, or NULL */
    struct fill *fill;
    struct reader *follower; /* or NULL */
    wall_s asked_at;
};

static struct entry *entry_of(unsigned resource, unsigned choice)
{
    struct shelf *s = &shelves[resource];
    struct entry *e = s->varies ? &s->by_choice[choice] : &s->plain;

    return e->there ? e : NULL;
}

static void shelve(const struct visit *v, bool varies, const struct model *m, unsigned serial)
{
    struct shelf *s = &shelves[v->resource];

    if (!varies || !s->varies)
        *s = (struct shelf){.varies = varies};
    *(varies ? &s->by_choice[v->choice] : &s->plain) = (struct entry){true, *m, serial};
}

/* --- looking up ----------------------------------------------------------------------------- */

static struct span path_of(unsigned resource)
{
    return arena_printf(&arena, "/%u", resource);
}

static struct cache_key key_of(struct span path)
{
    return cache_key_of(arena_printf(&arena, "h.example%.*s", SPAN_ARG(path)));
}

static struct cache_key variant_of(const struct visit *v, struct span spec)
{
    return cache_key_of(vary_key_text(&arena, v->key.text, spec, &v->fields, &options));
}

static struct visit visit_new(void)
{
    struct visit v = {.resource = (unsigned)chance(RESOURCES),
        .choice = (unsigned)chance(CHOICES),
        .asked = something_asked()};

    v.fields = request_of(&v.asked);
    if (v.choice > 0)
        fields_add_named(
            &v.fields, &arena, SPAN("X-Choice"), v.choice == 1 ? SPAN("one") : SPAN("two"));
    v.ask = policy_ask(&v.fields, &options, &arena);
    v.place = v.key = key_of(path_of(v.resource));
    v.obj = cache_find(cache, &v.key);
    if (v.obj != NULL && object_is_spec(v.obj)) {
        v.place = variant_of(&v, arena_dup(&arena, object_spec(v.obj)));
        object_release(&v.obj);
        v.obj = cache_find(cache, &v.place);
    }
    v.known = entry_of(v.resource, v.choice);
    same((v.obj != NULL) == (v.known != NULL));
    return v;
}

static void body_check(struct reader *r, unsigned serial)
{
    struct span want = arena_printf(&arena, "body %u", serial);
    char got[32];
    size_t n = 0;

    same(reader_length(r) == (int64_t)want.n);
    while (!reader_at_end(r)) {
        struct piece p;

        same(reader_pieces(r, &p, 1, sizeof(got) - n) == 1);
        memcpy(got + n, p.data.p, p.data.n);
        n += p.data.n;
        reader_consume(r, p.data.n, false);
    }
    same(span_eq(span_make(got, n), want));
}

/* What is stored is what the model has there. */
static void stored_check(const struct object *obj, const struct entry *e)
{
    struct reader *r = reader_of_object((struct object *)obj);

    same(obj->status == e->m.said.status);
    same(fresh_age(&obj->fresh, now) == current_age(&e->m, now));
    same(fresh_ttl(&obj->fresh, now) ==
         at_most(freshness_lifetime(&e->m)) - current_age(&e->m, now));
    body_check(r, e->serial);
    reader_close(&r);
}

/* --- asking the origin ---------------------------------------------------------------------- */

static void ignore(void *ctx)
{
    (void)ctx;
}

static struct fill *join(const struct visit *v, enum fill_role expected)
{
    struct fill_request rq = {.key = &v->place,
        .resource = span_eq(v->place.text, v->key.text) ? NULL : &v->key,
        .seen = v->obj,
        .collapse = true,
        .worker = worker,
        .on_room = ignore};
    struct fill *f;

    same(fill_join(cache, &rq, &f) == expected);
    return f;
}

/* Now and then somebody else wants the same. */
static void fill_start(struct visit *v)
{
    struct fill *f;

    v->fill = join(v, FILL_LEAD);
    if (!one_in(4))
        return;
    f = join(v, FILL_FOLLOW);
    v->follower = reader_of_fill(f, false, worker, ignore, NULL);
    fill_release(&f);
    same(v->follower != NULL && reader_state(v->follower) == READ_WAIT);
    did.followed++;
}

static void fill_over(struct visit *v, enum read_state expected, const struct entry *e)
{
    if (v->follower != NULL) {
        same(reader_state(v->follower) == expected);
        if (e != NULL)
            body_check(v->follower, e->serial);
        reader_close(&v->follower);
    }
    fill_release(&v->fill);
}

/* The origin failed, or answered with an error: is what is stored better (5861 §4)? */
static bool bridged(const struct visit *v)
{
    bool may = v->obj != NULL &&
               fresh_may_serve_on_error(&v->obj->fresh, &v->ask, now, v->obj->soft_purged);

    same(may == (v->known != NULL && may_use_on_error(&v->known->m, &v->asked, now)));
    if (may)
        stored_check(v->obj, v->known);
    did.bridged += may;
    return may;
}

static void fail_fill(struct visit *v)
{
    fill_fail(v->fill, 502, "model");
    fill_over(v, READ_FAILED, NULL);
    did.failed++;
}

/* 304 about what is stored; false: it is about something else. */
static bool renewed(struct visit *v)
{
    struct said u = some_news(&v->known->m, now);
    struct fields newer = news_of(&u), had = object_fields(v->obj, &arena);
    struct model next = v->known->m;
    struct http_response head = {.status = v->obj->status};
    struct verdict verdict;
    struct object *obj;

    same(update_selects(&had, &newer) == identified(&next.said, &u));
    if (!identified(&next.said, &u))
        return false;
    next.said = updated(&next.said, &u, now);
    next.asked = v->asked;
    next.request_time = v->asked_at;
    next.response_time = now;
    head.fields = update_merge(&had, &newer, now, &arena);
    verdict = judge(&next, &head.fields);
    if (!check_verdict(&next, &verdict)) {
        cache_remove_object(cache, v->obj);
        v->known->there = false;
        v->known = NULL;
        object_release(&v->obj);
        return false; /* asked again, without conditions */
    }
    obj = object_with_head(v->obj, &head, &verdict.fresh, NULL);
    same(cache_replace(cache, v->obj, obj));
    v->known->m = next;
    fill_validated(v->fill, obj);
    stored_check(obj, v->known);
    fill_over(v, READ_READY, v->known);
    object_release(&obj);
    did.renewed++;
    return true;
}

/* Where the response is to be stored. */
static struct cache_key place_for(const struct visit *v, const struct fields *head, bool varies)
{
    struct object *there = cache_peek(cache, &v->key);
    struct span old = there != NULL && object_is_spec(there) ? object_spec(there) : SPAN_EMPTY;
    struct span spec = SPAN_EMPTY;
    struct cache_key key = v->key;
    enum vary_plan plan =
        vary_plan(&arena, old, &v->fields, head, &options, chance(UINT64_MAX), &spec);

    same(plan == (!varies ? VARY_NONE : old.n > 0 ? VARY_KEEP : VARY_SPEC));
    if (plan == VARY_SPEC)
        spec_put(cache, &v->key, there, spec, NULL, &arena);
    if (varies)
        key = variant_of(v, arena_dup(&arena, spec));
    object_release(&there);
    return key;
}

static void feed(struct fill *f, unsigned serial)
{
    struct span body = arena_printf(&arena, "body %u", serial);
    size_t half = body.n / 2;

    same(fill_append(f, span_make(body.p, half)) == half);
    same(fill_append(f, span_from(body, half)) == body.n - half);
    fill_finish(f);
}

static void answered(struct visit *v)
{
    bool varies = (v->resource == 0) == one_in(10);
    struct model m = {
        .asked = v->asked, .options = &options, .request_time = v->asked_at, .response_time = now};
    struct http_response head = {0};
    struct verdict verdict;
    struct cache_key key;
    int64_t length;

    do
        m.said = something_said(now);
    while (m.said.status < 200 || m.said.status == 304);
    if (m.said.status >= 500 && bridged(v)) {
        fail_fill(v);
        return;
    }
    head.status = m.said.status;
    head.fields = response_of(&m.said);
    if (!m.said.vary_any) {
        fields_remove(&head.fields, FIELD_VARY);
        if (varies)
            fields_add(&head.fields, &arena, FIELD_VARY, SPAN("x-choice"));
    }
    verdict = judge(&m, &head.fields);
    length = (int64_t)arena_printf(&arena, "body %u", ++serials).n;
    if (!check_verdict(&m, &verdict)) {
        fill_pass(v->fill, object_new(cache, &v->key, &head, &verdict.fresh, NULL), length, 0);
        feed(v->fill, serials);
        fill_over(v, READ_ALONE, NULL);
        did.passed++;
        return;
    }
    key = place_for(v, &head.fields, varies);
    same(fill_head(v->fill, object_new(cache, &key, &head, &verdict.fresh, NULL), length));
    feed(v->fill, serials);
    if (varies)
        spec_add_variant(cache, &v->key, &key, CHOICES, &arena);
    shelve(v, varies, &m, serials);
    fill_over(v, READ_READY, entry_of(v->resource, v->choice));
    did.kept++;
}

static void ask_origin(struct visit *v)
{
    v->asked_at = now;
    now += (wall_s)chance(3);
    fill_start(v);
    if (one_in(6)) {
        (void)bridged(v);
        fail_fill(v);
        return;
    }
    if (v->obj != NULL && one_in(2) && renewed(v))
        return;
    answered(v);
}

/* --- scripts -------------------------------------------------------------------------------- */

/* 9111 §4.4: of what a successful unsafe request names nothing stays. */
static void unsafe(unsigned resource)
{
    static const int statuses[] = {200, 204, 303, 403, 500};
    struct update_base base = {
        .scheme = SPAN("http"), .host = SPAN("h.example"), .target = {.path = path_of(resource)}};
    int status = statuses[chance(ARRAY_LEN(statuses))];
    unsigned other = (unsigned)chance(RESOURCES);
    struct update_target targets[UPDATE_TARGETS_MAX];
    struct fields response = {0};
    unsigned n;

    fields_add(
        &response, &arena, one_in(2) ? FIELD_LOCATION : FIELD_CONTENT_LOCATION, path_of(other));
    n = update_invalidates(METHOD_POST, status, &response, &base, &arena, targets);
    for (unsigned i = 0; i < n; i++) {
        struct cache_key key = key_of(targets[i].path);

        cache_remove(cache, &key);
    }
    if (status < 400) {
        shelves[resource] = shelves[other] = (struct shelf){0};
        did.invalidated++;
    }
}

static void visit(void)
{
    struct visit v = visit_new();
    enum fresh_use use = FRESH_VALIDATE;

    if (v.asked.method == METHOD_POST) {
        object_release(&v.obj);
        unsafe(v.resource);
        return;
    }
    if (v.obj != NULL) {
        stored_check(v.obj, v.known);
        use = fresh_judge(&v.obj->fresh, &v.ask, now, false);
        same(use == may_use(&v.known->m, &v.asked, now));
        did.variants += shelves[v.resource].varies;
    }
    did.misses += v.obj == NULL;
    did.hits += use == FRESH_USE;
    did.refreshes += use == FRESH_USE_AND_REFRESH;
    if (use != FRESH_USE)
        ask_origin(&v);
    object_release(&v.obj);
    worker_turn(worker);
}

static void scripts(void **state)
{
    struct cache_stats stats;

    (void)state;
    seed_take();
    for (script = 0; script < ENGINE_SCRIPTS; script++) {
        options = some_options();
        now = NOW + (wall_s)chance(1000000000);
        memset(shelves, 0, sizeof(shelves));
        for (int i = 0; i < ENGINE_STEPS; i++) {
            visit();
            now += one_in(3) ? (wall_s)chance(3) : some_seconds() % 1000000;
        }
        cache_clear(cache);
        arena_reset(&arena);
    }
    cache_stats(cache, &stats);
    same(stats.objects == 0 && stats.body_bytes == 0 && stats.fills == 0);
    /* All that can happen did, or this test would prove nothing. */
    same(did.hits > 1000 && did.variants > 1000 && did.refreshes > 100 && did.misses > 1000);
    same(did.renewed > 1000 && did.kept > 1000 && did.passed > 1000 && did.followed > 1000);
    same(did.bridged > 100 && did.failed > 1000 && did.invalidated > 100);
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    worker = worker_new(1);
    cache = cache_of(8 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    worker_turn(worker);
    cache_close(&cache);
    worker_join(&worker);
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scripts)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
