/*
 * fuzz_policy.c - a request, a response and a 304 through the caching rules.
 *
 * Input: one byte of options, one for the status, one for the Age of what follows; then three
 * blocks of "Name: value" lines with an empty line between them. What must hold whatever they say:
 * what forbids storing does, ages grow, nothing stale is fresh, equal requests have equal keys, and
 * what the origin is sent counts like what the client sent.
 */
#include "fuzz_lines.h"

#include "base/check.h"
#include "cache/key.h"
#include "cache/policy.h"
#include "cache/status.h"
#include "cache/update.h"
#include "cache/vary.h"
#include "http/sfv.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define NOW ((wall_s)784111777)

struct input {
    struct arena *a;
    struct cache_options options;
    int status;
    wall_s later;
    struct fields request, response, newer;
};

static struct input input_of(struct arena *a, const uint8_t *data, size_t n)
{
    static const int statuses[] = {200, 200, 103, 204, 206, 302, 304, 404, 412, 503, 599};
    static const struct span languages[] = {SPAN("en"), SPAN("de")};
    static const struct vary_rule rules[] = {
        {.name = SPAN("accept-language"), .values = languages, .values_n = 2},
        {.name = SPAN("user-agent"), .how = VARY_IGNORE}};
    static const struct span names[] = {SPAN("a"), SPAN("utm_*")};
    struct span rest = span_make((const char *)data + 3, n - 3);
    struct input in = {.a = a, .options = cache_options_default()};

    in.options.honour_request = data[0] & 1;
    in.options.ttl_s = data[0] & 2 ? 60 : -1;
    in.options.set_cookie = data[0] & 4 ? SET_COOKIE_NEVER : SET_COOKIE_EXPLICIT;
    in.options.vary = rules;
    in.options.vary_n = data[0] & 8 ? 2 : 0;
    in.options.query = (enum query_mode)(data[0] >> 4 & 3);
    in.options.query_sort = data[0] & 64;
    in.options.query_names = in.options.key_fields = in.options.key_cookies = names;
    in.options.query_names_n = in.options.key_fields_n = in.options.key_cookies_n = 2;
    in.status = statuses[data[1] % ARRAY_LEN(statuses)];
    in.later = NOW + ((wall_s)data[2] << data[2] % 32);
    in.request = lines_take(a, &rest);
    in.response = lines_take(a, &rest);
    in.newer = lines_take(a, &rest);
    return in;
}

static void use_check(const struct input *in, const struct freshness *f)
{
    struct fresh_ask ask = policy_ask(&in->request, &in->options, in->a);
    enum fresh_use use = fresh_judge(f, NULL, in->later, false);
    int64_t ttl = fresh_ttl(f, in->later);

    check(fresh_age(f, in->later) >= fresh_age(f, NOW));
    check(fresh_age(f, in->later) <= FRESH_SECONDS_MAX);
    check((use == FRESH_USE) == (ttl > 0 && !f->no_cache));
    check(use != FRESH_USE_AND_REFRESH || f->while_revalidate_s > 0);
    check(use == FRESH_VALIDATE || !f->no_cache);
    use = fresh_judge(f, &ask, in->later, false);
    check(use == FRESH_VALIDATE || !(ask.honoured && ask.no_cache));
    check(use != FRESH_USE || ttl > 0 || (ask.max_stale >= 0 && !f->must_revalidate));
    check(fresh_judge(f, &ask, in->later, true) == FRESH_VALIDATE);
    if (fresh_may_serve_on_error(f, &ask, in->later, true))
        check(fresh_may_serve_on_error(f, &ask, in->later, false));
    if (fresh_may_serve_on_error(f, NULL, in->later, false))
        check(!f->no_cache && ttl + f->if_error_s > 0);
}

/* Whether any directive of that name is there, in whatever form. */
static bool directive_there(const struct fields *f, struct span name)
{
    struct field_list it = field_list_of(f, FIELD_CACHE_CONTROL);
    struct span member;

    while (field_list_next(&it, &member)) {
        if (span_ieq(member, name))
            return true;
    }
    return false;
}

static struct verdict judge(const struct input *in, struct fields *head_fields)
{
    struct http_response head = {.status = in->status, .fields = *head_fields};
    struct fresh_ask ask = policy_ask(&in->request, &in->options, in->a);
    struct verdict v;

    policy_judge(&(struct policy_question){METHOD_GET, &in->request, &ask, &head, &in->options,
                     NOW - 1, NOW},
        in->a, &v);
    check(v.store == (v.reason == NOSTORE_NONE));
    check(!v.store || (in->status >= 200 && in->status != 206 && in->status != 304));
    check(!v.store || !fields_list_has(head_fields, FIELD_VARY, SPAN("*")));
    if (v.store && !v.targeted) {
        check(!directive_there(head_fields, SPAN("private")));
        check(!directive_there(head_fields, SPAN("no-store")) || v.cc.must_understand);
    }
    if (v.store && fields_has(&in->request, FIELD_AUTHORIZATION))
        check(v.cc.is_public || v.cc.must_revalidate || v.cc.s_maxage >= 0);
    if (v.store && in->options.set_cookie == SET_COOKIE_NEVER)
        check(!fields_has(head_fields, FIELD_SET_COOKIE) || v.omits);
    use_check(in, &v.fresh);
    if (v.omits) {
        policy_omit(&v, &head.fields);
        check(head.fields.n <= head_fields->n);
        *head_fields = head.fields;
    }
    return v;
}

static struct span key_of(const struct input *in)
{
    struct span query = uri_query_normalise(in->a, fields_get(&in->request, FIELD_REFERER));
    bool has = query.n > 0;
    struct span kept = key_query(in->a, query, &has, &in->options);
    struct span again = key_query(in->a, kept, &has, &in->options);

    check(span_eq(kept, again));
    return key_text(in->a,
        &(struct key_parts){SPAN("h.example"), SPAN("/p"), has, kept, &in->request}, &in->options);
}

static void vary_check(struct input *in)
{
    struct span key = key_of(in), spec = SPAN_EMPTY, variant, again;
    enum vary_plan plan =
        vary_plan(in->a, SPAN_EMPTY, &in->request, &in->response, &in->options, 1, &spec);
    struct vary_names names;
    struct fields sent;

    check(plan != VARY_KEEP);
    if (plan != VARY_SPEC)
        return;
    check(vary_spec_names(spec, &names) && names.n > 0);
    variant = vary_key_text(in->a, key, spec, &in->request, &in->options);
    if (variant.p == NULL)
        return;
    check(span_starts(variant, key) && variant.n <= VARY_KEY_MAX);
    /* What the origin sees is what the key says. */
    sent = fields_copy(&in->request, in->a);
    vary_forward(&sent, in->a, &in->options);
    again = vary_key_text(in->a, key, spec, &sent, &in->options);
    check(span_eq(variant, again));
    /* The same answer once more leaves the spec alone, or at most learns a language. */
    plan = vary_plan(in->a, spec, &in->request, &in->response, &in->options, 2, &again);
    check(plan == VARY_KEEP && span_eq(spec, again));
    plan = vary_plan(in->a, spec, &in->request, &in->newer, &in->options, 2, &again);
    check(plan != VARY_KEEP || span_eq(spec, again));
}

static void update_check(struct input *in)
{
    struct fields merged = update_merge(&in->response, &in->newer, NOW, in->a);
    struct update_base base = {
        .scheme = SPAN("http"), .host = SPAN("h.example"), .target = {.path = SPAN("/d/f")}};
    struct update_target targets[UPDATE_TARGETS_MAX];
    unsigned n = update_invalidates(METHOD_POST, in->status, &in->newer, &base, in->a, targets);

    check(span_eq(fields_get(&merged, FIELD_CONTENT_LENGTH),
        fields_get(&in->response, FIELD_CONTENT_LENGTH)));
    check(fields_has(&merged, FIELD_DATE));
    check(!update_selects(&in->response, &in->newer) || update_selects(&merged, &in->newer));
    check(n == (in->status >= 200 && in->status < 400 ? n : 0) && n <= UPDATE_TARGETS_MAX);
    for (unsigned i = 0; i < n; i++)
        check(targets[i].path.n > 0 && targets[i].path.p[0] == '/');
    judge(in, &merged);
}

static void status_check(const struct input *in)
{
    struct cache_status cs = {.fwd = FWD_STALE,
        .key = fields_get(&in->request, FIELD_REFERER),
        .detail = fields_get(&in->response, FIELD_SERVER)};
    char text[CACHE_STATUS_MAX];
    struct sfv_members list;
    size_t n = cache_status_write(&cs, fields_get(&in->request, FIELD_USER_AGENT), text);

    check(sfv_list_parse(span_make(text, n), in->a, &list) && list.n == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct input in;

    if (n < 3)
        return 0;
    arena_init(&a);
    in = input_of(&a, data, n);
    status_check(&in);
    vary_check(&in);
    update_check(&in);
    judge(&in, &in.response);
    arena_free(&a);
    return 0;
}
