/*
 * t_policy.c - what is stored, why not, and for how long it is fresh.
 */
#include "rules.h"

#include "cache/policy.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* --- options ------------------------------------------------------------------------------ */

static const struct negative_ttl negative[] = {{404, 404, 30}, {500, 599, 5}};

static void honour(struct cache_options *o)
{
    o->honour_request = true;
}

static void ttl_60(struct cache_options *o)
{
    o->ttl_s = 60;
}

static void default_60(struct cache_options *o)
{
    o->default_s = 60;
}

static void min_60_max_600(struct cache_options *o)
{
    o->min_s = 60;
    o->max_s = 600;
}

static void negatives(struct cache_options *o)
{
    o->negative = negative;
    o->negative_n = ARRAY_LEN(negative);
}

static void no_heuristics(struct cache_options *o)
{
    o->heuristic_percent = 0;
}

static void cookies_never(struct cache_options *o)
{
    o->set_cookie = SET_COOKIE_NEVER;
}

static void cookies_always(struct cache_options *o)
{
    o->set_cookie = SET_COOKIE_ALWAYS;
}

static void no_stale(struct cache_options *o)
{
    o->stale_if_error_s = 0;
}

static void stale_7(struct cache_options *o)
{
    o->stale_while_revalidate_s = 7;
    o->stale_if_error_s = 8;
}

/* --- judging ------------------------------------------------------------------------------ */

struct question {
    const char *row;
    enum http_method method;
    const char *request;
    int status;
    const char *response;
    void (*tune)(struct cache_options *o);
};

static struct verdict judge(const struct question *q)
{
    struct fields request = fields_of(&arena, q->request);
    struct http_response head = {.status = q->status, .fields = fields_of(&arena, q->response)};
    struct cache_options options = cache_options_default();
    struct fresh_ask ask;
    struct verdict v;

    if (q->tune != NULL)
        q->tune(&options);
    ask = policy_ask(&request, &options, &arena);
    policy_judge(&(struct policy_question){q->method, &request, &ask, &head, &options, NOW, NOW},
        &arena, &v);
    return v;
}

static void storable(void **state)
{
    static const struct {
        struct question q;
        const char *token; /* "": stored */
    } rows[] = {
        {{"9111 §3 max-age", METHOD_GET, "", 200, "Cache-Control: max-age=60", NULL}, ""},
        {{"9111 §3 HEAD", METHOD_HEAD, "", 200, "Cache-Control: max-age=60", NULL}, "method"},
        {{"9111 §3 POST", METHOD_POST, "", 200, "Cache-Control: max-age=60", NULL}, "method"},
        {{"9111 §3 unknown method", METHOD_OTHER, "", 200, "Cache-Control: max-age=60", NULL},
            "method"},
        {{"9111 §3 not final", METHOD_GET, "", 103, "Cache-Control: max-age=60", NULL},
            "not-final"},
        {{"9111 §3.3 a part", METHOD_GET, "", 206, "Cache-Control: max-age=60", NULL}, "partial"},
        {{"9111 §4.3.3 unasked", METHOD_GET, "", 304, "Cache-Control: max-age=60", NULL},
            "not-modified"},
        {{"9110 §15.5.13", METHOD_GET, "", 412, "Cache-Control: max-age=60", NULL}, "precondition"},
        {{"9110 §15.5.17", METHOD_GET, "", 416, "Cache-Control: max-age=60", NULL}, "precondition"},

        {{"9111 §5.2.2.5 no-store", METHOD_GET, "", 200, "Cache-Control: max-age=60, no-store",
             NULL},
            "no-store"},
        {{"9111 §5.2.2.5 in another line", METHOD_GET, "", 200,
             "Cache-Control: max-age=60\nCache-Control: No-Store", NULL},
            "no-store"},
        {{"9111 §5.2.2.5 whatever the rule", METHOD_GET, "", 200, "Cache-Control: no-store",
             ttl_60},
            "no-store"},
        {{"9111 §5.2.2.3 understood", METHOD_GET, "", 200,
             "Cache-Control: max-age=60, no-store, must-understand", NULL},
            ""},
        {{"9111 §5.2.2.3 not understood", METHOD_GET, "", 599,
             "Cache-Control: max-age=60, no-store, must-understand", NULL},
            "must-understand"},
        {{"9111 §5.2.2.3 not understood", METHOD_GET, "", 299,
             "Cache-Control: max-age=60, must-understand", NULL},
            "must-understand"},
        {{"9111 §5.2.2.7 private", METHOD_GET, "", 200, "Cache-Control: max-age=60, PRIVATE", NULL},
            "private"},
        {{"9111 §5.2.2.7 whatever the rule", METHOD_GET, "", 200, "Cache-Control: private", ttl_60},
            "private"},
        {{"9111 §5.2.2.7 only a field", METHOD_GET, "", 200,
             "Cache-Control: max-age=60, private=\"X-User\"", NULL},
            ""},
        {{"9111 §5.2.2.7 a field that we need", METHOD_GET, "", 200,
             "Cache-Control: max-age=60, private=\"content-type, a\"", NULL},
            "private"},
        {{"9111 §5.2.2.4 no-cache is stored with a validator", METHOD_GET, "", 200,
             "Cache-Control: no-cache, max-age=60\nETag: \"a\"", NULL},
            ""},
        {{"9111 §5.2.2.4 and useless without", METHOD_GET, "", 200,
             "Cache-Control: no-cache, max-age=60", NULL},
            "no-lifetime"},

        {{"9111 §3.5", METHOD_GET, "Authorization: a", 200, "Cache-Control: max-age=60", NULL},
            "authorization"},
        {{"9111 §3.5 public", METHOD_GET, "Authorization: a", 200,
             "Cache-Control: max-age=60, public", NULL},
            ""},
        {{"9111 §3.5 must-revalidate", METHOD_GET, "Authorization: a", 200,
             "Cache-Control: max-age=60, must-revalidate", NULL},
            ""},
        {{"9111 §3.5 s-maxage", METHOD_GET, "Authorization: a", 200, "Cache-Control: s-maxage=60",
             NULL},
            ""},
        {{"9111 §3.5 proxy-revalidate does not do", METHOD_GET, "Authorization: a", 200,
             "Cache-Control: max-age=60, proxy-revalidate", NULL},
            "authorization"},
        {{"9111 §3.5 a rule does not do", METHOD_GET, "Authorization: a", 200, "X: 1", ttl_60},
            "authorization"},

        {{"9111 §4.1 *", METHOD_GET, "", 200, "Cache-Control: max-age=60\nVary: a, *", NULL},
            "vary-any"},
        {{"9111 §4.1 some names", METHOD_GET, "", 200, "Cache-Control: max-age=60\nVary: a, b",
             NULL},
            ""},
        {{"9111 §4.1 not names", METHOD_GET, "", 200, "Cache-Control: max-age=60\nVary: a b", NULL},
            "vary-limit"},
        {{"9111 §4.1 too many names", METHOD_GET, "", 200,
             "Cache-Control: max-age=60\nVary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", NULL},
            "vary-limit"},

        {{"9111 §7.3 explicit", METHOD_GET, "", 200, "Cache-Control: max-age=60\nSet-Cookie: a=b",
             NULL},
            ""},
        {{"9111 §7.3 heuristic", METHOD_GET, "", 200,
             DATE_NOW "\nLast-Modified: " AT_DAY_AGO "\nSet-Cookie: a=b", NULL},
            "set-cookie"},
        {{"9111 §7.3 validated each time", METHOD_GET, "", 200,
             "Cache-Control: max-age=60, no-cache\nETag: \"a\"\nSet-Cookie: a=b", NULL},
            "set-cookie"},
        {{"9111 §7.3 stale at once", METHOD_GET, "", 200,
             "Cache-Control: max-age=0\nETag: \"a\"\nSet-Cookie: a=b", NULL},
            "set-cookie"},
        {{"9111 §7.3 a rule is not its word", METHOD_GET, "", 200, "Set-Cookie: a=b", ttl_60},
            "set-cookie"},
        {{"9111 §7.3 never", METHOD_GET, "", 200, "Cache-Control: max-age=60\nSet-Cookie: a=b",
             cookies_never},
            "set-cookie"},
        {{"9111 §7.3 always", METHOD_GET, "", 200,
             DATE_NOW "\nLast-Modified: " AT_DAY_AGO "\nSet-Cookie: a=b", cookies_always},
            ""},
        {{"9111 §7.3 left out", METHOD_GET, "", 200,
             "Cache-Control: max-age=60, no-cache=\"set-cookie\"\nSet-Cookie: a=b", cookies_never},
            ""},

        {{"9111 §5.2.1.5 not honoured", METHOD_GET, "Cache-Control: no-store", 200,
             "Cache-Control: max-age=60", NULL},
            ""},
        {{"9111 §5.2.1.5 honoured", METHOD_GET, "Cache-Control: no-store", 200,
             "Cache-Control: max-age=60", honour},
            "request-no-store"},

        {{"9111 §3 cacheable by default", METHOD_GET, "", 404, "ETag: \"a\"", NULL}, ""},
        {{"9111 §3 not so", METHOD_GET, "", 403, "ETag: \"a\"", NULL}, "not-cacheable"},
        {{"9111 §3 not so", METHOD_GET, "", 302, "ETag: \"a\"", NULL}, "not-cacheable"},
        {{"9111 §3 unknown", METHOD_GET, "", 599, "ETag: \"a\"", NULL}, "not-cacheable"},
        {{"9111 §3 explicit", METHOD_GET, "", 599, "Cache-Control: max-age=60", NULL}, ""},
        {{"9111 §3 Expires", METHOD_GET, "", 302, DATE_NOW "\nExpires: " AT_100_ON, NULL}, ""},
        {{"9111 §3 public", METHOD_GET, "", 403, "Cache-Control: public\nETag: \"a\"", NULL}, ""},
        {{"rule", METHOD_GET, "", 302, "X: 1", ttl_60}, ""},
        {{"rules are not for errors", METHOD_GET, "", 403, "X: 1", ttl_60}, "not-cacheable"},
        {{"negative ttl", METHOD_GET, "", 503, "X: 1", negatives}, ""},
        {{"negative ttl of others", METHOD_GET, "", 403, "X: 1", negatives}, "not-cacheable"},

        {{"9111 §4.2 nothing said", METHOD_GET, "", 200, DATE_NOW, NULL}, "no-lifetime"},
        {{"9111 §4.2 nothing said, default", METHOD_GET, "", 200, DATE_NOW, default_60}, ""},
        {{"9111 §4.2 nothing but a validator", METHOD_GET, "", 200, "ETag: W/\"a\"", NULL}, ""},
        {{"9111 §4.2 arrives stale", METHOD_GET, "", 200, "Cache-Control: max-age=60\nAge: 60",
             no_stale},
            "no-lifetime"},
        {{"9111 §4.2 arrives stale, of use on errors", METHOD_GET, "", 200,
             "Cache-Control: max-age=60\nAge: 60", NULL},
            ""},
        {{"5861 §3 never fresh, but may be stale", METHOD_GET, "", 200,
             "Cache-Control: max-age=0, stale-while-revalidate=5", NULL},
            ""},
        {{"5861 §4 never fresh, but may be stale", METHOD_GET, "", 200,
             "Cache-Control: max-age=0, stale-if-error=5", NULL},
            ""},
        {{"5861 the site's windows alone", METHOD_GET, "", 200, "Cache-Control: max-age=0",
             stale_7},
            "no-lifetime"},

        {{"9213 §2.2 no-store there", METHOD_GET, "", 200,
             "CDN-Cache-Control: no-store\nCache-Control: max-age=60", NULL},
            "no-store"},
        {{"9213 §2.2 no-store elsewhere", METHOD_GET, "", 200,
             "CDN-Cache-Control: max-age=60\nCache-Control: no-store, private", NULL},
            ""},
        {{"9213 §2.2 broken", METHOD_GET, "", 200,
             "CDN-Cache-Control: max-age=60,\nCache-Control: private", NULL},
            "private"},
        {{"9213 §2.2 Expires does not count", METHOD_GET, "", 403,
             "CDN-Cache-Control: must-revalidate\n" DATE_NOW "\nExpires: " AT_100_ON, NULL},
            "not-cacheable"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct verdict v = judge(&rows[i].q);

        row_text(rows[i].q.row, nostore_token(v.reason), rows[i].token);
        row_check(rows[i].q.row, v.store == (v.reason == NOSTORE_NONE));
    }
}

#define GET METHOD_GET, ""

static void lifetimes(void **state)
{
    static const struct {
        struct question q;
        int64_t lifetime;
        const char *source;
    } rows[] = {
        {{"9111 §4.2.1 s-maxage first", GET, 200, "Cache-Control: max-age=60, s-maxage=5", NULL}, 5,
            "s-maxage"},
        {{"9111 §4.2.1 then max-age", GET, 200,
             "Cache-Control: max-age=60\n" DATE_NOW "\nExpires: " AT_100_ON, NULL},
            60, "max-age"},
        {{"9111 §4.2.1 then Expires", GET, 200, DATE_NOW "\nExpires: " AT_100_ON, NULL}, 100,
            "Expires"},
        {{"9111 §4.2.1 Expires - Date, not - now", GET, 200,
             "Date: " AT_100_AGO "\nExpires: " AT_100_ON, NULL},
            200, "Expires"},
        {{"9111 §4.2.1 without Date: since arrival", GET, 200, "Expires: " AT_100_ON, NULL}, 100,
            "Expires"},
        {{"9111 §4.2.1 invalid Date", GET, 200, "Date: x\nExpires: " AT_100_ON, NULL}, 100,
            "Expires"},
        {{"9111 §4.2.1 past", GET, 200, DATE_NOW "\nExpires: " AT_1970, NULL}, 0, "Expires"},
        {{"9111 §4.2.1 the first of two", GET, 200,
             DATE_NOW "\nExpires: " AT_100_ON "\nExpires: " AT_1970, NULL},
            100, "Expires"},
        {{"9111 §4.2.1 the smaller of two", GET, 200, "Cache-Control: max-age=60, max-age=5", NULL},
            5, "max-age"},
        {{"9111 §5.3 Expires: 0", GET, 200, DATE_NOW "\nExpires: 0", NULL}, 0, "Expires"},
        {{"9111 §5.3 empty", GET, 200, DATE_NOW "\nExpires:", NULL}, 0, "Expires"},
        {{"9111 §5.3 no heuristics beside Expires", GET, 200,
             DATE_NOW "\nExpires: 0\nLast-Modified: " AT_DAY_AGO, NULL},
            0, "Expires"},
        {{"9111 §1.2.2", GET, 200, "Cache-Control: max-age=99999999999", NULL}, FRESH_SECONDS_MAX,
            "max-age"},
        {{"9111 §1.2.2", GET, 200, DATE_NOW "\nExpires: Fri, 31 Dec 9999 23:59:59 GMT", NULL},
            FRESH_SECONDS_MAX, "Expires"},
        {{"9111 §4.2.2 a tenth", GET, 200, DATE_NOW "\nLast-Modified: " AT_DAY_AGO, NULL}, 8640,
            "heuristic"},
        {{"9111 §4.2.2 up to a day", GET, 200, DATE_NOW "\nLast-Modified: " AT_1970, NULL}, 86400,
            "heuristic"},
        {{"9111 §4.2.2 not from the future", GET, 200, DATE_NOW "\nLast-Modified: " AT_100_ON,
             NULL},
            0, "default"},
        {{"9111 §4.2.2 turned off", GET, 200, DATE_NOW "\nLast-Modified: " AT_DAY_AGO,
             no_heuristics},
            0, "default"},
        {{"9111 §4.2.2 status", GET, 503, DATE_NOW "\nLast-Modified: " AT_DAY_AGO, NULL}, 0,
            "default"},
        {{"9111 §4.2.2 status with public", GET, 599,
             "Cache-Control: public\n" DATE_NOW "\nLast-Modified: " AT_DAY_AGO, NULL},
            8640, "heuristic"},
        {{"9111 §4.2.2 404", GET, 404, DATE_NOW "\nLast-Modified: " AT_DAY_AGO, NULL}, 8640,
            "heuristic"},
        {{"default", GET, 200, DATE_NOW, default_60}, 60, "default"},
        {{"default of errors", GET, 503, DATE_NOW, default_60}, 0, "default"},
        {{"9213 §2.2", GET, 200, "CDN-Cache-Control: max-age=5\nCache-Control: s-maxage=60", NULL},
            5, "CDN-Cache-Control"},
        {{"9213 §2.2 without lifetime", GET, 200,
             "CDN-Cache-Control: public\nCache-Control: s-maxage=60", NULL},
            0, "default"},
        {{"ttl", GET, 200, "Cache-Control: s-maxage=5", ttl_60}, 60, "ttl"},
        {{"ttl counts from arrival", GET, 200, "Age: 100", ttl_60}, 160, "ttl"},
        {{"ttl is not for errors", GET, 404, "Cache-Control: max-age=5", ttl_60}, 5, "max-age"},
        {{"minimum", GET, 200, "Cache-Control: max-age=5", min_60_max_600}, 60, "minimum"},
        {{"minimum counts from arrival", GET, 200, "Cache-Control: max-age=5\nAge: 5",
             min_60_max_600},
            65, "minimum"},
        {{"minimum is not for errors", GET, 500, "Cache-Control: max-age=5", min_60_max_600}, 5,
            "max-age"},
        {{"maximum", GET, 200, "Cache-Control: max-age=5000", min_60_max_600}, 600, "maximum"},
        {{"maximum of heuristics", GET, 200, DATE_NOW "\nLast-Modified: " AT_1970, min_60_max_600},
            600, "maximum"},
        {{"no minimum", GET, 200, "Cache-Control: max-age=5\nAge: 100", NULL}, 5, "max-age"},
        {{"between", GET, 200, "Cache-Control: max-age=100", min_60_max_600}, 100, "max-age"},
        {{"negative", GET, 404, DATE_NOW, negatives}, 30, "negative-ttl"},
        {{"negative before heuristics", GET, 404, DATE_NOW "\nLast-Modified: " AT_1970, negatives},
            30, "negative-ttl"},
        {{"negative after its own word", GET, 404, "Cache-Control: max-age=7", negatives}, 7,
            "max-age"},
        {{"negative range", GET, 502, DATE_NOW, negatives}, 5, "negative-ttl"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct verdict v = judge(&rows[i].q);

        row_text(
            rows[i].q.row, fresh_source_name((enum fresh_source)v.fresh.source), rows[i].source);
        row_check(rows[i].q.row, v.fresh.lifetime_s == rows[i].lifetime);
    }
}

static void stale(void **state)
{
    static const struct {
        struct question q;
        int64_t refresh, error;
        const char *flags; /* n: no_cache, m: must_revalidate, i: immutable */
    } rows[] = {
        {{"the site's", GET, 200, "Cache-Control: max-age=60", NULL}, 0, 3600, ""},
        {{"the site's", GET, 200, "Cache-Control: max-age=60", stale_7}, 7, 8, ""},
        {{"5861 its own", GET, 200,
             "Cache-Control: max-age=60, stale-while-revalidate=1, stale-if-error=2", stale_7},
            1, 2, ""},
        {{"5861 none at all", GET, 200,
             "Cache-Control: max-age=60, stale-while-revalidate=0, stale-if-error=0", stale_7},
            0, 0, ""},
        {{"9111 §5.2.2.2", GET, 200,
             "Cache-Control: max-age=60, must-revalidate, stale-while-revalidate=1, "
             "stale-if-error=2",
             stale_7},
            0, 0, "m"},
        {{"9111 §5.2.2.8", GET, 200, "Cache-Control: max-age=60, proxy-revalidate", stale_7}, 0, 0,
            "m"},
        {{"9111 §5.2.2.4", GET, 200, "Cache-Control: no-cache, stale-if-error=2", stale_7}, 0, 0,
            "nm"},
        {{"9111 §5.2.2.4 fields only", GET, 200, "Cache-Control: max-age=60, no-cache=\"a\"", NULL},
            0, 3600, ""},
        {{"9111 §5.2.2.4 a field that we need", GET, 200,
             "Cache-Control: max-age=60, no-cache=\"Vary\"", NULL},
            0, 0, "nm"},
        {{"9111 §5.2.2.10", GET, 200, "Cache-Control: s-maxage=60", stale_7}, 0, 0, "m"},
        {{"9111 §5.2.2.10 and 5861", GET, 200, "Cache-Control: s-maxage=60, stale-if-error=2",
             stale_7},
            0, 2, "m"},
        {{"9111 §5.2.2.10 and 5861", GET, 200,
             "Cache-Control: s-maxage=60, stale-while-revalidate=1", stale_7},
            1, 0, "m"},
        {{"8246", GET, 200, "Cache-Control: max-age=60, immutable", NULL}, 0, 3600, "i"},
        {{"9213", GET, 200,
             "CDN-Cache-Control: max-age=60, stale-if-error=2\nCache-Control: must-revalidate",
             NULL},
            0, 2, ""},
        {{"a rule's lifetime counts in spite of no-cache", GET, 200, "Cache-Control: no-cache",
             ttl_60},
            0, 3600, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct verdict v = judge(&rows[i].q);
        struct span flags = arena_printf(&arena, "%s%s%s", v.fresh.no_cache ? "n" : "",
            v.fresh.must_revalidate ? "m" : "", v.fresh.immutable ? "i" : "");

        row_check(rows[i].q.row, v.fresh.while_revalidate_s == rows[i].refresh);
        row_check(rows[i].q.row, v.fresh.if_error_s == rows[i].error);
        row_text(rows[i].q.row, flags, rows[i].flags);
    }
}

static void omitted(void **state)
{
    struct http_response head = {.status = 200,
        .fields = fields_of(&arena, "Cache-Control: max-age=60, private=\"A, b\", no-cache=\"C\"\n"
                                    "a: 1\nB: 2\nc: 3\nC: 4\nd: 5")};
    struct cache_options options = cache_options_default();
    struct fields request = {0};
    struct verdict v;

    (void)state;
    policy_judge(&(struct policy_question){METHOD_GET, &request, NULL, &head, &options, NOW, NOW},
        &arena, &v);
    assert_true(v.store && v.omits && !v.fresh.no_cache);
    policy_omit(&v, &head.fields);
    assert_int_equal(head.fields.n, 2);
    row_text("9111 §5.2.2.7", head.fields.v[1].name, "d");
}

static void asked(void **state)
{
    static const struct {
        const char *fields, *said;
    } rows[] = {
        {"", "-1 -1 -1 -1"},
        {"Cache-Control: no-cache", "no-cache -1 -1 -1 -1"},
        {"Pragma: no-cache", "no-cache -1 -1 -1 -1"},                 /* 9111 §5.4 */
        {"Pragma: no-cache\nCache-Control: max-age=5", "5 -1 -1 -1"}, /* 9111 §5.4 */
        {"Cache-Control: no-store, only-if-cached", "no-store oic -1 -1 -1 -1"},
        {"Cache-Control: max-age=1, min-fresh=2, max-stale=3, stale-if-error=4", "1 2 3 4"},
        {"Cache-Control: max-stale", "-1 -1 2147483648 -1"},
    };
    struct cache_options options = cache_options_default();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fields f = fields_of(&arena, rows[i].fields);
        struct fresh_ask ask;

        options.honour_request = false;
        ask = policy_ask(&f, &options, &arena);
        row_check(rows[i].fields, !ask.honoured && !ask.no_store && !ask.only_if_cached);
        options.honour_request = true;
        ask = policy_ask(&f, &options, &arena);
        row_check(rows[i].fields, ask.honoured);
        row_text(rows[i].fields,
            arena_printf(&arena, "%s%s%s%lld %lld %lld %lld", ask.no_cache ? "no-cache " : "",
                ask.no_store ? "no-store " : "", ask.only_if_cached ? "oic " : "",
                (long long)ask.max_age, (long long)ask.min_fresh, (long long)ask.max_stale,
                (long long)ask.stale_if_error),
            rows[i].said);
    }
}

/* Every reason has words, and a token that needs no quotes in Cache-Status. */
static void reasons(void **state)
{
    (void)state;
    assert_int_equal(nostore_token(NOSTORE_NONE).n, 0);
    for (int r = NOSTORE_NONE + 1; r < NOSTORE_REASONS; r++) {
        struct span token = nostore_token((enum nostore_reason)r);

        assert_true(token.n > 0);
        for (size_t i = 0; i < token.n; i++)
            assert_true((token.p[i] >= 'a' && token.p[i] <= 'z') || token.p[i] == '-');
        assert_true(span_starts(nostore_section((enum nostore_reason)r), SPAN("RFC ")));
        assert_true(nostore_sentence((enum nostore_reason)r).n > 0);
    }
    assert_true(nostore_of_request(NOSTORE_AUTHORIZATION));
    assert_false(nostore_of_request(NOSTORE_PRIVATE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storable),
        cmocka_unit_test(lifetimes),
        cmocka_unit_test(stale),
        cmocka_unit_test(omitted),
        cmocka_unit_test(asked),
        cmocka_unit_test(reasons),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
