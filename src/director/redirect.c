#include "director/redirect.h"

#include "base/counters.h"
#include "base/hash.h"
#include "base/log.h"
#include "director/client.h"
#include "director/conf.h"
#include "director/countries.h"
#include "director/map_keeper.h"
#include "director/page.h"
#include "director/tally.h"
#include "director/worker.h"
#include "http/status.h"
#include "http/uri.h"

#include <string.h>

#define METHODS SPAN("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n")

static char *put(char *at, struct span s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

struct span redirect_date_now(struct txn *t)
{
    struct director_worker *w = t->server;
    wall_s now = worker_wall_s(t->worker);

    if (now != w->date.at_s)
        http_date_format(now, w->date.text);
    w->date.at_s = now;
    return span_make(w->date.text, HTTP_DATE_LEN);
}

/* --- what is no redirect --------------------------------------------------------------------- */

static void answer_status(struct txn *t, int status, struct span more, const char *why)
{
    struct arena *a = &t->arena;
    struct span reason = http_status_reason(status);
    struct span body = arena_printf(a, "%s.\n", why);

    txn_respond(t, &(struct txn_response){
                       .status = status,
                       .head_text = arena_printf(a,
                           "HTTP/1.1 %d %.*s\r\nDate: %.*s\r\n"
                           "Content-Type: text/plain; charset=utf-8\r\n"
                           "Cache-Control: no-store\r\n",
                           status, SPAN_ARG(reason), SPAN_ARG(redirect_date_now(t))),
                       .more = more,
                       .length = (int64_t)body.n,
                       .announce_length = true,
                       .no_body = t->request.method == METHOD_HEAD,
                       .body = body,
                   });
}

static void answer_nobody(struct txn *t)
{
    count(C_REDIRECT_NOBODY);
    answer_status(t, 503, arena_printf(&t->arena, "Retry-After: %d\r\n", REDIRECT_RETRY_S),
        "No place that serves this is up; try again in a moment");
}

/* --- a redirect ------------------------------------------------------------------------------ */

/* As it came, without scheme and authority (RFC 9112 §3.2.2). */
static struct span target_of(struct txn *t)
{
    const struct http_request *req = &t->request;

    if (req->form == TARGET_ORIGIN)
        return req->target;
    if (!req->has_query)
        return req->path;
    return arena_join(&t->arena, arena_join(&t->arena, req->path, SPAN("?")), req->query);
}

/* Of several nodes, the one that the path belongs to: rendezvous hashing (Thaler and Ravishankar
 * 1998). */
const struct redirect_node *redirect_node_for(
    const struct redirect *r, const struct pop *pop, struct span path)
{
    const struct redirect_target *to = &r->targets[pop->index];
    const struct redirect_node *best = &to->nodes[0];
    uint64_t highest = 0;

    for (unsigned i = 0; to->nodes_n > 1 && i < to->nodes_n; i++) {
        uint64_t weight = hash64_seeded(path, to->nodes[i].hash);

        if (weight >= highest) {
            highest = weight;
            best = &to->nodes[i];
        }
    }
    return best;
}

struct redirecting {
    struct txn *t;
    const struct redirect *redirect;
    const struct steer_choice *choice;
    struct span target;
};

static const struct redirect_node *node_of(const struct redirecting *x, unsigned pick)
{
    return redirect_node_for(x->redirect, x->choice->picks[pick].pop, x->t->request.path);
}

/* What would end the <URI> of a Link field, or be taken for its end, and begin another one. */
static bool ends_link(struct span target)
{
    return span_find(target, '>') < target.n || span_find(target, '<') < target.n ||
           span_find(target, '"') < target.n;
}

static unsigned links_of(const struct redirecting *x)
{
    unsigned n = x->choice->n - 1;

    if (n == 0 || x->target.n > REDIRECT_LINKED_MAX || ends_link(x->target))
        return 0;
    return n < x->redirect->alternates ? n : (unsigned)x->redirect->alternates;
}

#define LINK_REL SPAN(">; rel=duplicate; pri=")
#define LINK_GEO SPAN("; geo=")
enum { LINK_REST_BYTES = 48 };

/* RFC 6249 §3: the PoP behind the redirect itself has pri=1. */
static char *put_link(const struct redirecting *x, unsigned pick, char *at)
{
    const struct redirect_target *to = &x->redirect->targets[x->choice->picks[pick].pop->index];

    at = put(at, node_of(x, pick)->link);
    at = put(at, x->target);
    at = put(at, LINK_REL);
    at += span_put_u64(at, pick + 1);
    if (to->geo[0] != '\0') {
        at = put(at, LINK_GEO);
        at = put(at, span_make(to->geo, 2));
    }
    return put(at, SPAN("\r\n"));
}

static char *put_max_age(const struct redirecting *x, char *at)
{
    uint64_t max_age_s = (uint64_t)x->redirect->max_age_ms / 1000;

    if (max_age_s > x->choice->ttl_s)
        max_age_s = x->choice->ttl_s;
    at = put(at, SPAN("\r\nCache-Control: private, max-age="));
    return at + span_put_u64(at, max_age_s);
}

static struct span head_of(const struct redirecting *x, bool keeps_method)
{
    const struct redirect_node *first = node_of(x, 0);
    unsigned links = links_of(x);
    size_t bytes = first->head[keeps_method].n + x->target.n + HTTP_DATE_LEN + 96;
    char *text, *at;

    for (unsigned i = 1; i <= links; i++)
        bytes += node_of(x, i)->link.n + x->target.n + LINK_REST_BYTES;
    text = arena_alloc(&x->t->arena, bytes);
    at = put(text, first->head[keeps_method]);
    at = put(at, x->target);
    at = put_max_age(x, at);
    at = put(at, SPAN("\r\nDate: "));
    at = put(at, redirect_date_now(x->t));
    at = put(at, SPAN("\r\n"));
    for (unsigned i = 1; i <= links; i++)
        at = put_link(x, i, at);
    return span_make(text, (size_t)(at - text));
}

static void answer_redirect(const struct redirecting *x)
{
    enum http_method method = x->t->request.method;
    bool keeps_method = method != METHOD_GET && method != METHOD_HEAD;

    count(C_REDIRECTS);
    txn_respond(x->t, &(struct txn_response){
                          .status = keeps_method ? 307 : 302,
                          .head_text = head_of(x, keeps_method),
                          .announce_length = true,
                          .no_body = method == METHOD_HEAD,
                      });
}

struct addr redirect_client(struct txn *t)
{
    const struct director_worker *w = t->server;

    return client_chain_find(&w->conf->redirects.trust, &t->request.fields, t->peer, &t->arena);
}

static void redirect(struct txn *t, const struct redirect *r)
{
    struct director_worker *w = t->server;
    struct addr client = redirect_client(t);
    struct geo_client asks = client_of(&client);
    struct steer_choice choice;
    const struct steer_ask ask = {
        .client = &asks,
        .family = AF_UNSPEC,
        .answers = 1 + (unsigned)r->alternates,
    };

    w->steering.now = worker_now(t->worker);
    steer_choose(&w->steering, r->steer, &ask, &choice);
    tally_count(&choice);
    if (choice.n == 0) {
        answer_nobody(t);
        return;
    }
    countries_count(w->maps->countries, &asks);
    answer_redirect(&(struct redirecting){t, r, &choice, target_of(t)});
}

/* --- handlers -------------------------------------------------------------------------------- */

static void on_request(struct txn *t)
{
    struct director_worker *w = t->server;
    const struct http_request *req = &t->request;
    const struct redirect *r;

    if (req->form == TARGET_AUTHORITY || req->method == METHOD_TRACE) {
        answer_status(t, 405, METHODS, "This method is not for servers that redirect");
        return;
    }
    if (req->path.n == 0 || req->path.p[0] != '/') { /* OPTIONS for the server as a whole */
        answer_status(t, 200, METHODS, "This server sends its clients to a place near them");
        return;
    }
    r = redirect_find(&w->conf->redirects, uri_host_normalise(&t->arena, req->host, 0, 0));
    if (r == NULL) {
        count(C_REDIRECT_UNKNOWN);
        answer_status(t, 404, SPAN_EMPTY, "This server does not know a host of that name");
        return;
    }
    if (r->page.n > 0 && span_eq(req->path, r->page) && method_safe(req->method))
        page_answer(t, r);
    else
        redirect(t, r);
}

static void on_refused(struct txn *t, int status, const char *why)
{
    char text[ADDR_TEXT];

    log_peer("client %s: %s; answered %d", addr_text(t->peer, text), why, status);
    answer_status(t, status, SPAN_EMPTY, why);
}

static void on_end(struct txn *t, enum txn_end why)
{
    (void)why;
    page_forget(t);
}

static void on_body_ready(struct txn *t)
{
    (void)t;
}

const struct txn_handlers redirect_handlers = {
    .request = on_request,
    .refused = on_refused,
    .body_ready = on_body_ready,
    .end = on_end,
};
