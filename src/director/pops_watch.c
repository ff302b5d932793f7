/* pops_watch.c - what a PoP's checks and edges say, and what it is by that (pops.h). */
#include "director/pops_impl.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "health/load.h"

#include <stdlib.h>

static unsigned addrs_n(const struct pop_run *r)
{
    return r->pop->v4_n + r->pop->v6_n;
}

static mono_ms now_of(const struct pop_run *r)
{
    return worker_now(r->pops->worker);
}

/* --- what follows ------------------------------------------------------------------------------
 */

/* An address that we cannot reach for want of a way of our own is as the others are that we can. */
static bool is_up(const struct pop_run *r, const struct pop_check *c)
{
    bool any = false, any_up = false;

    if (!c->watch.blind)
        return c->watch.standing.up;
    for (unsigned i = 0; i < addrs_n(r); i++) {
        const struct watch *w = &r->checks[i].watch;

        if (w->blind || !w->standing.judged)
            continue;
        any = true;
        any_up = any_up || w->standing.up;
    }
    return any ? any_up : c->watch.standing.up;
}

static uint8_t mask_of(const struct pop_run *r, unsigned from, unsigned n)
{
    uint8_t mask = 0;

    for (unsigned i = 0; i < n; i++) {
        if (r->checks == NULL || is_up(r, &r->checks[from + i]))
            mask |= (uint8_t)(1U << i);
    }
    return mask;
}

static bool all_drain(const struct pop_run *r)
{
    for (unsigned i = 0; i < r->pop->loads_n; i++) {
        if (!r->edges[i].draining)
            return false;
    }
    return r->pop->loads_n > 0;
}

void pop_judge(struct pop_run *r, enum pop_order order, bool ordered)
{
    struct pop_word w = {.order = order, .ordered = ordered};

    w.now.v4 = mask_of(r, 0, r->pop->v4_n);
    w.now.v6 = mask_of(r, r->pop->v4_n, r->pop->v6_n);
    w.now.shed = (uint8_t)r->shedding.steps;
    w.now.state = pop_state_of(&w, all_drain(r));
    pop_tell(r, &w);
}

static void judge_again(struct pop_run *r)
{
    struct pop_word w = pop_word(r);

    pop_judge(r, w.order, w.ordered);
}

/* --- checks ------------------------------------------------------------------------------------
 */

static void count_probe(const struct probe_result *result)
{
    switch (result->end) {
    case PROBE_GOOD:
        count(C_DIRECTOR_PROBES_GOOD);
        return;
    case PROBE_BAD:
        count(C_DIRECTOR_PROBES_BAD);
        return;
    case PROBE_BLIND:
        count(C_DIRECTOR_PROBES_BLIND);
        return;
    }
}

static void log_check(const struct pop_check *c)
{
    const struct standing *s = &c->watch.standing;
    const char *name = c->run->pop->name.p;
    char text[ADDR_TEXT];

    addr_ip_text(c->addr, text);
    if (s->up)
        log_msg(LOG_NOTICE, "pop %s: %s passes its checks again", name, text);
    else if (s->held_ms != 0)
        log_msg(LOG_WARN,
            "pop %s: %s fails its checks: %s; it has come and gone %u times, and stays out for "
            "%lld "
            "s at least",
            name, text, c->watch.said, s->flaps, (long long)(s->held_ms - s->since_ms) / 1000);
    else
        log_msg(LOG_WARN, "pop %s: %s fails its checks: %s", name, text, c->watch.said);
}

static void checked(struct watch *w, const struct probe_result *result, bool changed)
{
    struct pop_check *c = container_of(w, struct pop_check, watch);

    count_probe(result);
    if (changed)
        log_check(c);
    judge_again(c->run);
}

/* --- edges -------------------------------------------------------------------------------------
 */

/* The mean of those that take clients and said lately what they carry. */
static void judge_load(struct pop_run *r)
{
    uint64_t sum = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < r->pop->loads_n; i++) {
        const struct pop_edge *e = &r->edges[i];

        if (!e->watch.standing.up || e->said_ms == 0 || e->draining)
            continue;
        sum += e->per_mille;
        n++;
    }
    r->load_known = n > 0;
    r->load = n > 0 ? (unsigned)(sum / n) : 0;
    (void)!shedding_take(&r->shedding, r->load_known, r->load,
        (unsigned)(r->pop->capacity_percent * LOAD_FULL / 100), now_of(r));
}

/* 503 is how an edge says that it drains. */
static void take_answer(struct pop_edge *e, const struct probe_result *result)
{
    bool draining = result->status == 503;
    unsigned load;

    if (draining != e->draining)
        log_msg(LOG_NOTICE, "pop %s: %s %s", e->run->pop->name.p, e->watch.what->label.p,
            draining ? "drains" : "takes clients");
    e->draining = draining;
    if (load_read(buf_span(&result->response->body), &load)) {
        e->per_mille = load;
        e->said_ms = now_of(e->run);
    }
}

static void asked(struct watch *w, const struct probe_result *result, bool changed)
{
    struct pop_edge *e = container_of(w, struct pop_edge, watch);

    count_probe(result);
    if (changed)
        log_msg(LOG_NOTICE, "pop %s: %s %s%s", e->run->pop->name.p, w->what->label.p,
            w->standing.up ? "says its load again" : "does not say its load: ",
            w->standing.up ? "" : w->said);
    if (result->end == PROBE_GOOD)
        take_answer(e, result);
    judge_load(e->run);
    judge_again(e->run);
}

/* --- from start to end -------------------------------------------------------------------------
 */

static void init_check(struct pop_run *r, unsigned i, struct resolver *resolver)
{
    struct pop_check *c = &r->checks[i];

    c->run = r;
    c->addr = i < r->pop->v4_n ? &r->pop->v4[i] : &r->pop->v6[i - r->pop->v4_n];
    watch_init(&c->watch, r->pop->check, c->addr, r->pops->worker, resolver, checked);
}

void pop_watch_init(struct pop_run *r, struct resolver *resolver)
{
    if (r->pop->check != NULL)
        r->checks = xcalloc(addrs_n(r), sizeof(*r->checks));
    for (unsigned i = 0; r->checks != NULL && i < addrs_n(r); i++)
        init_check(r, i, resolver);
    r->edges = xcalloc(r->pop->loads_n + 1, sizeof(*r->edges));
    for (unsigned i = 0; i < r->pop->loads_n; i++) {
        r->edges[i].run = r;
        watch_init(&r->edges[i].watch, &r->pop->loads[i], NULL, r->pops->worker, resolver, asked);
    }
}

void pop_watch_start(struct pop_run *r)
{
    for (unsigned i = 0; r->checks != NULL && i < addrs_n(r); i++)
        watch_start(&r->checks[i].watch);
    for (unsigned i = 0; i < r->pop->loads_n; i++)
        watch_start(&r->edges[i].watch);
}

void pop_watch_stop(struct pop_run *r)
{
    for (unsigned i = 0; r->checks != NULL && i < addrs_n(r); i++)
        watch_stop(&r->checks[i].watch);
    for (unsigned i = 0; i < r->pop->loads_n; i++)
        watch_stop(&r->edges[i].watch);
}
