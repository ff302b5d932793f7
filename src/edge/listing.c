#include "edge/listing.h"

#include "base/check.h"
#include "base/clock.h"
#include "cache/inventory.h"
#include "edge/conf.h"
#include "edge/listing_impl.h"
#include "edge/purge_order.h"
#include "edge/server.h"
#include "edge/setup.h"
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

void listing_refuse(struct admin_call *call, int status, const char *why)
{
    admin_answer_text(call, status, SPAN("text/plain; charset=utf-8"),
        arena_printf(&call->txn->arena, "%s\n", why));
}

bool listing_submit(struct admin_call *call, struct job *j)
{
    struct edge *e = call->app;

    if (pool_submit(e->blocking, call->txn->worker, j))
        return true;
    call->gone = NULL;
    listing_refuse(call, 503, "too much waits for the disk");
    return false;
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
    json_array_append_new(l->objects, listing_json(o, l->now));
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

    if (!purge_order_read(o, query, edge_conf_of(e), a, why))
        return false;
    *out = o->texts[0];
    return true;
}

static bool read_seconds(struct span value, int64_t *out)
{
    uint64_t n;

    if (!span_u64(value, &n) || n > INT64_MAX)
        return false;
    *out = (int64_t)n;
    return true;
}

static bool read_parameter(
    struct listing *l, const struct edge *e, struct span name, struct span value, const char **why)
{
    *why = "ask for /cache/objects with prefix=, site=, tag=, tier=memory or disk, min-size=, "
           "max-size= (bytes), min-age=, max-age= (seconds), from=";
    if (span_eq(name, SPAN("prefix")))
        return read_text(e, &l->arena, name, value, &l->filter.prefix, why);
    if (span_eq(name, SPAN("site")))
        return read_text(e, &l->arena, name, value, &l->filter.site, why);
    if (span_eq(name, SPAN("tag")))
        return read_text(e, &l->arena, name, value, &l->filter.tag, why);
    if (span_eq(name, SPAN("from")))
        return read_place(value, &l->at);
    if (span_eq(name, SPAN("min-size")))
        return span_u64(value, &l->filter.size_min);
    if (span_eq(name, SPAN("max-size")))
        return span_u64(value, &l->filter.size_max);
    if (span_eq(name, SPAN("min-age")))
        return read_seconds(value, &l->filter.age_min_s);
    if (span_eq(name, SPAN("max-age")))
        return read_seconds(value, &l->filter.age_max_s);
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
    l->now = worker_wall_s(call->txn->worker);
    l->filter = inventory_all(l->now);
    l->objects = json_array();
    arena_init(&l->arena);
    if (!read_query(l, e, call->txn->request.query, &why)) {
        listing_refuse(call, 400, why);
        listing_free(l);
        return;
    }
    call->gone = on_gone;
    call->pending = l;
    if (!listing_submit(call, &l->job))
        listing_free(l);
}
