#include "edge/listing.h"

#include "base/check.h"
#include "base/clock.h"
#include "cache/inventory.h"
#include "cache/object.h"
#include "cache/spec.h"
#include "edge/conf.h"
#include "edge/explain.h"
#include "edge/purge_order.h"
#include "edge/route.h"
#include "edge/server.h"
#include "http/uri.h"
#include "loop/pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PART_OBJECTS = 200,
    PART_BYTES = 1 << 20, /* of keys */
    PART_MS = 100,
};

static void answer_text(struct admin_call *call, int status, const char *why)
{
    admin_answer_text(call, status, SPAN("text/plain; charset=utf-8"),
        arena_printf(&call->txn->arena, "%s\n", why));
}

/* --- an object --- */

static json_t *object_json(const struct inventory_object *o, wall_s now)
{
    size_t url_n = span_find(o->key, '\n');
    char id[20];

    snprintf(id, sizeof(id), "%016" PRIx64, o->id);
    return json_pack("{s:s, s:o, s:o, s:o, s:i, s:I, s:I, s:I, s:I, s:i, s:b, s:s}", "tier",
        o->volume != NULL ? "disk" : "memory", "volume",
        o->volume != NULL ? admin_json_text(span_of(o->volume)) : json_null(), "url",
        admin_json_text(span_make(o->key.p, url_n)), "lines",
        explain_key_lines(span_from(o->key, url_n)), "status", o->status, "body_bytes",
        (json_int_t)o->length, "slice_bytes", (json_int_t)o->slice_bytes, "age_s",
        (json_int_t)fresh_age(o->fresh, now), "ttl_s", (json_int_t)fresh_ttl(o->fresh, now), "tags",
        (int)o->tags_n, "soft_purged", (int)o->soft_purged, "id", id);
}

/* --- a part of the list --- */

struct listing {
    struct job job;
    struct cache *cache;     /* borrowed */
    struct admin_call *call; /* NULL: who asked has left */
    struct arena arena;      /* of the filter's texts */
    struct inventory_filter filter;
    struct inventory_place at;
    bool more;
    wall_s now;
    json_t *objects; /* owns, until it is the answer's */
    uint64_t bytes;
};

static void listing_free(struct listing *l)
{
    json_decref(l->objects);
    arena_free(&l->arena);
    free(l);
}

static void on_object(void *ctx, const struct inventory_object *o)
{
    struct listing *l = ctx;

    l->bytes += o->key.n;
    json_array_append_new(l->objects, object_json(o, l->now));
}

static void work(struct job *j)
{
    struct listing *l = container_of(j, struct listing, job);
    mono_ms until = clock_mono_ms() + PART_MS;

    do
        l->more = inventory_walk(l->cache, &l->at, &l->filter, on_object, l);
    while (l->more && json_array_size(l->objects) < PART_OBJECTS && l->bytes < PART_BYTES &&
           clock_mono_ms() < until);
}

static json_t *place_json(const struct inventory_place *p)
{
    return json_sprintf("%" PRIu32 ".%" PRIu32 ".%" PRIu32 ".%" PRIu64 ".%" PRIu32, p->stage,
        p->memory.shard, p->memory.bucket, p->disk.seq, p->disk.entry);
}

static void on_done(struct job *j)
{
    struct listing *l = container_of(j, struct listing, job);

    if (l->call != NULL)
        admin_answer_json(l->call, 200,
            json_pack("{s:O, s:o}", "objects", l->objects, "next",
                l->more ? place_json(&l->at) : json_null()));
    listing_free(l);
}

static void on_gone(struct admin_call *call)
{
    struct listing *l = call->pending;

    l->call = NULL;
}

/* --- the question --- */

/* Any numbers do: what is not there is at an end. */
static bool read_place(struct span s, struct inventory_place *p)
{
    char text[80], more;

    return s.n < sizeof(text) &&
           sscanf(span_cstr(s, text, sizeof(text)),
               "%" SCNu32 ".%" SCNu32 ".%" SCNu32 ".%" SCNu64 ".%" SCNu32 "%c", &p->stage,
               &p->memory.shard, &p->memory.bucket, &p->disk.seq, &p->disk.entry, &more) == 5;
}

/* A value as a purge would read it. */
static bool read_text(const struct edge *e, struct arena *a, struct span name, struct span value,
    struct span *out, const char **why)
{
    struct purge_order *o = arena_alloc(a, sizeof(*o));
    struct span query = arena_printf(a, "%.*s=%.*s", SPAN_ARG(name), SPAN_ARG(value));

    if (!purge_order_read(o, query, e->conf, a, why))
        return false;
    *out = o->texts[0];
    return true;
}

static bool read_parameter(
    struct listing *l, const struct edge *e, struct span name, struct span value, const char **why)
{
    *why = "ask for /cache/objects with prefix=, site=, tag=, tier=memory or disk, from=";
    if (span_eq(name, SPAN("prefix")))
        return read_text(e, &l->arena, name, value, &l->filter.prefix, why);
    if (span_eq(name, SPAN("site")))
        return read_text(e, &l->arena, name, value, &l->filter.site, why);
    if (span_eq(name, SPAN("tag")))
        return read_text(e, &l->arena, name, value, &l->filter.tag, why);
    if (span_eq(name, SPAN("from")))
        return read_place(value, &l->at);
    if (!span_eq(name, SPAN("tier")))
        return false;
    l->filter.memory = span_eq(value, SPAN("memory"));
    l->filter.disk = span_eq(value, SPAN("disk"));
    return l->filter.memory || l->filter.disk;
}

static bool read_query(struct listing *l, const struct edge *e, struct span query, const char **why)
{
    struct span name, value;

    while (uri_query_next(&query, &name, &value))
        if (!read_parameter(l, e, name, value, why))
            return false;
    return true;
}

void listing_serve(struct admin_call *call)
{
    struct edge *e = call->app;
    struct listing *l = xcalloc(1, sizeof(*l));
    const char *why;

    l->job = (struct job){.work = work, .done = on_done};
    l->cache = e->cache;
    l->call = call;
    l->filter.memory = l->filter.disk = true;
    l->now = worker_wall_s(call->txn->worker);
    l->objects = json_array();
    arena_init(&l->arena);
    if (!read_query(l, e, call->txn->request.query, &why)) {
        answer_text(call, 400, why);
        listing_free(l);
        return;
    }
    call->gone = on_gone;
    call->pending = l;
    if (pool_submit(e->blocking, call->txn->worker, &l->job))
        return;
    answer_text(call, 503, "too much waits for the disk");
    listing_free(l);
}

/* --- one resource --- */

struct resource {
    struct cache *cache;
    struct cache_key key;
    json_t *objects;
    wall_s now;
};

/* What is stored in memory, and whether the disk has something of that key, too. */
static void add_object(struct resource *r, struct object *o)
{
    struct cache_key key = {o->key, o->hash};
    struct inventory_object facts = {
        .key = o->key,
        .status = o->status,
        .id = o->id,
        .length = object_length(o),
        .slice_bytes = o->slice_bytes,
        .tags_n = o->tags_n,
        .soft_purged = o->soft_purged,
        .fresh = &o->fresh,
    };
    json_t *json = object_json(&facts, r->now);

    json_object_set_new(json, "on_disk", json_boolean(cache_on_disk(r->cache, &key)));
    json_array_append_new(r->objects, json);
}

static void add_variants(struct resource *r, const struct object *spec, struct arena *a)
{
    struct hash128 *hashes = arena_alloc(a, SPEC_VARIANTS_MAX * sizeof(*hashes));
    unsigned n = object_spec_variants(spec, hashes);

    for (unsigned i = 0; i < n; i++) {
        struct object *o = cache_peek_hash(r->cache, hashes[i]);

        if (o != NULL && span_starts(o->key, r->key.text))
            add_object(r, o);
        object_release(&o);
    }
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
    if (!uri_target_parse(route_target_of(value, a), &req) ||
        route_find(route, e->conf->table, &req, a) != ROUTE_FOUND)
        return false;
    return route_key(route, &req.fields, a);
}

void listing_serve_one(struct admin_call *call)
{
    struct arena *a = &call->txn->arena;
    const struct edge *e = call->app;
    struct resource r = {.cache = e->cache, .now = worker_wall_s(call->txn->worker)};
    struct object *o;
    struct route route;
    const char *why;

    if (!find(call, &route, &why)) {
        answer_text(call, 400, why);
        return;
    }
    r.key = route.key;
    r.objects = json_array();
    o = cache_peek(e->cache, &r.key);
    if (o != NULL && object_is_spec(o))
        add_variants(&r, o, a);
    else if (o != NULL)
        add_object(&r, o);
    admin_answer_json(call, 200,
        json_pack("{s:o, s:b, s:b, s:o}", "url",
            admin_json_text(arena_join(a, route.host, route.target)), "varies",
            (int)(o != NULL && object_is_spec(o)), "on_disk", (int)cache_on_disk(e->cache, &r.key),
            "objects", r.objects));
    object_release(&o);
}
