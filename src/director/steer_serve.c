#include "director/steer_serve.h"

#include "base/check.h"
#include "director/client.h"
#include "director/conf.h"
#include "director/explain.h"
#include "director/places.h"
#include "director/server.h"
#include "director/worker.h"
#include "director/zone.h"
#include "dns/name.h"
#include "http/uri.h"

#include <stdlib.h>

/* Waits for the place of the address; may outlive its call. */
struct asking {
    struct place_request asked;
    struct admin_call *call; /* NULL: nobody waits any more */
    struct geo_client client;
    const struct steer *steer; /* NULL: by each of them */
};

static void answer_error(struct admin_call *call, int status, struct span sentence)
{
    admin_answer_text(call, status, SPAN("text/plain; charset=utf-8"),
        arena_join(&call->txn->arena, sentence, SPAN("\n")));
}

/* --- the question ----------------------------------------------------------------------------- */

struct question {
    struct span client, name, steer;
};

static bool read_question(struct admin_call *call, struct question *q)
{
    struct span rest = call->txn->request.query, name, value, decoded;

    while (uri_query_next(&rest, &name, &value)) {
        if (!uri_decode(&call->txn->arena, value, &decoded))
            return false;
        if (span_eq(name, SPAN("client")))
            q->client = decoded;
        else if (span_eq(name, SPAN("name")))
            q->name = decoded;
        else if (span_eq(name, SPAN("steer")))
            q->steer = decoded;
        else
            return false;
    }
    return q->client.n > 0;
}

/* ADDRESS[/BITS]; what stands behind the bits does not matter. */
static bool read_client(struct span s, struct geo_client *out)
{
    struct span address = span_make(s.p, span_find(s, '/'));
    struct addr addr;
    uint64_t bits;

    if (!addr_parse_ip(address, 0, &addr))
        return false;
    *out = client_of(&addr);
    if (address.n == s.n)
        return true;
    if (!span_u64(span_from(s, address.n + 1), &bits) || bits > out->prefix)
        return false;
    out->prefix = (uint8_t)bits;
    return true;
}

/* A name of a zone, as DNS would find it. */
static const struct steer *steer_of_zone(const struct director_conf *conf, struct span text)
{
    struct dns_name name;
    struct zone_place place;

    if (conf->zones.zones == NULL || dns_name_parse(text, NULL, &name) != NULL)
        return NULL;
    dns_name_lower(name.wire, name.wire, name.n);
    place = zones_find(conf->zones.zones, &name, false);
    return place.node != NULL ? place.node->steer : NULL;
}

static const struct steer *steer_of_name(
    const struct director_conf *conf, struct span name, struct arena *a)
{
    const struct steer *steer = steer_of_zone(conf, name);
    const struct redirect *r;
    struct span host;
    unsigned port;

    if (steer != NULL)
        return steer;
    if (!uri_authority_parse(name, &host, &port))
        return NULL;
    r = redirect_find(&conf->redirects, uri_host_normalise(a, host, 0, 0));
    return r != NULL ? r->steer : NULL;
}

/* --- the answer ------------------------------------------------------------------------------- */

static json_t *explained_json(
    struct asking *x, const struct director_worker *w, const struct steer *steer)
{
    struct arena *a = &x->call->txn->arena;
    struct explain_question q = {
        .steer = steer,
        .client = x->client,
        .place = x->asked.place,
        .steering = w->steering,
        .maps = w->maps,
    };
    struct explained e;

    q.steering.now = worker_now(x->call->txn->worker);
    explain_client(&q, a, &e);
    return explain_json(&e, a);
}

static void answer(struct asking *x)
{
    struct director *d = x->call->app;
    const struct director_worker *w = x->call->txn->worker->app;
    const struct steer_list *steers = &d->conf->steers;
    json_t *all = json_array();

    for (unsigned i = 0; i < steers->n; i++) {
        if (x->steer == NULL || x->steer == &steers->v[i])
            json_array_append_new(all, explained_json(x, w, &steers->v[i]));
    }
    admin_answer_json(x->call, 200, json_pack("{s:o}", "steers", all));
}

static void on_place(struct place_request *asked)
{
    struct asking *x = container_of(asked, struct asking, asked);

    if (x->call != NULL)
        answer(x);
    free(x);
}

static void on_gone(struct admin_call *call)
{
    struct asking *x = call->pending;

    x->call = NULL;
}

static void ask(struct admin_call *call, const struct geo_client *client, const struct steer *steer)
{
    struct director *d = call->app;
    struct asking *x = xcalloc(1, sizeof(*x));

    x->call = call;
    x->client = *client;
    x->steer = steer;
    x->asked.done = on_place;
    x->asked.addr = explain_looked_up(steer != NULL ? steer : &d->conf->steers.v[0], client);
    if (places_ask(d->places, call->txn->worker, &x->asked)) {
        call->pending = x;
        call->gone = on_gone;
        return;
    }
    answer(x);
    free(x);
}

void steer_serve(struct admin_call *call)
{
    struct director *d = call->app;
    struct arena *a = &call->txn->arena;
    const struct steer *steer = NULL;
    struct geo_client client;
    struct question q = {0};

    if (!read_question(call, &q))
        answer_error(
            call, 400, SPAN("client=ADDRESS[/BITS] is asked for, with name=HOST or steer=NAME"));
    else if (!read_client(q.client, &client))
        answer_error(call, 400,
            arena_printf(a, "\"%.*s\" is no address, nor an address and bits", SPAN_ARG(q.client)));
    else if (d->conf->steers.n == 0)
        answer_error(call, 404, SPAN("nothing is steered: the configuration has no steer"));
    else if (q.steer.n > 0 && (steer = steer_find(&d->conf->steers, q.steer)) == NULL)
        answer_error(call, 404, arena_printf(a, "there is no steer \"%.*s\"", SPAN_ARG(q.steer)));
    else if (q.name.n > 0 && (steer = steer_of_name(d->conf, q.name, a)) == NULL)
        answer_error(call, 404,
            arena_printf(a, "\"%.*s\" is neither a steered name of a zone nor a redirect's host",
                SPAN_ARG(q.name)));
    else
        ask(call, &client, steer);
}
