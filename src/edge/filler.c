#include "edge/filler.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "cache/key.h"
#include "cache/object.h"
#include "cache/policy.h"
#include "cache/spec.h"
#include "cache/update.h"
#include "cache/vary.h"
#include "edge/conf.h"
#include "edge/forward.h"
#include "edge/notstored.h"
#include "edge/server.h"
#include "edge/variants.h"
#include "http/chunked.h"
#include "http/h1_write.h"
#include "http/uri.h"
#include "origin/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORTH_BYTES = 4 << 20, /* missing: a fill without readers is finished */
    REMEMBER_MS = 30000,   /* that a key's responses are not storable */
};

struct filler {
    struct list node;            /* in edge->fillers */
    struct edge_worker *edge;    /* borrowed */
    struct arena arena;          /* what follows lives here */
    struct request *client;      /* borrowed while it is there; NULL: it left, or never was */
    struct fill *fill;           /* counted */
    struct fetch *fetch;         /* while it runs */
    struct object *validate;     /* counted; or NULL */
    const struct policy *policy; /* of the configuration */
    struct http_request request; /* copies: method, fields, ... */
    struct forward_from from;
    struct span host; /* in normal form, without port */
    unsigned port;
    struct span path, query, target;
    bool has_query;
    struct cache_key variant; /* where this request was looked up */
    struct cache_key key;     /* of the resource */
    struct fresh_ask ask;
    wall_s asked_at;
    bool alone; /* nobody else can find the fill */
    bool whole; /* the request went on as it came: nothing is stored */
    bool head_seen;
};

static const struct fetch_handlers handlers;

static void on_room(void *ctx);

/* --- life --------------------------------------------------------------------------------- */

struct filler *filler_join(
    struct request *r, struct object *validate, bool collapse, bool client, struct fill **fill)
{
    struct filler *f = xcalloc(1, sizeof(*f));
    struct cache_key aside = cache_key_of(SPAN("aside"));
    struct fill_request rq = {
        /* What an unsafe request makes invalid shall not doom its own response. */
        .key = method_safe(r->txn->request.method) ? &r->variant : &aside,
        .resource = r->varies ? &r->route.key : NULL,
        .seen = r->stored != NULL ? r->stored : validate,
        .collapse = collapse,
        .worker = r->txn->worker,
        .on_room = on_room,
        .ctx = f,
    };
    enum fill_role role = fill_join(r->edge->cache, &rq, fill);
    char ip[ADDR_TEXT];

    if (role == FILL_FOLLOW) {
        free(f);
        return NULL;
    }
    arena_init(&f->arena);
    f->edge = r->edge;
    f->fill = *fill;
    f->client = client ? r : NULL;
    f->validate = validate != NULL ? object_ref(validate) : NULL;
    f->policy = r->route.policy;
    f->alone = role == FILL_ALONE;
    f->whole = r->own_fetch;
    f->from = (struct forward_from){
        .client = arena_dup(&f->arena, span_of(addr_ip_text(r->txn->peer, ip))),
        .host = arena_dup(&f->arena, r->route.host),
        .proto = r->txn->tls ? SPAN("https") : SPAN("http"),
        .minor = r->txn->request.minor,
    };
    f->host = arena_dup(&f->arena, uri_host_normalise(&r->txn->arena, r->txn->request.host, 0, 0));
    f->port = r->txn->request.port;
    f->path = arena_dup(&f->arena, r->route.path);
    f->query = arena_dup(&f->arena, r->route.query);
    f->has_query = r->route.has_query;
    f->target = arena_dup(&f->arena, r->route.target);
    f->ask = r->ask;
    f->key = (struct cache_key){arena_dup(&f->arena, r->route.key.text), r->route.key.hash};
    f->variant = (struct cache_key){arena_dup(&f->arena, r->variant.text), r->variant.hash};
    f->request = r->txn->request;
    f->request.method_text = arena_dup(&f->arena, r->txn->request.method_text);
    f->request.fields = fields_dup(&r->txn->request.fields, &f->arena);
    if (!client) { /* a refresh fetches the whole, even if a HEAD was its cause */
        f->request.method = METHOD_GET;
        f->request.method_text = SPAN("GET");
    }
    list_append(&f->edge->fillers, &f->node);
    return f;
}

/* The fill has been ended before. */
static void end(struct filler *f)
{
    if (f->client != NULL)
        f->client->filler = NULL;
    if (f->fetch != NULL)
        fetch_cancel(&f->fetch);
    fill_release(&f->fill);
    object_release(&f->validate);
    list_remove(&f->node);
    arena_free(&f->arena);
    free(f);
}

static void fail(struct filler *f, int status, const char *why)
{
    fill_fail(f->fill, status, why);
    end(f);
}

/* Validators of the stored response go along (RFC 9111 §4.3.1). */
static void add_conditions(struct filler *f, struct fields *fields)
{
    struct span etag = object_get(f->validate, FIELD_ETAG);
    struct span modified = object_get(f->validate, FIELD_LAST_MODIFIED);

    if (etag.n > 0)
        fields_set(fields, &f->arena, FIELD_IF_NONE_MATCH, etag);
    if (modified.n > 0)
        fields_set(fields, &f->arena, FIELD_IF_MODIFIED_SINCE, modified);
}

static ssize_t pull(void *ctx, void *dst, size_t n)
{
    struct filler *f = ctx;

    return f->client != NULL ? txn_read_body(f->client->txn, dst, n) : STREAM_ERROR;
}

void filler_start(struct filler *f)
{
    bool body = f->client != NULL && f->client->own_fetch;
    struct fields fields =
        forward_request(&f->request.fields, &f->from, f->edge->edge, f->whole, &f->arena);
    struct fetch_request rq = {
        .method = f->request.method_text,
        .method_id = f->request.method,
        .target = f->target,
        .host = f->from.host,
        .fields = &fields,
        .body = body ? f->request.body : BODY_NONE,
        .content_length = body ? f->request.content_length : 0,
        .pull = pull,
    };

    if (!f->whole)
        vary_forward(&fields, &f->arena, &f->policy->cache);
    if (f->validate != NULL)
        add_conditions(f, &fields);
    f->asked_at = worker_wall_s(f->edge->worker);
    f->fetch = fetch_start(&f->edge->fetcher, f->policy->origin, &rq, &handlers, f);
}

void filler_body_ready(struct filler *f)
{
    if (f->fetch != NULL)
        fetch_body_ready(f->fetch);
}

void filler_client_left(struct filler *f)
{
    f->client = NULL;
}

/* Nobody reads it any more: is it worth its bytes? */
static bool worth_finishing(struct filler *f)
{
    int64_t length = fill_length(f->fill);
    uint64_t have = fill_bytes(f->fill);

    switch (fill_state(f->fill)) {
    case FILL_WAITING:
        return !f->alone;
    case FILL_PASSING:
        return false;
    case FILL_STREAMING:
        if (length < 0)
            return have <= WORTH_BYTES;
        return (uint64_t)length <= cache_object_max(f->edge->cache) &&
               ((uint64_t)length - have <= WORTH_BYTES || have >= (uint64_t)length / 2);
    case FILL_DONE:
    case FILL_FAILED:
        return true;
    }
    return false;
}

static bool abandoned(struct filler *f)
{
    if (fill_readers(f->fill) > 0 || worth_finishing(f))
        return false;
    fail(f, 499, "client-gone");
    return true;
}

static void on_room(void *ctx)
{
    struct filler *f = ctx;

    if (!abandoned(f) && f->fetch != NULL)
        fetch_resume(f->fetch);
}

void fillers_stop(struct edge_worker *e)
{
    list_each_safe (n, &e->fillers)
        fail(list_entry(n, struct filler, node), 503, "stopping");
}

/* --- the response --------------------------------------------------------------------------- */

static void on_interim(void *ctx, const struct http_response *head)
{
    struct filler *f = ctx;

    if (f->client != NULL)
        txn_interim(f->client->txn, head->status, &head->fields);
}

static void note_origin(struct filler *f, int status)
{
    if (f->client == NULL)
        return;
    f->client->cs.fwd_status = status;
    f->client->origin_head_us = clock_mono_us();
    snprintf(f->client->server, sizeof(f->client->server), "%s", fetch_info(f->fetch)->server);
}

/* Where the request went, as references in its response are to be understood. */
static struct update_base base_of(const struct filler *f)
{
    return (struct update_base){
        .scheme = f->from.proto,
        .host = f->host,
        .port = f->port,
        .target = {.path = f->path, .has_query = f->has_query, .query = f->query},
    };
}

static void judge(
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

/* A stored response takes on the fields of a newer head (RFC 9111 §3.2), as a new object with a
 * reference for the caller; stored in the place of the old one if it may be. */
static struct object *renew(struct filler *f, struct object *old, const struct http_response *newer)
{
    wall_s now = worker_wall_s(f->edge->worker);
    struct fields had = object_fields(old, &f->arena);
    struct http_response merged = {.status = old->status, .minor = 1}, arrived = *newer;
    struct verdict v;
    struct object *obj;

    arrived.fields = fields_copy(&newer->fields, &f->arena);
    forward_response(&arrived, f->edge->edge, false, false, now, &f->arena);
    merged.fields = update_merge(&had, &arrived.fields, now, &f->arena);
    judge(f, METHOD_GET, &merged, &v);
    fields_remove(&merged.fields, FIELD_AGE);
    obj = object_with_head(old, &merged, &v.fresh);
    if (!v.store) {
        cache_remove(f->edge->cache, &(struct cache_key){old->key, old->hash});
        not_stored(f, v.reason, newer->status);
    } else if (!cache_replace(f->edge->cache, old, obj)) {
        log_msg(LOG_DEBUG, "an updated response has been replaced meanwhile; it is not stored");
    }
    return obj;
}

/* 304: what is stored is good again (RFC 9111 §4.3.4). */
static void validated(struct filler *f, const struct http_response *head)
{
    struct object *obj = renew(f, f->validate, head);

    if (f->client != NULL)
        f->client->word = CACHE_REVALIDATED;
    fill_validated(f->fill, obj);
    object_release(&obj);
    end(f);
}

/* A 304 that is about something else than what is stored, or that nobody asked for. */
static void misfit_304(struct filler *f)
{
    if (f->validate == NULL) {
        fail(f, 502, "bad-response");
        return;
    }
    object_release(&f->validate);
    fetch_cancel(&f->fetch);
    filler_start(f); /* the same without conditions */
}

/* What a HEAD tells about the stored response to GET (RFC 9111 §4.3.5). */
static void update_by_a_head(struct filler *f, const struct http_response *head)
{
    struct object *obj = cache_peek(f->edge->cache, &f->variant), *renewed;
    struct fields fields;

    if (obj != NULL && !object_is_spec(obj) && obj->status == 200) {
        fields = object_fields(obj, &f->arena);
        switch (update_by_head(&fields, obj->body_bytes, head)) {
        case UPDATE_HEAD_SAME:
            renewed = renew(f, obj, head);
            object_release(&renewed);
            break;
        case UPDATE_HEAD_CHANGED:
            atomic_store(&obj->soft_purged, true);
            break;
        case UPDATE_HEAD_NOTHING:
            break;
        }
    }
    object_release(&obj);
}

/* The key under which the response will be found: its variant's, when it varies. False: it may not
 * be stored. */
static bool place(struct filler *f, const struct http_response *head, struct cache_key *key)
{
    struct cache *c = f->edge->cache;
    struct object *there = cache_peek(c, &f->key);
    struct span old = there != NULL && object_is_spec(there) ? object_spec(there) : SPAN_EMPTY;
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
        spec_put(c, &f->key, spec, &f->arena);
    object_release(&there);
    return plan != VARY_FAIL;
}

/* Responses that nobody but this request gets, and how long to remember that the next will be so.
 */
static void pass(
    struct filler *f, struct http_response *head, const struct verdict *v, int64_t length)
{
    bool head_only = f->request.method == METHOD_HEAD;
    bool remember = !f->whole && !nostore_of_request(v->reason);

    forward_response(
        head, f->edge->edge, false, head_only, worker_wall_s(f->edge->worker), &f->arena);
    fill_pass(f->fill, object_new(f->edge->cache, &f->key, head, &v->fresh), length,
        remember ? REMEMBER_MS : 0);
}

static void keep(struct filler *f, struct http_response *head, const struct verdict *v,
    const struct cache_key *key, int64_t length)
{
    bool stored;

    policy_omit(v, &head->fields);
    forward_response(head, f->edge->edge, true, false, worker_wall_s(f->edge->worker), &f->arena);
    stored = fill_head(f->fill, object_new(f->edge->cache, key, head, &v->fresh), length);
    if (!stored)
        not_stored(f, NOSTORE_NO_ROOM, head->status);
    else if (!hash128_eq(key->hash, f->key.hash))
        variants_put(f->edge->edge->variants, f->key.hash, key->hash);
    if (f->client != NULL)
        f->client->cs.stored = stored;
}

/* What an unsafe request has changed is not fresh any more (RFC 9111 §4.4). */
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
        };
        struct cache_key key;

        parts.query = key_query(&f->arena, parts.query, &parts.has_query, &f->policy->cache);
        key = cache_key_of(key_text(&f->arena, &parts, &f->policy->cache));
        if (key.text.p != NULL)
            cache_remove(f->edge->cache, &key);
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
           fresh_may_serve_on_error(&f->validate->fresh, &f->ask, worker_wall_s(f->edge->worker));
}

/* What went on as it came is stored in one case only: a POST whose response says that it is what a
 * GET would get, and for how long (RFC 9110 §9.3.3). */
static void judge_arrived(struct filler *f, const struct http_response *head, struct verdict *v)
{
    struct update_base base = base_of(f);

    if (!f->whole) {
        judge(f, f->request.method, head, v);
        return;
    }
    if (!f->policy->bypass &&
        update_stands_for_get(f->request.method, head->status, &head->fields, &base, &f->arena)) {
        judge(f, METHOD_GET, head, v);
        v->store = v->store && fresh_is_explicit(&v->fresh);
        return;
    }
    judge(f, f->request.method, head, v);
    v->store = false;
}

/* Why a request of that kind leaves nothing in the cache, whatever the answer. */
static enum nostore_reason whole_reason(const struct filler *f)
{
    if (f->request.method != METHOD_GET)
        return NOSTORE_METHOD;
    return f->policy->bypass ? NOSTORE_BYPASS : NOSTORE_KEY_LIMIT;
}

static void on_head(void *ctx, const struct http_response *in)
{
    struct filler *f = ctx;
    struct http_response head = *in;
    int64_t length = body_length(in);
    struct cache_key key;
    struct verdict v;

    note_origin(f, in->status);
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
        fail(f, 502, "origin-error");
        return;
    }
    head.fields = fields_dup(&in->fields, &f->arena);
    head.reason = SPAN_EMPTY;
    invalidate(f, in);
    judge_arrived(f, &head, &v);
    if (!v.store && f->whole)
        v.reason = whole_reason(f);
    else if (v.store && !place(f, &head, &key))
        v.reason = NOSTORE_KEY_LIMIT;
    if (v.reason != NOSTORE_NONE) {
        not_stored(f, v.reason, in->status);
        pass(f, &head, &v, length);
    } else {
        keep(f, &head, &v, &key, length);
    }
}

static size_t on_body(void *ctx, struct span data)
{
    struct filler *f = ctx;
    size_t took;

    if (abandoned(f))
        return 0;
    took = fill_append(f->fill, data);
    return took;
}

static void on_trailers(void *ctx, const struct fields *fields)
{
    struct filler *f = ctx;
    struct buf text;
    bool ok = f->policy->pass_trailers;

    buf_init(&text, CHUNK_TRAILER_BYTES);
    fields_each (line, fields)
        ok = ok && h1_field_write(&text, line->name, line->value);
    if (ok && text.n > 0)
        fill_trailers(f->fill, buf_span(&text));
    buf_free(&text);
}

static void on_done(void *ctx, enum fetch_end why, const char *detail)
{
    struct filler *f = ctx;

    f->fetch = NULL; /* gone with this call */
    if (why == FETCH_DONE) {
        fill_finish(f->fill);
        end(f);
        return;
    }
    if (why == FETCH_CLIENT_GONE) {
        int status = f->client != NULL ? txn_body_error(f->client->txn) : 0;

        fail(f, status != 0 ? status : 499, status != 0 ? "request-body" : "client-gone");
        return;
    }
    log_peer("%s; %s", detail,
        fill_state(f->fill) == FILL_WAITING ? "answered from the cache or with an error"
                                            : "cut the response short");
    fail(f, fetch_end_status(why), fetch_end_name(why));
}

static const struct fetch_handlers handlers = {
    .interim = on_interim,
    .head = on_head,
    .body = on_body,
    .trailers = on_trailers,
    .end = on_done,
};
