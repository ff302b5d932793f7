#include "health/watch.h"

#include "base/hash.h"

#include <stdio.h>

static void begin(struct deadline *d)
{
    struct watch *w = container_of(d, struct watch, next);

    w->began_ms = worker_now(w->probe.worker);
    probe_start(&w->probe, w->resolver);
}

/* From 0 to `most_ms`. */
static mono_ms some_of(mono_ms most_ms)
{
    return (mono_ms)(random_u64() % (uint64_t)(most_ms + 1));
}

static mono_ms next_in(const struct watch *w)
{
    const struct health_probe *what = w->what;
    mono_ms every = what->every_ms - some_of(what->every_ms * what->jitter_percent / 100);
    mono_ms left = w->began_ms + every - worker_now(w->probe.worker);

    if (standing_doubts(&w->standing) && !w->blind)
        return WATCH_DOUBT_MS;
    return left > 0 ? left : 0;
}

static void probed(struct probe *p, const struct probe_result *result)
{
    struct watch *w = container_of(p, struct watch, probe);
    mono_ms now = worker_now(p->worker);
    bool changed = false;

    w->probed_ms = now;
    w->took_us = result->took_us;
    w->blind = result->end == PROBE_BLIND;
    snprintf(w->said, sizeof(w->said), "%s", result->said);
    if (!w->blind)
        changed = standing_take(&w->standing, (unsigned)w->what->rise, (unsigned)w->what->fall,
            result->end == PROBE_GOOD, now);
    deadline_set(&w->next, next_in(w));
    w->told(w, result, changed);
}

void watch_init(struct watch *w, const struct health_probe *what, const struct addr *addr,
    struct worker *worker, struct resolver *r,
    void (*told)(struct watch *w, const struct probe_result *result, bool changed))
{
    *w = (struct watch){.what = what, .resolver = r, .told = told};
    standing_init(&w->standing);
    probe_init(&w->probe, worker, what, addr, probed);
    deadline_init(&w->next, worker, begin);
}

void watch_start(struct watch *w)
{
    deadline_set(&w->next, some_of(WATCH_SPREAD_MS));
}

void watch_stop(struct watch *w)
{
    probe_cancel(&w->probe);
    deadline_stop(&w->next);
}
