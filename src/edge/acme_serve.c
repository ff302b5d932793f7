/*
 * acme_serve.c - POST /acme on the control socket: uacme's hook, with its five arguments as
 * method, type, name, token and answer.
 */
#include "edge/acme.h"
#include "edge/conf.h"
#include "edge/server.h"
#include "edge/setup.h"
#include "http/uri.h"

static void refuse(struct admin_call *call, int status, const char *why)
{
    admin_answer_text(call, status, SPAN("text/plain; charset=utf-8"), span_of(why));
}

static void agree(struct admin_call *call, const char *what)
{
    admin_answer_json(call, 200, json_pack("{ss}", "challenge", what));
}

/* The value of one parameter, decoded; empty when it is not there or cannot be. */
static struct span parameter(struct admin_call *call, struct span name)
{
    struct span rest = call->txn->request.query, key, value;

    while (uri_query_next(&rest, &key, &value)) {
        if (span_eq(key, name) && uri_decode(&call->txn->arena, value, &value))
            return value;
    }
    return SPAN_EMPTY;
}

void acme_serve(struct admin_call *call)
{
    struct edge *e = call->app;
    struct span method = parameter(call, SPAN("method")), type = parameter(call, SPAN("type"));
    struct challenge it = {
        .type = span_eq(type, SPAN("http-01")) ? CHALLENGE_HTTP : CHALLENGE_TLS_ALPN,
        .name = parameter(call, SPAN("name")),
        .token = parameter(call, SPAN("token")),
        .answer = parameter(call, SPAN("answer")),
    };

    if (e->challenges == NULL) {
        refuse(call, 404, "the configuration has no acme block\n");
    } else if (it.type == CHALLENGE_TLS_ALPN && !span_eq(type, SPAN("tls-alpn-01"))) {
        refuse(call, 409, "names are proved by http-01 or tls-alpn-01 here\n");
    } else if ((int)it.type != edge_conf_of(e)->acme.type) {
        refuse(call, 409, "the configuration says to prove names another way\n");
    } else if (span_eq(method, SPAN("done")) || span_eq(method, SPAN("failed"))) {
        challenges_remove(e->challenges, &it);
        agree(call, "forgotten");
    } else if (!span_eq(method, SPAN("begin"))) {
        refuse(call, 400, "method is begin, done or failed\n");
    } else if (challenges_put(e->challenges, &it)) {
        agree(call, "taken");
    } else {
        refuse(call, 400, "too many challenges at once, or one that makes no sense\n");
    }
}
