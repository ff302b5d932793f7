/*
 * deliver.c - a response to this client out of a stored or filling object: conditions, rules on
 * fields, Age and Cache-Status; ranges are partial.c's, other codings recoded.c's. The common case
 * sends the head as it is stored.
 */
#include "edge/deliver.h"

#include "edge/conf.h"
#include "edge/filler.h"
#include "edge/recode.h"
#include "edge/setup.h"
#include "edge/slices.h"
#include "http/status.h"

#include <stdio.h>
#include <string.h>

/* What of a stored head a 304 has (RFC 9110 §15.4.5), beside those that the edge adds. */
static const enum field_id few_fields[] = {
    FIELD_CACHE_CONTROL,
    FIELD_CDN_CACHE_CONTROL,
    FIELD_CONTENT_LOCATION,
    FIELD_DATE,
    FIELD_ETAG,
    FIELD_EXPIRES,
    FIELD_LAST_MODIFIED,
    FIELD_SET_COOKIE,
    FIELD_VARY,
    FIELD_VIA,
};

/* The lines that are this answer's own. */
struct span deliver_own_lines(struct request *r, const struct object *obj)
{
    struct span hsts = secure_hsts(r);
    char *text = arena_alloc(&r->txn->arena, CACHE_STATUS_MAX + 64 + hsts.n), *at = text;
    int64_t age = fresh_age(&obj->fresh, worker_wall_s(r->txn->worker));

    /* A response that came just now for us has an Age only if it had one (RFC 9111 §5.1). */
    if (r->cs.hit || r->word == CACHE_PARTIAL || r->word == CACHE_REVALIDATED ||
        r->word == CACHE_STALE || (r->cs.stored && age > 0)) {
        memcpy(at, "Age: ", 5);
        at += 5;
        at += span_put_u64(at, (uint64_t)age);
        memcpy(at, "\r\n", 2);
        at += 2;
    }
    if (r->cs.stored || r->cs.collapsed || r->word == CACHE_REVALIDATED) {
        r->cs.has_ttl = true;
        r->cs.ttl_s = fresh_ttl(&obj->fresh, worker_wall_s(r->txn->worker));
    }
    if (r->route.policy->show_key)
        r->cs.key = r->route.key.text;
    memcpy(at, "Cache-Status: ", 14);
    at += 14;
    at += cache_status_write(&r->cs, r->setup->conf->name, at);
    memcpy(at, "\r\n", 2);
    at += 2;
    if (hsts.n > 0)
        at = (char *)mempcpy(at, hsts.p, hsts.n);
    return span_make(text, (size_t)(at - text));
}

static void apply_headers(struct request *r, struct fields *f)
{
    for (const struct header_rule *h = r->route.policy->headers; h != NULL; h = h->next) {
        if (h->op == HEADER_UNSET)
            fields_remove_named(f, h->name);
        else
            fields_set_named(f, &r->txn->arena, h->name, h->value);
    }
}

void deliver_respond(struct request *r, struct txn_response *resp)
{
    struct fields *f = (struct fields *)resp->fields;

    if (f != NULL)
        apply_headers(r, f);
    slices_close(r);
    r->status = resp->status;
    r->responded = true;
    r->first_byte_us = clock_mono_us();
    txn_respond(r->txn, resp);
}

struct fields *deliver_few_fields(struct request *r, const struct object *obj)
{
    struct arena *a = &r->txn->arena;
    struct fields all = object_fields(obj, a), *few = arena_zalloc(a, sizeof(*few));

    for (size_t i = 0; i < ARRAY_LEN(few_fields); i++) {
        fields_each_named (it, &all, few_fields[i])
            fields_add(few, a, it->id, it->value);
    }
    return few;
}

static void not_modified(struct request *r, struct object *obj, const struct recode_choice *choice)
{
    struct fields *f = deliver_few_fields(r, obj);
    struct txn_response resp = {
        .status = 304,
        .fields = f,
        .more = deliver_own_lines(r, obj),
        .length = 0,
        .no_body = true,
    };

    if (choice->other)
        recode_weaken(f, &r->txn->arena);
    deliver_respond(r, &resp);
}

static void failed_condition(struct request *r)
{
    request_answer_error(r, 412, "A condition of the request does not hold");
}

struct fields *deliver_all_fields(struct request *r, const struct object *obj)
{
    struct fields *f = arena_alloc(&r->txn->arena, sizeof(*f));

    *f = object_fields(obj, &r->txn->arena);
    return f;
}

bool deliver_ready(struct request *r, struct object *obj, uint64_t first, uint64_t count)
{
    return obj->sliced_bytes == 0 || slices_ready(r, obj, first, count);
}

static void on_slices(void *ctx)
{
    txn_wake(((struct request *)ctx)->txn);
}

void deliver_range(struct request *r, struct object *obj, uint64_t first, uint64_t count)
{
    struct reader *head = r->reader;

    if (obj->sliced_bytes == 0) {
        reader_range(r->reader, first, count);
        return;
    }
    r->reader = slices_reader(r, obj, first, count, on_slices, r);
    reader_close(&head);
}

void deliver_whole(struct request *r, const struct object *obj, struct fields *fields,
    const struct object *fresh, int64_t length)
{
    bool head = r->txn->request.method == METHOD_HEAD, switches = obj->status == 101,
         no_body = head || (http_status_bodyless(obj->status) && !switches);
    struct txn_response resp;

    if (fields == NULL && r->route.policy->headers != NULL)
        fields = deliver_all_fields(r, obj);
    resp = (struct txn_response){
        .status = obj->status,
        .head_text = fields == NULL ? obj->head_text : SPAN_EMPTY,
        .fields = fields,
        .more = deliver_own_lines(r, fresh),
        .length = length,
        /* The answer to a HEAD that went on carries the origin's own Content-Length. */
        .announce_length = head && !r->own_fetch && length >= 0,
        .no_body = no_body,
        .reader = no_body ? NULL : r->reader,
        .trailers = r->route.policy->pass_trailers,
        .upgrade = switches ? r->upgrade : SPAN_EMPTY,
    };

    deliver_respond(r, &resp);
    if (switches && r->filler != NULL)
        filler_body_ready(r->filler);
}

static void whole(
    struct request *r, struct object *obj, int64_t length, const struct recode_choice *choice)
{
    if (obj->sliced_bytes != 0 && r->txn->request.method != METHOD_HEAD) {
        if (!deliver_ready(r, obj, 0, obj->sliced_bytes))
            return;
        deliver_range(r, obj, 0, obj->sliced_bytes);
    }
    if (choice->other)
        deliver_recoded(r, obj, choice->coding);
    else
        deliver_whole(r, obj, NULL, obj, length);
}

static bool asks_for_less(const struct http_request *req)
{
    fields_each (f, &req->fields) {
        if (f->id == FIELD_RANGE || f->id == FIELD_IF_NONE_MATCH ||
            f->id == FIELD_IF_MODIFIED_SINCE || f->id == FIELD_IF_MATCH ||
            f->id == FIELD_IF_UNMODIFIED_SINCE)
            return true;
    }
    return false;
}

/* -1 when it is not known, or when only the chunked coding can carry what follows the body. */
static int64_t body_length(struct request *r, const struct object *obj)
{
    if (obj->sliced_bytes != 0)
        return (int64_t)obj->sliced_bytes;
    if (r->route.policy->pass_trailers && reader_trailers(r->reader).n > 0)
        return -1;
    return reader_length(r->reader);
}

void request_deliver(struct request *r, struct object *obj)
{
    const struct http_request *req = &r->txn->request;
    struct recode_choice choice = {0};
    struct validators v;
    int64_t length;

    if (r->recoded != NULL) /* that comes, and this is not what goes out */
        return;
    length = body_length(r, obj);
    if (obj->recode != RECODE_NOT)
        choice = recode_choose(
            &r->route.policy->coding, req, obj, obj->passed ? -1 /* HEAD has none */ : length);
    /* What went on as it came was judged by the origin. */
    if (r->own_fetch || obj->status != 200 || !asks_for_less(req)) {
        whole(r, obj, length, &choice);
        return;
    }
    v = validators_of(deliver_all_fields(r, obj), worker_wall_s(r->txn->worker));
    switch (conditional_evaluate(req, &v, CONDITIONAL_CACHE, worker_wall_s(r->txn->worker))) {
    case CONDITIONAL_NOT_MODIFIED:
        not_modified(r, obj, &choice);
        return;
    case CONDITIONAL_FAILED:
        failed_condition(r);
        return;
    case CONDITIONAL_PROCEED:
        if (choice.other || !deliver_partial(r, obj, length, &v))
            whole(r, obj, length, &choice);
        return;
    }
}
