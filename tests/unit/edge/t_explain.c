#include "edge/explain.h"

#include "base/buf.h"
#include "cache/key.h"
#include "cache/object.h"
#include "cache/spec.h"
#include "cache/vary.h"
#include "edge/conf.h"
#include "edge/notstored.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOW = 1800000000, LIFETIME_S = 60, WHILE_S = 30, ERROR_S = 3600 };

static const char configuration[] =
    "listen 127.0.0.1:1;\n"
    "origin app { server http://127.0.0.1:1; }\n"
    "site www.example.com { origin app; honour-request on;\n"
    "    path /account/* { bypass; }\n"
    "    path /keyed* { key header x-device; key cookie plan; query sort; }\n"
    "    path /old/* { redirect 301 https://new.example.com$path; }\n"
    "}\n"
    "site *.example.org { origin app; }\n";

static struct edge_conf *conf;
static struct cache *cache;
static struct arena arena;
static struct explain_source source;

static int set_up(void **state)
{
    char path[] = "/tmp/t_explain.XXXXXX", err[256];
    int fd = mkstemp(path);
    struct buf errors;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(
        write(fd, configuration, sizeof(configuration) - 1), (ssize_t)sizeof(configuration) - 1);
    close(fd);
    buf_init(&errors, 64 << 10);
    conf = edge_conf_load_file(path, &errors);
    unlink(path);
    if (conf == NULL)
        fail_msg("%.*s", SPAN_ARG(buf_span(&errors)));
    buf_free(&errors);
    cache = cache_open(&(struct cache_conf){.memory_bytes = 8 << 20}, err, sizeof(err));
    assert_non_null(cache);
    arena_init(&arena);
    source = (struct explain_source){
        .conf = conf,
        .cache = cache,
        .notstored = notstored_new(),
        .now = NOW,
    };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    notstored_free(&source.notstored);
    cache_close(&cache);
    edge_conf_free(&conf);
    arena_free(&arena);
    return 0;
}

/* --- helpers ------------------------------------------------------------------------------ */

static struct cache_key store(const char *key, const char *etag)
{
    struct http_response head = {.status = 200, .minor = 1};
    struct freshness fresh = {
        .date_s = NOW - 2,
        .response_s = NOW,
        .age_value_s = 1,
        .delay_s = 1,
        .initial_age_s = 2,
        .lifetime_s = LIFETIME_S,
        .while_revalidate_s = WHILE_S,
        .if_error_s = ERROR_S,
        .source = FRESH_FROM_S_MAXAGE,
        .has_date = true,
    };
    struct cache_key k = cache_key_of(span_of(key));
    struct object *obj;

    fields_add(&head.fields, &arena, FIELD_ETAG, span_of(etag));
    obj = object_new(cache, &k, &head, &fresh, NULL);
    obj->whole = true;
    cache_put(cache, obj);
    object_release(&obj);
    return k;
}

static json_t *ask(const char *url, const char *method, const char *field)
{
    struct explain_question q = {.url = span_of(url), .method = span_of(method)};
    const char *why = "";
    json_t *answer;

    if (field != NULL)
        q.fields[q.fields_n++] = span_of(field);
    answer = explain(&source, &q, &arena, &why);
    if (answer == NULL)
        fail_msg("%s: %s", url, why);
    return answer;
}

/* "now.cache" of an answer; a number as text, null as "null". */
static const char *at(const json_t *o, const char *path)
{
    static char number[4][32];
    static unsigned turn;
    struct span rest = span_of(path), name;
    char text[64];

    while (span_cut(&rest, '.', &name)) {
        span_cstr(name, text, sizeof(text));
        o = json_is_array(o) ? json_array_get(o, (size_t)atoi(text)) : json_object_get(o, text);
    }
    if (json_is_string(o))
        return json_string_value(o);
    if (json_is_boolean(o))
        return json_is_true(o) ? "true" : "false";
    if (!json_is_integer(o))
        return o == NULL ? "missing" : json_is_null(o) ? "null" : "other";
    turn = (turn + 1) % 4;
    snprintf(number[turn], sizeof(number[0]), "%" JSON_INTEGER_FORMAT, json_integer_value(o));
    return number[turn];
}

/* --- tests -------------------------------------------------------------------------------- */

/* Every kind of answer, by what is stored and how old it is. */
static void each_status(void **state)
{
    static const struct {
        const char *url, *method, *field;
        int later_s;
        const char *cache, *status, *fwd, *if_none_match, *background, *on_failure;
    } rows[] = {
        {"http://www.example.com/a", "", NULL, 0, "HIT", "null", "null", "missing", "missing",
            "null"},
        {"www.example.com/a#top", "HEAD", NULL, 57, "HIT", "null", "null", "missing", "missing",
            "null"},
        {"www.example.com/a", "", NULL, 58, "UPDATING", "null", "null", "\"e\"", "true", "null"},
        {"www.example.com/a", "", NULL, 88, "EXPIRED", "null", "stale", "\"e\"", "false", "STALE"},
        {"www.example.com/a", "HEAD", NULL, 88, "EXPIRED", "null", "stale", "null", "false",
            "STALE"},
        {"www.example.com/a", "", NULL, 58 + ERROR_S, "EXPIRED", "null", "stale", "\"e\"", "false",
            "null"},
        {"www.example.com/a", "", "Cache-Control: no-cache", 0, "EXPIRED", "null", "request",
            "\"e\"", "false", "STALE"},
        {"www.example.com/b", "", NULL, 0, "MISS", "null", "uri-miss", "null", "false", "null"},
        {"www.example.com/b", "HEAD", NULL, 0, "MISS", "null", "uri-miss", "null", "false", "null"},
        {"www.example.com/b", "", "Cache-Control: only-if-cached", 0, "-", "504", "null", "missing",
            "missing", "null"},
        {"www.example.com/a", "POST", NULL, 0, "BYPASS", "null", "method", "null", "false", "null"},
        {"www.example.com/account/x", "", NULL, 0, "BYPASS", "null", "bypass", "null", "false",
            "null"},
        {"www.example.com/old/x", "", NULL, 0, "-", "301", "missing", "missing", "missing",
            "missing"},
        {"other.example.com/", "", NULL, 0, "-", "421", "missing", "missing", "missing", "missing"},
        {"www.example.com/%zz", "", NULL, 0, "-", "400", "missing", "missing", "missing",
            "missing"},
        {"www.example.com/a", "TRACE", NULL, 0, "-", "405", "missing", "missing", "missing",
            "missing"},
        {"www.example.com/a", "", "CDN-Loop: selvage", 0, "-", "508", "missing", "missing",
            "missing", "missing"},
    };

    (void)state;
    store("www.example.com/a", "\"e\"");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *o;

        source.now = NOW + rows[i].later_s;
        o = ask(rows[i].url, rows[i].method, rows[i].field);
        print_message("%s %s +%d\n", rows[i].method, rows[i].url, rows[i].later_s);
        assert_string_equal(at(o, "now.cache"), rows[i].cache);
        assert_string_equal(at(o, "now.status"), rows[i].status);
        assert_string_equal(at(o, "now.fwd"), rows[i].fwd);
        assert_string_equal(at(o, "now.origin.if_none_match"), rows[i].if_none_match);
        assert_string_equal(at(o, "now.origin.background"), rows[i].background);
        assert_string_equal(at(o, "now.on_failure"), rows[i].on_failure);
        assert_true(strlen(at(o, "now.why")) > 10);
        json_decref(o);
    }
}

static void site_and_rule(void **state)
{
    json_t *o = ask("HTTP://WWW.Example.com:80/account/../account/%7ex?q", "", NULL);

    (void)state;
    assert_string_equal(at(o, "running"), "true");
    assert_string_equal(at(o, "site.name"), "www.example.com");
    assert_string_equal(at(o, "site.line"), "3");
    assert_string_equal(at(o, "rule.path"), "/account/*");
    assert_string_equal(at(o, "policy.bypass"), "true");
    assert_string_equal(at(o, "policy.origin"), "app");
    assert_string_equal(at(o, "key.host"), "www.example.com");
    assert_string_equal(at(o, "key.path"), "/account/~x");
    assert_string_equal(at(o, "now.origin.request"), "GET /account/~x?q");
    json_decref(o);
    o = ask("a.b.example.org", "", NULL);
    assert_string_equal(at(o, "site.name"), "*.example.org");
    assert_string_equal(at(o, "rule"), "null");
    assert_string_equal(at(o, "key.path"), "/");
    json_decref(o);
}

static void key_parts(void **state)
{
    json_t *o = ask("www.example.com/keyed?b=2&a=1", "", "Cookie: x=1; plan=gold=1; y=2");

    (void)state;
    assert_string_equal(at(o, "key.query"), "a=1&b=2");
    assert_string_equal(at(o, "key.lines.0.kind"), "field");
    assert_string_equal(at(o, "key.lines.0.name"), "x-device");
    assert_string_equal(at(o, "key.lines.0.value"), "null");
    assert_string_equal(at(o, "key.lines.1.kind"), "cookie");
    assert_string_equal(at(o, "key.lines.1.name"), "plan");
    assert_string_equal(at(o, "key.lines.1.value"), "gold=1");
    assert_string_equal(at(o, "key.lines.2"), "missing");
    json_decref(o);
    /* A value that looks like lines of a key stays a value; what is not UTF-8 does no harm. */
    o = ask("www.example.com/keyed", "", "X-Device: 1:a cookie plan=1:b \xff");
    assert_string_equal(at(o, "key.lines.0.value"), "1:a cookie plan=1:b ?");
    assert_string_equal(at(o, "key.lines.1.value"), "null");
    json_decref(o);
}

static void arithmetic(void **state)
{
    json_t *o;

    (void)state;
    store("www.example.com/a", "\"e\"");
    source.now = NOW + 10;
    o = ask("www.example.com/a", "", NULL);
    assert_string_equal(at(o, "stored.etag"), "\"e\"");
    assert_string_equal(at(o, "freshness.lifetime_s"), "60");
    assert_string_equal(at(o, "freshness.lifetime_from"), "s-maxage");
    assert_string_equal(at(o, "freshness.initial_age_s"), "2");
    assert_string_equal(at(o, "freshness.resident_s"), "10");
    assert_string_equal(at(o, "freshness.age_s"), "12");
    assert_string_equal(at(o, "freshness.ttl_s"), "48");
    assert_string_equal(at(o, "freshness.date"), "Fri, 15 Jan 2027 07:59:58 GMT");
    assert_string_equal(at(o, "freshness.arrived"), "Fri, 15 Jan 2027 08:00:00 GMT");
    assert_string_equal(at(o, "freshness.stale_while_revalidate_s"), "30");
    assert_string_equal(at(o, "freshness.stale_if_error_s"), "3600");
    json_decref(o);
}

static struct span language_key(struct span spec, const char *language)
{
    struct fields request = {0};

    fields_add(&request, &arena, FIELD_ACCEPT_LANGUAGE, span_of(language));
    return vary_key_text(
        &arena, SPAN("www.example.com/v"), spec, &request, &conf->sites->policy.cache);
}

static void variants(void **state)
{
    const struct cache_key resource = cache_key_of(SPAN("www.example.com/v"));
    struct span old = SPAN("vary 0000000000000001 accept-language"),
                spec = SPAN("vary 00000000000000aa accept-language");
    struct cache_key de, other;
    struct object *stands;
    json_t *o;

    (void)state;
    spec_put(cache, &resource, NULL, old, NULL, &arena);
    other = store(arena_join(&arena, language_key(old, "fr"), span_make("", 1)).p, "\"fr\"");
    spec_add_variant(cache, &resource, &other, 64, &arena);
    stands = cache_peek(cache, &resource);
    spec_put(cache, &resource, stands, spec, NULL, &arena);
    object_release(&stands);
    de = store(arena_join(&arena, language_key(spec, "de"), span_make("", 1)).p, "\"de\"");
    spec_add_variant(cache, &resource, &de, 64, &arena);
    other = store(arena_join(&arena, language_key(spec, "en"), span_make("", 1)).p, "\"en\"");
    spec_add_variant(cache, &resource, &other, 64, &arena);

    o = ask("www.example.com/v", "", "Accept-Language: de");
    assert_string_equal(at(o, "now.cache"), "HIT");
    assert_string_equal(at(o, "stored.etag"), "\"de\"");
    assert_string_equal(at(o, "vary.fields.0"), "accept-language");
    assert_string_equal(at(o, "vary.request.0.value"), "de");
    assert_string_equal(at(o, "vary.variants.0.values.0.value"), "en");
    assert_string_equal(at(o, "vary.variants.0.chosen"), "false");
    assert_string_equal(at(o, "vary.variants.1.values.0.value"), "de");
    assert_string_equal(at(o, "vary.variants.1.chosen"), "true");
    assert_string_equal(at(o, "vary.variants.2"), "missing"); /* of an old specification */
    json_decref(o);

    o = ask("www.example.com/v", "", "Accept-Language: fr");
    assert_string_equal(at(o, "now.cache"), "MISS");
    assert_string_equal(at(o, "now.fwd"), "vary-miss");
    assert_string_equal(at(o, "vary.variants.1.chosen"), "false");
    json_decref(o);

    assert_true(cache_remove(cache, &de)); /* and is listed no more */
    o = ask("www.example.com/v", "", "Accept-Language: de");
    assert_string_equal(at(o, "vary.variants.0.values.0.value"), "en");
    assert_string_equal(at(o, "vary.variants.1"), "missing");
    json_decref(o);
}

static void last_not_stored(void **state)
{
    const struct cache_key key = cache_key_of(SPAN("www.example.com/p"));
    json_t *o = ask("www.example.com/p", "", NULL);

    (void)state;
    assert_string_equal(at(o, "not_stored"), "null");
    json_decref(o);
    notstored_put(source.notstored, key.hash, &(struct notstored){NOSTORE_PRIVATE, 203, NOW - 7});
    o = ask("www.example.com/p", "", NULL);
    assert_string_equal(at(o, "not_stored.reason"), "private");
    assert_string_equal(at(o, "not_stored.section"), "RFC 9111 §5.2.2.7");
    assert_string_equal(at(o, "not_stored.status"), "203");
    assert_string_equal(at(o, "not_stored.ago_s"), "7");
    json_decref(o);
}

static void without_an_edge(void **state)
{
    struct explain_source alone = {.conf = conf, .now = NOW};
    struct explain_question q = {.url = SPAN("www.example.com/account/1")};
    const char *why;
    json_t *o = explain(&alone, &q, &arena, &why);

    (void)state;
    assert_non_null(o);
    assert_string_equal(at(o, "running"), "false");
    assert_string_equal(at(o, "rule.path"), "/account/*");
    assert_string_equal(at(o, "now.cache"), "BYPASS");
    assert_string_equal(at(o, "not_stored"), "null");
    json_decref(o);
}

static void no_request(void **state)
{
    static const struct {
        const char *url, *method, *field;
    } rows[] = {
        {"http://", "", NULL},
        {"ftp://www.example.com/", "", NULL},
        {"www.example.com/a b", "", NULL},
        {"www.example.com/\r\nX: y", "", NULL},
        {"http://user@www.example.com/", "", NULL},
        {"www.example.com/", "GET /", NULL},
        {"www.example.com/", "GET\n", NULL},
        {"www.example.com/", "CONNECT", NULL},
        {"www.example.com/", "", ""},
        {"www.example.com/", "", "no colon"},
        {"www.example.com/", "", ": no name"},
        {"www.example.com/", "", "two: a\r\nlines: b"},
        {"www.example.com/", "", "space : b"},
        {"www.example.com/", "", "Host: other"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct explain_question q = {
            .url = span_of(rows[i].url), .method = span_of(rows[i].method)};
        const char *why = NULL;

        if (rows[i].field != NULL)
            q.fields[q.fields_n++] = span_of(rows[i].field);
        print_message("%s %s\n", rows[i].url, rows[i].field != NULL ? rows[i].field : "");
        assert_null(explain(&source, &q, &arena, &why));
        assert_true(strlen(why) > 5);
    }
}

/* Asking neither stores nor counts as a use: what could be evicted still can. */
static void leaves_no_trace(void **state)
{
    struct cache_stats before, after;

    (void)state;
    store("www.example.com/a", "\"e\"");
    cache_stats(cache, &before);
    for (int i = 0; i < 10; i++) {
        json_decref(ask("www.example.com/a", "", NULL));
        json_decref(ask("www.example.com/b", "", NULL));
    }
    cache_stats(cache, &after);
    assert_memory_equal(&before, &after, sizeof(before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(site_and_rule, set_up, tear_down),
        cmocka_unit_test_setup_teardown(key_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(arithmetic, set_up, tear_down),
        cmocka_unit_test_setup_teardown(variants, set_up, tear_down),
        cmocka_unit_test_setup_teardown(last_not_stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_an_edge, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_no_trace, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
