#include "edge/site.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct site *site_named(const char *name)
{
    struct site *s = arena_zalloc(&arena, sizeof(*s));

    s->name = span_of(name);
    return s;
}

/* A table with a site for each host, which bears the host's name. */
static struct site_table *table_of(const char *const *hosts)
{
    unsigned n = 0;
    struct site_table *t;

    while (hosts[n] != NULL)
        n++;
    t = site_table_new(&arena, n);
    for (unsigned i = 0; i < n; i++)
        assert_null(site_table_add(t, span_of(hosts[i]), site_named(hosts[i])));
    return t;
}

static void assert_site(const struct site_table *t, const char *host, const char *name)
{
    const struct site *s = site_find(t, span_of(host));

    if (name == NULL ? s != NULL : s == NULL || !span_eq(s->name, span_of(name)))
        fail_msg("%s: \"%.*s\" instead of \"%s\"", host, s != NULL ? (int)s->name.n : 4,
            s != NULL ? s->name.p : "none", name != NULL ? name : "none");
}

static void the_nearest_name_is_found(void **state)
{
    static const char *const hosts[] = {"example.com", "www.example.com", "*.example.com",
        "*.img.example.com", "*.org", "*", "[::1]", "127.0.0.1", NULL};
    static const struct {
        const char *host, *site;
    } rows[] = {
        {"example.com", "example.com"}, {"www.example.com", "www.example.com"},
        {"ww.example.com", "*.example.com"}, {"a.www.example.com", "*.example.com"},
        {"img.example.com", "*.example.com"}, {"a.img.example.com", "*.img.example.com"},
        {"a.b.img.example.com", "*.img.example.com"}, {"a.b.c.org", "*.org"}, {"org", "*"},
        {"xexample.com", "*"}, {"example.com.evil", "*"}, {"[::1]", "[::1]"},
        {"127.0.0.1", "127.0.0.1"}, {"127.0.0.2", "*"}, {"", "*"}, {".", "*"}, {"..", "*"},
        {".org", "*.org"}, {"Example.com", "*"}, /* normal form is the caller's duty */
    };
    const struct site_table *t = table_of(hosts);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_site(t, rows[i].host, rows[i].site);
}

/* A client may send what looks like our own notation; it must not reach a wildcard's own entry
 * by another way than being below it. */
static void without_a_rest_others_have_no_site(void **state)
{
    static const char *const hosts[] = {"example.com", "*.example.com", NULL};
    const struct site_table *t = table_of(hosts);

    (void)state;
    assert_site(t, "example.org", NULL);
    assert_site(t, "com", NULL);
    assert_site(t, "", NULL);
    assert_site(t, "*", NULL);
    assert_site(t, "a.example.com", "*.example.com");
}

static void an_empty_table_has_none(void **state)
{
    const struct site_table *t = site_table_new(&arena, 0);

    (void)state;
    assert_site(t, "example.com", NULL);
    assert_site(t, "", NULL);
}

static void a_host_belongs_to_one_site(void **state)
{
    static const char *const hosts[] = {"a.example", "*.b.example", "*", NULL};
    struct site_table *t = site_table_new(&arena, 3);
    struct site *first = site_named("first"), *second = site_named("second");

    (void)state;
    for (unsigned i = 0; hosts[i] != NULL; i++) {
        assert_null(site_table_add(t, span_of(hosts[i]), first));
        assert_ptr_equal(site_table_add(t, span_of(hosts[i]), second), first);
    }
    assert_ptr_equal(site_find(t, SPAN("a.example")), first);
    assert_ptr_equal(site_find(t, SPAN("x.b.example")), first);
    assert_ptr_equal(site_find(t, SPAN("c.example")), first);
}

static void the_longest_hosts_are_found(void **state)
{
    char host[256], longer[400];
    struct site_table *t = site_table_new(&arena, 3);
    struct site *exact = site_named("exact"), *wild = site_named("wild"),
                *rest = site_named("rest");

    (void)state;
    memset(host, 'a', 255);
    for (int i = 1; i < 255; i += 2)
        host[i] = '.';
    assert_null(site_table_add(t, span_make(host, 255), exact));
    assert_null(site_table_add(t, SPAN("*.a.a"), wild));
    assert_null(site_table_add(t, SPAN("*"), rest));
    assert_ptr_equal(site_find(t, span_make(host, 255)), exact);
    assert_ptr_equal(site_find(t, span_make(host, 253)), wild);
    memset(longer, 'b', sizeof(longer)); /* no such host passes the parser */
    longer[100] = '.';
    assert_ptr_equal(site_find(t, span_make(longer, sizeof(longer))), rest);
}

/* With this many hosts a look-up costs what it costs with a few: one that walked a list would need
 * minutes here. */
static void a_hundred_thousand_hosts(void **state)
{
    enum { N = 100000 };
    struct site_table *t = site_table_new(&arena, N);
    struct site **sites = arena_alloc(&arena, N * sizeof(struct site *));
    mono_ms start = clock_mono_ms();
    char host[64];

    (void)state;
    for (unsigned i = 0; i < N; i++) {
        snprintf(host, sizeof(host), i % 2 == 0 ? "s%u.example.com" : "*.s%u.example.com", i);
        sites[i] = site_named(host);
        assert_null(site_table_add(t, arena_dup(&arena, span_of(host)), sites[i]));
    }
    for (unsigned i = 0; i < N; i++) {
        snprintf(host, sizeof(host), i % 2 == 0 ? "s%u.example.com" : "a.b.s%u.example.com", i);
        assert_ptr_equal(site_find(t, span_of(host)), sites[i]);
        snprintf(host, sizeof(host), "t%u.example.com", i);
        assert_null(site_find(t, span_of(host)));
    }
    assert_true(clock_mono_ms() - start < 5000);
}

/* --- paths --------------------------------------------------------------------------------- */

static void patterns_match_whole_paths(void **state)
{
    static const struct {
        const char *pattern, *path;
        bool matches;
    } rows[] = {
        {"/", "/", true},
        {"/", "/a", false},
        {"/a", "/a", true},
        {"/a", "/ab", false},
        {"/a", "/A", false},
        {"/ab", "/a", false},
        {"/a/*", "/a/", true},
        {"/a/*", "/a/b/c", true},
        {"/a/*", "/a", false},
        {"*.css", "/x/y.css", true},
        {"*.css", ".css", true},
        {"*.css", "/y.css.map", false},
        {"*.css", "css", false},
        {"/*/x", "/a/b/x", true},
        {"/*/x", "//x", true},
        {"/*/x", "/x", false},
        {"*", "/", true},
        {"*", "", true},
        {"**", "/any/thing", true},
        {"/**/b", "/a/b", true},
        {"*/img/*.png", "/a/img/b/c.png", true},
        {"*/img/*.png", "/img/.png", true},
        {"*/img/*.png", "/img/png", false},
        {"*/img/*.png", "/im/g.png", false},
        {"*a*b*c", "xxaxxbxxc", true},
        {"*a*b*c", "xxaxxcxxb", false},
        {"*a*a*a", "aa", false},
        {"*a*a*a", "aaa", true},
        {"/aa*aa", "/aaa", false}, /* both ends do not share bytes */
        {"/aa*aa", "/aaaa", true},
        {"*ab*ab", "ab", false},
        {"*abab", "abaabab", true},
        {"/a*", "/a", true},
        {"/a*b*", "/ab", true},
        {"", "", true},
        {"", "/", false},
        {"/*a", "/aaab", false},
        {"/?", "/x", false}, /* only the star is special */
        {"/?", "/?", true},
        {"/[ab]", "/a", false},
        {"/\\*", "/\\x", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (path_matches(span_of(rows[i].pattern), span_of(rows[i].path)) != rows[i].matches)
            fail_msg("\"%s\" and \"%s\"", rows[i].pattern, rows[i].path);
    }
}

/* The plain definition, exponential, for short ones. */
static bool matches_by_definition(const char *pattern, const char *path)
{
    if (*pattern == '\0')
        return *path == '\0';
    if (*pattern == '*')
        return matches_by_definition(pattern + 1, path) ||
               (*path != '\0' && matches_by_definition(pattern, path + 1));
    return *pattern == *path && matches_by_definition(pattern + 1, path + 1);
}

/* The word of that number among all of `len` letters. */
static void word_number(unsigned number, unsigned len, const char *alphabet, char dst[8])
{
    for (unsigned i = 0; i < len; i++, number /= (unsigned)strlen(alphabet))
        dst[i] = alphabet[number % strlen(alphabet)];
    dst[len] = '\0';
}

static void all_short_patterns_match_as_defined(void **state)
{
    char pattern[8], path[8];
    unsigned matched = 0, tried = 0;

    (void)state;
    for (unsigned i = 0; i < 243; i++) { /* 3^5 patterns, 2^0 .. 2^5 paths */
        word_number(i, 5, "ab*", pattern);
        for (unsigned len = 0; len <= 5; len++) {
            for (unsigned k = 0; k < 1u << len; k++) {
                bool want;

                word_number(k, len, "ab", path);
                want = matches_by_definition(pattern, path);
                tried++;
                matched += want;
                if (path_matches(span_of(pattern), span_of(path)) != want)
                    fail_msg("\"%s\" and \"%s\"", pattern, path);
            }
        }
    }
    assert_int_equal(tried, 243 * 63);
    assert_in_range(matched, 1000, tried - 1000);
}

/* What takes quadratic time by backtracking (a megabyte against kilobytes) must take linear time.
 */
static void stars_cost_no_more_than_reading(void **state)
{
    enum { PATH = 1 << 20, PIECE = 4000 };
    char *path = arena_alloc(&arena, PATH), *pattern = arena_alloc(&arena, 3 * PIECE);
    mono_ms start;

    (void)state;
    memset(path, 'a', PATH);
    memset(pattern, 'a', 3 * PIECE);
    pattern[0] = '*';
    pattern[PIECE - 1] = 'b';
    start = clock_mono_ms();
    assert_false(path_matches(span_make(pattern, PIECE), span_make(path, PATH)));
    pattern[PIECE] = '*';
    assert_false(path_matches(span_make(pattern, PIECE + 1), span_make(path, PATH)));
    for (unsigned i = 0; i < 3 * PIECE; i++) /* *a*a*a ... b */
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    pattern[3 * PIECE - 1] = 'b';
    assert_false(path_matches(span_make(pattern, 3 * PIECE), span_make(path, PATH)));
    path[PATH - 1] = 'b';
    assert_true(path_matches(span_make(pattern, 3 * PIECE), span_make(path, PATH)));
    assert_true(clock_mono_ms() - start < 1000);
}

static void the_first_rule_that_matches_decides(void **state)
{
    struct path_rule all = {.pattern = SPAN("/*")};
    struct path_rule css = {.pattern = SPAN("*.css"), .next = &all};
    struct path_rule a = {.pattern = SPAN("/a/*"), .next = &css};
    struct site site = {.rules = &a}, bare = {0};
    const struct path_rule *rule = &all;

    (void)state;
    assert_ptr_equal(site_policy(&site, SPAN("/a/x.css"), &rule), &a.policy);
    assert_ptr_equal(rule, &a);
    assert_ptr_equal(site_policy(&site, SPAN("/b/x.css"), &rule), &css.policy);
    assert_ptr_equal(rule, &css);
    assert_ptr_equal(site_policy(&site, SPAN("/"), &rule), &all.policy);
    assert_ptr_equal(rule, &all);
    assert_ptr_equal(site_policy(&site, SPAN("*"), &rule), &site.policy); /* OPTIONS * */
    assert_null(rule);
    rule = &all;
    assert_ptr_equal(site_policy(&bare, SPAN("/"), &rule), &bare.policy);
    assert_null(rule);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_nearest_name_is_found),
        TEST(without_a_rest_others_have_no_site),
        TEST(an_empty_table_has_none),
        TEST(a_host_belongs_to_one_site),
        TEST(the_longest_hosts_are_found),
        TEST(a_hundred_thousand_hosts),
        TEST(patterns_match_whole_paths),
        TEST(all_short_patterns_match_as_defined),
        TEST(stars_cost_no_more_than_reading),
        TEST(the_first_rule_that_matches_decides),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
