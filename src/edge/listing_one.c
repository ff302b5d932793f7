/* listing_one.c - of one resource, what is stored; of one object, its bytes. */
#include "base/buf.h"
#include "base/check.h"
#include "cache/content.h"
#include "cache/image.h"
#include "cache/object.h"
#include "cache/spec.h"
#include "edge/conf.h"
#include "edge/listing_impl.h"
#include "edge/route.h"
#include "edge/server.h"
#include "edge/setup.h"
#include "http/uri.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* --- one resource --- */

struct resource {
    struct job job;
    struct cache *cache;     /* borrowed */
    struct admin_call *call; /* NULL: who asked has left */
    struct arena arena;      /* of the next two */
    struct span url;
    struct cache_key key;
    json_t *objects; /* owns, until it is the answer's */
    wall_s now;
    bool varies, on_disk;
    struct object *spec; /* counted; what stands for variants in memory */
    json_t *last; /* of `objects`: what was found in memory under the key that is looked at */
};

static void resource_free(struct resource *r)
{
    json_decref(r->objects);
    object_release(&r->spec);
    arena_free(&r->arena);
    free(r);
}

/* The head, as it is stored. */
static json_t *head_json(const struct inventory_object *o, struct arena *a)
{
    struct fields of_object;
    const struct fields *fields = o->image != NULL ? &o->image->head.fields : &of_object;
    json_t *all = json_array();

    if (o->image == NULL)
        of_object = object_fields(o->object, a);
    for (unsigned i = 0; i < fields->n; i++)
        json_array_append_new(
            all, json_pack("{s:o, s:o}", "name", admin_json_text(fields->v[i].name), "value",
                     admin_json_text(fields->v[i].value)));
    return all;
}

/* Memory first; then the record of the same key, which goes along with it if it is the same. */
static void on_found(void *ctx, const struct inventory_object *o)
{
    struct resource *r = ctx;
    json_t *json;

    r->on_disk |= o->record != NULL && span_eq(o->key, r->key.text);
    if (o->status == 0) {
        r->varies = true;
        if (o->object != NULL)
            r->spec = object_ref((struct object *)o->object);
        return;
    }
    json = listing_json(o, r->now);
    if (r->last != NULL &&
        json_equal(json_object_get(r->last, "id"), json_object_get(json, "id"))) {
        json_object_set_new(r->last, "on_disk", json_true());
        json_object_set(r->last, "volume", json_object_get(json, "volume"));
        json_object_set(r->last, "record", json_object_get(json, "record"));
        json_decref(json);
        return;
    }
    json_object_set_new(json, "on_disk", json_boolean(o->record != NULL));
    json_object_set_new(json, "head", head_json(o, &r->arena));
    json_array_append_new(r->objects, json);
    r->last = json;
}

static void add_variants(struct resource *r)
{
    struct hash128 *hashes = arena_alloc(&r->arena, SPEC_VARIANTS_MAX * sizeof(*hashes));
    unsigned n = object_spec_variants(r->spec, hashes);

    for (unsigned i = 0; i < n; i++) {
        struct object *o = cache_peek_hash(r->cache, hashes[i]);

        r->last = NULL;
        if (o != NULL && span_starts(o->key, r->key.text))
            inventory_look(r->cache, &(struct cache_key){o->key, o->hash}, on_found, r);
        object_release(&o);
    }
}

static void work(struct job *j)
{
    struct resource *r = container_of(j, struct resource, job);

    inventory_look(r->cache, &r->key, on_found, r);
    if (r->spec != NULL)
        add_variants(r);
}

static void on_done(struct job *j)
{
    struct resource *r = container_of(j, struct resource, job);

    if (r->call != NULL)
        admin_answer_json(r->call, 200,
            json_pack("{s:o, s:b, s:b, s:O}", "url", admin_json_text(r->url), "varies",
                (int)r->varies, "on_disk", (int)r->on_disk, "objects", r->objects));
    resource_free(r);
}

static void on_gone(struct admin_call *call)
{
    struct resource *r = call->pending;

    r->call = NULL;
}

static bool find(struct admin_call *call, struct route *route, const char **why)
{
    struct http_request req = {.method = METHOD_GET, .minor = 1};
    struct span query = call->txn->request.query, name, value;
    struct arena *a = &call->txn->arena;
    const struct edge *e = call->app;

    *why = "ask for /cache/object?url=URL";
    if (!uri_query_next(&query, &name, &value) || !span_eq(name, SPAN("url")) || query.n > 0 ||
        !uri_decode(a, value, &value))
        return false;
    *why = "no URL of a site of this edge";
    if (!uri_target_parse(route_target_of(value, edge_conf_of(e)->daemon.tls_only, a), &req) ||
        route_find(route, edge_conf_of(e)->table, &req, a) != ROUTE_FOUND)
        return false;
    return route_key(route, &req.fields, a);
}

void listing_serve_one(struct admin_call *call)
{
    const struct edge *e = call->app;
    struct route route;
    struct resource *r;
    const char *why;

    if (!find(call, &route, &why)) {
        listing_refuse(call, 400, why);
        return;
    }
    r = xcalloc(1, sizeof(*r));
    r->job = (struct job){.work = work, .done = on_done};
    r->cache = e->cache;
    r->call = call;
    r->now = worker_wall_s(call->txn->worker);
    r->objects = json_array();
    arena_init(&r->arena);
    r->url = arena_join(&r->arena, route.host, route.target);
    r->key = (struct cache_key){arena_dup(&r->arena, route.key.text), route.key.hash};
    call->gone = on_gone;
    call->pending = r;
    if (!listing_submit(call, &r->job))
        resource_free(r);
}

/* --- one object's bytes --- */

enum { HEAD_BYTES_MAX = 1 << 20 };

struct taking {
    struct job job;
    struct cache *cache;     /* borrowed */
    struct admin_call *call; /* NULL: who asked has left */
    struct inventory_handle handle;
    uint64_t id, from;
    struct buf out; /* owns */
    enum content_got got;
};

static void taking_free(struct taking *t)
{
    buf_free(&t->out);
    free(t);
}

static void take(struct job *j)
{
    struct taking *t = container_of(j, struct taking, job);

    t->got = content_read(t->cache, &t->handle, t->id, t->from, &t->out);
}

static void answer_content(struct taking *t)
{
    struct span bytes;

    switch (t->got) {
    case CONTENT_GOT:
        bytes = arena_dup(&t->call->txn->arena, buf_span(&t->out));
        admin_answer_text(t->call, 200, SPAN("application/octet-stream"), bytes);
        return;
    case CONTENT_GONE:
        listing_refuse(t->call, 410, "it is not stored any more");
        return;
    case CONTENT_PARTIAL:
        listing_refuse(t->call, 409, "this part of it is not stored");
        return;
    }
}

static void on_taken(struct job *j)
{
    struct taking *t = container_of(j, struct taking, job);

    if (t->call != NULL)
        answer_content(t);
    taking_free(t);
}

static void on_taker_gone(struct admin_call *call)
{
    struct taking *t = call->pending;

    t->call = NULL;
}

/* Any numbers do: what is not there has gone. */
static bool read_taking(struct span query, struct taking *t)
{
    struct span name, value;
    char text[80], more;

    while (uri_query_next(&query, &name, &value)) {
        bool ok = value.n < sizeof(text);

        if (!ok)
            return false;
        span_cstr(value, text, sizeof(text));
        if (span_eq(name, SPAN("handle")))
            ok = sscanf(text, "%" SCNu32 ".%" SCNx64 ".%" SCNx64 "%c", &t->handle.stage,
                     &t->handle.hash.hi, &t->handle.hash.lo, &more) == 3;
        else if (span_eq(name, SPAN("id")))
            ok = sscanf(text, "%" SCNx64 "%c", &t->id, &more) == 1;
        else
            ok = span_eq(name, SPAN("from")) && span_u64(value, &t->from);
        if (!ok)
            return false;
    }
    return true;
}

void listing_serve_content(struct admin_call *call)
{
    const struct edge *e = call->app;
    struct taking *t = xcalloc(1, sizeof(*t));

    t->job = (struct job){.work = take, .done = on_taken};
    t->cache = e->cache;
    t->call = call;
    buf_init(&t->out, CONTENT_PART_BYTES + HEAD_BYTES_MAX);
    if (!read_taking(call->txn->request.query, t)) {
        listing_refuse(call, 400, "ask for /cache/content with handle=, id=, from=");
        taking_free(t);
        return;
    }
    call->gone = on_taker_gone;
    call->pending = t;
    if (!listing_submit(call, &t->job))
        taking_free(t);
}
