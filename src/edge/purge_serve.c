#include "edge/purge_serve.h"

#include "edge/purging.h"
#include "edge/server.h"
#include "edge/setup.h"

static void answer_text(struct admin_call *call, int status, const char *why)
{
    admin_answer_text(call, status, SPAN("text/plain; charset=utf-8"),
        arena_printf(&call->txn->arena, "%s\n", why));
}

static struct span asker(struct admin_call *call)
{
    struct arena *a = &call->txn->arena;
    struct stream_process p;

    if (!txn_process(call->txn, &p))
        return SPAN("the control socket");
    return arena_printf(a, "uid %u, pid %d, on the control socket", p.uid, p.pid);
}

static void on_done(struct purging *p, void *app)
{
    struct admin_call *call = app;

    admin_answer_json(call, purging_durable(p) ? 200 : 500, purging_json(p));
    purging_forget(&p);
}

static void on_gone(struct admin_call *call)
{
    struct purging *p = call->pending;

    purging_forget(&p);
}

void purge_serve(struct admin_call *call)
{
    struct edge *e = call->app;
    struct txn *t = call->txn;
    struct purge_order *order = arena_zalloc(&t->arena, sizeof(*order));
    const char *why;

    if (!purge_order_read(order, t->request.query, edge_conf_of(e), &t->arena, &why)) {
        answer_text(call, 400, why);
        return;
    }
    call->gone = on_gone;
    call->pending = purging_start(e, t->worker, order, asker(call), on_done, call);
    if (call->pending == NULL)
        answer_text(call, 503, "too much waits for the disk; nothing was purged: try again");
}
