#include "edge/conf.h"

#include "base/clock.h"
#include "origin/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Each test has a directory of its own, which is the current one: errors begin with "c:". */
static char dir[] = "/tmp/t_conf.XXXXXX";
static char errors_text[64 * 1024];

static int set_up(void **state)
{
    (void)state;
    memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(mkdir("www", 0755), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink("c");
    unlink("d");
    rmdir("www");
    return chdir("/") != 0 || rmdir(dir) != 0;
}

static void write_file(const char *name, struct span text)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
}

/* What was reported, in errors_text. */
static struct edge_conf *read_file(const char *name)
{
    struct edge_conf *c;
    struct buf errors;

    buf_init(&errors, sizeof(errors_text) - 1);
    c = edge_conf_load_file(name, &errors);
    span_cstr(buf_span(&errors), errors_text, sizeof(errors_text));
    buf_free(&errors);
    return c;
}

static struct edge_conf *load(const char *text)
{
    struct edge_conf *c;

    write_file("c", span_of(text));
    c = read_file("c");
    if (c == NULL)
        fail_msg("%s", errors_text);
    assert_string_equal(errors_text, "");
    return c;
}

/* The one fault, or all of them, each with its newline. */
static void assert_faults(const char *text, const char *want)
{
    struct edge_conf *c;

    write_file("c", span_of(text));
    c = read_file("c");
    if (c != NULL)
        fail_msg("taken: %s", text);
    if (strcmp(errors_text, want) != 0)
        fail_msg("%s\nsays\n%sinstead of\n%s", text, errors_text, want);
}

/* Inside a site that is fine but for this; it begins in column 11 of the second line. */
#define LISTEN "listen 127.0.0.1:0;\n"
static void assert_site_fault(const char *inside, const char *want)
{
    char text[2048], fault[2048];

    snprintf(text, sizeof(text), LISTEN "site a.b { %s origin http://o; }\n", inside);
    snprintf(fault, sizeof(fault), "c:2:%s\n", want);
    assert_faults(text, fault);
}

#define assert_span(got, want)                                                                     \
    do {                                                                                           \
        struct span got_ = (got);                                                                  \
        if (!span_eq(got_, span_of(want)))                                                         \
            fail_msg("%s: \"%.*s\" instead of \"%s\"", #got, SPAN_ARG(got_), (want));              \
    } while (0)

/* --- what is right -------------------------------------------------------------------------- */

static void a_short_file_has_defaults(void **state)
{
    struct edge_conf *c = load(LISTEN "site a.example { origin http://127.0.0.1:8000; }");
    const struct cache_options wanted = cache_options_default();
    const struct policy *p = &c->sites->policy;

    (void)state;
    assert_in_range(c->daemon.workers, 1, 128);
    assert_span(c->daemon.path, "c");
    assert_span(c->name, "selvage");
    assert_span(c->daemon.control, "off");
    assert_span(c->access_log, "off");
    assert_int_equal(c->access_format, ACCESS_COMBINED);
    assert_int_equal(c->daemon.error_log.n, 0);
    assert_int_equal(c->daemon.error_log_level, LOG_INFO);
    assert_int_equal(c->daemon.stop_grace_ms, 10000);
    assert_int_equal(c->resolver.n, 0);
    assert_null(c->daemon.metrics);
    assert_int_equal(c->cache.memory_bytes, 256 << 20);
    assert_int_equal(c->session.limits.line_bytes, 8192);
    assert_int_equal(c->session.limits.fields, 100);
    assert_span(c->daemon.listens->text, "127.0.0.1:0");
    assert_null(c->daemon.listens->next);

    assert_null(c->sites->next);
    assert_span(c->sites->name, "a.example");
    assert_null(c->sites->rules);
    assert_int_equal(p->redirect_status, 0);
    assert_false(p->bypass);
    assert_false(p->pass_trailers);
    assert_null(p->headers);
    assert_memory_equal(&p->cache, &wanted, sizeof(wanted));
    assert_int_equal(p->origin->servers_n, 1);
    assert_span(p->origin->servers[0].host, "127.0.0.1");
    assert_int_equal(p->origin->servers[0].port, 8000);
    assert_ptr_equal(site_find(c->table, SPAN("a.example")), c->sites);
    assert_null(site_find(c->table, SPAN("b.example")));
    edge_conf_free(&c);
    assert_null(c);
    edge_conf_free(&c); /* harmless */
}

static void main_takes_what_it_says(void **state)
{
    struct edge_conf *c =
        load("listen 127.0.0.1:0; listen [::1]:8080;\n"
             "workers 3; name edge-1.fra; control ctl.sock; metrics 127.0.0.1:9100;\n"
             "error-log err.log debug; access-log acc.log json; stop-grace 3s;\n"
             "resolver 127.0.0.1; cache { memory 64MiB; object-max 1MiB; }\n"
             "request-line 4KiB; head-timeout 2s; site * { origin http://o; }\n");

    (void)state;
    assert_span(c->daemon.listens->text, "127.0.0.1:0");
    assert_span(c->daemon.listens->next->text, "[::1]:8080");
    assert_int_equal(c->daemon.workers, 3);
    assert_span(c->name, "edge-1.fra");
    assert_span(c->daemon.control, "ctl.sock");
    assert_span(c->daemon.metrics->text, "127.0.0.1:9100");
    assert_span(c->daemon.error_log, "err.log");
    assert_int_equal(c->daemon.error_log_level, LOG_DEBUG);
    assert_span(c->access_log, "acc.log");
    assert_int_equal(c->access_format, ACCESS_JSON);
    assert_int_equal(c->daemon.stop_grace_ms, 3000);
    assert_span(c->resolver, "127.0.0.1:53");
    assert_int_equal(c->cache.memory_bytes, 64 << 20);
    assert_int_equal(c->cache.object_max_bytes, 1 << 20);
    assert_int_equal(c->session.limits.line_bytes, 4096);
    assert_int_equal(c->session.head_timeout_ms, 2000);
    edge_conf_free(&c);
    c = load("resolver [::1]:5353; error-log stderr warn; access-log stderr;" LISTEN
             "site * { origin http://o; }");
    assert_span(c->resolver, "[::1]:5353");
    assert_int_equal(c->daemon.error_log.n, 0);
    assert_int_equal(c->daemon.error_log_level, LOG_WARN);
    assert_span(c->access_log, "stderr");
    edge_conf_free(&c);
    c = load("resolver ::1;" LISTEN "site * { origin http://o; }");
    assert_span(c->resolver, "[::1]:53");
    edge_conf_free(&c);
}

static void hosts_have_one_form(void **state)
{
    struct edge_conf *c = load(LISTEN "site WWW.Example.COM. *.Example.com 192.0.2.1 [2001:DB8::1]"
                                      " { origin http://o; }\nsite * { origin http://p; }");
    const struct site *s = c->sites;

    (void)state;
    assert_int_equal(s->hosts_n, 4);
    assert_ptr_equal(site_find(c->table, SPAN("www.example.com")), s);
    assert_ptr_equal(site_find(c->table, SPAN("a.b.example.com")), s);
    assert_ptr_equal(site_find(c->table, SPAN("192.0.2.1")), s);
    assert_ptr_equal(site_find(c->table, s->hosts[3]), s);
    assert_ptr_equal(site_find(c->table, SPAN("example.com")), s->next);
    edge_conf_free(&c);
}

static void origins_are_shared_by_name(void **state)
{
    struct edge_conf *c = load(LISTEN "site a { origin app; path /x { origin http://o:81; } }\n"
                                      "site b { origin http://o:81; }\n"
                                      "site c { origin file:www; } site d { origin ./www; }\n"
                                      "origin app { server http://app1; server http://app2:8080/; "
                                      "connect-timeout 1s; }\norigin spare { directory www; }");
    const struct site *a = c->sites, *b = a->next;
    unsigned used = 0, all = 0;

    (void)state;
    assert_span(a->policy.origin->name, "app");
    assert_int_equal(a->policy.origin->servers_n, 2);
    assert_int_equal(a->policy.origin->servers[1].port, 8080);
    assert_int_equal(a->policy.origin->options.connect_timeout_ms, 1000);
    assert_ptr_equal(a->rules->policy.origin, b->policy.origin);
    assert_int_equal(b->policy.origin->options.connect_timeout_ms, 2000);
    assert_string_equal(b->next->policy.origin->directory, "www");
    assert_string_equal(b->next->next->policy.origin->directory, "./www");
    for (const struct origin_entry *e = c->origins; e != NULL; e = e->next) {
        all++;
        used += e->used;
        assert_true(e->used != span_eq(e->name, SPAN("spare")));
    }
    assert_int_equal(all, 5);
    assert_int_equal(used, 4);
    edge_conf_free(&c);
}

/* Files say nothing of lifetimes. */
static void directories_have_a_lifetime(void **state)
{
    struct edge_conf *c = load(LISTEN "site a { origin file:www; path /t { ttl 5s; }"
                                      " path /o { origin http://o; } path /x { bypass; } }\n"
                                      "site b { origin http://o; path /f { origin file:www; } }");
    const struct path_rule *r = c->sites->rules;

    (void)state;
    assert_int_equal(c->sites->policy.cache.ttl_s, 60);
    assert_int_equal(r->policy.cache.ttl_s, 5);
    assert_int_equal(r->next->policy.cache.ttl_s, -1);
    assert_int_equal(r->next->next->policy.cache.ttl_s, 60);
    assert_int_equal(c->sites->next->policy.cache.ttl_s, -1);
    assert_int_equal(c->sites->next->rules->policy.cache.ttl_s, 60);
    edge_conf_free(&c);
}

/* A path begins as its site, wherever in the site it stands. */
static void paths_inherit_and_do_not_leak_back(void **state)
{
    struct edge_conf *c = load(
        LISTEN "site a {\n"
               "  path /one { header set X-B 2; header unset X-C; ttl 1m; key header X-K;"
               " negative-ttl 404 1s; vary Accept pass; query only q; key cookie sid;"
               " trailers off; honour-request off; }\n"
               "  path /two { }\n"
               "  origin http://o; header set X-A 1; ttl 1h; key header X-J;\n"
               "  negative-ttl 5xx 2s; vary Accept-Language normalise de en; query drop utm_*;\n"
               "  trailers on; honour-request on; }");
    const struct policy *s = &c->sites->policy, *one = &c->sites->rules->policy,
                        *two = &c->sites->rules->next->policy;

    (void)state;
    assert_span(c->sites->rules->pattern, "/one");
    assert_int_equal(c->sites->rules->at.line, 3);
    assert_memory_equal(two, s, sizeof(*s));

    assert_span(s->headers->name, "X-A");
    assert_null(s->headers->next);
    assert_span(one->headers->name, "X-A");
    assert_span(one->headers->next->name, "X-B");
    assert_span(one->headers->next->value, "2");
    assert_int_equal(one->headers->next->next->op, HEADER_UNSET);
    assert_span(one->headers->next->next->name, "X-C");
    assert_null(one->headers->next->next->next);

    assert_int_equal(s->cache.ttl_s, 3600);
    assert_int_equal(one->cache.ttl_s, 60);

    assert_int_equal(s->cache.key_fields_n, 1);
    assert_int_equal(s->cache.key_cookies_n, 0);
    assert_int_equal(one->cache.key_fields_n, 2);
    assert_span(one->cache.key_fields[0], "x-j");
    assert_span(one->cache.key_fields[1], "x-k");
    assert_int_equal(one->cache.key_cookies_n, 1);
    assert_span(one->cache.key_cookies[0], "sid");

    assert_int_equal(s->cache.negative_n, 1);
    assert_int_equal(one->cache.negative_n, 2);
    assert_int_equal(one->cache.negative[0].first, 404);
    assert_int_equal(one->cache.negative[0].ttl_s, 1);
    assert_int_equal(one->cache.negative[1].first, 500);
    assert_int_equal(one->cache.negative[1].last, 599);

    assert_int_equal(s->cache.vary_n, 1);
    assert_int_equal(one->cache.vary_n, 2);
    assert_span(one->cache.vary[0].name, "accept");
    assert_span(one->cache.vary[1].name, "accept-language");

    assert_int_equal(s->cache.query, QUERY_DROP);
    assert_span(s->cache.query_names[0], "utm_*");
    assert_int_equal(one->cache.query, QUERY_ONLY);
    assert_int_equal(one->cache.query_names_n, 1);
    assert_span(one->cache.query_names[0], "q");

    assert_true(s->pass_trailers && s->cache.honour_request);
    assert_false(one->pass_trailers || one->cache.honour_request);
    edge_conf_free(&c);
}

static void lines_of_a_block_add_up(void **state)
{
    struct edge_conf *c = load(
        LISTEN "site a { origin http://o; key header X-A x-b; key cookie C; key header X-C;\n"
               "query drop a b; query drop c_*; query sort; negative-ttl 404 410 300-399 10s;\n"
               "negative-ttl 4xx 1h; vary Accept-Encoding normalise GZIP br; vary Cookie ignore;\n"
               "path /o { query only z; } path /k { query keep; } path /i { query ignore; } }");
    const struct cache_options *o = &c->sites->policy.cache;
    const struct path_rule *r = c->sites->rules;

    (void)state;
    assert_int_equal(o->key_fields_n, 3);
    assert_span(o->key_fields[0], "x-a");
    assert_span(o->key_fields[1], "x-b");
    assert_span(o->key_fields[2], "x-c");
    assert_int_equal(o->key_cookies_n, 1);
    assert_span(o->key_cookies[0], "C"); /* names of cookies have a case */
    assert_int_equal(o->query, QUERY_DROP);
    assert_true(o->query_sort);
    assert_int_equal(o->query_names_n, 3);
    assert_span(o->query_names[0], "a");
    assert_span(o->query_names[2], "c_*");
    assert_int_equal(o->negative_n, 4);
    assert_int_equal(o->negative[0].first, 400); /* the newest line counts first */
    assert_int_equal(o->negative[0].ttl_s, 3600);
    assert_int_equal(o->negative[1].first, 404);
    assert_int_equal(o->negative[3].first, 300);
    assert_int_equal(o->negative[3].last, 399);
    assert_int_equal(o->vary_n, 2);
    assert_span(o->vary[0].name, "cookie");
    assert_int_equal(o->vary[0].how, VARY_IGNORE);
    assert_int_equal(o->vary[1].how, VARY_NORMALISE);
    assert_int_equal(o->vary[1].values_n, 2);
    assert_span(o->vary[1].values[0], "gzip");
    assert_int_equal(r->policy.cache.query_names_n, 1);
    assert_int_equal(r->next->policy.cache.query, QUERY_KEEP);
    assert_int_equal(r->next->policy.cache.query_names_n, 0);
    assert_int_equal(r->next->next->policy.cache.query, QUERY_IGNORE);
    edge_conf_free(&c);
}

static void every_lifetime_is_stored_in_seconds(void **state)
{
    struct edge_conf *c = load(LISTEN "site a { origin http://o; ttl 0; default-ttl 2s; min-ttl 3s;"
                                      " max-ttl 4m; heuristic-max 5h; stale-while-revalidate 6s;"
                                      " stale-if-error 7d; set-cookie always; }");
    const struct cache_options *o = &c->sites->policy.cache;

    (void)state;
    assert_int_equal(o->ttl_s, 0);
    assert_int_equal(o->default_s, 2);
    assert_int_equal(o->min_s, 3);
    assert_int_equal(o->max_s, 240);
    assert_int_equal(o->heuristic_max_s, 5 * 3600);
    assert_int_equal(o->stale_while_revalidate_s, 6);
    assert_int_equal(o->stale_if_error_s, 7 * 86400);
    assert_int_equal(o->set_cookie, SET_COOKIE_ALWAYS);
    edge_conf_free(&c);
}

static void redirects_need_no_origin(void **state)
{
    struct edge_conf *c = load(LISTEN "site a { redirect 301 https://b$path;"
                                      " path /.well-known/* { origin http://acme; }"
                                      " path /p { redirect /q; } path /r { ttl 1s; }\n"
                                      " path /s { redirect 308 HTTP://x/; origin http://acme; } }");
    const struct path_rule *r = c->sites->rules;

    (void)state;
    assert_int_equal(c->sites->policy.redirect_status, 301);
    assert_span(c->sites->policy.redirect_to, "https://b$path");
    assert_null(c->sites->policy.origin);
    assert_int_equal(r->policy.redirect_status, 0); /* its origin is asked */
    assert_non_null(r->policy.origin);
    r = r->next;
    assert_int_equal(r->policy.redirect_status, 302);
    assert_span(r->policy.redirect_to, "/q");
    r = r->next;
    assert_int_equal(r->policy.redirect_status, 301);
    r = r->next;
    assert_int_equal(r->policy.redirect_status, 308);
    edge_conf_free(&c);
}

static void files_are_included(void **state)
{
    struct edge_conf *c;

    (void)state;
    write_file("d", SPAN("site a { origin http://o; }\n"));
    c = load(LISTEN "include d;");
    assert_string_equal(c->sites->at.file, "d");
    edge_conf_free(&c);
    write_file("d", SPAN("site a { orgin http://o; }\n"));
    assert_faults(LISTEN "include d;",
        "d:1:10: unknown directive \"orgin\" in site, did you mean \"origin\"?\n"
        "d:1:1: this site has no origin: add  origin http://HOST;  or  origin file:DIRECTORY;\n");
}

/* --- what is wrong -------------------------------------------------------------------------- */

#define NO_ORIGIN "this site has no origin: add  origin http://HOST;  or  origin file:DIRECTORY;\n"

static void faults_of_main_are_said(void **state)
{
    (void)state;
    assert_faults("", "c:1:1: main needs \"listen\"\nc:1:1: main needs \"site\"\n");
    assert_faults(LISTEN "lissen :1;\nsite a { origin http://o; }",
        "c:2:1: unknown directive \"lissen\" in main, did you mean \"listen\"?\n");
    assert_faults(LISTEN "ttl 1s;\nsite a { origin http://o; }",
        "c:2:1: \"ttl\" belongs in site or path, not in main\n");
    assert_faults(LISTEN "site a { origin http://o; listen 127.0.0.1:1; }",
        "c:2:27: \"listen\" belongs in main, not in site\n");
    assert_faults(LISTEN "site a;", "c:2:1: \"site\" needs a block { ... }\n");
    assert_faults(
        LISTEN "site { origin http://o; }", "c:2:1: \"site\" takes HOST..., found nothing\n");
    assert_faults(LISTEN "name \"a b\"; site a { origin http://o; }",
        "c:2:6: a name is up to 64 letters, digits, - _ and ., not \"a b\"\n");
    assert_faults(LISTEN "resolver dns.example; site a { origin http://o; }",
        "c:2:10: \"dns.example\" is not the address of a DNS server: 127.0.0.1, 127.0.0.1:53 or "
        "[::1]:53 would be\n");
    assert_faults(LISTEN "resolver 127.0.0.1:0; site a { origin http://o; }",
        "c:2:10: \"127.0.0.1:0\" is not the address of a DNS server: 127.0.0.1, 127.0.0.1:53 or "
        "[::1]:53 would be\n");
    assert_faults(LISTEN "resolver unix:/x; site a { origin http://o; }",
        "c:2:10: \"unix:/x\" is not the address of a DNS server: 127.0.0.1, 127.0.0.1:53 or "
        "[::1]:53 would be\n");
    assert_faults(LISTEN "error-log e verbose; access-log a xml; site a { origin http://o; }",
        "c:2:13: error-log: \"verbose\" is not error, warn, notice, info or debug\n"
        "c:2:35: access-log: \"xml\" is not combined or json\n");
    assert_faults(LISTEN "workers 2; workers 3; site a { origin http://o; }",
        "c:2:12: \"workers\" is given twice, first at c:2:1\n");
    assert_faults("listen localhost:80; site a { origin http://o; }",
        "c:1:8: listen: \"localhost:80\" is no address to listen on; write "
        "127.0.0.1:8080, [::1]:8080 or unix:PATH\n");
}

static void faults_of_origins_are_said(void **state)
{
    (void)state;
    assert_faults(LISTEN "site a { }", "c:2:1: " NO_ORIGIN);
    assert_faults(
        LISTEN "site a { path /x { ttl 1s; } path /y { origin http://o; } }", "c:2:1: " NO_ORIGIN);
    assert_faults(LISTEN "site a { origin app; path /x { origin ap; } }\n"
                         "origin apq { server http://o; }",
        "c:2:17: there is no origin \"app\": write  origin app { server http://HOST; }  or a "
        "place: http://HOST, https://HOST, file:DIRECTORY\n"
        "c:2:39: there is no origin \"ap\": write  origin ap { server http://HOST; }  or a "
        "place: http://HOST, https://HOST, file:DIRECTORY\n");
    assert_faults(LISTEN "origin o { server http://a; }\norigin o { server http://b; }\n"
                         "site a { origin o; }",
        "c:3:8: the origin \"o\" is already defined at c:2:1\n");
    assert_faults(LISTEN "site a { origin http://o/path; } site b { origin http://o/path; }",
        "c:2:17: \"http://o/path\": the URL of a server has no path: requests keep theirs\n");
    assert_faults(LISTEN "site a { origin file:none; }",
        "c:2:17: cannot use the directory \"none\": No such file or directory\n");
    assert_faults(LISTEN "origin o { } site a { origin o; }",
        "c:2:1: the origin \"o\" has no server: add  server http://HOST;  or  directory PATH;\n");
    assert_faults(LISTEN "site a { origin \"\"; }", "c:2:1: " NO_ORIGIN);
}

static void faults_of_hosts_are_said(void **state)
{
    (void)state;
    assert_faults(LISTEN "site a:80 { origin http://o; }",
        "c:2:6: a site's host has no port: \"a\" would be right\n");
    assert_faults(LISTEN "site *.a:8080 { origin http://o; }",
        "c:2:6: a site's host has no port: \"*.a\" would be right\n");
    assert_faults(
        LISTEN "site a b.c A { origin http://o; }\n", "c:2:1: the host a is given twice\n");
    assert_faults(LISTEN "site a b { origin http://o; }\nsite c B. { origin http://o; }",
        "c:3:1: the host b belongs to the site at c:2:1 already\n");
    assert_faults(LISTEN "site * { origin http://o; }\nsite * { origin http://o; }",
        "c:3:1: the host * belongs to the site at c:2:1 already\n");
    {
        static const char *const bad[] = {"http://a", "a/b", "a.*", "*a", "*.*", "*.", "a..b",
            "\"\"", "user@a", "\"a b\"", "*.127.0.0.1", "*.[::1]", "[::1"};

        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
            char text[128], want[256];
            struct span shown = span_of(bad[i]);

            if (shown.p[0] == '"')
                shown = span_make(shown.p + 1, shown.n - 2);
            snprintf(text, sizeof(text), LISTEN "site %s { origin http://o; }", bad[i]);
            snprintf(want, sizeof(want),
                "c:2:6: \"%.*s\" is not a host name: www.example.com, *.example.com or * would "
                "be\n",
                SPAN_ARG(shown));
            assert_faults(text, want);
        }
    }
}

static void faults_of_policies_are_said(void **state)
{
    static const struct {
        const char *inside, *fault;
    } rows[] = {
        {"path x { }", "17: a path pattern starts with / or *: \"/x\" may be meant"},
        {"path \"\" { }", "17: a path pattern starts with / or *: \"/\" may be meant"},
        {"path /a /b { }", "12: \"path\" takes PATTERN, found 2 words"},
        {"header set Connection close;",
            "23: the field Connection belongs to the protocol and cannot be changed by a rule"},
        {"header unset content-length;",
            "25: the field content-length belongs to the protocol and cannot be changed by a rule"},
        {"header unset Date;",
            "25: the field Date belongs to the protocol and cannot be changed by a rule"},
        {"header set Age 0;",
            "23: the field Age belongs to the protocol and cannot be changed by a rule"},
        {"header unset Transfer-Encoding;",
            "25: the field Transfer-Encoding belongs to the protocol and cannot be changed by a "
            "rule"},
        {"header set \"X Y\" 1;", "23: \"X Y\" is not a field name"},
        {"header set X: 1;", "23: \"X:\" is not a field name"},
        {"header unset \"\";", "25: \"\" is not a field name"},
        {"header set X;", "12: header set needs a field name and a value"},
        {"header unset X y;", "12: header unset takes a field name and nothing else"},
        {"header add X y;", "19: header: \"add\" is not set or unset"},
        {"header set X \"a\\nb\";", "25: this cannot stand in a field value"},
        {"header set X \"\";", "25: this cannot stand in a field value"},
        {"redirect 200 /x;", "21: 200 is no redirect: one of 301, 302, 303, 307, 308 would be"},
        {"redirect 304 /x;", "21: 304 is no redirect: one of 301, 302, 303, 307, 308 would be"},
        {"redirect x /y;", "21: redirect: \"x\" is not a whole number"},
        {"redirect example.com;",
            "21: \"example.com\" is no place to redirect to: a path like /new or a URL like "
            "https://host/new would be"},
        {"redirect \"/a\\x0d\\nX: y\";",
            "21: \"/a\\x0d\\x0aX: y\" is no place to redirect to: a path like /new or a URL like "
            "https://host/new would be"},
        {"redirect javascript:alert(1);",
            "21: \"javascript:alert(1)\" is no place to redirect to: a path like /new or a URL "
            "like https://host/new would be"},
        {"ttl 1;", "16: ttl: \"1\" has no unit; write 1s or 1ms, for example"},
        {"ttl 1500ms;", "16: HTTP counts lifetimes in whole seconds, and 1500ms are not"},
        {"ttl -1s;",
            "16: ttl: \"-1s\" is not a duration; write a whole number and a unit, as 30s or 1h30m"},
        {"min-ttl 2m; max-ttl 1m;", "1: min-ttl is longer than max-ttl here"},
        {"path /x { min-ttl 2h; } max-ttl 1h;", "12: min-ttl is longer than max-ttl here"},
        {"negative-ttl 200 1s;",
            "25: \"200\" is no status of an error: 404, 500-599 or 5xx would be"},
        {"negative-ttl 404 600 1s;",
            "29: \"600\" is no status of an error: 404, 500-599 or 5xx would be"},
        {"negative-ttl 500-400 1s;",
            "25: \"500-400\" is no status of an error: 404, 500-599 or 5xx would be"},
        {"negative-ttl 404- 1s;",
            "25: \"404-\" is no status of an error: 404, 500-599 or 5xx would be"},
        {"negative-ttl 4xx-5xx 1s;",
            "25: \"4xx-5xx\" is no status of an error: 404, 500-599 or 5xx would be"},
        {"negative-ttl 2xx 1s;",
            "25: \"2xx\" is no status of an error: 404, 500-599 or 5xx would be"},
        {"negative-ttl 404 410 x;", "33: negative-ttl: \"x\" is not a duration; write a whole "
                                    "number and a unit, as 30s or 1h30m"},
        {"negative-ttl 404;", "12: \"negative-ttl\" takes STATUS... DURATION, found 1 word"},
        {"query none;", "18: query: \"none\" is not keep, ignore, only, drop or sort"},
        {"query only;", "12: query only and drop need names of parameters, like utm_*"},
        {"query keep a;", "12: query keep, ignore and sort take no names"},
        {"query only \"\";", "23: the name of a parameter is not empty"},
        {"key header X-A \"B C\";", "27: \"B C\" is not a field name"},
        {"key cookie \"\";", "23: \"\" is not a cookie name"},
        {"key host X;", "16: key: \"host\" is not header or cookie"},
        {"key header;", "12: \"key\" takes header NAME...|cookie NAME..., found 1 word"},
        {"vary \"\" pass;", "17: \"\" is not a field name"},
        {"vary Accept drop;", "24: vary: \"drop\" is not normalise, pass or ignore"},
        {"vary Accept;", "12: \"vary\" takes NAME normalise|pass|ignore [VALUE...], found 1 word"},
        {"set-cookie maybe;", "23: set-cookie: \"maybe\" is not explicit, never or always"},
        {"honour-request yes;", "27: honour-request: \"yes\" is neither on nor off"},
        {"bypass on;", "12: \"bypass\" takes no argument, found 1 word"},
        {"origin http://p;", "29: \"origin\" is given twice, first at c:2:12"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_site_fault(rows[i].inside, rows[i].fault);
}

static void all_faults_are_said_at_once(void **state)
{
    char text[4096] = LISTEN;
    size_t lines = 0;

    (void)state;
    for (int i = 0; i < 30; i++)
        strcat(text, "site a { ttl x; }\n");
    write_file("c", span_of(text));
    assert_null(read_file("c"));
    for (const char *at = errors_text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, CONF_ERRORS_MAX + 1); /* and how many more there are */
}

static void a_file_that_cannot_be_read_is_said(void **state)
{
    (void)state;
    assert_null(read_file("none"));
    assert_string_equal(errors_text, "none:1:1: cannot read \"none\": No such file or directory\n");
    assert_null(read_file("www"));
    assert_string_equal(errors_text, "www:1:1: cannot read \"www\": Is a directory\n");
}

/* --- the command line ----------------------------------------------------------------------- */

static struct edge_conf *load_args(const struct edge_args *args)
{
    struct edge_conf *c;
    struct buf errors;

    buf_init(&errors, sizeof(errors_text) - 1);
    c = edge_conf_load_args(args, &errors);
    span_cstr(buf_span(&errors), errors_text, sizeof(errors_text));
    buf_free(&errors);
    return c;
}

static void the_command_line_is_a_configuration(void **state)
{
    const struct edge_args args = {.listen = "127.0.0.1:8080",
        .origin = "http://127.0.0.1:8000",
        .memory = "32MiB",
        .workers = "2",
        .control = "ctl; sock",
        .access_log = "a \"b\" {c}\\d\n"};
    const struct edge_args least = {.listen = "[::1]:0", .origin = "www/"};
    struct edge_conf *c = load_args(&args);

    (void)state;
    assert_non_null(c);
    assert_string_equal(errors_text, "");
    assert_int_equal(c->daemon.path.n, 0);
    assert_int_equal(c->daemon.workers, 2);
    assert_int_equal(c->cache.memory_bytes, 32 << 20);
    assert_span(c->daemon.control, "ctl; sock");
    assert_span(c->access_log, "a \"b\" {c}\\d\n");
    assert_ptr_equal(site_find(c->table, SPAN("any.example")), c->sites);
    assert_span(c->sites->policy.origin->servers[0].host, "127.0.0.1");
    edge_conf_free(&c);
    c = load_args(&least);
    assert_non_null(c);
    assert_span(c->daemon.control, "off");
    assert_string_equal(c->sites->policy.origin->directory, "www/");
    edge_conf_free(&c);
}

/* Whatever stands in an argument, it stays one word: nothing can be smuggled in. */
static void nasty_arguments_stay_one_word(void **state)
{
    static const char *const nasty[] = {"", " ", ";", "}", "{", "\"", "\\", "#", "'",
        "http://o; } site x { origin http://y", "http://o\n}", "http://o\"; workers 3; \"",
        "\x01\x7f\xff", "include /etc/passwd"};
    char *longer = malloc(100001);

    (void)state;
    assert_non_null(longer);
    for (size_t i = 0; i < ARRAY_LEN(nasty); i++) {
        struct edge_args args = {.listen = "127.0.0.1:0", .origin = nasty[i]};

        assert_null(load_args(&args));
        assert_true(strncmp(errors_text, "command line:2:", 15) == 0);
        args = (struct edge_args){.listen = nasty[i], .origin = "http://o"};
        assert_null(load_args(&args));
        assert_true(strncmp(errors_text, "command line:1:8: ", 18) == 0);
        args = (struct edge_args){
            .listen = "127.0.0.1:0", .origin = "http://o", .access_log = nasty[i]};
        if (nasty[i][0] != '\0') {
            struct edge_conf *c = load_args(&args);

            assert_non_null(c);
            assert_span(c->access_log, nasty[i]);
            assert_null(c->sites->next);
            edge_conf_free(&c);
        }
        args.access_log = NULL;
        args.memory = args.workers = nasty[i];
        assert_null(load_args(&args));
    }
    memset(longer, ' ', 100000);
    longer[100000] = '\0';
    {
        const struct edge_args args = {
            .listen = "127.0.0.1:0", .origin = "http://o", .control = longer, .access_log = longer};

        assert_null(load_args(&args));
        assert_true(strncmp(errors_text, "command line:2:9: ", 18) == 0);
        assert_non_null(strstr(errors_text, "8192"));
    }
    free(longer);
}

/* --- the whole ------------------------------------------------------------------------------ */

static struct span dump(const char *name, struct buf *out)
{
    struct buf errors;

    buf_init(out, 1 << 20);
    buf_init(&errors, 1 << 16);
    assert_true(edge_conf_dump_file(name, out, &errors));
    assert_int_equal(errors.n, 0);
    buf_free(&errors);
    return buf_span(out);
}

static void a_dump_says_the_same(void **state)
{
    static const char text[] =
        "# comment\nlisten   127.0.0.1:0 ; include d; name \"edge\";\n"
        "site a *.b { origin app; path \"/a b\" { header set X \"a;b\\\"c\"; redirect 301 /x; }\n"
        " key cookie \"C\"; negative-ttl 404 1m30s; }";
    struct edge_conf *c, *again;
    struct buf first, second;

    (void)state;
    write_file("d", SPAN("origin app { server http://o; }"));
    c = load(text);
    dump("c", &first);
    assert_non_null(memmem(first.p, first.n, "path \"/a b\" {", 13));
    assert_non_null(memmem(first.p, first.n, "# stop-grace 10s;", 17));
    assert_null(memmem(first.p, first.n, "include", 7));
    write_file("c", buf_span(&first));
    again = read_file("c");
    assert_non_null(again);
    assert_span(again->sites->rules->policy.headers->value, "a;b\"c");
    assert_int_equal(again->sites->policy.cache.negative[0].ttl_s, 90);
    assert_int_equal(again->sites->hosts_n, 2);
    dump("c", &second);
    assert_true(span_eq(buf_span(&first), buf_span(&second)));
    edge_conf_free(&c);
    edge_conf_free(&again);
    buf_free(&first);
    buf_free(&second);
}

static void only_what_is_right_is_dumped(void **state)
{
    struct buf out, errors;

    (void)state;
    write_file("c", SPAN("site a { }"));
    buf_init(&out, 1 << 16);
    buf_init(&errors, 1 << 16);
    assert_false(edge_conf_dump_file("c", &out, &errors));
    assert_int_equal(out.n, 0);
    assert_true(span_starts(buf_span(&errors), SPAN("c:1:1: ")));
    buf_free(&out);
    buf_free(&errors);
}

/* Several live at once, as with a reload; a bad one between them changes none. */
static void configurations_do_not_know_each_other(void **state)
{
    struct edge_conf *first, *second;

    (void)state;
    first = load(LISTEN "name one; workers 1; origin o { server http://a; } site a { origin o; }");
    assert_faults("name two; workers 2; site b { origin o; }",
        "c:1:1: main needs \"listen\"\n"
        "c:1:38: there is no origin \"o\": write  origin o { server http://HOST; }  or a place: "
        "http://HOST, https://HOST, file:DIRECTORY\n");
    second = load("listen 127.0.0.1:1; listen 127.0.0.1:2; site a { origin http://b; }");
    assert_span(first->name, "one");
    assert_int_equal(first->daemon.workers, 1);
    assert_null(first->daemon.listens->next);
    assert_span(second->name, "selvage");
    assert_non_null(second->daemon.listens->next);
    assert_span(first->sites->policy.origin->servers[0].host, "a");
    edge_conf_free(&first);
    assert_span(second->sites->policy.origin->servers[0].host, "b");
    assert_ptr_equal(site_find(second->table, SPAN("a")), second->sites);
    edge_conf_free(&second);
}

/* Time that grows with the square of any of the numbers would show. */
static void many_sites_and_origins_load_soon(void **state)
{
    enum { SITES = 20000, ORIGINS = 5000, PATHS = 20000 };
    struct edge_conf *c;
    struct buf text;
    char host[64];
    mono_ms start;

    (void)state;
    buf_init(&text, 8 << 20);
    assert_true(buf_append(&text, SPAN(LISTEN)));
    for (unsigned i = 0; i < ORIGINS; i++)
        assert_true(buf_printf(&text, "origin o%u { server http://h%u; }\n", i, i));
    for (unsigned i = 0; i < SITES; i++) {
        if (i % 2 == 0)
            assert_true(buf_printf(&text, "site s%u.example { origin o%u; }\n", i, i % ORIGINS));
        else
            assert_true(buf_printf(&text, "site s%u.example { origin http://p%u; }\n", i, i));
    }
    assert_true(buf_append(&text, SPAN("site paths { origin o1;\n")));
    for (unsigned i = 0; i < PATHS; i++)
        assert_true(buf_printf(&text, "path /%u { ttl 1s; }\n", i));
    assert_true(buf_append(&text, SPAN("}\n")));
    write_file("c", buf_span(&text));
    buf_free(&text);
    start = clock_mono_ms();
    c = read_file("c");
    print_message("           loaded in %lld ms\n", (long long)(clock_mono_ms() - start));
    assert_non_null(c);
    assert_true(clock_mono_ms() - start < 5000);
    for (unsigned i = 0; i < SITES; i += 2) {
        const struct site *s;

        snprintf(host, sizeof(host), "s%u.example", i);
        s = site_find(c->table, span_of(host));
        assert_non_null(s);
        snprintf(host, sizeof(host), "o%u", i % ORIGINS);
        assert_span(s->policy.origin->name, host);
    }
    edge_conf_free(&c);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_short_file_has_defaults),
        TEST(main_takes_what_it_says),
        TEST(hosts_have_one_form),
        TEST(origins_are_shared_by_name),
        TEST(directories_have_a_lifetime),
        TEST(paths_inherit_and_do_not_leak_back),
        TEST(lines_of_a_block_add_up),
        TEST(every_lifetime_is_stored_in_seconds),
        TEST(redirects_need_no_origin),
        TEST(files_are_included),
        TEST(faults_of_main_are_said),
        TEST(faults_of_origins_are_said),
        TEST(faults_of_hosts_are_said),
        TEST(faults_of_policies_are_said),
        TEST(all_faults_are_said_at_once),
        TEST(a_file_that_cannot_be_read_is_said),
        TEST(the_command_line_is_a_configuration),
        TEST(nasty_arguments_stay_one_word),
        TEST(a_dump_says_the_same),
        TEST(only_what_is_right_is_dumped),
        TEST(configurations_do_not_know_each_other),
        TEST(many_sites_and_origins_load_soon),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
