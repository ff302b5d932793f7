#include "edge/request.h"

#include "base/check.h"
#include "base/counters.h"
#include "base/log.h"
#include "cache/load.h"
#include "edge/admit.h"
#include "edge/conf.h"
#include "edge/filler.h"
#include "edge/purging.h"
#include "edge/server.h"
#include "edge/setup.h"
#include "edge/slices.h"
#include "edge/tunnel.h"
#include "http/hop.h"
#include "net/tls_server.h"

#include <string.h>

enum step { STEP_NEXT, STEP_ENDED /* answered, or waiting for a wake-up */ };

static enum step go_on(struct request *r, enum route_end end)
{
    const char *why;
    int status;

    if (end == ROUTE_FOUND)
        return STEP_NEXT;
    status = route_refusal(end, &why);
    /* Who asks for a tunnel may not wait for the answer, and what it sends into it is no request.
     */
    if (end == ROUTE_TUNNEL)
        request_answer_refusal(r, status, why);
    else
        request_answer_error(r, status, why);
    return STEP_ENDED;
}

/* Only a proxy that we know may have had the TLS connection (RFC 9110 §7.4). */
static bool is_insecure(const struct txn *t)
{
    return t->request.form == TARGET_ABSOLUTE && span_ieq(t->request.scheme, SPAN("https")) &&
           txn_tls(t) == NULL && !t->session->proxied;
}

/* The site, the policy, and the path and query that rules, key and origin see alike. */
static enum step find_route(struct request *r)
{
    bool insecure = is_insecure(r->txn);
    enum route_end end;

    r->upgrade = tunnel_asked(&r->txn->request);
    /* How it came counts, whatever the client says of it. */
    r->txn->request.scheme = txn_tls(r->txn) != NULL ? SPAN("https") : SPAN("http");
    /* What ends here selects nothing: the origin will not see it, so no key may have it. */
    hop_remove(&r->txn->request.fields);
    end = route_find(&r->route, r->setup->conf->table, &r->txn->request, &r->txn->arena);
    return go_on(r, end == ROUTE_FOUND && insecure ? ROUTE_INSECURE : end);
}

/* What a certificate authority wants to see (RFC 8555 §8.3), whatever the site says otherwise. */
static enum step challenge(struct request *r)
{
    struct challenges *c = r->edge->edge->challenges;
    struct span answer;

    if (c == NULL || !challenges_http(c, r->route.path, &r->txn->arena, &answer))
        return STEP_NEXT;
    request_answer_challenge(r, answer);
    return STEP_ENDED;
}

/* OPTIONS that may go no further (RFC 9110 §7.6.2), or one step less. */
static bool is_final(struct txn *t)
{
    struct fields *f = &t->request.fields;
    uint64_t left;

    if (t->request.method != METHOD_OPTIONS || !span_u64(fields_get(f, FIELD_MAX_FORWARDS), &left))
        return false;
    if (left > 0)
        fields_set(f, &t->arena, FIELD_MAX_FORWARDS,
            arena_printf(&t->arena, "%llu", (unsigned long long)(left - 1)));
    return left == 0;
}

static enum step secure(struct request *r)
{
    return request_secure(r) ? STEP_ENDED : STEP_NEXT;
}

/* Methods that are answered here, and loops. */
static enum step screen(struct request *r)
{
    enum route_end end = route_screen(&r->txn->request, r->setup->loop_id);

    if (end == ROUTE_FOUND && is_final(r->txn)) {
        request_answer_options(r);
        return STEP_ENDED;
    }
    if (end == ROUTE_PURGE && request_purge(r))
        return STEP_ENDED;
    return go_on(r, end);
}

static enum step admit(struct request *r)
{
    return !admit_is_needed(r->route.policy) || request_admit(r) ? STEP_NEXT : STEP_ENDED;
}

static enum step redirect(struct request *r)
{
    if (r->route.policy->redirect_status == 0)
        return STEP_NEXT;
    request_answer_redirect(r);
    return STEP_ENDED;
}

static enum step tunnel(struct request *r)
{
    bool by_connect = r->txn->request.upgrade.n > 0; /* then nothing else can be meant */

    if (r->upgrade.n > 0 && r->route.policy->websocket) {
        request_fetch_tunnel(r);
        return STEP_ENDED;
    }
    if (by_connect) {
        request_answer_error(
            r, r->upgrade.n > 0 ? 403 : 501, "No rule lets a tunnel of this protocol through here");
        return STEP_ENDED;
    }
    r->upgrade = SPAN_EMPTY; /* the client gets what others would */
    return STEP_NEXT;
}

static enum step look_up(struct request *r)
{
    request_look_up(r);
    return STEP_ENDED;
}

/* The life of a request. */
static const struct {
    const char *name;
    enum step (*run)(struct request *r);
} steps[] = {
    {"route", find_route},
    {"challenge", challenge},
    {"secure", secure},
    {"screen", screen},
    {"admit", admit},
    {"redirect", redirect},
    {"tunnel", tunnel},
    {"look up", look_up},
};

static struct request *new_request(struct txn *t)
{
    struct request *r = arena_zalloc(&t->arena, sizeof(*r));

    r->txn = t;
    r->edge = t->server;
    r->setup = setup_hold(r->edge);
    t->app = r;
    return r;
}

static void on_request(struct txn *t)
{
    struct request *r = new_request(t);

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i].run(r) == STEP_ENDED)
            return;
    }
}

static void on_refused(struct txn *t, int status, const char *why)
{
    struct request *r = new_request(t);
    char text[ADDR_TEXT];

    log_peer("client %s: %s; answered %d%s", addr_text(t->peer, text), why, status,
        t->request.h2 ? "" : " and closed the connection");
    r->cs.detail = SPAN("bad-request");
    request_answer_refusal(r, status, why);
}

static void on_body_ready(struct txn *t)
{
    struct request *r = t->app;

    if (r->filler != NULL)
        filler_body_ready(r->filler);
}

static const enum counter word_counters[] = {
    [CACHE_NONE] = C_REQ_NONE,
    [CACHE_HIT] = C_REQ_HIT,
    [CACHE_PARTIAL] = C_REQ_PARTIAL,
    [CACHE_MISS] = C_REQ_MISS,
    [CACHE_EXPIRED] = C_REQ_EXPIRED,
    [CACHE_STALE] = C_REQ_STALE,
    [CACHE_UPDATING] = C_REQ_UPDATING,
    [CACHE_REVALIDATED] = C_REQ_REVALIDATED,
    [CACHE_BYPASS] = C_REQ_BYPASS,
};

static void log_access(struct request *r, enum txn_end why)
{
    static const char *const ends[] = {
        [TXN_SENT] = "sent",
        [TXN_CUT] = "cut",
        [TXN_CLIENT_GONE] = "client-gone",
        [TXN_TIMEOUT] = "timeout",
    };
    struct txn *t = r->txn;
    struct sink *log = r->setup->access_log;
    const struct http_request *req = &t->request;
    const struct tls_peer *tls = txn_tls(t);
    mono_us now;

    if (log == NULL)
        return;
    now = clock_mono_us();
    access_log_put(
        log, &(struct access_record){
                 .at_ms = t->worker->wall_now_ms,
                 .peer = *t->peer,
                 .method = req->method_text,
                 .target = req->target,
                 .host = req->authority,
                 .referer = fields_get(&req->fields, FIELD_REFERER),
                 .user_agent = fields_get(&req->fields, FIELD_USER_AGENT),
                 .server = span_of(r->server),
                 .detail = r->cs.detail,
                 .protocol = http_request_protocol(req),
                 .tls = tls != NULL ? tls->version : NULL,
                 .cipher = tls != NULL ? tls->cipher : NULL,
                 .resumed = tls != NULL && tls->resumed,
                 .sni = tls != NULL ? tls->name : SPAN_EMPTY,
                 .status = r->status,
                 .cache = r->word,
                 .bytes_out = t->bytes_out,
                 .body_bytes_out = t->body_bytes_out,
                 .bytes_in = t->bytes_in,
                 .total_us = now - t->started_us,
                 .first_byte_us = r->first_byte_us != 0 ? r->first_byte_us - t->started_us : -1,
                 .origin_us = r->origin_head_us != 0 ? r->origin_head_us - t->started_us : -1,
                 .connection = t->connection,
                 .nth = t->nth,
                 .end = ends[why],
             });
}

static void on_end(struct txn *t, enum txn_end why)
{
    struct request *r = t->app;

    count(word_counters[r->word]);
    if (why == TXN_CLIENT_GONE || why == TXN_TIMEOUT)
        count(C_CLIENT_ABORTED);
    log_access(r, why);
    if (r->filler != NULL)
        filler_client_left(r->filler);
    slices_close(r);
    purging_forget(&r->purging);
    cache_load_cancel(&r->load);
    reader_close(&r->reader);
    reader_close(&r->recoded);
    object_release(&r->stored);
    object_release(&r->base);
    setup_release(r->setup, r->edge);
}

const struct txn_handlers request_handlers = {
    .request = on_request,
    .refused = on_refused,
    .body_ready = on_body_ready,
    .end = on_end,
};
