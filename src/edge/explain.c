#include "edge/explain.h"

#include "base/check.h"
#include "cache/key.h"
#include "cache/object.h"
#include "cache/policy.h"
#include "cache/slice.h"
#include "cache/vary.h"
#include "edge/conf.h"
#include "edge/decision.h"
#include "edge/explain_admit.h"
#include "edge/incomplete.h"
#include "edge/notstored.h"
#include "edge/recode.h"
#include "edge/server.h"
#include "edge/setup.h"
#include "http/date.h"
#include "http/h1_parse.h"
#include "http/hop.h"
#include "http/uri.h"
#include "origin/origin.h"

#include <inttypes.h>

/* All that is known of the request in question. */
struct explained {
    const struct explain_source *source;
    struct arena *arena;
    struct http_request request;
    enum route_end end; /* ROUTE_FOUND: the rest counts */
    struct route route;
    struct admission admission;
    struct decision decision;
};

/* --- texts -------------------------------------------------------------------------------- */

static json_t *text(struct span s)
{
    return admin_json_text(s);
}

static json_t *text_or_null(struct span s)
{
    return s.p != NULL ? text(s) : json_null();
}

static json_t *number(int64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *date(wall_s at)
{
    char s[HTTP_DATE_LEN];

    http_date_format(at, s);
    return json_stringn(s, HTTP_DATE_LEN);
}

static void put(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value);
}

static json_t *sentence(struct arena *a, const char *fmt, int64_t s)
{
    return text(arena_printf(a, fmt, s));
}

/* --- the question ------------------------------------------------------------------------- */

/* The head that a client would send, so that the same parser reads it. */
static struct span head_of(const struct explain_question *q, bool tls_only, struct arena *a)
{
    struct span url = route_target_of(q->url, tls_only, a), authority, head;
    struct span method = q->method.n > 0 ? q->method : SPAN("GET");

    authority = span_from(url, span_find(url, '/') + 2);
    authority.n = span_find(authority, '/');
    authority.n = span_find(authority, '?');
    head = arena_printf(a, "%.*s %.*s HTTP/1.1\r\nHost: %.*s\r\n", SPAN_ARG(method), SPAN_ARG(url),
        SPAN_ARG(authority));
    for (unsigned i = 0; i < q->fields_n; i++)
        head = arena_join(a, head, arena_join(a, q->fields[i], SPAN("\r\n")));
    return arena_join(a, head, SPAN("\r\n"));
}

static bool has_line_end(struct span s)
{
    return span_find(s, '\r') < s.n || span_find(s, '\n') < s.n;
}

static bool read_question(const struct explain_question *q, bool tls_only, struct arena *a,
    struct http_request *req, const char **why)
{
    const struct h1_limits limits = {64 << 10, 256 << 10, EXPLAIN_FIELDS_MAX + 1};
    struct h1_scan scan;
    struct span head;

    *why = "the URL, the method or a field has a line end";
    if (has_line_end(q->url) || has_line_end(q->method))
        return false;
    for (unsigned i = 0; i < q->fields_n; i++) {
        if (has_line_end(q->fields[i]))
            return false;
        *why = "a field has no name and colon: it should be like 'Name: value'";
        if (span_find(q->fields[i], ':') == q->fields[i].n || q->fields[i].p[0] == ':')
            return false;
    }
    head = head_of(q, tls_only, a);
    h1_scan_init(&scan, &limits);
    if (h1_request_parse(&scan, head, a, req) == H1_OK && scan.used == head.n)
        return true;
    *why = scan.why != NULL ? scan.why : "it is no request";
    return false;
}

/* --- where it belongs --------------------------------------------------------------------- */

static json_t *request_part(const struct explained *x)
{
    const struct route *r = &x->route;
    json_t *o = json_object();

    put(o, "method", text(x->request.method_text));
    put(o, "host", text(r->host.n > 0 ? r->host : x->request.authority));
    put(o, "path", text(r->path.n > 0 ? r->path : x->request.path));
    put(o, "query", r->has_query ? text(r->query) : json_null());
    return o;
}

static json_t *site_part(const struct site *site)
{
    json_t *o, *hosts;

    if (site == NULL)
        return json_null();
    o = json_object();
    hosts = json_array();
    for (unsigned i = 0; i < site->hosts_n; i++)
        json_array_append_new(hosts, text(site->hosts[i]));
    put(o, "name", text(site->name));
    put(o, "hosts", hosts);
    put(o, "file", site->at.file != NULL ? text(span_of(site->at.file)) : json_null());
    put(o, "line", number(site->at.line));
    return o;
}

static json_t *policy_part(const struct policy *p)
{
    static const char *const cookies[] = {
        [SET_COOKIE_EXPLICIT] = "explicit",
        [SET_COOKIE_NEVER] = "never",
        [SET_COOKIE_ALWAYS] = "always",
    };
    const struct cache_options *c;
    json_t *o;

    if (p == NULL)
        return json_null();
    c = &p->cache;
    o = json_object();
    put(o, "origin", p->origin != NULL ? text(p->origin->name) : json_null());
    put(o, "bypass", json_boolean(p->bypass));
    put(o, "slice_bytes", number((int64_t)p->slice_bytes));
    put(o, "slice_from",
        p->slice_from == SLICE_FROM_TOO_BIG ? json_null() : number((int64_t)p->slice_from));
    put(o, "range_wait_bytes", number((int64_t)p->range_wait_bytes));
    put(o, "ttl_s", c->ttl_s >= 0 ? number(c->ttl_s) : json_null());
    put(o, "default_s", number(c->default_s));
    put(o, "min_s", number(c->min_s));
    put(o, "max_s", c->max_s < INT64_MAX ? number(c->max_s) : json_null());
    put(o, "stale_while_revalidate_s", number(c->stale_while_revalidate_s));
    put(o, "stale_if_error_s", number(c->stale_if_error_s));
    put(o, "honour_request", json_boolean(c->honour_request));
    put(o, "set_cookie", json_string(cookies[c->set_cookie]));
    return o;
}

/* --- keys --------------------------------------------------------------------------------- */

/* [{"kind", "name", "value"}] out of the lines of a key. */
json_t *explain_key_lines(struct span lines)
{
    json_t *all = json_array();
    struct key_line line;

    while (key_line_next(&lines, &line)) {
        json_t *o = json_object();

        put(o, "kind", text(line.kind));
        put(o, "name", text(line.name));
        put(o, "value", text_or_null(line.value));
        json_array_append_new(all, o);
    }
    return all;
}

static json_t *key_part(const struct route *r)
{
    json_t *o;

    if (r->key.text.p == NULL)
        return json_null();
    o = json_object();
    put(o, "host", text(r->host));
    put(o, "path", text(r->path));
    put(o, "query", r->has_query ? text(r->query) : json_null());
    put(o, "lines", explain_key_lines(span_from(r->key.text, span_find(r->key.text, '\n'))));
    return o;
}

/* --- variants ----------------------------------------------------------------------------- */

static json_t *variant_part(const struct explained *x, const struct object *obj)
{
    json_t *o = json_object();

    put(o, "chosen", json_boolean(span_eq(obj->key, x->decision.variant.text)));
    put(o, "values", explain_key_lines(span_from(obj->key, x->route.key.text.n)));
    put(o, "status", number(obj->status));
    put(o, "body_bytes", number((int64_t)object_length(obj)));
    put(o, "ttl_s", number(fresh_ttl(&obj->fresh, x->source->now)));
    return o;
}

/* Those that are still stored, the newest first. */
static json_t *variants_list(const struct explained *x)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < x->decision.listed_n; i++) {
        struct object *obj = cache_peek_hash(x->source->cache, x->decision.listed[i]);

        if (obj != NULL && span_starts(obj->key, x->route.key.text))
            json_array_append_new(all, variant_part(x, obj));
        object_release(&obj);
    }
    return all;
}

static json_t *vary_part(const struct explained *x)
{
    const struct decision *d = &x->decision;
    struct vary_names names;
    json_t *o, *fields;

    if (!d->varies || !vary_spec_names(d->spec, &names))
        return json_null();
    o = json_object();
    fields = json_array();
    for (unsigned i = 0; i < names.n; i++)
        json_array_append_new(fields, text(names.v[i]));
    put(o, "fields", fields);
    put(o, "request",
        d->variant.text.p != NULL
            ? explain_key_lines(span_from(d->variant.text, x->route.key.text.n))
            : json_null());
    put(o, "variants", variants_list(x));
    return o;
}

/* --- what is stored ----------------------------------------------------------------------- */

/* Of a head object: the slice in which the request's range begins. */
static json_t *slice_part(const struct explained *x, const struct object *obj)
{
    struct span range = fields_get(&x->request.fields, FIELD_RANGE);
    char text[SLICE_KEY_MAX];
    struct object *slice;
    struct cache_key key;
    uint32_t n;
    json_t *o;

    if (obj->sliced_bytes == 0)
        return json_null();
    n = slice_wanted(range, obj->sliced_bytes, obj->slice_bytes);
    key = slice_key(obj->id, n, text);
    slice = cache_peek(x->source->cache, &key);
    o = json_object();
    put(o, "n", number(n));
    put(o, "stored", json_boolean(slice != NULL));
    object_release(&slice);
    return o;
}

static json_t *stored_part(const struct explained *x)
{
    const struct object *obj = x->decision.obj;
    json_t *o;

    if (obj == NULL)
        return json_null();
    o = json_object();
    put(o, "status", number(obj->status));
    put(o, "body_bytes", number((int64_t)object_length(obj)));
    put(o, "slice_bytes", obj->sliced_bytes != 0 ? number(obj->slice_bytes) : json_null());
    put(o, "slice", slice_part(x, obj));
    put(o, "etag", text_or_null(object_get(obj, FIELD_ETAG)));
    put(o, "last_modified", text_or_null(object_get(obj, FIELD_LAST_MODIFIED)));
    put(o, "soft_purged", json_boolean(obj->soft_purged));
    put(o, "tags", number(obj->tags_n));
    put(o, "tags_dropped", number(obj->tags_dropped));
    return o;
}

static json_t *freshness_part(const struct explained *x)
{
    const struct freshness *f;
    json_t *o;

    if (x->decision.obj == NULL)
        return json_null();
    f = &x->decision.obj->fresh;
    o = json_object();
    put(o, "lifetime_s", number(f->lifetime_s));
    put(o, "lifetime_from", text(fresh_source_name((enum fresh_source)f->source)));
    put(o, "age_s", number(fresh_age(f, x->source->now)));
    put(o, "ttl_s", number(fresh_ttl(f, x->source->now)));
    put(o, "date", date(f->date_s));
    put(o, "date_from", json_string(f->has_date ? "Date" : "arrival"));
    put(o, "age_field_s", number(f->age_value_s));
    put(o, "response_delay_s", number(f->delay_s));
    put(o, "initial_age_s", number(f->initial_age_s));
    put(o, "arrived", date(f->response_s));
    put(o, "resident_s", number(fresh_age(f, x->source->now) - f->initial_age_s));
    put(o, "stale_while_revalidate_s", number(f->while_revalidate_s));
    put(o, "stale_if_error_s", number(f->if_error_s));
    put(o, "no_cache", json_boolean(f->no_cache));
    put(o, "must_revalidate", json_boolean(f->must_revalidate));
    put(o, "immutable", json_boolean(f->immutable));
    return o;
}

/* What is stored, in which coding the client would get it, and why. */
static json_t *coding_part(const struct explained *x)
{
    const struct object *obj = x->decision.obj;
    const struct coding_options *options;
    struct recode_choice choice = {0};
    struct object *made = NULL;
    json_t *o;

    if (obj == NULL)
        return json_null();
    options = &x->route.policy->coding;
    o = json_object();
    if (obj->recode == RECODE_NOT) {
        struct http_response head = {.status = obj->status, .fields = object_fields(obj, x->arena)};
        struct span has;

        recode_judge(options, &head, (int64_t)object_length(obj),
            obj->sliced_bytes == 0 ? cache_whole_max(x->source->cache) : 0, x->arena, &choice.why);
        has = fields_join(&head.fields, x->arena, FIELD_CONTENT_ENCODING);
        put(o, "stored", text(has.n > 0 ? has : coding_name(CODING_IDENTITY)));
        put(o, "answer", json_null());
    } else {
        struct cache_key key;

        choice = recode_choose(options, &x->request, obj, (int64_t)obj->body_bytes);
        key = recode_key(obj, choice.coding, x->arena);
        if (choice.other)
            made = cache_peek(x->source->cache, &key);
        put(o, "stored", text(coding_name(recode_has(obj))));
        put(o, "answer", text(coding_name(choice.coding)));
    }
    put(o, "made", json_boolean(made != NULL));
    put(o, "body_bytes", made != NULL ? number((int64_t)made->body_bytes) : json_null());
    put(o, "reason", text(recode_why_token(choice.why)));
    put(o, "why", text(recode_why_sentence(choice.why)));
    object_release(&made);
    return o;
}

static json_t *not_stored_part(const struct explained *x)
{
    struct notstored last;
    json_t *o;

    if (x->source->notstored == NULL || x->route.key.text.p == NULL ||
        !notstored_get(x->source->notstored, x->route.key.hash, &last))
        return json_null();
    o = json_object();
    put(o, "reason", text(nostore_token(last.reason)));
    put(o, "section", text(nostore_section(last.reason)));
    put(o, "sentence", text(nostore_sentence(last.reason)));
    put(o, "status", number(last.status));
    put(o, "at", date(last.at_s));
    put(o, "ago_s", number(x->source->now - last.at_s));
    return o;
}

/* --- what would happen -------------------------------------------------------------------- */

static json_t *why_stored(const struct explained *x)
{
    int64_t ttl = fresh_ttl(&x->decision.obj->fresh, x->source->now);

    if (ttl > 0)
        return sentence(x->arena, "it is fresh for another %" PRId64 " s", ttl);
    return sentence(x->arena, "it is stale for %" PRId64 " s, which the request accepts", -ttl);
}

static json_t *why_validation(const struct explained *x)
{
    const struct object *obj = x->decision.obj;
    int64_t ttl = fresh_ttl(&obj->fresh, x->source->now);

    if (obj->fresh.no_cache)
        return json_string("it says no-cache: it is never used without asking the origin");
    if (obj->soft_purged)
        return json_string("it has been purged softly: it is stale from then on");
    if (ttl > 0)
        return json_string("it is fresh, but not as the request asks for");
    return sentence(x->arena, "it has been stale for %" PRId64 " s", -ttl);
}

static json_t *why_own(const struct explained *x)
{
    const struct decision *d = &x->decision;

    if (x->route.key.text.p == NULL)
        return json_string("its key is too long");
    if (x->route.policy->bypass)
        return json_string("the configuration says bypass");
    if (d->fwd == FWD_METHOD || d->fwd == FWD_BYPASS)
        return text(arena_printf(
            x->arena, "%.*s goes to the origin as it comes", SPAN_ARG(x->request.method_text)));
    if (d->obj != NULL) /* HEAD: its answer renews what is stored, but does not validate it */
        return why_validation(x);
    if (d->variant.text.p == NULL)
        return json_string("what Vary names has values that are too long");
    return json_string("nothing is stored, and an answer to HEAD has nothing to store");
}

/* Or NULL: there is no beginning of it. */
static json_t *why_begun(const struct explained *x)
{
    struct object *obj = incomplete_find(x->source->cache, &x->decision.variant, x->arena);
    json_t *why = NULL;
    uint64_t length;

    if (obj != NULL && incomplete_length(obj, &length))
        why = text(arena_printf(x->arena,
            "only the first %" PRIu64 " of %" PRIu64
            " bytes are stored: ranges in them are answered while they are fresh, else the rest is "
            "fetched",
            obj->body_bytes, length));
    object_release(&obj);
    return why;
}

static json_t *why(const struct explained *x)
{
    const struct decision *d = &x->decision;
    json_t *begun;

    switch (d->by) {
    case BY_STORED:
        return why_stored(x);
    case BY_STALE:
        return sentence(x->arena,
            "it has been stale for %" PRId64 " s, within its stale-while-revalidate",
            -fresh_ttl(&d->obj->fresh, x->source->now));
    case BY_VALIDATION:
        return why_validation(x);
    case BY_FILL:
        if (x->source->cache == NULL)
            return json_string("no edge runs: it depends on what is stored");
        if ((begun = why_begun(x)) != NULL)
            return begun;
        return json_string(d->varies ? "no variant is stored for what this request says"
                                     : "nothing is stored under this key");
    case BY_OWN_FETCH:
        return why_own(x);
    case BY_LOAD:
        return json_string("it is on the disk: it would be read into memory, and judged there");
    case BY_REFUSAL:
        return json_string(d->refusal);
    }
    return json_null();
}

/* What the origin would be asked, or null. */
static json_t *origin_part(const struct explained *x)
{
    const struct decision *d = &x->decision;
    bool validates = d->by == BY_VALIDATION || d->by == BY_STALE;
    json_t *o;

    if (d->by == BY_STORED || d->by == BY_LOAD || d->by == BY_REFUSAL)
        return json_null();
    o = json_object();
    put(o, "name", text(x->route.policy->origin->name));
    put(o, "request",
        text(arena_printf(
            x->arena, "%.*s %.*s", SPAN_ARG(x->request.method_text), SPAN_ARG(x->route.target))));
    put(o, "if_none_match", validates ? text_or_null(object_get(d->obj, FIELD_ETAG)) : json_null());
    put(o, "if_modified_since",
        validates ? text_or_null(object_get(d->obj, FIELD_LAST_MODIFIED)) : json_null());
    put(o, "background", json_boolean(d->by == BY_STALE));
    put(o, "shared", json_boolean(d->by != BY_OWN_FETCH));
    return o;
}

/* When the origin cannot be reached: the cache status of what comes instead, or null. */
static json_t *on_failure(const struct explained *x)
{
    const struct decision *d = &x->decision;
    bool asks = d->by == BY_VALIDATION || d->by == BY_OWN_FETCH;

    if (asks && d->obj != NULL &&
        fresh_may_serve_on_error(&d->obj->fresh, &d->ask, x->source->now, d->obj->soft_purged))
        return json_string(cache_word_text(CACHE_STALE));
    return json_null();
}

static json_t *answer(const char *cache, int64_t http_status, json_t *because)
{
    json_t *o = json_object();

    put(o, "cache", json_string(cache));
    put(o, "status", http_status != 0 ? number(http_status) : json_null());
    put(o, "why", because);
    return o;
}

static json_t *now_part(const struct explained *x)
{
    const struct decision *d = &x->decision;
    const char *refusal;
    struct span refused;
    int status;
    json_t *o;

    if (x->end == ROUTE_PURGE && x->route.site->purge_from.n > 0)
        return answer("-", 0,
            json_string("it purges, when it comes from where purge-from says; others get 403"));
    if (x->end != ROUTE_FOUND) {
        status = route_refusal(x->end, &refusal);
        return answer("-", status, json_string(refusal));
    }
    if ((status = admission_refusal(&x->admission, x->arena, &refused)) != 0)
        return answer("-", status, text(refused));
    if (x->route.policy->redirect_status != 0)
        return answer(
            "-", x->route.policy->redirect_status, json_string("the configuration says redirect"));
    o = answer(cache_word_text(d->word), d->by == BY_REFUSAL ? 504 : 0, why(x));
    put(o, "fwd", d->fwd != FWD_NONE ? text(cache_fwd_name(d->fwd)) : json_null());
    put(o, "origin", origin_part(x));
    put(o, "on_failure", on_failure(x));
    return o;
}

/* --- all of it ---------------------------------------------------------------------------- */

/* False: who asks is no address. */
static bool find_out(struct explained *x, struct span client)
{
    const struct edge_conf *conf = x->source->conf;
    const struct decision_question q = {
        .cache = x->source->cache,
        .peek = true,
        .load = true,
        .method = x->request.method,
        .fields = &x->request.fields,
        .now = x->source->now,
    };

    hop_remove(&x->request.fields); /* as request.c does */
    x->end = route_find(&x->route, conf->table, &x->request, x->arena);
    if (x->end == ROUTE_FOUND)
        x->end = route_screen(&x->request, conf->name);
    if (x->end != ROUTE_FOUND)
        return true;
    decide(&x->decision, &q, &x->route, x->arena);
    return admission_find(
        &x->admission, conf, &x->route, &x->request, client, x->source->now, x->arena);
}

json_t *explain(const struct explain_source *source, const struct explain_question *q,
    struct arena *a, const char **because)
{
    struct explained x = {.source = source, .arena = a};
    const struct path_rule *rule;
    json_t *o;

    if (!read_question(q, source->conf->daemon.tls_only, a, &x.request, because))
        return NULL;
    if (!find_out(&x, q->client)) {
        *because = "the client is an address, like 192.0.2.1";
        object_release(&x.decision.obj);
        return NULL;
    }
    rule = x.route.rule;
    o = json_object();
    put(o, "running", json_boolean(source->cache != NULL));
    put(o, "request", request_part(&x));
    put(o, "site", site_part(x.route.site));
    put(o, "rule", rule != NULL ? json_pack("{s:o}", "path", text(rule->pattern)) : json_null());
    put(o, "policy", policy_part(x.route.policy));
    put(o, "admission", admission_json(&x.admission, x.route.policy, a));
    put(o, "key", key_part(&x.route));
    put(o, "vary", vary_part(&x));
    put(o, "stored", stored_part(&x));
    put(o, "coding", coding_part(&x));
    put(o, "freshness", freshness_part(&x));
    put(o, "now", now_part(&x));
    put(o, "not_stored", not_stored_part(&x));
    object_release(&x.decision.obj);
    return o;
}

/* --- the control socket ------------------------------------------------------------------- */

/* url, method and field parameters, each with what is not plain percent-encoded. */
static bool read_query(struct span query, struct arena *a, struct explain_question *q)
{
    struct span name, value;

    while (uri_query_next(&query, &name, &value)) {
        if (!uri_decode(a, value, &value))
            return false;
        if (span_eq(name, SPAN("url")))
            q->url = value;
        else if (span_eq(name, SPAN("method")))
            q->method = value;
        else if (span_eq(name, SPAN("client")))
            q->client = value;
        else if (span_eq(name, SPAN("field")) && q->fields_n < EXPLAIN_FIELDS_MAX)
            q->fields[q->fields_n++] = value;
        else
            return false;
    }
    return q->url.n > 0;
}

void explain_serve(struct admin_call *call)
{
    const struct edge *e = call->app;
    const struct explain_source source = {
        .conf = edge_conf_of(e),
        .cache = e->cache,
        .notstored = e->notstored,
        .now = worker_wall_s(call->txn->worker),
    };
    struct arena *a = &call->txn->arena;
    struct explain_question *q = arena_zalloc(a, sizeof(*q));
    const char *because =
        "ask for /explain?url=URL, and further &method=, &client=ADDRESS and &field=Name:%20value";
    json_t *answered = NULL;

    if (read_query(call->txn->request.query, a, q))
        answered = explain(&source, q, a, &because);
    if (answered != NULL)
        admin_answer_json(call, 200, answered);
    else
        admin_answer_text(
            call, 400, SPAN("text/plain; charset=utf-8"), arena_printf(a, "%s\n", because));
}
