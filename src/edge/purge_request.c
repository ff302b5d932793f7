/*
 * purge_request.c - the method PURGE: the resource that the request names, for those whom
 * purge-from names.
 *
 * It is answered here, never forwarded, and its content is not read. Soft, unless the request has
 * `Selvage-Purge: hard`. Elsewhere: Varnish's PURGE is hard, Fastly's too unless the request has
 * `Fastly-Soft-Purge: 1`. Ours is the one that does least harm when it was a mistake.
 */
#include "base/counters.h"
#include "base/log.h"
#include "edge/conf.h"
#include "edge/purging.h"
#include "edge/request.h"
#include "edge/server.h"

#include <stdlib.h>

#define KIND_FIELD SPAN("Selvage-Purge")

/* False: the field says something else. */
static bool read_kind(const struct fields *f, bool *hard)
{
    const struct field *line = fields_find_named(f, KIND_FIELD);

    if (line == NULL)
        return true;
    *hard = span_ieq(line->value, SPAN("hard"));
    return (*hard || span_ieq(line->value, SPAN("soft"))) && fields_next(f, line) == NULL;
}

static void on_done(struct purging *p, void *app)
{
    struct request *r = app;
    json_t *json = purging_json(p);
    char *text = json != NULL ? json_dumps(json, JSON_INDENT(2)) : NULL;
    int status = purging_durable(p) ? 200 : 500;

    json_decref(json);
    purging_forget(&r->purging);
    if (text == NULL)
        request_answer_error(r, 500, "It is purged, but memory for the answer is out");
    else
        request_answer_json(r, status, arena_join(&r->txn->arena, span_of(text), SPAN("\n")));
    free(text);
}

static void refuse(struct request *r)
{
    char text[ADDR_TEXT];

    count(C_PURGES_REFUSED);
    log_peer("client %s: may not PURGE on site %.*s; answered 403", addr_text(r->txn->peer, text),
        SPAN_ARG(r->route.site->name));
    request_answer_error(r, 403, "PURGE is not for everybody");
}

static void start(struct request *r, const struct purge_order *order)
{
    char text[ADDR_TEXT];

    r->purging = purging_start(
        r->edge->edge, r->txn->worker, order, span_of(addr_text(r->txn->peer, text)), on_done, r);
    if (r->purging == NULL)
        request_answer_error(r, 503, "Too much waits for the disk; nothing was purged: try again");
}

bool request_purge(struct request *r)
{
    const struct network_list *from = &r->route.site->purge_from;
    struct arena *a = &r->txn->arena;
    struct purge_order *order;

    if (from->n == 0)
        return false;
    if (!network_list_has(from, r->txn->peer)) {
        refuse(r);
        return true;
    }
    order = arena_alloc(a, sizeof(*order));
    if (!purge_order_of_route(order, &r->route, a))
        request_answer_error(r, 414, "The URL is longer than any that can be purged");
    else if (!read_kind(&r->txn->request.fields, &order->hard))
        request_answer_error(r, 400, "Selvage-Purge says soft or hard, and nothing else");
    else
        start(r, order);
    return true;
}
