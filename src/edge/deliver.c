/*
 * deliver.c - a response to this client out of a stored or filling object: conditions, ranges,
 * rules on fields, Age and Cache-Status. The common case sends the head as it is stored.
 */
#include "base/check.h"
#include "cache/object.h"
#include "edge/conf.h"
#include "edge/request.h"
#include "http/conditional.h"
#include "http/range.h"
#include "http/status.h"

#include <stdio.h>
#include <string.h>

/* What of a stored head a 304 has (RFC 9110 §15.4.5), beside those that the edge adds. */
static const enum field_id not_modified_fields[] = {
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
static struct span own_lines(struct request *r, const struct object *obj)
{
    char *text = arena_alloc(&r->txn->arena, CACHE_STATUS_MAX + 64), *at = text;
    int64_t age = fresh_age(&obj->fresh, worker_wall_s(r->txn->worker));

    /* A response that came just now for us has an Age only if it had one (RFC 9111 §5.1). */
    if (r->cs.hit || r->word == CACHE_REVALIDATED || r->word == CACHE_STALE ||
        (r->cs.stored && age > 0)) {
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
    at += cache_status_write(&r->cs, r->edge->conf->name, at);
    memcpy(at, "\r\n", 2);
    return span_make(text, (size_t)(at + 2 - text));
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

static void respond(struct request *r, struct txn_response *resp)
{
    struct fields *f = (struct fields *)resp->fields;

    if (f != NULL)
        apply_headers(r, f);
    r->status = resp->status;
    r->responded = true;
    r->first_byte_us = clock_mono_us();
    txn_respond(r->txn, resp);
}

static struct fields *some_fields(
    struct request *r, const struct object *obj, const enum field_id *ids, size_t n)
{
    struct arena *a = &r->txn->arena;
    struct fields all = object_fields(obj, a), *some = arena_zalloc(a, sizeof(*some));

    for (size_t i = 0; i < n; i++) {
        fields_each_named (it, &all, ids[i])
            fields_add(some, a, it->id, it->value);
    }
    return some;
}

static void not_modified(struct request *r, struct object *obj)
{
    struct txn_response resp = {
        .status = 304,
        .fields = some_fields(r, obj, not_modified_fields, ARRAY_LEN(not_modified_fields)),
        .more = own_lines(r, obj),
        .length = 0,
        .no_body = true,
    };

    respond(r, &resp);
}

static void failed_condition(struct request *r)
{
    request_answer_error(r, 412, "A condition of the request does not hold");
}

static struct fields *all_fields(struct request *r, const struct object *obj)
{
    struct fields *f = arena_alloc(&r->txn->arena, sizeof(*f));

    *f = object_fields(obj, &r->txn->arena);
    return f;
}

static void add_content_range(struct request *r, struct fields *f, const struct content_range *cr)
{
    char text[CONTENT_RANGE_MAX];
    struct arena *a = &r->txn->arena;

    fields_set(
        f, a, FIELD_CONTENT_RANGE, arena_dup(a, span_make(text, content_range_format(cr, text))));
}

static void unsatisfiable(struct request *r, struct object *obj, uint64_t length)
{
    struct fields *f = some_fields(r, obj, not_modified_fields, ARRAY_LEN(not_modified_fields));
    struct txn_response resp = {.status = 416, .fields = f, .more = own_lines(r, obj)};

    add_content_range(r, f, &(struct content_range){.has_length = true, .length = length});
    respond(r, &resp);
}

/* A single range of a 200 whose length is known. False: the whole is to be sent. */
static bool partial(
    struct request *r, struct object *obj, int64_t length, const struct validators *v)
{
    const struct http_request *req = &r->txn->request;
    struct span range = fields_get(&req->fields, FIELD_RANGE);
    struct range_request asked;
    struct range_set set;
    struct content_range cr;
    struct txn_response resp;
    struct fields *f;

    if (range.p == NULL || req->method != METHOD_GET || length < 0 || !range_parse(range, &asked) ||
        !conditional_range_applies(req, v, worker_wall_s(r->txn->worker)))
        return false;
    if (!range_resolve(&asked, (uint64_t)length, &set)) {
        unsatisfiable(r, obj, (uint64_t)length);
        return true;
    }
    if (set.n != 1)
        return false;
    cr = (struct content_range){
        .satisfied = true, .has_length = true, .range = set.v[0], .length = (uint64_t)length};
    f = all_fields(r, obj);
    add_content_range(r, f, &cr);
    resp = (struct txn_response){
        .status = 206,
        .fields = f,
        .more = own_lines(r, obj),
        .length = (int64_t)(cr.range.last - cr.range.first + 1),
        .reader = r->reader,
    };
    reader_range(r->reader, cr.range.first, (uint64_t)resp.length);
    respond(r, &resp);
    return true;
}

static void whole(struct request *r, struct object *obj, int64_t length)
{
    bool head = r->txn->request.method == METHOD_HEAD,
         no_body = head || http_status_bodyless(obj->status);
    struct txn_response resp = {
        .status = obj->status,
        .head_text = r->route.policy->headers == NULL ? obj->head_text : SPAN_EMPTY,
        .fields = r->route.policy->headers == NULL ? NULL : all_fields(r, obj),
        .more = own_lines(r, obj),
        .length = length,
        /* The answer to a HEAD that went on carries the origin's own Content-Length. */
        .announce_length = head && !r->own_fetch && length >= 0,
        .no_body = no_body,
        .reader = no_body ? NULL : r->reader,
        .trailers = r->route.policy->pass_trailers,
    };

    respond(r, &resp);
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
static int64_t body_length(struct request *r)
{
    if (r->route.policy->pass_trailers && reader_trailers(r->reader).n > 0)
        return -1;
    return reader_length(r->reader);
}

void request_deliver(struct request *r, struct object *obj)
{
    const struct http_request *req = &r->txn->request;
    int64_t length = body_length(r);
    struct validators v;

    /* What went on as it came was judged by the origin. */
    if (r->own_fetch || obj->status != 200 || !asks_for_less(req)) {
        whole(r, obj, length);
        return;
    }
    v = validators_of(all_fields(r, obj), worker_wall_s(r->txn->worker));
    switch (conditional_evaluate(req, &v, CONDITIONAL_CACHE, worker_wall_s(r->txn->worker))) {
    case CONDITIONAL_NOT_MODIFIED:
        not_modified(r, obj);
        return;
    case CONDITIONAL_FAILED:
        failed_condition(r);
        return;
    case CONDITIONAL_PROCEED:
        if (!partial(r, obj, length, &v))
            whole(r, obj, length);
        return;
    }
}
