/*
 * arrival.c - what becomes of a response from the origin: stored under its key or its variant's,
 * passed to its client alone, taken for news about something stored; and what it makes invalid.
 */
#include "edge/filler_impl.h"

#include "edge/incomplete.h"

#include "base/log.h"
#include "cache/key.h"
#include "cache/object.h"
#include "cache/policy.h"
#include "cache/spec.h"
#include "cache/update.h"
#include "cache/vary.h"
#include "edge/forward.h"
#include "edge/notstored.h"
#include "edge/recode.h"
#include "edge/server.h"
#include "edge/tagging.h"
#include "origin/fetch.h"

enum { REMEMBER_MS = 30000 /* that a key's responses are not storable */ };

/* Where the request went, as references in its response are to be understood. */
static struct update_base base_of(const struct filler *f)
{
    return (struct update_base){
        .scheme = f->from.proto,
        .host = f->host,
        .port = f->port,
        .path_flags = f->path_flags,
        .target = {.path = f->path, .has_query = f->has_query, .query = f->query},
    };
}

void filler_judge(
    struct filler *f, enum http_method method, const struct http_response *head, struct verdict *v)
{
    struct policy_question q = {
        .method = method,
        .request = &f->request.fields,
        .ask = &f->ask,
        .head = head,
        .options = &f->policy->cache,
        .request_s = f->asked_at,
        .response_s = worker_wall_s(f->edge->worker),
    };

    policy_judge(&q, &f->arena, v);
}

/* For counters, the log, Cache-Status and explain. That other methods than GET are not stored tells
 * nothing about the resource. */
static void not_stored(struct filler *f, enum nostore_reason why, int status)
{
    nostore_count(why);
    if (why != NOSTORE_METHOD && f->key.text.p != NULL)
        notstored_put(f->edge->edge->notstored, f->key.hash,
            &(struct notstored){why, status, worker_wall_s(f->edge->worker)});
    if (f->client != NULL && !f->whole)
        f->client->cs.detail = nostore_token(why);
}

/* Which other codings a response may get; it says so by Vary from then on, so its place among
 * variants is chosen before. */
static uint8_t may_recode(struct filler *f, struct http_response *head, int64_t length)
{
    return (uint8_t)recode_mark(
        &f->policy->coding, head, length, cache_whole_max(f->edge->cache), &f->arena);
}

/* A stored response takes on the fields of a newer head (RFC 9111 §3.2), as a new object with a
 * reference for the caller; stored in the place of the old one. NULL: with these fields it may not
 * be stored, and is not any more. */
static struct object *renew(struct filler *f, struct object *old, const struct http_response *newer)
{
    wall_s now = worker_wall_s(f->edge->worker);
    struct fields had = object_fields(old, &f->arena);
    struct http_response merged = {.status = old->status, .minor = 1}, arrived = *newer;
    struct object_labels labels;
    struct verdict v;
    struct object *obj;
    uint8_t may;

    recode_unmark(old, &had, &f->arena);
    arrived.fields = fields_copy(&newer->fields, &f->arena);
    forward_response(&arrived, f->setup, false, false, now, &f->arena);
    secure_strip(f->policy, &arrived.fields);
    merged.fields = update_merge(&had, &arrived.fields, now, &f->arena);
    filler_judge(f, METHOD_GET, &merged, &v);
    if (!v.store) {
        cache_remove_object(f->edge->cache, old);
        not_stored(f, v.reason, newer->status);
        return NULL;
    }
    policy_omit(&v, &merged.fields);
    fields_remove(&merged.fields, FIELD_AGE);
    labels = tagging_take(f, &merged);
    may = old->sliced_bytes == 0 ? may_recode(f, &merged, (int64_t)old->body_bytes) : RECODE_NOT;
    obj = object_with_head(old, &merged, &v.fresh, &labels);
    obj->recode = may;
    if (!cache_replace(f->edge->cache, old, obj))
        log_msg(LOG_DEBUG, "an updated response has been replaced meanwhile; it is not stored");
    return obj;
}

/* 304: what is stored is good again (RFC 9111 §4.3.4). */
static void validated(struct filler *f, const struct http_response *head)
{
    struct object *obj = renew(f, f->validate, head);

    if (obj == NULL) {
        filler_ask_again(f); /* what may not be stored is not for those who follow, either */
        return;
    }
    if (f->client != NULL)
        f->client->word = CACHE_REVALIDATED;
    fill_validated(f->fill, obj);
    object_release(&obj);
    filler_end(f);
}

/* A 304 that is about something else than what is stored, or that nobody asked for. */
static void misfit_304(struct filler *f)
{
    if (f->validate == NULL)
        filler_fail(f, 502, "bad-response");
    else
        filler_ask_again(f);
}

/* What a HEAD tells about the stored response to GET (RFC 9111 §4.3.5). */
static void update_by_a_head(struct filler *f, const struct http_response *head)
{
    struct object *obj = cache_peek(f->edge->cache, &f->variant), *renewed;
    struct fields fields;

    if (obj != NULL && !object_is_spec(obj) && obj->status == 200) {
        fields = object_fields(obj, &f->arena);
        switch (update_by_head(&fields, object_length(obj), head)) {
        case UPDATE_HEAD_SAME:
            renewed = renew(f, obj, head);
            object_release(&renewed);
            break;
        case UPDATE_HEAD_CHANGED:
            cache_soft_purge(f->edge->cache, obj);
            break;
        case UPDATE_HEAD_NOTHING:
            break;
        }
    }
    object_release(&obj);
}

bool filler_place(struct filler *f, const struct http_response *head, struct cache_key *key)
{
    struct cache *c = f->edge->cache;
    struct object *there = cache_peek(c, &f->key);
    struct span old = there != NULL && object_is_spec(there) ? object_spec(there) : SPAN_EMPTY;
    const struct object_labels labels = tagging_plain(f);
    struct span spec = SPAN_EMPTY, text;
    enum vary_plan plan = vary_plan(
        &f->arena, old, &f->request.fields, &head->fields, &f->policy->cache, random_u64(), &spec);

    *key = f->key;
    if (plan == VARY_KEEP || plan == VARY_SPEC) {
        text = vary_key_text(&f->arena, f->key.text, spec, &f->request.fields, &f->policy->cache);
        *key = cache_key_of(arena_dup(&f->arena, text));
        if (text.p == NULL)
            plan = VARY_FAIL;
    }
    if (plan == VARY_SPEC)
        spec_put(c, &f->key, there, spec, &labels, &f->arena);
    object_release(&there);
    return plan != VARY_FAIL;
}

/* What the answer to a HEAD says of the length, or -1. */
static int64_t head_length(const struct http_response *head)
{
    uint64_t n;

    return span_u64(fields_get(&head->fields, FIELD_CONTENT_LENGTH), &n) && n <= INT64_MAX
               ? (int64_t)n
               : -1;
}

/* Responses that nobody but this request gets, and how long to remember that the next will be so.
 */
static void pass(
    struct filler *f, struct http_response *head, const struct verdict *v, int64_t length)
{
    bool head_only = f->request.method == METHOD_HEAD;
    bool remember = !f->whole && !nostore_of_request(v->reason);
    struct object *obj;
    uint8_t may;

    forward_response(head, f->setup, false, head_only, worker_wall_s(f->edge->worker), &f->arena);
    secure_strip(f->policy, &head->fields);
    tagging_strip(f, head);
    if (head->status == 304)
        recode_not_modified(&head->fields, &f->request.fields, &f->arena);
    if (head->status == 101)
        tunnel_open(&f->tunnel, f->policy, &head->fields);
    may = may_recode(f, head, head_only ? head_length(head) : length);
    obj = object_new(f->edge->cache, &f->key, head, &v->fresh, NULL);
    obj->recode = may;
    fill_pass(f->fill, obj, length, remember ? REMEMBER_MS : 0);
}

void filler_keep(struct filler *f, struct http_response *head, const struct verdict *v,
    const struct cache_key *key, int64_t length)
{
    struct object_labels labels = tagging_take(f, head);
    struct object *obj;
    uint8_t may;
    bool stored;

    labels.keep = f->incomplete; /* whose bytes are the beginning of this one */

    policy_omit(v, &head->fields);
    forward_response(head, f->setup, true, false, worker_wall_s(f->edge->worker), &f->arena);
    secure_strip(f->policy, &head->fields);
    may = may_recode(f, head, length);
    obj = object_new(f->edge->cache, key, head, &v->fresh, &labels);
    obj->recode = may;
    if (!f->whole && head->status == 200 && length > 0 && incomplete_can_be(&head->fields))
        f->head = object_ref(obj);
    stored = fill_head(f->fill, obj, length);
    if (!stored)
        not_stored(f, NOSTORE_NO_ROOM, head->status);
    else if (!hash128_eq(key->hash, f->key.hash))
        f->kept_as = *key;
    if (f->client != NULL)
        f->client->cs.stored = stored;
}

static void invalidate_one(struct filler *f, const struct key_parts *parts)
{
    struct cache_key key = cache_key_of(key_text(&f->arena, parts, &f->policy->cache));

    if (key.text.p == NULL)
        return;
    cache_remove(f->edge->cache, &key);
    incomplete_remove(f->edge->cache, &key, &f->arena);
}

/* What an unsafe request has changed is not fresh any more (RFC 9111 §4.4), whichever way clients
 * ask for it. */
static void invalidate(struct filler *f, const struct http_response *head)
{
    struct update_base base = base_of(f);
    struct update_target targets[UPDATE_TARGETS_MAX];
    unsigned n = update_invalidates(
        f->request.method, head->status, &head->fields, &base, &f->arena, targets);

    for (unsigned i = 0; i < n; i++) {
        struct key_parts parts = {
            .host = f->from.host,
            .path = targets[i].path,
            .has_query = targets[i].has_query,
            .query = targets[i].query,
            .fields = &f->request.fields,
            .scheme = SPAN("http"),
        };

        parts.query = key_query(&f->arena, parts.query, &parts.has_query, &f->policy->cache);
        invalidate_one(f, &parts);
        parts.scheme = SPAN("https");
        invalidate_one(f, &parts);
    }
}

static int64_t body_length(const struct http_response *head)
{
    switch (head->body) {
    case BODY_NONE:
        return 0;
    case BODY_LENGTH:
        return (int64_t)head->content_length;
    case BODY_CHUNKED:
    case BODY_UNTIL_CLOSE:
        return -1;
    }
    return -1;
}

/* Whether readers are better served with what they hold than with this error (RFC 5861 §4). */
static bool stale_is_better(struct filler *f, int status)
{
    return status >= 500 && f->validate != NULL &&
           fresh_may_serve_on_error(&f->validate->fresh, &f->ask, worker_wall_s(f->edge->worker),
               f->validate->soft_purged);
}

/* What went on as it came is stored in one case only: a POST whose response says that it is what a
 * GET would get, and for how long (RFC 9110 §9.3.3). */
static void judge_arrived(struct filler *f, const struct http_response *head, struct verdict *v)
{
    struct update_base base = base_of(f);

    if (!f->whole) {
        filler_judge(f, f->request.method, head, v);
        return;
    }
    if (!f->policy->bypass &&
        update_stands_for_get(f->request.method, head->status, &head->fields, &base, &f->arena)) {
        filler_judge(f, METHOD_GET, head, v);
        v->store = v->store && fresh_is_explicit(&v->fresh);
        return;
    }
    filler_judge(f, f->request.method, head, v);
    v->store = false;
}

/* Why a request of that kind leaves nothing in the cache, whatever the answer. */
static enum nostore_reason whole_reason(const struct filler *f)
{
    if (f->request.method != METHOD_GET)
        return NOSTORE_METHOD;
    if (f->policy->bypass || f->tunnel.protocol.n > 0)
        return NOSTORE_BYPASS;
    return f->key.text.n == 0 || f->variant.text.n == 0 ? NOSTORE_KEY_LIMIT : NOSTORE_NO_ROOM;
}

/* A 206 that begins something storable: its client has it as it comes, and it is kept beside. */
static void keep_beginning(struct filler *f, const struct http_response *in)
{
    struct http_response as_whole = *in;
    struct object_labels labels;
    struct verdict v;

    if (f->whole || !incomplete_is_beginning(in))
        return;
    as_whole.status = 200;
    filler_judge(f, METHOD_GET, &as_whole, &v);
    if (!v.store)
        return;
    as_whole = *in;
    as_whole.reason = SPAN_EMPTY; /* the connection's buffer has it */
    as_whole.fields = fields_dup(&in->fields, &f->arena);
    policy_omit(&v, &as_whole.fields);
    labels = tagging_take(f, &as_whole);
    forward_response(&as_whole, f->setup, true, false, worker_wall_s(f->edge->worker), &f->arena);
    f->beside = incomplete_fill(
        f->edge->cache, f->edge->worker, &f->variant, &as_whole, &v.fresh, &labels, &f->arena);
}

/* The rest of what was begun before makes it whole (RFC 9111 §3.4). False: it does not. */
static bool complete(struct filler *f, const struct http_response *rest)
{
    struct http_response head, arrived = *rest;
    wall_s now = worker_wall_s(f->edge->worker);
    struct cache_key key;
    struct verdict v;
    uint64_t length;

    if (!incomplete_length(f->incomplete, &length) || length > cache_whole_max(f->edge->cache) ||
        !incomplete_is_rest(f->incomplete->body_bytes, length, f->incomplete, rest))
        return false;
    arrived.fields = fields_dup(&rest->fields, &f->arena);
    head = incomplete_whole_head(f->incomplete, &arrived, now, &f->arena);
    filler_judge(f, METHOD_GET, &head, &v);
    if (!v.store || !filler_place(f, &head, &key) || !fill_can_continue(f->incomplete))
        return false;
    filler_keep(f, &head, &v, &key, (int64_t)length);
    fill_continue(f->fill, f->incomplete);
    return true;
}

/* An answer to a request for the rest only. True: it was made use of, or is asked for again. */
static bool arrived_rest(struct filler *f, const struct http_response *in)
{
    bool done;

    incomplete_remove(f->edge->cache, &f->variant, &f->arena); /* so that its body can move */
    done = in->status == 206 && complete(f, in);
    object_release(&f->incomplete);
    if (!done && (in->status == 206 || in->status == 416)) {
        filler_ask_again(f);
        return true;
    }
    return done;
}

/* A part of something that is too large to keep in memory: fetching all of it for one part would
 * let a stranger turn a byte into gigabytes of the origin's. Asked again as the client asked. */
static bool is_part_of_too_much(const struct filler *f, const struct http_response *in)
{
    return !f->whole && f->client != NULL && in->status == 200 && in->body == BODY_LENGTH &&
           in->content_length > cache_whole_max(f->edge->cache) &&
           fields_has(&f->request.fields, FIELD_RANGE) &&
           !fields_list_has(&in->fields, FIELD_ACCEPT_RANGES, SPAN("none"));
}

/* Ranges were asked for beside a fill that will have them, and something else came. An origin that
 * sends the whole for every range shall not be made to do so by strangers. */
static bool is_no_range(const struct filler *f, const struct http_response *in)
{
    return f->client != NULL && f->client->ranges_alone && in->status != 206 && in->status != 416;
}

void filler_arrived(struct filler *f, const struct http_response *in)
{
    struct http_response head = *in;
    int64_t length = body_length(in);
    struct cache_key key;
    struct verdict v;

    if (in->status == 101 && !tunnel_agrees(&f->tunnel, &in->fields)) {
        filler_fail(f, 502, "bad-response");
        return;
    }
    if (is_no_range(f, in)) {
        filler_fail(f, 502, "no-range");
        return;
    }
    if (f->slice.head != NULL) {
        slice_arrived(f, in);
        return;
    }
    if (in->status == 304 && !f->whole) {
        struct fields stored = {0};

        if (f->validate != NULL)
            stored = object_fields(f->validate, &f->arena);
        if (f->validate != NULL && update_selects(&stored, &in->fields))
            validated(f, in);
        else
            misfit_304(f);
        return;
    }
    if (f->request.method == METHOD_HEAD && !f->policy->bypass)
        update_by_a_head(f, in);
    if (stale_is_better(f, in->status)) {
        filler_fail(f, 502, "origin-error");
        return;
    }
    if (f->slice.bytes != 0 ? slice_version_arrived(f, in) : slice_instead(f, in))
        return;
    if (is_part_of_too_much(f, in)) {
        f->whole = true; /* an origin that knows no ranges sends all, and we take the part */
        filler_ask_again(f);
        return;
    }
    if (f->incomplete != NULL && arrived_rest(f, in))
        return;
    keep_beginning(f, in);
    head.fields = fields_dup(&in->fields, &f->arena);
    head.reason = SPAN_EMPTY;
    invalidate(f, in);
    judge_arrived(f, &head, &v);
    if (!v.store && f->whole)
        v.reason = whole_reason(f);
    else if (v.store && !filler_place(f, &head, &key))
        v.reason = NOSTORE_KEY_LIMIT;
    if (v.reason != NOSTORE_NONE) {
        not_stored(f, v.reason, in->status);
        pass(f, &head, &v, length);
    } else {
        filler_keep(f, &head, &v, &key, length);
    }
}
