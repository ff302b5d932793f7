/*
 * routes.c - the questions that admin/ itself answers. For /metrics see metrics.c.
 */
#include "admin/answer.h"
#include "base/counters.h"
#include "cache/cache.h"
#include "cache/volumes.h"
#include "health/load.h"

#include <string.h>
#include <unistd.h>

struct admin_facts admin_facts_now(struct admin_call *call)
{
    struct admin_facts f = {0};

    call->conf->facts(call->conf->app, &call->txn->arena, &f);
    return f;
}

int64_t admin_uptime_s(const struct admin_call *call, const struct admin_facts *facts)
{
    return (worker_now(call->txn->worker) - facts->started_ms) / 1000;
}

static json_t *json_of_u64(uint64_t n)
{
    return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static json_t *memory(const struct cache_stats *s)
{
    if (s == NULL)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "budget_bytes", json_of_u64(s->memory_bytes),
        "used_bytes", json_of_u64(s->used_bytes), "body_bytes", json_of_u64(s->body_bytes),
        "objects", json_of_u64(s->objects), "fills", json_of_u64(s->fills), "disk_bytes",
        json_of_u64(s->disk_memory_bytes));
}

static void serve_status(struct admin_call *call)
{
    struct admin_facts f = admin_facts_now(call);
    int64_t uptime_s = admin_uptime_s(call, &f);
    json_t *listens = json_array();

    for (unsigned i = 0; i < f.listens_n; i++)
        json_array_append_new(listens, admin_json_text(f.listens[i]));
    admin_answer_json(call, 200,
        json_pack("{s:s, s:s, s:i, s:I, s:I, s:o, s:o, s:i, s:i, s:b, s:o}", "program",
            call->conf->program, "version", VERSION, "pid", (int)getpid(), "uptime_s",
            (json_int_t)uptime_s, "since",
            (json_int_t)(worker_wall_s(call->txn->worker) - uptime_s), "config",
            f.config.n > 0 ? admin_json_text(f.config) : json_null(), "listens", listens, "workers",
            (int)f.workers, "connections", (int)f.connections, "draining", (int)f.draining,
            "memory", memory(f.cache)));
}

/* selvage_origin_requests_total is "origin_requests" here: what all have in common says nothing. */
static struct span short_name(const char *metric)
{
    struct span s = span_of(metric);

    if (span_starts(s, SPAN("selvage_")))
        s = span_from(s, strlen("selvage_"));
    if (span_ends(s, SPAN("_total")))
        s.n -= strlen("_total");
    return s;
}

/* The value of the one label in `cache="HIT"`. */
static struct span label_value(const char *labels)
{
    struct span rest = span_of(labels), value = SPAN_EMPTY;

    if (span_cut(&rest, '"', &value) && span_cut(&rest, '"', &value))
        return value;
    return span_of(labels);
}

static void add_list(json_t *all, const struct counter_list *list)
{
    json_t *group;
    char key[64];

    if (list->label == NULL) {
        json_object_set_new(
            all, span_cstr(short_name(list->metric), key, sizeof(key)), json_of_u64(list->sum(0)));
        return;
    }
    group = json_object();
    for (unsigned i = 0; i < list->n; i++) {
        uint64_t sum = list->sum(i);

        if (sum != 0 || !list->seen_only)
            json_object_set_new(
                group, span_cstr(list->value(i), key, sizeof(key)), json_of_u64(sum));
    }
    json_object_set_new(all, span_cstr(short_name(list->metric), key, sizeof(key)), group);
}

/* {"connections": 3, "requests": {"HIT": 2, ...}, ...} in the order of the table, then the lists.
 */
static json_t *counters(const struct admin_conf *conf)
{
    const struct counter_list *const *lists = conf->counters;
    json_t *all = json_object();

    for (int c = 0; c < COUNTERS; c++) {
        const struct counter_def *d = &counter_defs[c];
        struct span name = short_name(d->metric), label;
        char key[64];
        json_t *group, *value;

        if ((d->daemons & conf->daemons) == 0)
            continue;
        value = json_of_u64(counter_sum((enum counter)c));
        span_cstr(name, key, sizeof(key));
        if (d->labels[0] == '\0') {
            json_object_set_new(all, key, value);
            continue;
        }
        group = json_object_get(all, key);
        if (group == NULL) {
            group = json_object();
            json_object_set_new(all, key, group);
        }
        label = label_value(d->labels);
        span_cstr(label, key, sizeof(key));
        json_object_set_new(group, key, value);
    }
    for (size_t i = 0; lists != NULL && lists[i] != NULL; i++)
        add_list(all, lists[i]);
    return all;
}

/* Of the requests that asked the cache, those whose body came out of it. null before the first. */
static json_t *hit_ratio(void)
{
    static const enum counter from_cache[] = {
        C_REQ_HIT, C_REQ_STALE, C_REQ_UPDATING, C_REQ_REVALIDATED};
    static const enum counter fetched[] = {C_REQ_MISS, C_REQ_EXPIRED, C_REQ_BYPASS};
    uint64_t hits = 0, misses = 0;

    for (size_t i = 0; i < ARRAY_LEN(from_cache); i++)
        hits += counter_sum(from_cache[i]);
    for (size_t i = 0; i < ARRAY_LEN(fetched); i++)
        misses += counter_sum(fetched[i]);
    if (hits + misses == 0)
        return json_null();
    return json_real((double)hits / (double)(hits + misses));
}

static void serve_stats(struct admin_call *call)
{
    struct admin_facts f = admin_facts_now(call);

    admin_answer_json(call, 200,
        json_pack("{s:I, s:i, s:o, s:o, s:o, s:o}", "uptime_s",
            (json_int_t)admin_uptime_s(call, &f), "connections", (int)f.connections, "hit_ratio",
            f.cache != NULL ? hit_ratio() : json_null(), "memory", memory(f.cache), "disk",
            f.volumes != NULL && f.volumes->n > 0 ? admin_volumes_json(f.volumes) : json_null(),
            "counters", counters(call->conf)));
}

static void serve_healthz(struct admin_call *call)
{
    admin_answer_text(call, 200, ADMIN_PLAIN, SPAN("ok\n"));
}

/* The greater of two parts: of the connections that it may have, and of the time that there is. */
static unsigned load_per_mille(const struct admin_facts *f)
{
    uint64_t filled =
        f->connections_max > 0 ? (uint64_t)f->connections * LOAD_FULL / f->connections_max : 0;

    return filled > f->busy_per_mille ? (unsigned)filled : f->busy_per_mille;
}

static void serve_readyz(struct admin_call *call)
{
    struct admin_facts f = admin_facts_now(call);

    char line[LOAD_TEXT];

    load_write(load_per_mille(&f), line);
    admin_answer_text(call, f.draining ? 503 : 200, ADMIN_PLAIN,
        arena_printf(&call->txn->arena, "%s\n%s", f.draining ? "draining" : "ready", line));
}

const struct admin_route admin_routes[] = {
    {METHOD_GET, "/status", ADMIN_CONTROL, serve_status,
        "what runs: version, process, listeners, connections"},
    {METHOD_GET, "/stats", ADMIN_CONTROL, serve_stats,
        "what it has done: every counter, and the cache's memory"},
    {METHOD_GET, "/volumes", ADMIN_CONTROL, admin_serve_volumes,
        "the disk tier: each volume's state and counters"},
    {METHOD_GET, "/certificates", ADMIN_CONTROL, admin_serve_certificates,
        "how many there are, and which one is over first"},
    {METHOD_GET, "/metrics", ADMIN_CONTROL | ADMIN_METRICS, admin_serve_metrics,
        "the same for Prometheus"},
    {METHOD_GET, "/healthz", ADMIN_CONTROL | ADMIN_METRICS, serve_healthz,
        "200 while the process serves"},
    {METHOD_GET, "/readyz", ADMIN_CONTROL | ADMIN_METRICS, serve_readyz,
        "200, or 503 while it drains; and a line with its load: \"load 0.370\" of 1"},
    {0},
};
