#include "cache/policy.h"

#include "cache/vary.h"
#include "http/date.h"
#include "http/status.h"

static const struct reason {
    struct span token, section, sentence;
    bool of_request;
} reasons[NOSTORE_REASONS] = {
#define REASON(name, token, section, of_request, sentence)                                         \
    [NOSTORE_##name] = {SPAN(token), SPAN(section), SPAN(sentence), of_request},
#include "cache/reasons.tbl"
#undef REASON
};

struct span nostore_token(enum nostore_reason r)
{
    return reasons[r].token;
}

struct span nostore_section(enum nostore_reason r)
{
    return reasons[r].section;
}

struct span nostore_sentence(enum nostore_reason r)
{
    return reasons[r].sentence;
}

static struct {
    _Alignas(64) _Atomic uint64_t v[NOSTORE_REASONS];
} nostore_counts[THREADS_MAX];

void nostore_count(enum nostore_reason r)
{
    atomic_fetch_add_explicit(&nostore_counts[thread_index()].v[r], 1, memory_order_relaxed);
}

/* Rows of the list are the reasons without NOSTORE_NONE. */
static struct span nostore_row_value(unsigned i)
{
    return nostore_token((enum nostore_reason)(i + 1));
}

static uint64_t nostore_row_sum(unsigned i)
{
    uint64_t sum = 0;

    for (int t = 0; t < THREADS_MAX; t++)
        sum += atomic_load_explicit(&nostore_counts[t].v[i + 1], memory_order_relaxed);
    return sum;
}

const struct counter_list nostore_counters = {
    .metric = "selvage_not_stored_total",
    .label = "reason",
    .help = "Responses of origins that were not stored, by reason",
    .n = NOSTORE_REASONS - 1,
    .value = nostore_row_value,
    .sum = nostore_row_sum,
};

bool nostore_of_request(enum nostore_reason r)
{
    return reasons[r].of_request;
}

/* --- what the response says --------------------------------------------------------------- */

static bool lists_field(struct span list, struct span name)
{
    struct span member;

    while (list_next(&list, &member)) {
        if (span_ieq(member, name))
            return true;
    }
    return false;
}

/* Without these the rest could not be understood, or its freshness not be known. */
static bool lists_vital(struct span list)
{
    static const enum field_id vital[] = {
        FIELD_CACHE_CONTROL,
        FIELD_CDN_CACHE_CONTROL,
        FIELD_CONTENT_ENCODING,
        FIELD_CONTENT_LENGTH,
        FIELD_CONTENT_TYPE,
        FIELD_DATE,
        FIELD_EXPIRES,
        FIELD_VARY,
    };

    for (size_t i = 0; i < ARRAY_LEN(vital); i++) {
        if (lists_field(list, field_name(vital[i])))
            return true;
    }
    return false;
}

static void read_directives(const struct policy_question *q, struct arena *a, struct verdict *v)
{
    struct cache_control *cc = &v->cc;

    v->targeted = cache_control_targeted(&q->head->fields, FIELD_CDN_CACHE_CONTROL, a, cc);
    if (!v->targeted)
        cache_control_parse(&q->head->fields, a, cc);
    if (lists_vital(cc->no_cache_fields)) {
        cc->no_cache = true;
        cc->no_cache_fields = SPAN_EMPTY;
    }
    if (lists_vital(cc->private_fields)) {
        cc->is_private = true;
        cc->private_fields = SPAN_EMPTY;
    }
    v->omits = cc->no_cache_fields.n + cc->private_fields.n > 0;
}

/* --- lifetime (§4.2.1) -------------------------------------------------------------------- */

static void set_lifetime(struct freshness *f, int64_t s, enum fresh_source source)
{
    f->lifetime_s = fresh_seconds(s);
    f->source = (uint8_t)source;
}

/* How long it is fresh from its arrival here on, which the operator says. */
static void set_lifetime_here(struct freshness *f, int64_t s, enum fresh_source source)
{
    set_lifetime(f, (int64_t)f->initial_age_s + fresh_seconds(s), source);
}

/* False: the response does not say. */
static bool explicit_lifetime(const struct policy_question *q, struct verdict *v)
{
    struct span expires = fields_get(&q->head->fields, FIELD_EXPIRES);
    wall_s at;

    if (v->cc.s_maxage >= 0)
        set_lifetime(&v->fresh, v->cc.s_maxage, v->targeted ? FRESH_FROM_CDN : FRESH_FROM_S_MAXAGE);
    else if (v->cc.max_age >= 0)
        set_lifetime(&v->fresh, v->cc.max_age, v->targeted ? FRESH_FROM_CDN : FRESH_FROM_MAX_AGE);
    else if (v->targeted || expires.p == NULL)
        return false;
    else if (http_date_parse(expires, q->response_s, &at))
        set_lifetime(&v->fresh, at - v->fresh.date_s, FRESH_FROM_EXPIRES);
    else /* §5.3: invalid means in the past, "0" above all */
        set_lifetime(&v->fresh, 0, FRESH_FROM_EXPIRES);
    return true;
}

static const struct negative_ttl *negative_find(const struct cache_options *o, int status)
{
    for (unsigned i = 0; i < o->negative_n; i++) {
        if (status >= o->negative[i].first && status <= o->negative[i].last)
            return &o->negative[i];
    }
    return NULL;
}

/* §4.2.2: only for what is cacheable without explicit words, or is called public. */
static void implicit_lifetime(const struct policy_question *q, struct verdict *v)
{
    const struct cache_options *o = q->options;
    struct span modified = fields_get(&q->head->fields, FIELD_LAST_MODIFIED);
    struct freshness *f = &v->fresh;
    int64_t since, part;
    wall_s at;

    if (!v->cc.is_public && !http_status_heuristically_cacheable(q->head->status)) {
        set_lifetime(f, 0, FRESH_FROM_DEFAULT);
    } else if (o->heuristic_percent > 0 && http_date_parse(modified, q->response_s, &at) &&
               at < f->date_s) {
        since = f->date_s - at; /* at most 10000 years */
        part = since / 100 * o->heuristic_percent + since % 100 * o->heuristic_percent / 100;
        set_lifetime(
            f, part < o->heuristic_max_s ? part : o->heuristic_max_s, FRESH_FROM_HEURISTIC);
    } else {
        set_lifetime_here(f, o->default_s, FRESH_FROM_DEFAULT);
    }
}

/* The operator's word goes for what succeeded; errors have negative-ttl. */
static bool rules_apply(int status)
{
    return status >= 200 && status < 400;
}

static void clamp_lifetime(const struct policy_question *q, struct freshness *f)
{
    int64_t least = q->options->min_s, most = q->options->max_s;
    int64_t here = (int64_t)f->lifetime_s - f->initial_age_s;

    if (least > 0 && here < least && rules_apply(q->head->status))
        set_lifetime_here(f, least, FRESH_FROM_MINIMUM);
    else if (here > most)
        set_lifetime_here(f, most, FRESH_FROM_MAXIMUM);
}

/* Sets the lifetime. False: neither the response nor the operator says anything explicit. */
static bool judge_lifetime(const struct policy_question *q, struct verdict *v)
{
    const struct cache_options *o = q->options;
    const struct negative_ttl *negative = negative_find(o, q->head->status);
    bool by_rule = o->ttl_s >= 0 && rules_apply(q->head->status);
    bool said = true;

    if (by_rule)
        set_lifetime_here(&v->fresh, o->ttl_s, FRESH_FROM_RULE);
    else if (explicit_lifetime(q, v))
        clamp_lifetime(q, &v->fresh);
    else if (negative != NULL)
        set_lifetime_here(&v->fresh, negative->ttl_s, FRESH_FROM_NEGATIVE);
    else {
        said = v->cc.is_public;
        implicit_lifetime(q, v);
        if (said || http_status_heuristically_cacheable(q->head->status))
            clamp_lifetime(q, &v->fresh);
    }
    v->fresh.no_cache = v->cc.no_cache && !by_rule;
    return said;
}

/* §4.2.4, RFC 5861. s-maxage forbids use when stale as proxy-revalidate does (§5.2.2.10), but for
 * windows that the same response opens: extensions may change what other directives mean
 * (§5.2.3). */
static void set_windows(const struct policy_question *q, struct verdict *v)
{
    const struct cache_control *cc = &v->cc;
    struct freshness *f = &v->fresh;
    bool forbidden = cc->must_revalidate || cc->proxy_revalidate || f->no_cache;
    int64_t while_revalidate = cc->stale_while_revalidate, if_error = cc->stale_if_error;

    f->must_revalidate = forbidden || cc->s_maxage >= 0;
    f->immutable = cc->immutable;
    if (forbidden)
        return;
    if (while_revalidate < 0 && !f->must_revalidate)
        while_revalidate = q->options->stale_while_revalidate_s;
    if (if_error < 0 && !f->must_revalidate)
        if_error = q->options->stale_if_error_s;
    f->while_revalidate_s = fresh_seconds(while_revalidate);
    f->if_error_s = fresh_seconds(if_error);
}

/* --- storability (§3) --------------------------------------------------------------------- */

static enum nostore_reason judge_kind(const struct policy_question *q)
{
    int status = q->head->status;

    if (q->method != METHOD_GET)
        return NOSTORE_METHOD;
    if (q->ask != NULL && q->ask->honoured && q->ask->no_store)
        return NOSTORE_REQUEST_NO_STORE;
    if (status < 200)
        return NOSTORE_NOT_FINAL;
    if (status == 206)
        return NOSTORE_PARTIAL;
    if (status == 304)
        return NOSTORE_NOT_MODIFIED;
    if (status == 412 || status == 416)
        return NOSTORE_PRECONDITION;
    return NOSTORE_NONE;
}

static enum nostore_reason judge_directives(
    const struct policy_question *q, const struct cache_control *cc)
{
    if (cc->must_understand && !http_status_known(q->head->status))
        return NOSTORE_NOT_UNDERSTOOD;
    if (cc->no_store && !cc->must_understand)
        return NOSTORE_NO_STORE;
    if (cc->is_private)
        return NOSTORE_PRIVATE;
    if (fields_has(q->request, FIELD_AUTHORIZATION) && !cc->is_public && cc->s_maxage < 0 &&
        !cc->must_revalidate)
        return NOSTORE_AUTHORIZATION;
    return NOSTORE_NONE;
}

static enum nostore_reason judge_vary(const struct policy_question *q, struct arena *a)
{
    struct vary_names names;

    if (!fields_has(&q->head->fields, FIELD_VARY))
        return NOSTORE_NONE;
    vary_parse(&q->head->fields, a, &names);
    return names.any ? NOSTORE_VARY_ANY : names.invalid ? NOSTORE_VARY_LIMIT : NOSTORE_NONE;
}

/* The response itself says for how long others may have it, too. */
static bool shared_by_its_word(const struct policy_question *q, const struct verdict *v)
{
    struct verdict own = *v;

    return !v->fresh.no_cache &&
           (v->cc.is_public || (explicit_lifetime(q, &own) && own.fresh.lifetime_s > 0));
}

static enum nostore_reason judge_cookies(const struct policy_question *q, const struct verdict *v)
{
    const struct span name = field_name(FIELD_SET_COOKIE);

    if (!fields_has(&q->head->fields, FIELD_SET_COOKIE) ||
        lists_field(v->cc.no_cache_fields, name) || lists_field(v->cc.private_fields, name))
        return NOSTORE_NONE;
    switch (q->options->set_cookie) {
    case SET_COOKIE_ALWAYS:
        return NOSTORE_NONE;
    case SET_COOKIE_EXPLICIT:
        return shared_by_its_word(q, v) ? NOSTORE_NONE : NOSTORE_SET_COOKIE;
    case SET_COOKIE_NEVER:
        break;
    }
    return NOSTORE_SET_COOKIE;
}

static bool has_validator(const struct policy_question *q)
{
    const struct fields *f = &q->head->fields;
    wall_s at;

    return fields_get(f, FIELD_ETAG).n > 0 ||
           http_date_parse(fields_get(f, FIELD_LAST_MODIFIED), q->response_s, &at);
}

/* Whether it will ever be used: fresh, stale within a window, or after validation. The windows of
 * the site alone are no reason to keep what was never fresh. */
static bool useful(const struct policy_question *q, const struct verdict *v)
{
    const struct freshness *f = &v->fresh;
    int64_t refresh = f->while_revalidate_s, error = f->if_error_s;

    if (has_validator(q))
        return true;
    if (f->no_cache)
        return false;
    if (f->lifetime_s == 0) {
        refresh = v->cc.stale_while_revalidate > 0 ? refresh : 0;
        error = v->cc.stale_if_error > 0 ? error : 0;
    }
    return f->initial_age_s < (int64_t)f->lifetime_s + (error > refresh ? error : refresh);
}

void policy_judge(const struct policy_question *q, struct arena *a, struct verdict *v)
{
    bool said;

    *v = (struct verdict){.reason = judge_kind(q)};
    read_directives(q, a, v);
    fresh_set_age(&v->fresh, &q->head->fields, q->request_s, q->response_s);
    said = judge_lifetime(q, v);
    set_windows(q, v);

    if (v->reason == NOSTORE_NONE)
        v->reason = judge_directives(q, &v->cc);
    if (v->reason == NOSTORE_NONE)
        v->reason = judge_vary(q, a);
    if (v->reason == NOSTORE_NONE)
        v->reason = judge_cookies(q, v);
    if (v->reason == NOSTORE_NONE && !said && !http_status_heuristically_cacheable(q->head->status))
        v->reason = NOSTORE_NOT_CACHEABLE;
    if (v->reason == NOSTORE_NONE && !useful(q, v))
        v->reason = NOSTORE_USELESS;
    v->store = v->reason == NOSTORE_NONE;
}

static void omit(struct fields *head, struct span list)
{
    struct span member;

    while (list_next(&list, &member))
        fields_remove_named(head, member);
}

void policy_omit(const struct verdict *v, struct fields *head)
{
    omit(head, v->cc.no_cache_fields);
    omit(head, v->cc.private_fields);
}

/* --- the request -------------------------------------------------------------------------- */

struct fresh_ask policy_ask(
    const struct fields *request, const struct cache_options *options, struct arena *a)
{
    struct cache_control cc;
    struct fresh_ask ask = {0};

    if (!options->honour_request)
        return ask;
    cache_control_parse(request, a, &cc);
    if (!cc.present && fields_list_has(request, FIELD_PRAGMA, SPAN("no-cache")))
        cc.no_cache = true;
    return (struct fresh_ask){
        .honoured = true,
        .no_cache = cc.no_cache,
        .no_store = cc.no_store,
        .only_if_cached = cc.only_if_cached,
        .max_age = cc.max_age,
        .min_fresh = cc.min_fresh,
        .max_stale = cc.max_stale,
        .stale_if_error = cc.stale_if_error,
    };
}
