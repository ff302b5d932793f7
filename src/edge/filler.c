#include "edge/filler_impl.h"

#include "base/check.h"
#include "base/log.h"
#include "cache/object.h"
#include "cache/purge.h"
#include "cache/slice.h"
#include "cache/spec.h"
#include "cache/vary.h"
#include "edge/forward.h"
#include "edge/hints.h"
#include "edge/incomplete.h"
#include "edge/server.h"
#include "edge/setup.h"
#include "http/chunked.h"
#include "http/h1_write.h"
#include "http/uri.h"
#include "origin/fetch.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WORTH_BYTES = 4 << 20, /* missing: a fill without readers is finished */
};

static const struct fetch_handlers handlers;

static void on_room(void *ctx);
static void on_tunnel_end(struct deadline *d);

/* --- life --------------------------------------------------------------------------------- */

/* What is needed of the request when it is gone. */
static void copy_request(struct filler *f, const struct request *r, bool client)
{
    const struct http_request *req = &r->txn->request;
    char ip[ADDR_TEXT];

    f->from = (struct forward_from){
        .client = arena_dup(&f->arena, span_of(addr_ip_text(r->txn->peer, ip))),
        .host = arena_dup(&f->arena, r->route.host),
        .proto = secure_told(&r->route),
        .minor = req->minor,
        .h2 = req->h2,
    };
    f->host = arena_dup(&f->arena, uri_host_normalise(&r->txn->arena, req->host, 0, 0));
    f->port = req->port;
    f->path = arena_dup(&f->arena, r->route.path);
    f->query = arena_dup(&f->arena, r->route.query);
    f->has_query = r->route.has_query;
    f->path_flags = site_path_flags(r->route.site);
    f->target = arena_dup(&f->arena, r->route.target);
    f->ask = r->ask;
    f->key = (struct cache_key){arena_dup(&f->arena, r->route.key.text), r->route.key.hash};
    f->variant = (struct cache_key){arena_dup(&f->arena, r->variant.text), r->variant.hash};
    f->request = (struct http_request){
        .method = req->method,
        .minor = req->minor,
        .method_text = arena_dup(&f->arena, req->method_text),
        .fields = fields_dup(&req->fields, &f->arena),
        .body = req->body,
        .content_length = req->content_length,
    };
    if (!client) { /* a refresh fetches the whole, even if a HEAD was its cause */
        f->request.method = METHOD_GET;
        f->request.method_text = SPAN("GET");
    }
}

/* A filler for a fill that is to be led; NULL when somebody else leads it. */
static struct filler *join(
    struct request *r, struct fill_request *rq, bool client, struct fill **fill)
{
    struct filler *f = xcalloc(1, sizeof(*f));
    enum fill_role role;

    rq->worker = r->txn->worker;
    rq->site = r->route.site->name;
    rq->on_room = on_room;
    rq->ctx = f;
    role = fill_join(r->edge->cache, rq, fill);
    if (role == FILL_FOLLOW) {
        free(f);
        return NULL;
    }
    arena_init(&f->arena);
    f->edge = r->edge;
    f->setup = setup_hold_more(r->setup, r->edge);
    f->fill = *fill;
    f->client = client ? r : NULL;
    f->policy = r->route.policy;
    f->site = r->route.site;
    f->alone = role == FILL_ALONE;
    f->whole = r->own_fetch;
    filler_resume_init(f);
    tunnel_init(&f->tunnel, r->txn->worker, client ? r->upgrade : SPAN_EMPTY, on_tunnel_end);
    copy_request(f, r, client);
    list_append(&f->edge->fillers, &f->node);
    return f;
}

struct filler *filler_join(
    struct request *r, struct object *validate, bool collapse, bool client, struct fill **fill)
{
    struct cache_key aside = cache_key_of(SPAN("aside"));
    struct fill_request rq = {
        /* What an unsafe request makes invalid shall not doom its own response. */
        .key = method_safe(r->txn->request.method) ? &r->variant : &aside,
        .resource = r->varies ? &r->route.key : NULL,
        .unlearnt = r->unlearnt.text.p != NULL ? &r->unlearnt : NULL,
        .seen = r->stored != NULL ? r->stored : validate,
        .collapse = collapse,
    };
    struct filler *f = join(r, &rq, client, fill);

    if (f == NULL)
        return NULL;
    f->validate = validate != NULL ? object_ref(validate) : NULL;
    f->refresh = !client;
    slice_want_by_rule(f, r->large);
    if (validate == NULL && !f->whole && f->request.method == METHOD_GET && f->slice.bytes == 0)
        f->incomplete = incomplete_find(r->edge->cache, &f->variant, &f->arena);
    if (client && f->incomplete != NULL)
        r->cs.fwd = FWD_PARTIAL;
    return f;
}

struct filler *filler_join_slice(struct request *r, struct object *head, uint32_t n, bool collapse,
    bool client, struct fill **fill)
{
    char text[SLICE_KEY_MAX];
    struct cache_key key = slice_key(head->id, n, text);
    struct fill_request rq = {.key = &key, .collapse = collapse};
    struct filler *f = join(r, &rq, client, fill);

    if (f != NULL)
        f->slice = (struct slice_want){head->slice_bytes, n, object_ref(head)};
    return f;
}

bool filler_lead_slice(struct filler *f, struct fill **fill)
{
    char text[SLICE_KEY_MAX];
    struct cache_key key = slice_key(f->slice.head->id, f->slice.n, text);
    struct fill_request rq = {
        .key = &key,
        .collapse = true,
        .worker = f->edge->worker,
        .on_room = on_room,
        .ctx = f,
    };

    return fill_join(f->edge->cache, &rq, fill) != FILL_FOLLOW;
}

/* The beginning that it keeps beside, if there is one. */
static void end_beside(struct filler *f, bool whole)
{
    if (f->beside == NULL)
        return;
    if (whole)
        fill_finish(f->beside);
    else
        fill_fail(f->beside, 502, "cut");
    fill_release(&f->beside);
}

/* The fill has been ended before. */
void filler_end(struct filler *f)
{
    if (f->client != NULL)
        f->client->filler = NULL;
    if (f->fetch != NULL)
        fetch_cancel(&f->fetch);
    fill_release(&f->fill);
    object_release(&f->validate);
    object_release(&f->incomplete);
    object_release(&f->head);
    object_release(&f->slice.head);
    deadline_stop(&f->resume);
    tunnel_close(&f->tunnel);
    end_beside(f, false);
    list_remove(&f->node);
    setup_release(f->setup, f->edge);
    arena_free(&f->arena);
    free(f);
}

void filler_fail(struct filler *f, int status, const char *why)
{
    fill_fail(f->fill, status, why);
    filler_end(f);
}

void filler_give_up(struct filler *f, int status, const char *why)
{
    if (f->head != NULL)
        incomplete_keep(
            f->edge->cache, f->fill, f->head, (uint64_t)fill_length(f->fill), &f->arena);
    filler_fail(f, status, why);
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
    ssize_t got;

    if (f->client == NULL)
        return STREAM_ERROR;
    if (f->tunnel.open && !f->client->responded)
        return STREAM_AGAIN; /* the client has not heard of the switch */
    got = txn_read_body(f->client->txn, dst, n);
    if (got > 0 && f->tunnel.open)
        tunnel_moved(&f->tunnel);
    return got;
}

/* What was purged hard since somebody found it is not made good by what the origin says of it now.
 */
static void drop_purged(struct filler *f, struct object **obj)
{
    if (*obj != NULL && cache_purged(f->edge->cache, *obj) == PURGED_HARD)
        object_release(obj);
}

void filler_start(struct filler *f)
{
    bool body = f->client != NULL && f->client->own_fetch;
    struct fields fields =
        forward_request(&f->request.fields, &f->from, f->setup, f->whole, &f->arena);
    struct fetch_request rq = {
        .method = f->request.method_text,
        .method_id = f->request.method,
        .target = f->target,
        .host = f->from.host,
        .fields = &fields,
        .body = body ? f->request.body : BODY_NONE,
        .content_length = body ? f->request.content_length : 0,
        .upgrade = f->tunnel.protocol,
        .pull = pull,
        .keeper = setup_hold_more(f->setup, f->edge),
    };

    if (f->resumes == 0) {
        f->born = fill_sent(f->fill);
        drop_purged(f, &f->validate);
        drop_purged(f, &f->incomplete);
    }
    if (!f->whole)
        vary_forward(&fields, &f->arena, &f->policy->cache);
    if (f->resumes > 0)
        filler_ask_rest(f, &fields);
    else if (f->validate != NULL)
        add_conditions(f, &fields);
    else if (!f->whole && f->incomplete != NULL)
        incomplete_ask(f->incomplete->body_bytes, f->incomplete, &fields, &f->arena);
    if (f->slice.bytes != 0)
        slice_ask(f, &fields);
    if (f->tunnel.protocol.n > 0)
        tunnel_ask(&f->tunnel, &fields, &f->arena);
    f->asked_at = worker_wall_s(f->edge->worker);
    f->fetch = fetch_start(&f->edge->fetcher, f->policy->origin, &rq, &handlers, f);
}

void filler_ask_again(struct filler *f)
{
    object_release(&f->validate);
    fetch_cancel(&f->fetch);
    filler_start(f);
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
        if (f->refresh && fill_kept(f->fill))
            return true; /* nobody was to read it in the first place */
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

bool filler_wanted(struct filler *f)
{
    return fill_readers(f->fill) > 0 || worth_finishing(f);
}

static bool abandoned(struct filler *f)
{
    if (filler_wanted(f))
        return false;
    filler_give_up(f, 499, "client-gone");
    return true;
}

static void on_room(void *ctx)
{
    struct filler *f = ctx;

    if (!abandoned(f) && f->fetch != NULL)
        fetch_resume(f->fetch);
}

/* It stood for long enough: the client gets what has come, and the end. */
static void on_tunnel_end(struct deadline *d)
{
    struct filler *f = container_of(d, struct filler, tunnel.deadline);

    fill_finish(f->fill);
    filler_end(f);
}

void fillers_drain(struct edge_worker *e, mono_ms grace_ms)
{
    list_each (n, &e->fillers)
        tunnel_limit(&list_entry(n, struct filler, node)->tunnel, grace_ms);
}

void fillers_stop(struct edge_worker *e)
{
    list_each_safe (n, &e->fillers)
        filler_fail(list_entry(n, struct filler, node), 503, "stopping");
}

/* --- the response --------------------------------------------------------------------------- */

static void on_interim(void *ctx, const struct http_response *head)
{
    struct filler *f = ctx;
    struct fields fields = forward_interim(&head->fields, &f->arena);

    if (head->status == 103 && !f->whole)
        hints_put(f->edge->edge->hints, f->key.hash, &fields);
    if (f->client != NULL && !(head->status == 103 && f->client->hinted))
        txn_interim(f->client->txn, head->status, &fields);
}

static void note_origin(struct filler *f, int status)
{
    if (f->client == NULL)
        return;
    f->client->cs.fwd_status = status;
    f->client->origin_head_us = clock_mono_us();
    snprintf(f->client->server, sizeof(f->client->server), "%s", fetch_info(f->fetch)->server);
}

static void on_head(void *ctx, const struct http_response *head)
{
    struct filler *f = ctx;

    if (f->resumes > 0) {
        filler_arrived_rest(f, head);
        return;
    }
    note_origin(f, head->status);
    filler_arrived(f, head);
}

static size_t on_body(void *ctx, struct span data)
{
    struct filler *f = ctx;
    size_t took;

    if (abandoned(f))
        return 0;
    if (f->tunnel.open)
        tunnel_moved(&f->tunnel);
    took = fill_append(f->fill, data);
    if (f->beside != NULL && fill_append(f->beside, span_make(data.p, took)) < took)
        end_beside(f, false);
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
        end_beside(f, true);
        fill_finish(f->fill);
        if (f->kept_as.text.p != NULL)
            spec_add_variant(f->edge->cache, &f->key, &f->kept_as,
                (unsigned)f->policy->cache.variants_max, &f->arena);
        filler_end(f);
        return;
    }
    if (why == FETCH_CLIENT_GONE) {
        int status = f->client != NULL ? txn_body_error(f->client->txn) : 0;

        filler_fail(f, status != 0 ? status : 499, status != 0 ? "request-body" : "client-gone");
        return;
    }
    if ((why == FETCH_CUT || f->resumes > 0) && filler_resumes(f)) {
        log_peer("%s; the rest will be asked for", detail);
        return;
    }
    log_peer("%s; %s", detail,
        fill_state(f->fill) == FILL_WAITING ? "answered from the cache or with an error"
                                            : "cut the response short");
    filler_give_up(f, fetch_end_status(why), fetch_end_name(why));
}

static void on_gone(struct fetcher *fr, void *keeper)
{
    setup_release(keeper, container_of(fr, struct edge_worker, fetcher));
}

static const struct fetch_handlers handlers = {
    .interim = on_interim,
    .head = on_head,
    .body = on_body,
    .trailers = on_trailers,
    .gone = on_gone,
    .end = on_done,
};
