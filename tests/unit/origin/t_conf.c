/* Origins out of text: what is taken, and the sentence for what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "origin/conf.h"

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

static struct origin *place(const char *text)
{
    struct conf_load l = {&arena, &errors};

    return origin_conf_place(&l, span_of(text), (struct conf_place){"f", 1, 1});
}

static void *open_origin(struct conf_load *l, void *parent, const struct conf_node *node)
{
    (void)parent;
    (void)node;
    return origin_conf_open(l, SPAN("app"));
}

static struct origin *block(const char *text)
{
    static const struct conf_context context = {.name = "origin",
        .open = open_origin,
        .close = origin_conf_close,
        .tables = {{origin_directives}}};
    const struct conf_node *root = conf_read_text(&arena, "f", span_of(text), &errors);

    return root != NULL ? conf_apply(&context, NULL, root, &arena, &errors) : NULL;
}

static void what_is_a_place(void **state)
{
    static const struct {
        const char *text;
        bool is;
    } cases[] = {
        {"app", false},
        {"app-1", false},
        {"app.example.com", false},
        {"", false},
        {"http://a", true},
        {"https://a", true},
        {"a:80", true},
        {"file:www", true},
        {"/srv/www", true},
        {"etc/demo", true},
        {"./www", true},
        {".", true},
        {"..", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(origin_conf_is_place(span_of(cases[i].text)), cases[i].is);
}

static void servers(void **state)
{
    static const struct {
        const char *url, *host;
        unsigned port;
        const char *label;
    } cases[] = {
        {"http://app.example.com", "app.example.com", 80, "app.example.com:80"},
        {"http://app.example.com/", "app.example.com", 80, "app.example.com:80"},
        {"HTTP://127.0.0.1:8000", "127.0.0.1", 8000, "127.0.0.1:8000"},
        {"http://[::1]:8080", "::1", 8080, "[::1]:8080"},
        {"http://[2001:db8::1]", "2001:db8::1", 80, "[2001:db8::1]:80"},
        {"https://app.example.com", "app.example.com", 443, "app.example.com:443"},
        {"HTTPS://[::1]:8443/", "::1", 8443, "[::1]:8443"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct origin *o = place(cases[i].url);

        assert_non_null(o);
        assert_false(origin_is_directory(o));
        assert_int_equal(o->servers_n, 1);
        assert_string_equal(o->servers[0].host.p, cases[i].host);
        assert_int_equal(o->servers[0].port, cases[i].port);
        assert_string_equal(o->servers[0].label, cases[i].label);
        assert_string_equal(o->name.p, cases[i].label);
        assert_int_equal(o->options.connect_timeout_ms, 2000);
        assert_int_equal(o->options.first_byte_timeout_ms, 30000);
        assert_int_equal(o->options.between_bytes_timeout_ms, 30000);
        assert_int_equal(o->options.max_connections, 256);
        assert_int_equal(o->options.keepalive_ms, 15000);
        assert_int_equal(o->options.max_idle, 64);
        assert_int_equal(o->limits.head_bytes, 65536);
        assert_int_equal(o->servers[0].tls, span_istarts(span_of(cases[i].url), SPAN("https")));
        assert_int_equal(o->tls != NULL, o->servers[0].tls);
        origin_conf_free(o);
    }
    assert_int_equal(errors.n, 0);
}

static void directories(void **state)
{
    static const char *const cases[][2] = {
        {"file:/tmp", "/tmp"}, {"/tmp", "/tmp"}, {"file:.", "."}, {"./", "./"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct origin *o = place(cases[i][0]);

        assert_non_null(o);
        assert_true(origin_is_directory(o));
        assert_string_equal(o->directory, cases[i][1]);
        assert_int_equal(o->servers_n, 0);
        assert_false(o->options.dot_files);
    }
    assert_int_equal(errors.n, 0);
}

static void no_places(void **state)
{
    static const char *const cases[][2] = {
        {"a:80", "f:1:1: \"a:80\" is not the URL of a server: write http://HOST, "
                 "https://HOST or one of these with :PORT"},
        {"ftp://a", "f:1:1: \"ftp://a\" is not the URL of a server: write http://HOST, "
                    "https://HOST or one of these with :PORT"},
        {"https://a/b", "f:1:1: \"https://a/b\": the URL of a server has no path: requests keep "
                        "theirs"},
        {"http://a/b", "f:1:1: \"http://a/b\": the URL of a server has no path: requests keep "
                       "theirs"},
        {"http://", "f:1:1: \"\" in \"http://\" is not a host name or address with a port"},
        {"http://a:0", "f:1:1: \"a:0\" in \"http://a:0\" is not a host name or address with a "
                       "port"},
        {"http://u@a", "f:1:1: \"u@a\" in \"http://u@a\" is not a host name or address with a "
                       "port"},
        {"file:", "f:1:1: file: is followed by the path of a directory"},
        {"file:/no/such", "f:1:1: cannot use the directory \"/no/such\": No such file or "
                          "directory"},
        {"/etc/passwd", "f:1:1: cannot use the directory \"/etc/passwd\": Not a directory"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_null(place(cases[i][0]));
        assert_int_equal(errors.n, i + 1);
        assert_string_equal(errors.text[i].p, cases[i][1]);
    }
}

static void a_block(void **state)
{
    struct origin *o = block("server http://a:1; server http://b; connect-timeout 300ms;"
                             "first-byte-timeout 1s; between-bytes-timeout 2s; max-connections 3;"
                             "keepalive 4s; max-idle 5; host c.example:8; response-head 2KiB;"
                             "response-line 1KiB; response-fields 9;");

    (void)state;
    assert_non_null(o);
    assert_string_equal(o->name.p, "app");
    assert_int_equal(o->servers_n, 2);
    assert_string_equal(o->servers[0].label, "a:1");
    assert_string_equal(o->servers[1].label, "b:80");
    assert_int_equal(o->options.connect_timeout_ms, 300);
    assert_int_equal(o->options.first_byte_timeout_ms, 1000);
    assert_int_equal(o->options.between_bytes_timeout_ms, 2000);
    assert_int_equal(o->options.max_connections, 3);
    assert_int_equal(o->options.keepalive_ms, 4000);
    assert_int_equal(o->options.max_idle, 5);
    assert_true(span_eq(o->options.host, SPAN("c.example:8")));
    assert_int_equal(o->limits.head_bytes, 2048);
    assert_int_equal(o->limits.line_bytes, 1024);
    assert_int_equal(o->limits.fields, 9);
}

static void a_block_of_files(void **state)
{
    struct origin *o = block("directory /tmp; dot-files on;");

    (void)state;
    assert_non_null(o);
    assert_string_equal(o->directory, "/tmp");
    assert_true(o->options.dot_files);
}

static void bad_blocks(void **state)
{
    static const char *const cases[][2] = {
        {"", "the origin \"app\" has no server: add  server http://HOST;  or  directory PATH;"},
        {"server http://a; directory /tmp;",
            "the origin \"app\" has a directory and servers: it can have only one of the two"},
        {"server a;", "f:1:8: \"a\" is not the URL of a server: write http://HOST, "
                      "https://HOST or one of these with :PORT"},
        {"server http://a; host a/b;", "f:1:23: \"a/b\" is not a host name"},
        {"server http://a; max-connections 0;", "f:1:34: "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_null(block(cases[i][0]));
        assert_int_equal(errors.n, i + 1);
        assert_non_null(strstr(errors.text[i].p, cases[i][1]));
    }
}

static void too_many_servers(void **state)
{
    char text[8192];
    size_t n = 0;

    (void)state;
    for (int i = 0; i < ORIGIN_SERVERS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "server http://s%d;", i);
    assert_int_equal(block(text)->servers_n, ORIGIN_SERVERS_MAX);
    snprintf(text + n, sizeof(text) - n, "server http://more;");
    assert_null(block(text));
    assert_non_null(strstr(errors.text[0].p, "an origin has at most 64 servers"));
}

static void tls_of_a_block(void **state)
{
    struct origin *o = block("server http://a; server https://b; insecure on; sni c.example;");

    (void)state;
    assert_non_null(o);
    assert_false(o->servers[0].tls);
    assert_true(o->servers[1].tls);
    assert_true(o->options.insecure);
    assert_true(span_eq(o->options.sni, SPAN("c.example")));
    assert_non_null(o->tls);
    origin_conf_free(o);
    assert_null(o->tls);
    origin_conf_free(NULL);
}

static void wrong_tls(void **state)
{
    static const char *const cases[][2] = {
        {"server http://a; ca /x;", "f:1:18: \"ca\" is for servers that are reached by https://, "
                                    "and the origin \"app\" has "
                                    "none"},
        {"server http://a; insecure on;", "f:1:18: \"insecure\" is for servers that are reached by "
                                          "https://, and the origin \"app\" "
                                          "has none"},
        {"server https://a; ca /no/such;", "f:1:1: the origin \"app\": cannot use the CA file "
                                           "/no/such: No such file or directory"},
        {"server https://a; ca /dev/null;", "f:1:1: the origin \"app\": cannot use the CA file "
                                            "/dev/null: no certificate or crl found"},
        {"server https://a; certificate /no/such key /no/such;",
            "f:1:1: the origin \"app\": cannot use the certificate /no/such: No such file or "
            "directory"},
        {"server https://a; certificate a b c;",
            "f:1:33: \"b\" stands where \"key\" should: certificate FILE key FILE"},
        {"server https://a; sni a:1;", "f:1:23: \"a:1\" is not a host name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        conf_errors_init(&errors, &arena);
        assert_null(block(cases[i][0]));
        assert_int_equal(errors.n, 1);
        assert_string_equal(errors.text[0].p, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_a_place, start, stop),
        cmocka_unit_test_setup_teardown(servers, start, stop),
        cmocka_unit_test_setup_teardown(directories, start, stop),
        cmocka_unit_test_setup_teardown(no_places, start, stop),
        cmocka_unit_test_setup_teardown(a_block, start, stop),
        cmocka_unit_test_setup_teardown(a_block_of_files, start, stop),
        cmocka_unit_test_setup_teardown(bad_blocks, start, stop),
        cmocka_unit_test_setup_teardown(too_many_servers, start, stop),
        cmocka_unit_test_setup_teardown(tls_of_a_block, start, stop),
        cmocka_unit_test_setup_teardown(wrong_tls, start, stop),
    };

    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
