#include "director/pops_impl.h"

#include "base/check.h"
#include "base/log.h"

#include <stdlib.h>

/* --- the word of a PoP -------------------------------------------------------------------------
 */

static uint64_t pack(const struct pop_word *w)
{
    return (uint64_t)w->now.v4 | (uint64_t)w->now.v6 << 8 | (uint64_t)w->now.shed << 16 |
           (uint64_t)w->now.state << 24 | (uint64_t)w->order << 32 | (uint64_t)w->ordered << 40;
}

static struct pop_word unpack(uint64_t bits)
{
    return (struct pop_word){
        .now = {.state = (enum pop_state)(bits >> 24 & 0xff),
            .v4 = (uint8_t)bits,
            .v6 = (uint8_t)(bits >> 8),
            .shed = (uint8_t)(bits >> 16)},
        .order = (enum pop_order)(bits >> 32 & 0xff),
        .ordered = (bits >> 40 & 1) != 0,
    };
}

struct pop_word pop_word(const struct pop_run *r)
{
    return unpack(atomic_load_explicit(&r->word, memory_order_acquire));
}

struct pop_now pop_now(const struct pops *p, unsigned index)
{
    return pop_word(&p->runs[index]).now;
}

uint64_t pops_epoch(const struct pops *p)
{
    return atomic_load_explicit(&p->epoch, memory_order_acquire);
}

mono_ms pop_changed_ms(const struct pops *p, unsigned index)
{
    return atomic_load_explicit(&p->runs[index].changed_ms, memory_order_relaxed);
}

mono_ms pops_changed_ms(const struct pops *p)
{
    return atomic_load_explicit(&p->changed_ms, memory_order_acquire);
}

const char *pop_state_word(enum pop_state s)
{
    static const char *const words[POP_STATES] = {
        [POP_STATE_UP] = "up",
        [POP_STATE_DRAINED] = "drained",
        [POP_STATE_DRAINING] = "draining",
        [POP_STATE_DOWN_BY_ORDER] = "down",
        [POP_STATE_FAILED] = "failed",
    };

    return words[s];
}

enum pop_state pop_state_of(const struct pop_word *w, bool draining)
{
    switch (w->order) {
    case POP_DOWN:
        return POP_STATE_DOWN_BY_ORDER;
    case POP_DRAIN:
        return POP_STATE_DRAINED;
    case POP_UP:
        break;
    }
    if (draining)
        return POP_STATE_DRAINING;
    return w->now.v4 == 0 && w->now.v6 == 0 ? POP_STATE_FAILED : POP_STATE_UP;
}

static void log_state(const struct pop_run *r, const struct pop_word *w)
{
    const char *name = r->pop->name.p;

    switch (w->now.state) {
    case POP_STATE_UP:
        log_msg(LOG_NOTICE, "pop %s: up, gets clients", name);
        return;
    case POP_STATE_DRAINED:
        log_msg(LOG_NOTICE, "pop %s: drained by order, gets no new clients", name);
        return;
    case POP_STATE_DRAINING:
        log_msg(LOG_NOTICE, "pop %s: all its edges drain, gets no new clients", name);
        return;
    case POP_STATE_DOWN_BY_ORDER:
        log_msg(LOG_NOTICE, "pop %s: down by order, gets no clients", name);
        return;
    case POP_STATE_FAILED:
        log_msg(LOG_WARN, "pop %s: no address passes its checks, gets no clients", name);
        return;
    }
}

void pop_restore(struct pop_run *r, const struct pop_word *w)
{
    atomic_init(&r->word, pack(w));
}

/* Who sees the word sees when it changed, and who sees the epoch sees the word. */
void pop_tell(struct pop_run *r, const struct pop_word *w)
{
    struct pop_word before = pop_word(r);
    mono_ms now = worker_now(r->pops->worker);

    if (pack(&before) == pack(w))
        return;
    if (before.now.state != w->now.state || before.now.v4 != w->now.v4 ||
        before.now.v6 != w->now.v6) {
        atomic_store_explicit(&r->changed_ms, now, memory_order_relaxed);
        atomic_store_explicit(&r->pops->changed_ms, now, memory_order_release);
    }
    atomic_store_explicit(&r->word, pack(w), memory_order_release);
    atomic_fetch_add_explicit(&r->pops->epoch, 1, memory_order_release);
    if (before.now.state != w->now.state)
        log_state(r, w);
    if ((before.now.shed > 0) != (w->now.shed > 0))
        log_msg(LOG_NOTICE,
            w->now.shed > 0 ? "pop %s: above its capacity, hands clients to its neighbours"
                            : "pop %s: below its capacity, keeps all its clients",
            r->pop->name.p);
}

/* --- from start to end -------------------------------------------------------------------------
 */

static void set_first_word(struct pop_run *r)
{
    const struct pop *pop = r->pop;
    struct pop_word w = {.order = pop->order,
        .now = {.v4 = (uint8_t)((1U << pop->v4_n) - 1), .v6 = (uint8_t)((1U << pop->v6_n) - 1)}};

    w.now.state = pop_state_of(&w, false);
    pop_restore(r, &w);
}

struct pops *pops_new(const struct pops_conf *conf)
{
    struct pops *p = xcalloc(1, sizeof(*p));

    p->conf = *conf;
    p->runs = xcalloc(conf->list->n + 1, sizeof(*p->runs));
    for (unsigned i = 0; i < conf->list->n; i++) {
        p->runs[i].pops = p;
        p->runs[i].pop = &conf->list->v[i];
        set_first_word(&p->runs[i]);
    }
    atomic_init(&p->epoch, 1);
    pops_keep_read(p);
    return p;
}

void pops_start(struct pops *p, struct worker *w, struct resolver *r)
{
    p->worker = w;
    pops_keep_start(p);
    for (unsigned i = 0; i < p->conf.list->n; i++) {
        pop_watch_init(&p->runs[i], r);
        pop_watch_start(&p->runs[i]);
    }
}

void pops_stop(struct pops *p)
{
    for (unsigned i = 0; i < p->conf.list->n; i++)
        pop_watch_stop(&p->runs[i]);
    pops_keep_stop(p);
    p->worker = NULL;
}

void pops_free(struct pops **pp)
{
    struct pops *p = *pp;

    if (p == NULL)
        return;
    *pp = NULL;
    check(p->worker == NULL);
    for (unsigned i = 0; i < p->conf.list->n; i++) {
        free(p->runs[i].checks);
        free(p->runs[i].edges);
    }
    pops_keep_free(p);
    free(p->runs);
    free(p);
}

/* --- orders ------------------------------------------------------------------------------------
 */

/* What the configuration says anyway needs no order to be kept. */
void pops_order(struct pops *p, unsigned index, enum pop_order order)
{
    struct pop_run *r = &p->runs[index];

    r->ordered_s = worker_wall_s(p->worker);
    pop_judge(r, order, order != r->pop->order);
    pops_keep(p);
}

/* --- for people --------------------------------------------------------------------------------
 */

static struct pop_addr_report *report_addrs(
    const struct addr *v, unsigned n, const struct pop_check *checks, uint8_t mask, struct arena *a)
{
    struct pop_addr_report *out = arena_zalloc(a, n * sizeof(*out));

    for (unsigned i = 0; i < n; i++) {
        const struct watch *w = checks != NULL ? &checks[i].watch : NULL;

        out[i].addr = &v[i];
        out[i].up = (mask >> i & 1) != 0;
        out[i].said = "";
        if (w == NULL)
            continue;
        out[i].since_ms = w->standing.since_ms;
        out[i].probed_ms = w->probed_ms;
        out[i].took_us = w->took_us;
        out[i].said = arena_dup(a, span_of(w->said)).p;
        out[i].held_ms = w->standing.held_ms;
        out[i].blind = w->blind;
    }
    return out;
}

void pops_report(const struct pops *p, unsigned index, struct arena *a, struct pop_report *out)
{
    const struct pop_run *r = &p->runs[index];
    const struct pop_check *checks = r->checks;
    struct pop_word w = pop_word(r);

    *out = (struct pop_report){
        .pop = r->pop,
        .now = w.now,
        .order = w.order,
        .ordered = w.ordered,
        .ordered_s = r->ordered_s,
        .changed_ms = pop_changed_ms(p, index),
        .load_known = r->load_known,
        .load_per_mille = r->load,
    };
    out->v4 = report_addrs(r->pop->v4, r->pop->v4_n, checks, w.now.v4, a);
    if (checks != NULL)
        checks += r->pop->v4_n;
    out->v6 = report_addrs(r->pop->v6, r->pop->v6_n, checks, w.now.v6, a);
    out->loads = arena_zalloc(a, r->pop->loads_n * sizeof(*out->loads));
    for (unsigned i = 0; i < r->pop->loads_n && r->edges != NULL; i++)
        out->loads[i] = (struct pop_load_report){
            .label = r->pop->loads[i].label.p,
            .known = r->edges[i].watch.standing.up && r->edges[i].said_ms != 0,
            .draining = r->edges[i].draining,
            .per_mille = r->edges[i].per_mille,
        };
}

const struct pop_list *pops_list(const struct pops *p)
{
    return p->conf.list;
}
