#include "edge/setup.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/sink.h"
#include "edge/conf.h"
#include "edge/server.h"
#include "net/rate.h"
#include "origin/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 100 /* how often a worker looks whether it still needs an old one */ };

/* --- main's -------------------------------------------------------------------------------- */

static void name_ourselves(struct setup *s, const struct setup *before)
{
    struct arena *a = &s->conf->arena;
    struct span name = s->conf->name;

    s->via_20 = arena_printf(a, "2.0 %.*s", SPAN_ARG(name));
    s->via_11 = arena_printf(a, "1.1 %.*s", SPAN_ARG(name));
    s->via_10 = arena_printf(a, "1.0 %.*s", SPAN_ARG(name));
    /* Unless the operator names them, an edge and its shield must not take each other for a loop.
     */
    if (!span_eq(name, SPAN(EDGE_NAME_DEFAULT)))
        s->loop_id = name;
    else if (before != NULL && span_eq(before->conf->name, name))
        s->loop_id = arena_dup(a, before->loop_id);
    else
        s->loop_id = arena_printf(a, EDGE_NAME_DEFAULT "-%08x", (unsigned)random_u64());
}

static bool same_rates(const struct edge_conf *a, const struct edge_conf *b)
{
    return a->rates_n == b->rates_n && a->limit_bytes == b->limit_bytes &&
           (a->rates_n == 0 || memcmp(a->rates, b->rates, a->rates_n * sizeof(*a->rates)) == 0);
}

bool setup_open_log(const struct edge_conf *c, struct sink **log)
{
    const char *path = span_eq(c->access_log, SPAN("stderr")) ? NULL : c->access_log.p;

    *log = NULL;
    if (span_eq(c->access_log, SPAN("off")))
        return true;
    *log = access_log_open(path, (enum access_format)c->access_format);
    if (*log == NULL)
        log_msg(LOG_ERROR, "cannot open the access log %s: %s", path, strerror(errno));
    return *log != NULL;
}

/* So that a connection that opens there can say whose door it is. */
static void keep_doors(struct setup *s)
{
    for (struct listen_conf *l = s->conf->daemon.listens; l != NULL; l = l->next)
        l->door.keeper = s;
}

struct setup *setup_new(
    struct edge_conf *conf, struct setup *before, struct sink *log, bool new_log, unsigned workers)
{
    struct setup *s = aligned_alloc(_Alignof(struct setup), sizeof(*s));

    check(s != NULL);
    memset(s, 0, sizeof(*s));
    s->conf = conf;
    name_ourselves(s, before);
    s->owns_log = s->owns_rates = true;
    if (before != NULL && same_rates(before->conf, conf)) {
        s->rates = before->rates;
        before->owns_rates = false;
    } else {
        s->rates = rate_table_new(conf->rates, conf->rates_n, conf->limit_bytes);
    }
    if (before != NULL && !new_log) {
        s->access_log = before->access_log;
        before->owns_log = false;
    } else {
        s->access_log = log;
    }
    keep_doors(s);
    atomic_init(&s->workers, workers);
    if (before != NULL)
        before->younger = s;
    return s;
}

/* All but itself. */
static void let_go_of_all(struct setup *s)
{
    if (s->owns_rates)
        rate_table_free(&s->rates);
    if (s->owns_log)
        sink_close(&s->access_log);
    edge_conf_free(&s->conf);
}

void setup_free_all(struct setup **oldest)
{
    while (*oldest != NULL) {
        struct setup *next = (*oldest)->younger;

        let_go_of_all(*oldest);
        free(*oldest);
        *oldest = next;
    }
}

/* --- a worker's ---------------------------------------------------------------------------- */

/* Off the workers: a configuration of many sites is large. */
static void free_off(struct job *j)
{
    let_go_of_all(container_of(j, struct setup, job));
    log_msg(LOG_DEBUG, "reload: nothing goes by an earlier configuration any more");
}

static void freed(struct job *j)
{
    free(container_of(j, struct setup, job));
}

/* The oldest goes first: younger ones share with it. Only the first worker frees. */
static bool free_oldest(struct edge_worker *w)
{
    struct edge *e = w->edge;
    struct setup *s = e->oldest;

    if (s->younger == NULL || atomic_load(&s->workers) > 0)
        return false;
    e->oldest = s->younger;
    s->job = (struct job){.work = free_off, .done = freed};
    if (pool_submit(e->blocking, w->worker, &s->job))
        return true;
    e->oldest = s;
    return false;
}

/* Of those that this worker has not left: the oldest, when nobody holds it. */
static bool leave_oldest(struct edge_worker *w)
{
    struct setup *s = w->oldest;

    if (s == w->setup || s->shares[w->worker->index].held > 0)
        return false;
    for (const struct origin_entry *o = s->conf->origins; o != NULL; o = o->next)
        origin_pool_close(&w->fetcher, o->origin);
    w->oldest = s->younger;
    atomic_fetch_sub(&s->workers, 1);
    return true;
}

static void look(struct deadline *d)
{
    struct edge_worker *w = container_of(d, struct edge_worker, leaving);
    bool first = w->worker->index == 1;

    while (leave_oldest(w))
        continue;
    while (first && free_oldest(w))
        continue;
    if (w->oldest != w->setup || (first && w->edge->oldest->younger != NULL))
        deadline_set(d, LOOK_MS);
}

const struct edge_conf *edge_conf_of(const struct edge *e)
{
    return e->workers[thread_index() - 1].setup->conf;
}

void setup_take_over(struct edge_worker *w, struct setup *s)
{
    if (w->setup == NULL) {
        deadline_init(&w->leaving, w->worker, look);
        w->oldest = s;
    }
    w->setup = s;
    if (w->oldest != s)
        deadline_set(&w->leaving, LOOK_MS);
}

void setup_stop(struct edge_worker *w)
{
    deadline_stop(&w->leaving);
}
