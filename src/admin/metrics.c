/*
 * metrics.c - every counter and gauge in Prometheus' text format 0.0.4.
 *
 * Counters come from counters.tbl and the lists of admin_conf, names and sentences included. Gauges
 * are the table here.
 */
#include "admin/metrics.h"
#include "admin/answer.h"
#include "base/buf.h"
#include "base/counters.h"
#include "cache/cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { METRICS_BYTES = 256 << 10 }; /* far above what the two tables can write */

enum gauge {
    GAUGE_BUILD,
    GAUGE_UPTIME,
    GAUGE_CONNECTIONS,
    GAUGE_MEMORY_BUDGET,
    GAUGE_MEMORY_USED,
    GAUGE_MEMORY_BODIES,
    GAUGE_OBJECTS,
    GAUGE_FILLS,
    GAUGE_PURGE_LABELS,
    GAUGE_PURGE_LABELS_MOST,
    GAUGE_PURGE_PREFIXES,
    GAUGE_PURGE_LAST,
    GAUGE_DRAINING,
};

/* Rows of one metric stand together; the first has the sentence. */
static const struct gauge_def {
    enum gauge id;
    const char *metric, *labels, *help;
    bool of_cache;
} gauges[] = {
    {GAUGE_BUILD, "selvage_build_info", "version=\"" VERSION "\"", "What runs; always 1"},
    {GAUGE_UPTIME, "selvage_uptime_seconds", "", "Time since the process started"},
    {GAUGE_CONNECTIONS, "selvage_connections", "", "Client connections that are open"},
    {GAUGE_MEMORY_BUDGET, "selvage_memory_bytes", "kind=\"budget\"",
        "The memory tier: what it may use, what it uses, and what of that is bodies", true},
    {GAUGE_MEMORY_USED, "selvage_memory_bytes", "kind=\"used\"", "", true},
    {GAUGE_MEMORY_BODIES, "selvage_memory_bytes", "kind=\"bodies\"", "", true},
    {GAUGE_OBJECTS, "selvage_objects", "", "Objects stored in memory", true},
    {GAUGE_FILLS, "selvage_fills", "", "Fills in flight", true},
    {GAUGE_PURGE_LABELS, "selvage_purge_labels", "kind=\"used\"",
        "URLs, tags and sites that are remembered as purged, and how many there may be", true},
    {GAUGE_PURGE_LABELS_MOST, "selvage_purge_labels", "kind=\"most\"", "", true},
    {GAUGE_PURGE_PREFIXES, "selvage_purge_prefixes", "", "Prefixes that are remembered as purged",
        true},
    {GAUGE_PURGE_LAST, "selvage_purge_sequence", "", "Sequence number of the last purge", true},
    {GAUGE_DRAINING, "selvage_draining", "", "1 while the process finishes what is in flight"},
};

static uint64_t gauge_value(enum gauge id, const struct admin_facts *f, int64_t uptime_s)
{
    switch (id) {
    case GAUGE_BUILD:
        return 1;
    case GAUGE_UPTIME:
        return (uint64_t)uptime_s;
    case GAUGE_CONNECTIONS:
        return f->connections;
    case GAUGE_MEMORY_BUDGET:
        return f->cache->memory_bytes;
    case GAUGE_MEMORY_USED:
        return f->cache->used_bytes;
    case GAUGE_MEMORY_BODIES:
        return f->cache->body_bytes;
    case GAUGE_OBJECTS:
        return f->cache->objects;
    case GAUGE_FILLS:
        return f->cache->fills;
    case GAUGE_PURGE_LABELS:
        return f->cache->purge_labels;
    case GAUGE_PURGE_LABELS_MOST:
        return f->cache->purge_labels_max;
    case GAUGE_PURGE_PREFIXES:
        return f->cache->purge_prefixes;
    case GAUGE_PURGE_LAST:
        return f->cache->purge_seq;
    case GAUGE_DRAINING:
        return f->draining;
    }
    return 0;
}

void metrics_sample(struct metrics *w, const char *type, const char *metric, const char *labels,
    const char *help, uint64_t value)
{
    bool braces = labels[0] != '\0';

    if (strcmp(metric, w->metric) != 0)
        w->ok = w->ok &&
                buf_printf(&w->out, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric, type);
    w->metric = metric;
    w->ok = w->ok && buf_printf(&w->out, "%s%s%s%s %" PRIu64 "\n", metric, braces ? "{" : "",
                         labels, braces ? "}" : "", value);
}

static void write_list(struct metrics *w, const struct counter_list *list)
{
    for (unsigned i = 0; i < list->n; i++) {
        uint64_t sum = list->sum(i);
        char labels[96] = "";

        if (sum == 0 && list->seen_only)
            continue;
        if (list->label != NULL)
            snprintf(labels, sizeof(labels), "%s=\"%.*s\"", list->label, SPAN_ARG(list->value(i)));
        metrics_sample(w, list->gauge ? "gauge" : "counter", list->metric, labels, list->help, sum);
    }
}

void admin_serve_metrics(struct admin_call *call)
{
    const struct counter_list *const *lists = call->conf->counters;
    struct admin_facts f = admin_facts_now(call);
    struct metrics w = {.metric = "", .ok = true};

    buf_init(&w.out, METRICS_BYTES + (f.volumes != NULL ? metrics_volumes_bytes(f.volumes) : 0));
    for (int c = 0; c < COUNTERS; c++) {
        const struct counter_def *d = &counter_defs[c];

        if ((d->daemons & call->conf->daemons) != 0)
            metrics_sample(
                &w, "counter", d->metric, d->labels, d->help, counter_sum((enum counter)c));
    }
    for (size_t i = 0; lists != NULL && lists[i] != NULL; i++)
        write_list(&w, lists[i]);
    for (size_t i = 0; i < ARRAY_LEN(gauges); i++) {
        const struct gauge_def *d = &gauges[i];

        if (!d->of_cache || f.cache != NULL)
            metrics_sample(&w, "gauge", d->metric, d->labels, d->help,
                gauge_value(d->id, &f, admin_uptime_s(call, &f)));
    }
    metrics_certificates(&w, f.tls);
    if (f.volumes != NULL)
        metrics_volumes(&w, &call->txn->arena, f.volumes);
    if (w.ok)
        admin_answer_text(call, 200, SPAN("text/plain; version=0.0.4; charset=utf-8"),
            arena_dup(&call->txn->arena, buf_span(&w.out)));
    else
        admin_answer_text(call, 500, ADMIN_PLAIN, SPAN("out of memory\n"));
    buf_free(&w.out);
}
