/* Orders to purge: what a query means, what it must not mean, and what a request would find. */
#include "edge/purge_order.h"

#include "base/buf.h"
#include "cache/key.h"
#include "cache/tags.h"
#include "edge/conf.h"
#include "edge/route.h"
#include "http/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char configuration[] =
    "listen 127.0.0.1:1;\n"
    "purge-from 10.0.0.0/8 ::1;\n"
    "origin app { server http://127.0.0.1:1; }\n"
    "site www.example.com example.com { origin app;\n"
    "    path /keyed* { key cookie plan; query sort; }\n"
    "    path /drop* { query drop utm_*; }\n"
    "    path /none* { query ignore; }\n"
    "}\n"
    "site *.example.org { origin app; merge-slashes on; purge-from 192.0.2.1; }\n"
    "site shop.example.net { origin app; purge-from none; }\n";

static struct edge_conf *conf;
static struct arena arena;

static struct edge_conf *load(const char *text, struct buf *errors)
{
    char path[] = "/tmp/t_purge_order.XXXXXX";
    int fd = mkstemp(path);
    struct edge_conf *c;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    c = edge_conf_load_file(path, errors);
    unlink(path);
    return c;
}

static int set_up(void **state)
{
    struct buf errors;

    (void)state;
    buf_init(&errors, 64 << 10);
    conf = load(configuration, &errors);
    if (conf == NULL)
        fail_msg("%.*s", SPAN_ARG(buf_span(&errors)));
    buf_free(&errors);
    arena_init(&arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_conf_free(&conf);
    arena_free(&arena);
    return 0;
}

/* "soft url a b", "hard tag@site a", "soft all wait", or "error: why" */
static const char *read_as(const char *query)
{
    static char text[4096];
    struct purge_order o;
    const char *why = "";
    size_t n;

    if (!purge_order_read(&o, span_of(query), conf, &arena, &why)) {
        snprintf(text, sizeof(text), "error: %s", why);
        return text;
    }
    n = (size_t)snprintf(text, sizeof(text), "%s %.*s%s%.*s", o.hard ? "hard" : "soft",
        SPAN_ARG(purge_scope_name(o.scope)), o.site.n > 0 ? "@" : "", SPAN_ARG(o.site));
    for (unsigned i = 0; i < o.texts_n && n < sizeof(text); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", o.texts[i].n > 0 ? " " : "",
            SPAN_ARG(o.texts[i]));
    if (o.wait && n < sizeof(text))
        snprintf(text + n, sizeof(text) - n, " wait");
    return text;
}

struct row {
    const char *query, *means;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *got = read_as(rows[i].query);
        bool error = strncmp(rows[i].means, "error", 5) == 0;

        /* Of an error, what it has to say. */
        if (error ? strncmp(got, "error", 5) != 0 || strstr(got, rows[i].means + 7) == NULL
                  : strcmp(got, rows[i].means) != 0)
            fail_msg("%s: %s", rows[i].query, got);
    }
}

static void urls_are_what_requests_find(void **state)
{
    static const struct row rows[] = {
        {"url=www.example.com/a", "soft url www.example.com/a"},
        {"url=http://www.example.com/a", "soft url www.example.com/a"},
        {"url=HTTP://WWW.Example.COM.:80/a", "soft url www.example.com/a"},
        {"url=https://www.example.com/a", "soft url www.example.com/a"},
        {"url=www.example.com:8080/a", "soft url www.example.com:8080/a"},
        {"url=www.example.com", "soft url www.example.com/"},
        {"url=www.example.com/a%23part", "soft url www.example.com/a"},
        {"url=www.example.com/./b/../%2541", "soft url www.example.com/A"},
        {"url=www.example.com/%25c3%25a9", "soft url www.example.com/%C3%A9"},
        {"url=www.example.com//a", "soft url www.example.com//a"},
        {"url=x.example.org//a///b", "soft url x.example.org/a/b"},
        {"url=a.b.example.org/", "soft url a.b.example.org/"},
        {"url=www.example.com/a?", "soft url www.example.com/a?"},
        {"url=www.example.com/a?b=1%26a=2", "soft url www.example.com/a?b=1&a=2"},
        {"url=www.example.com/keyed?b=1%26a=2", "soft url www.example.com/keyed?a=2&b=1"},
        {"url=www.example.com/drop?utm_x=1%26a=2", "soft url www.example.com/drop?a=2"},
        {"url=www.example.com/drop?utm_x=1", "soft url www.example.com/drop"},
        {"url=www.example.com/none?a", "soft url www.example.com/none"},
        {"url=www.example.com/a&url=x.example.org/b", "soft url www.example.com/a x.example.org/b"},
        {"url=www.example.org", "soft url www.example.org/"},
        {"url=example.org", "error: no site"},
        {"url=www.example.com.evil/", "error: no site"},
        {"url=/a", "error: no URL"},
        {"url=", "error: no URL"},
        {"url", "error: no URL"},
        {"url=ftp://www.example.com/a", "error: no URL"},
        {"url=user@www.example.com/a", "error: no URL"},
        {"url=www.example.com/a%20b", "error: no URL"},
        {"url=www.example.com/a%0ab", "error: no URL"},
        {"url=www.example.com:0/", "error: no URL"},
        {"url=www.example.com/%25zz", "error: percent sign"},
        {"url=www.example.com/%2500", "error: NUL"},
        {"url=www.example.com/%00", "error: NUL"},
        {"url=www.example.com/%z", "error: percent sign"},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

/* What is purged is the first line of the key that a request makes. */
static void the_key_begins_with_the_text(void **state)
{
    static const char *const urls[] = {"www.example.com/keyed?b=1&a=2", "WWW.example.com:81/%7e",
        "x.example.org//a//", "example.com/drop?utm_a&b", "www.example.com/?"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct http_request req = {.method = METHOD_GET, .minor = 1};
        struct purge_order o;
        struct route route;
        struct span first;

        assert_true(uri_target_parse(route_target_of(span_of(urls[i]), false, &arena), &req));
        assert_int_equal(route_find(&route, conf->table, &req, &arena), ROUTE_FOUND);
        assert_true(route_key(&route, &req.fields, &arena));
        assert_true(purge_order_of_route(&o, &route, &arena));
        assert_false(o.hard);
        assert_int_equal(o.scope, PURGE_URL);
        assert_int_equal(o.texts_n, 1);
        first = span_make(route.key.text.p, span_find(route.key.text, '\n'));
        if (!span_eq(first, o.texts[0]))
            fail_msg("%s: %.*s", urls[i], SPAN_ARG(o.texts[0]));
    }
}

static void prefixes_begin_normal_forms(void **state)
{
    static const struct row rows[] = {
        {"prefix=www.example.com", "soft prefix www.example.com/"},
        {"prefix=www.example.com/", "soft prefix www.example.com/"},
        {"prefix=http://WWW.example.com:80/img/a", "soft prefix www.example.com/img/a"},
        {"prefix=www.example.com/a/../img/", "soft prefix www.example.com/img/"},
        {"prefix=www.example.com/%257eme", "soft prefix www.example.com/~me"},
        {"prefix=www.example.com/%25c3", "soft prefix www.example.com/%C3"},
        {"prefix=x.example.org//a//", "soft prefix x.example.org/a/"},
        {"prefix=www.example.com/a?b=", "soft prefix www.example.com/a?b="},
        {"prefix=www.example.com/a?", "soft prefix www.example.com/a?"},
        {"prefix=www.example.com/a..", "soft prefix www.example.com/a.."},
        {"prefix=www.example.com/.well-known/", "soft prefix www.example.com/.well-known/"},
        {"prefix=www.example.com/keyed?a=1%26b=2", "soft prefix www.example.com/keyed?a=1&b=2"},
        {"prefix=www.example.com/keyed?b=1%26a=2", "error: rules change this query"},
        {"prefix=www.example.com/drop?utm_a", "error: rules change this query"},
        {"prefix=www.example.com/none?a", "error: rules change this query"},
        {"prefix=www.example.com/a%25", "error: within a percent-encoded"},
        {"prefix=www.example.com/a%252", "error: within a percent-encoded"},
        {"prefix=www.example.com/a?b%252", "error: within a percent-encoded"},
        {"prefix=www.example.com/a%252?b", "error: percent sign"},
        {"prefix=www.example.com/..", "error: dots"},
        {"prefix=www.example.com/a/.", "error: dots"},
        {"prefix=www.example.com/a/%252e%252E", "error: dots"},
        {"prefix=www.example.com/a/.%252e", "error: dots"},
        {"prefix=www.example.com/..?a", "error: dots"},
        {"prefix=www.example.com/a*", "error: star"},
        {"prefix=www.exam", "error: no site"},
        {"prefix=/img", "error: no URL"},
        {"prefix=", "error: no URL"},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void tags_and_sites(void **state)
{
    static const struct row rows[] = {
        {"tag=news", "soft tag news"},
        {"tag=a&tag=b%26c&tag=A", "soft tag a b&c A"},
        {"tag=%c3%a9", "soft tag \xc3\xa9"},
        {"tag=a+b", "soft tag a+b"},
        {"tag=a%20b", "soft tag a b"},
        {"tag=a&site=www.example.com", "soft tag@www.example.com a"},
        {"site=example.com&tag=a&hard", "hard tag@www.example.com a"},
        {"tag=", "error: empty"},
        {"tag", "error: empty"},
        {"tag=%20a", "error: white space"},
        {"tag=a%09", "error: white space"},
        {"tag=a%0a", "error: control"},
        {"tag=a&site=www.example.com&site=*.example.org", "error: to one site"},
        {"tag=a&site=nowhere", "error: no site"},
        {"site=www.example.com", "soft site www.example.com"},
        {"site=EXAMPLE.com", "soft site www.example.com"},
        {"site=*.example.org", "soft site *.example.org"},
        {"site=shop.example.net&site=example.com", "soft site shop.example.net www.example.com"},
        /* One host of many would purge them all. */
        {"site=x.example.org", "error: no site"},
        {"site=*.EXAMPLE.org", "soft site *.example.org"},
        {"site=*", "error: no site"},
        {"site=shop.example.nut", "error: did you mean shop.example.net?"},
        {"site=", "error: no site"},
        {"site=www.example.com/", "error: no site"},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

static void one_kind_and_known_parameters(void **state)
{
    static const struct row rows[] = {
        {"all", "soft all"},
        {"all=1&hard=1&wait=1", "hard all wait"},
        {"all&all&hard=0&wait=0", "soft all"},
        {"hard&wait&tag=a", "hard tag a wait"},
        {"hard=1&hard=0&tag=a", "soft tag a"},
        {"all=0", "error: nothing says"},
        {"", "error: nothing says"},
        {"&&", "error: nothing says"},
        {"hard=1", "error: nothing says"},
        {"hard=yes&all", "error: 1 or 0"},
        {"wait=01&all", "error: 1 or 0"},
        {"all=true", "error: 1 or 0"},
        {"all&tag=a", "error: one kind"},
        {"url=www.example.com/&prefix=www.example.com/", "error: one kind"},
        {"all&site=www.example.com", "error: narrows tags"},
        {"url=www.example.com/&site=www.example.com", "error: narrows tags"},
        {"tags=a", "error: there are url, prefix, tag, site, all, hard and wait"},
        {"Tag=a", "error: \"Tag\""},
        {"=a", "error: no parameter"},
        {"tag=a&x", "error: \"x\""},
    };

    (void)state;
    check_rows(rows, ARRAY_LEN(rows));
}

/* "tag=a" n times, or a tag of n bytes. */
static const char *many(unsigned n, const char *name)
{
    struct buf b;
    const char *text;

    buf_init(&b, 1 << 20);
    for (unsigned i = 0; i < n; i++)
        assert_true(buf_printf(&b, "%s%s", i > 0 ? "&" : "", name));
    text = arena_dup(&arena, buf_span(&b)).p;
    buf_free(&b);
    return text;
}

/* `start` and as many further bytes. */
static const char *longer(const char *start, size_t by)
{
    size_t n = strlen(start);
    char *text = arena_alloc(&arena, n + by + 1);

    memcpy(text, start, n);
    memset(text + n, 'x', by);
    text[n + by] = '\0';
    return text;
}

static void counts_and_lengths_are_bounded(void **state)
{
    struct purge_order o;
    const char *why;

    (void)state;
    assert_true(purge_order_read(&o, span_of(many(PURGE_TEXTS_MAX, "tag=a")), conf, &arena, &why));
    assert_int_equal(o.texts_n, PURGE_TEXTS_MAX);
    assert_non_null(strstr(read_as(many(PURGE_TEXTS_MAX + 1, "tag=a")), "at most 100"));
    assert_true(purge_order_read(
        &o, span_of(many(PURGE_TEXTS_MAX, "site=example.com")), conf, &arena, &why));
    assert_non_null(strstr(read_as(many(PURGE_TEXTS_MAX + 1, "site=example.com")), "too many"));
    assert_true(purge_order_read(&o, span_of(longer("tag=", TAG_BYTES_MAX)), conf, &arena, &why));
    assert_int_equal(o.texts[0].n, TAG_BYTES_MAX);
    assert_non_null(strstr(read_as(longer("tag=", TAG_BYTES_MAX + 1)), "more than 1024"));
    assert_true(purge_order_read(
        &o, span_of(longer("url=example.com/", PURGE_TEXT_MAX - 12)), conf, &arena, &why));
    assert_int_equal(o.texts[0].n, PURGE_TEXT_MAX);
    assert_non_null(
        strstr(read_as(longer("url=example.com/", PURGE_TEXT_MAX - 11)), "longer than the 8192"));
    /* What it repeats is cut. */
    assert_true(strlen(read_as(longer("url=example.com/", PURGE_TEXT_MAX))) < 400);
}

/* --- purge-from --------------------------------------------------------------------------- */

static bool allowed(const char *host, const char *address)
{
    const struct site *s = site_find(conf->table, span_of(host));
    struct addr a;

    assert_true(addr_parse_ip(span_of(address), 1, &a));
    return network_list_has(&s->purge_from, &a);
}

static void sites_say_who_may(void **state)
{
    (void)state;
    assert_true(allowed("example.com", "10.1.2.3"));
    assert_true(allowed("example.com", "::1"));
    assert_true(allowed("example.com", "::ffff:10.1.2.3"));
    assert_false(allowed("example.com", "192.0.2.1"));
    assert_true(allowed("x.example.org", "192.0.2.1"));
    assert_false(allowed("x.example.org", "10.1.2.3"));
    assert_false(allowed("shop.example.net", "10.1.2.3"));
    assert_int_equal(site_find(conf->table, SPAN("shop.example.net"))->purge_from.n, 0);
}

static void wrong_networks_are_said(void **state)
{
    static const struct {
        const char *value, *says;
    } rows[] = {
        {"10.0.0.1/8", "goes on behind its bits"},
        {"localhost", "is no network"},
        {"10.0.0.0/33", "number of bits"},
        {"::/0 none", "\"none\" is no network"},
        {"", "purge-from"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf errors;
        char text[256];

        snprintf(text, sizeof(text),
            "listen 127.0.0.1:1;\npurge-from %s;\nsite * { origin http://127.0.0.1:1; }\n",
            rows[i].value);
        buf_init(&errors, 64 << 10);
        assert_null(load(text, &errors));
        assert_true(buf_append(&errors, span_make("", 1)));
        if (strstr(errors.p, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].value, errors.p);
        buf_free(&errors);
    }
}

int main(void)
{
#define IN_CONF(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_CONF(urls_are_what_requests_find),
        IN_CONF(the_key_begins_with_the_text),
        IN_CONF(prefixes_begin_normal_forms),
        IN_CONF(tags_and_sites),
        IN_CONF(one_kind_and_known_parameters),
        IN_CONF(counts_and_lengths_are_bounded),
        IN_CONF(sites_say_who_may),
        IN_CONF(wrong_networks_are_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
