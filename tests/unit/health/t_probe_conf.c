/* Probes out of text: what is taken, and the sentence for what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health/probe_conf.h"

#include <string.h>

static struct arena arena;
static struct conf_errors errors;

static int start(void **state)
{
    (void)state;
    arena_init(&arena);
    conf_errors_init(&errors, &arena);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static const struct health_defaults defaults = {
    .every_ms = 2000,
    .timeout_ms = 1300,
    .rise = 3,
    .fall = 2,
    .jitter_percent = 10,
    .statuses = {.v = {{200, 299}}, .n = 1},
};

static bool reads(const char *text, struct health_probe *out)
{
    struct conf_load l = {&arena, &errors};
    const struct conf_node *root = conf_read_text(&arena, "f", span_of(text), &errors);

    assert_non_null(root);
    return health_probe_read(&l, root->children, &defaults, out);
}

static void what_is_taken(void **state)
{
    struct health_probe p;

    (void)state;
    assert_true(reads("health GET http://www.example.com/healthz?x=1;", &p));
    assert_int_equal(p.kind, HEALTH_HTTP);
    assert_int_equal(p.method, METHOD_GET);
    assert_int_equal(p.port, 80);
    assert_string_equal(p.host.p, "www.example.com");
    assert_true(span_eq(p.authority, SPAN("www.example.com")));
    assert_true(span_eq(p.target, SPAN("/healthz?x=1")));
    assert_int_equal(p.every_ms, 2000);
    assert_int_equal(p.fall, 2);
    assert_true(response_statuses_have(&p.wish.statuses, 204));
    assert_null(p.tls);

    assert_true(reads("health HEAD https://[::1]:8443 every 5s timeout 800ms rise 1 fall 4 jitter "
                      "0 status 200 300-399 insecure;",
        &p));
    assert_int_equal(p.method, METHOD_HEAD);
    assert_int_equal(p.port, 8443);
    assert_string_equal(p.host.p, "::1");
    assert_string_equal(p.label.p, "[::1]:8443");
    assert_true(span_eq(p.target, SPAN("/")));
    assert_int_equal(p.every_ms, 5000);
    assert_int_equal(p.timeout_ms, 800);
    assert_int_equal(p.rise, 1);
    assert_int_equal(p.fall, 4);
    assert_int_equal(p.jitter_percent, 0);
    assert_false(response_statuses_have(&p.wish.statuses, 204));
    assert_true(response_statuses_have(&p.wish.statuses, 302));
    assert_non_null(p.tls);
    health_probe_free(&p);

    assert_true(reads("health GET https://a.example/ contains \"all is well\";", &p));
    assert_string_equal(p.wish.contains.p, "all is well");
    health_probe_free(&p);
    health_probe_free(&p);

    assert_true(reads("health TCP 443 every 1m;", &p));
    assert_int_equal(p.kind, HEALTH_TCP);
    assert_int_equal(p.port, 443);
    assert_string_equal(p.label.p, "port 443");
    assert_int_equal(errors.n, 0);
}

static void what_is_not(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"health GTE http://a/;", "f:1:8: health: unknown word \"GTE\", did you mean \"GET\"?"},
        {"health GET;", "f:1:8: GET is followed by a URL"},
        {"health TCP;", "f:1:8: TCP is followed by a port"},
        {"health TCP 0;", "f:1:12: \"0\" is not a port"},
        {"health TCP https;", "f:1:12: \"https\" is not a port"},
        {"health GET /healthz;", "f:1:12: \"/healthz\" is not a URL to ask for"},
        {"health GET ftp://a/;", "f:1:12: \"ftp://a/\" is not a URL"},
        {"health GET http://a_b:99999/;", "f:1:12: \"a_b:99999\" in"},
        {"health GET http:///x;", "f:1:12: \"\" in"},
        {"health GET http://a/%zz#f;", "f:1:12: "},
        {"health GET http://a/ evry 2s;", "f:1:22: unknown word \"evry\" in health, did you mean "
                                          "\"every\"?"},
        {"health GET http://a/ whatever;", "f:1:22: unknown word \"whatever\" in health: every"},
        {"health TCP 80 status 200;", "f:1:15: \"status\" is for probes by HTTP"},
        {"health GET http://a/ every;", "f:1:22: \"every\" is followed by nothing"},
        {"health GET http://a/ every 1;", "f:1:28: "},
        {"health GET http://a/ every 1ms;",
            "f:1:28: \"1ms\" is out of bounds: from 100ms to 1h is possible"},
        {"health GET http://a/ fall 0;",
            "f:1:27: \"0\" is out of bounds: from 1 to 100 is possible"},
        {"health GET http://a/ status 99;", "f:1:29: \"99\" is no status"},
        {"health GET http://a/ status 299-200;", "f:1:29: \"299-200\" is no status"},
        {"health GET http://a/ status ok;", "f:1:29: \"ok\" is no status"},
        {"health HEAD http://a/ contains x;", "f:1:32: answers to HEAD have no content"},
        {"health GET http://a/ insecure;", "f:1:22: \"insecure\" is for https:// alone"},
        {"health GET https://a/ ca /nonexistent;", "f:1:1: health: "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct health_probe p;

        conf_errors_init(&errors, &arena);
        assert_false(reads(cases[i].text, &p));
        assert_int_equal(errors.n, 1);
        if (strncmp(errors.text[0].p, cases[i].why, strlen(cases[i].why)) != 0)
            assert_string_equal(errors.text[0].p, cases[i].why);
        health_probe_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_taken, start, stop),
        cmocka_unit_test_setup_teardown(what_is_not, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
