#include "director/pops_serve.h"

#include "director/conf.h"
#include "director/map_keeper.h"
#include "director/pops.h"
#include "director/server.h"
#include "director/tally.h"
#include "director/worker.h"
#include "http/uri.h"

/* --- GET /pops -------------------------------------------------------------------------------- */

/* Seconds between then and now; null: never. */
static json_t *ago(mono_ms now, mono_ms then_ms)
{
    return then_ms != 0 ? json_integer((now - then_ms) / 1000) : json_null();
}

static json_t *degrees(const struct geo_point *p, double v)
{
    return p->has_location ? json_real(v) : json_null();
}

static json_t *addr_json(const struct pop_addr_report *r, mono_ms now)
{
    bool probed = r->probed_ms != 0;
    char text[ADDR_TEXT];

    return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "address", addr_ip_text(r->addr, text),
        "up", r->up, "since_s", ago(now, r->since_ms), "probed_s", ago(now, r->probed_ms),
        "took_us", probed ? json_integer(r->took_us) : json_null(), "said",
        probed ? admin_json_text(span_of(r->said)) : json_null(), "held_s",
        r->held_ms > now ? json_integer((r->held_ms - now + 999) / 1000) : json_null());
}

static json_t *addrs_json(const struct pop_report *r, mono_ms now)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < r->pop->v4_n; i++)
        json_array_append_new(list, addr_json(&r->v4[i], now));
    for (unsigned i = 0; i < r->pop->v6_n; i++)
        json_array_append_new(list, addr_json(&r->v6[i], now));
    return list;
}

static json_t *edges_json(const struct pop_report *r)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < r->pop->loads_n; i++) {
        const struct pop_load_report *l = &r->loads[i];

        json_array_append_new(
            list, json_pack("{s:o, s:b, s:o}", "edge", admin_json_text(span_of(l->label)),
                      "draining", l->known && l->draining, "load_percent",
                      l->known ? json_real(l->per_mille / 10.0) : json_null()));
    }
    return list;
}

static json_t *pop_json(const struct pop_report *r, const struct geo_point *place, mono_ms now)
{
    uint64_t all = tally_all(), own = tally_pop(r->pop->index);

    return json_pack("{s:o, s:s, s:o, s:s, s:b, s:o, s:I, s:o, s:o, s:I, s:f, s:o, s:o, s:o, s:o}",
        "pop", admin_json_text(r->pop->name), "state", pop_state_word(r->now.state), "since_s",
        ago(now, r->changed_ms), "order", pop_order_words[r->order], "ordered", r->ordered,
        "ordered_at", r->ordered ? json_integer(r->ordered_s) : json_null(), "answers",
        (json_int_t)own, "share_percent",
        all > 0 ? json_real(100.0 * (double)own / (double)all) : json_null(), "load_percent",
        r->load_known ? json_real(r->load_per_mille / 10.0) : json_null(), "capacity_percent",
        (json_int_t)r->pop->capacity_percent, "shed_percent", 100.0 * r->now.shed / POP_SHED_STEPS,
        "latitude", degrees(place, place->latitude), "longitude", degrees(place, place->longitude),
        "addresses", addrs_json(r, now), "edges", edges_json(r));
}

static json_t *one_json(struct admin_call *call, unsigned index)
{
    struct director *d = call->app;
    const struct pop *pop = &d->conf->pops.v[index];
    const struct geo_point configured = {pop->has_location, pop->latitude, pop->longitude};
    const struct director_worker *w = call->txn->worker->app;
    struct pop_report report;

    pops_report(w->steering.pops, index, &call->txn->arena, &report);
    return pop_json(&report, w->maps != NULL ? &w->maps->places[index] : &configured,
        worker_now(call->txn->worker));
}

/* With what is to be known of orders. */
static void answer_json(struct admin_call *call, json_t *list)
{
    struct director *d = call->app;
    const char *unkept = pops_unkept(d->pops);

    admin_answer_json(call, 200,
        json_pack("{s:o, s:I, s:o}", "pops", list, "answers", (json_int_t)tally_all(), "unkept",
            unkept != NULL ? admin_json_text(span_of(unkept)) : json_null()));
}

void pops_serve(struct admin_call *call)
{
    struct director *d = call->app;
    json_t *list = json_array();

    for (unsigned i = 0; i < d->conf->pops.n; i++)
        json_array_append_new(list, one_json(call, i));
    answer_json(call, list);
}

/* --- POST /pop -------------------------------------------------------------------------------- */

static void answer_error(struct admin_call *call, int status, struct span sentence)
{
    admin_answer_text(call, status, SPAN("text/plain; charset=utf-8"),
        arena_join(&call->txn->arena, sentence, SPAN("\n")));
}

static int order_of(struct span word)
{
    for (int i = 0; i < POP_ORDERS; i++) {
        if (span_eq(word, span_of(pop_order_words[i])))
            return i;
    }
    return -1;
}

void pops_serve_order(struct admin_call *call)
{
    struct director *d = call->app;
    struct arena *a = &call->txn->arena;
    struct span rest = call->txn->request.query, key, value, name = SPAN_EMPTY, word = SPAN_EMPTY;
    const struct pop *pop;

    while (uri_query_next(&rest, &key, &value)) {
        if (span_eq(key, SPAN("name")) && !uri_decode(a, value, &name))
            name = SPAN_EMPTY;
        if (span_eq(key, SPAN("order")))
            word = value;
    }
    pop = pop_find(&d->conf->pops, name);
    if (pop == NULL) {
        answer_error(call, 404, arena_printf(a, "there is no PoP \"%.*s\"", SPAN_ARG(name)));
        return;
    }
    if (order_of(word) < 0) {
        answer_error(call, 400, SPAN("an order is up, drain or down"));
        return;
    }
    pops_order(d->pops, pop->index, (enum pop_order)order_of(word));
    answer_json(call, json_pack("[o]", one_json(call, pop->index)));
}
