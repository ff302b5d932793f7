#include "edge/purging.h"

#include "admin/route.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "edge/conf.h"
#include "edge/server.h"
#include "loop/pool.h"

#include <stdatomic.h>
#include <stdlib.h>

struct purging {
    struct job job;         /* purged, durable */
    struct message message; /* waited: one message that goes from worker to worker */
    struct edge *edge;      /* borrowed */
    struct worker *asker;   /* borrowed */
    int64_t visited;        /* workers that have been round their loop */
    struct arena arena;     /* of the order's texts */
    struct purge_order order;
    struct span who;
    uint64_t sequences[PURGE_TEXTS_MAX];
    bool durable;
    void (*done)(struct purging *p, void *app); /* NULL: who asked has left */
    void *app;
    bool ended; /* done() was called */
};

static const enum counter scope_counters[] = {
    [PURGE_URL] = C_PURGES_URL,
    [PURGE_PREFIX] = C_PURGES_PREFIX,
    [PURGE_TAG] = C_PURGES_TAG,
    [PURGE_SITE] = C_PURGES_SITE,
    [PURGE_ALL] = C_PURGES_ALL,
};

static void purging_free(struct purging *p)
{
    arena_free(&p->arena);
    free(p);
}

/* --- on a thread of the pool -------------------------------------------------------------- */

/* What may be long stands last: a line is cut there. */
static void audit(const struct purging *p, uint64_t sequence, struct span text)
{
    const struct purge_order *o = &p->order;
    struct span scope = purge_scope_name(o->scope);

    log_msg(LOG_NOTICE, "purge %llu: %s %.*s, by %.*s%s%.*s%s%.*s", (unsigned long long)sequence,
        o->hard ? "hard" : "soft", SPAN_ARG(scope), SPAN_ARG(p->who),
        o->site.n > 0 ? ", site " : "", SPAN_ARG(o->site), text.n > 0 ? ": " : "", SPAN_ARG(text));
}

static void purge(struct job *j)
{
    struct purging *p = container_of(j, struct purging, job);
    const struct purge_order *o = &p->order;
    uint64_t last = 0;

    for (unsigned i = 0; i < o->texts_n; i++) {
        const struct purge what = {
            .scope = o->scope, .hard = o->hard, .text = o->texts[i], .site = o->site};

        last = p->sequences[i] = cache_purge(p->edge->cache, &what);
        check(last != 0); /* whoever made the order has looked at its texts */
        count(scope_counters[o->scope]);
        audit(p, last, o->texts[i]);
    }
    p->durable = cache_purge_sync(p->edge->cache, last);
    if (!p->durable)
        log_msg(LOG_ERROR,
            "purge %llu: the journal cannot be written; it holds until the process ends, and "
            "after that perhaps not",
            (unsigned long long)last);
}

/* --- on workers --------------------------------------------------------------------------- */

static void end(struct purging *p)
{
    if (p->done == NULL) {
        purging_free(p);
        return;
    }
    p->ended = true;
    p->done(p, p->app);
}

static void on_back(struct message *m, struct worker *w)
{
    (void)w;
    end(container_of(m, struct purging, message));
}

/* The next worker runs this when it comes to its messages; what it had begun before is done then.
 * After all of them have ended, messages run where they lie, and lead nowhere. */
static void on_visit(struct message *m, struct worker *w)
{
    struct purging *p = container_of(m, struct purging, message);
    struct edge *e = p->edge;

    (void)w;
    if (atomic_load(&e->daemon->running) == 0) {
        purging_free(p);
        return;
    }
    p->visited++;
    p->message.run = p->visited < e->daemon->workers_n ? on_visit : on_back;
    worker_post(p->visited < e->daemon->workers_n ? e->workers[p->visited].worker : p->asker, m);
}

static void on_purged(struct job *j)
{
    struct purging *p = container_of(j, struct purging, job);

    /* A worker that has ended has closed its connections before, so that nobody asks there. */
    if (!p->order.wait || p->done == NULL) {
        end(p);
        return;
    }
    p->message.run = on_visit;
    worker_post(p->edge->workers[0].worker, &p->message);
}

/* --- for who asked ------------------------------------------------------------------------ */

struct purging *purging_start(struct edge *e, struct worker *w, const struct purge_order *order,
    struct span who, void (*done)(struct purging *p, void *app), void *app)
{
    struct purging *p = xcalloc(1, sizeof(*p));

    p->job = (struct job){.work = purge, .done = on_purged};
    p->edge = e;
    p->asker = w;
    p->done = done;
    p->app = app;
    arena_init(&p->arena);
    p->who = arena_dup(&p->arena, who);
    p->order = *order;
    p->order.site = arena_dup(&p->arena, order->site);
    for (unsigned i = 0; i < order->texts_n; i++)
        p->order.texts[i] = arena_dup(&p->arena, order->texts[i]);
    if (pool_submit(e->blocking, w, &p->job))
        return p;
    purging_free(p);
    return NULL;
}

void purging_forget(struct purging **pp)
{
    struct purging *p = *pp;

    if (p == NULL)
        return;
    *pp = NULL;
    p->done = NULL;
    if (p->ended)
        purging_free(p);
}

bool purging_durable(const struct purging *p)
{
    return p->durable;
}

json_t *purging_json(const struct purging *p)
{
    const struct purge_order *o = &p->order;
    json_t *purged = json_array();

    for (unsigned i = 0; i < o->texts_n; i++)
        json_array_append_new(
            purged, json_pack("{s:I, s:o}", "sequence", (json_int_t)p->sequences[i], "what",
                        o->scope == PURGE_ALL ? json_null() : admin_json_text(o->texts[i])));
    return json_pack("{s:s, s:b, s:o, s:o, s:I, s:b, s:b}", "scope", purge_scope_name(o->scope).p,
        "hard", (int)o->hard, "site", o->site.n > 0 ? admin_json_text(o->site) : json_null(),
        "purged", purged, "sequence", (json_int_t)p->sequences[o->texts_n - 1], "durable",
        (int)p->durable, "waited", (int)o->wait);
}
