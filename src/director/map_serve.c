#include "director/map_serve.h"

#include "base/check.h"
#include "director/conf.h"
#include "director/map_json.h"
#include "director/server.h"
#include "http/uri.h"

#include <stdlib.h>

/* Outlives the client that asked. */
struct asking {
    struct map_request request;
    struct admin_call *call; /* NULL: it has left */
    struct director *director;
};

static json_t *status_of(struct director *d)
{
    struct map_status *s = xcalloc(1, sizeof(*s));
    json_t *o;

    map_keeper_status(d->maps, s);
    o = map_json_status(s, &d->conf->steers);
    free(s);
    return o;
}

static void on_done(struct map_request *r)
{
    struct asking *a = container_of(r, struct asking, request);
    json_t *o, *m;
    size_t i;

    if (a->call != NULL && (r->end == MAP_TAKEN || r->end == MAP_UNCHANGED)) {
        o = status_of(a->director);
        json_object_set_new(o, "changed", json_boolean(r->end == MAP_TAKEN));
        json_array_foreach(json_object_get(o, "maps"), i, m)
        {
            if (r->ask == MAP_CHECK)
                map_json_add_quality(m, &r->quality[i]);
        }
        admin_answer_json(a->call, 200, o);
    } else if (a->call != NULL) {
        admin_answer_text(a->call, 409, SPAN("text/plain; charset=utf-8"),
            arena_printf(&a->call->txn->arena, "%s\n",
                r->end == MAP_STOPPED ? "the director ends" : r->why.text));
    }
    free(a);
}

static void on_gone(struct admin_call *call)
{
    ((struct asking *)call->pending)->call = NULL;
}

static void ask(struct admin_call *call, enum map_ask what)
{
    struct asking *a = xcalloc(1, sizeof(*a));

    a->call = call;
    a->director = call->app;
    a->request.ask = what;
    a->request.worker = call->txn->worker;
    a->request.done = on_done;
    call->gone = on_gone;
    call->pending = a;
    map_keeper_ask(a->director->maps, &a->request);
}

void map_serve_status(struct admin_call *call)
{
    admin_answer_json(call, 200, status_of(call->app));
}

void map_serve_reload(struct admin_call *call)
{
    struct span rest = call->txn->request.query, key, value;
    bool forced = false;

    while (uri_query_next(&rest, &key, &value))
        forced = forced || (span_eq(key, SPAN("force")) && span_eq(value, SPAN("1")));
    ask(call, forced ? MAP_RELOAD_FORCED : MAP_RELOAD);
}

void map_serve_check(struct admin_call *call)
{
    ask(call, MAP_CHECK);
}
