/*
 * admit.c - whether a request may be answered at all: by who asks, by its signature, by how many
 * came before it. In this order, so that what nobody may see costs nobody's limit.
 */
#include "edge/admit.h"

#include "base/counters.h"
#include "base/log.h"
#include "edge/conf.h"
#include "edge/request.h"
#include "edge/server.h"
#include "edge/setup.h"
#include "session/sessions.h"

static void refuse_access(struct request *r, const struct access_rule *rule)
{
    char text[ADDR_TEXT];

    count(C_REFUSED_ACCESS);
    log_peer("client %s: %.*s (%s:%u) on site %.*s; answered 403", addr_text(r->txn->peer, text),
        SPAN_ARG(rule->text), rule->at.file, rule->at.line, SPAN_ARG(r->route.site->name));
    r->cs.detail = SPAN("access-denied");
    request_answer_error(r, 403, "This is not for you");
}

static void refuse_signature(struct request *r, enum signature_end end)
{
    count(C_REFUSED_SIGNATURE);
    r->cs.detail = signature_token(end);
    request_answer_error(r, 403, "The signature of this URL is missing, wrong or too old");
}

static void refuse_limit(struct request *r, const struct limit_answer *answer)
{
    char text[ADDR_TEXT];

    count(C_REFUSED_LIMIT);
    log_peer("client %s: limit %.*s (%s:%u) on site %.*s; answered 429",
        addr_text(r->txn->peer, text), SPAN_ARG(answer->refused->text), answer->refused->at.file,
        answer->refused->at.line, SPAN_ARG(r->route.site->name));
    r->cs.detail = SPAN("rate-limited");
    request_answer_later(r, answer->retry_s);
}

enum signature_end admit_signature(const struct route *route, const struct http_request *req,
    const struct addr *client, wall_s now, struct arena *a)
{
    const struct signed_request asked = {
        .method = req->method,
        .host = route->host,
        .path = route->path,
        .query = route->signed_query,
        .has_query = route->has_signed_query,
        .client = client,
    };

    return signature_check(&route->signature, route->policy->signing, &asked, now, a);
}

bool request_admit(struct request *r)
{
    const struct policy *p = r->route.policy;
    struct txn *t = r->txn;
    const struct access_client who = {
        .address = t->peer,
        .geo = r->setup->conf->geo,
        .place = &t->session->place,
        .placed = &t->session->placed,
    };
    const struct access_rule *rule = access_refusal(&p->access, &who);
    enum signature_end end = SIGNATURE_GOOD;
    struct limit_answer limit;

    if (rule != NULL) {
        refuse_access(r, rule);
        return false;
    }
    if (p->signing != NULL)
        end = admit_signature(&r->route, &t->request, t->peer, worker_wall_s(t->worker), &t->arena);
    if (end != SIGNATURE_GOOD) {
        refuse_signature(r, end);
        return false;
    }
    limit = limit_ask(r->setup->rates, &p->limits, t->peer, &t->request.fields, t->started_us);
    if (limit.refused != NULL) {
        refuse_limit(r, &limit);
        return false;
    }
    return true;
}
