/*
 * answer.c - responses that the edge makes itself: errors, redirects, and what a purge did.
 */
#include "edge/conf.h"
#include "edge/request.h"
#include "edge/setup.h"
#include "http/date.h"
#include "http/status.h"

#define METHODS SPAN("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")

static void common_fields(struct request *r, struct fields *f)
{
    struct arena *a = &r->txn->arena;
    char date[HTTP_DATE_LEN], status[CACHE_STATUS_MAX];
    size_t n;

    http_date_format(worker_wall_s(r->txn->worker), date);
    fields_add(f, a, FIELD_DATE, arena_dup(a, span_make(date, HTTP_DATE_LEN)));
    n = cache_status_write(&r->cs, r->setup->conf->name, status);
    fields_add(f, a, FIELD_CACHE_STATUS, arena_dup(a, span_make(status, n)));
}

static void answer(struct request *r, int status, struct fields *f, struct span body, bool close)
{
    struct txn_response resp = {
        .status = status,
        .fields = f,
        .length = (int64_t)body.n,
        .announce_length = true,
        .no_body = r->txn->request.method == METHOD_HEAD,
        .body = body,
        .more = secure_hsts(r),
        .close = close,
    };

    r->status = status;
    r->responded = true;
    r->first_byte_us = clock_mono_us();
    txn_respond(r->txn, &resp);
}

/* `f` has what is special about it. */
static void error_with(struct request *r, int status, const char *why, bool close, struct fields f)
{
    struct arena *a = &r->txn->arena;
    struct span reason = http_status_reason(status);
    struct span body =
        arena_printf(a, "<!doctype html>\n<title>%d %.*s</title>\n<h1>%d %.*s</h1>\n<p>%s.</p>\n",
            status, SPAN_ARG(reason), status, SPAN_ARG(reason), why);

    common_fields(r, &f);
    fields_add(&f, a, FIELD_CONTENT_TYPE, SPAN("text/html; charset=utf-8"));
    fields_add(&f, a, FIELD_CACHE_CONTROL, SPAN("no-store"));
    if (status == 405 || status == 501)
        fields_add(&f, a, FIELD_ALLOW, METHODS);
    answer(r, status, &f, body, close);
}

static void error(struct request *r, int status, const char *why, bool close)
{
    error_with(r, status, why, close, (struct fields){0});
}

void request_answer_options(struct request *r)
{
    struct fields f = {0};

    common_fields(r, &f);
    fields_add(&f, &r->txn->arena, FIELD_ALLOW, METHODS);
    answer(r, 200, &f, SPAN_EMPTY, false);
}

void request_answer_later(struct request *r, unsigned retry_s)
{
    struct fields f = {0};

    fields_add_named(&f, &r->txn->arena, SPAN("Retry-After"),
        arena_printf(&r->txn->arena, "%u", retry_s > 0 ? retry_s : 1));
    error_with(r, 429, "More requests came than are answered in a time; try again later", false, f);
}

void request_answer_error(struct request *r, int status, const char *why)
{
    error(r, status, why, false);
}

void request_answer_refusal(struct request *r, int status, const char *why)
{
    error(r, status, why, true);
}

void request_answer_json(struct request *r, int status, struct span body)
{
    struct arena *a = &r->txn->arena;
    struct fields f = {0};

    common_fields(r, &f);
    fields_add(&f, a, FIELD_CONTENT_TYPE, SPAN("application/json"));
    fields_add(&f, a, FIELD_CACHE_CONTROL, SPAN("no-store"));
    answer(r, status, &f, body, false);
}

void request_answer_challenge(struct request *r, struct span text)
{
    struct fields f = {0};

    common_fields(r, &f);
    fields_add(&f, &r->txn->arena, FIELD_CONTENT_TYPE, SPAN("application/octet-stream"));
    fields_add(&f, &r->txn->arena, FIELD_CACHE_CONTROL, SPAN("no-store"));
    answer(r, 200, &f, text, false);
}

void request_answer_location(struct request *r, int status, struct span to)
{
    struct fields f = {0};

    common_fields(r, &f);
    fields_add(&f, &r->txn->arena, FIELD_LOCATION, to);
    answer(r, status, &f, SPAN_EMPTY, false);
}

void request_answer_redirect(struct request *r)
{
    struct arena *a = &r->txn->arena;
    struct span to = r->route.policy->redirect_to;

    if (span_ends(to, SPAN("$path")))
        to = arena_join(a, span_make(to.p, to.n - 5), r->route.target);
    request_answer_location(r, r->route.policy->redirect_status, to);
}
