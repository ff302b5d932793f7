#include "conf/dump.h"
#include "demo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* The dump as a C string in `out`. */
static void dump(struct span text, char *out, size_t cap)
{
    const struct conf_node *root;
    struct conf_errors errors;
    struct arena a;
    struct buf b;

    arena_init(&a);
    conf_errors_init(&errors, &a);
    buf_init(&b, cap - 1);
    assert_non_null(demo_load(&a, text, &errors, &root));
    assert_true(conf_dump(&demo_main, root, &b));
    span_cstr(buf_span(&b), out, cap);
    buf_free(&b);
    arena_free(&a);
}

#define MAIN_TAIL "# log info;\n# user \"www data\";\n# control unix:/run/demo.sock;\n"

static void the_whole_in_canonical_form(void **state)
{
    char out[4096], again[4096];

    (void)state;
    dump(SPAN("# a comment\nlisten   127.0.0.1:80 ;listen \"[::1]:80\";\n"
              "site a.example \"b.example\" { path \"/x y\" { bypass; } ttl 60s;\n"
              "  path /\\d { ttl 1h; strip \"a\\\"b\\\\\" \"\\x1b\\n\" \"#c\" d#; } }\n"
              "idle 5s; origin o{server u;}"),
        out, sizeof(out));
    assert_string_equal(out, "listen 127.0.0.1:80;\n"
                             "listen [::1]:80;\n"
                             "# workers: one per core\n" MAIN_TAIL "# cache {\n"
                             "#     memory 256MiB;\n"
                             "#     followers on;\n"
                             "# }\n"
                             "# head 64KiB;\n"
                             "site a.example b.example {\n"
                             "    # strip Server X-Powered-By;\n"
                             "    path \"/x y\" {\n"
                             "        bypass;\n"
                             "    }\n"
                             "    ttl 60s;\n"
                             "    path /\\d {\n"
                             "        ttl 1h;\n"
                             "        strip \"a\\\"b\\\\\" \"\\x1b\\n\" \"#c\" d#;\n"
                             "    }\n"
                             "}\n"
                             "idle 5s;\n"
                             "origin o {\n"
                             "    server u;\n"
                             "}\n");
    dump(span_of(out), again, sizeof(again));
    assert_string_equal(out, again);
}

static void nothing_but_presets(void **state)
{
    char out[4096];

    (void)state;
    dump(SPAN("listen 127.0.0.1:80; cache { followers off; }"), out, sizeof(out));
    assert_string_equal(out, "listen 127.0.0.1:80;\n"
                             "# workers: one per core\n" MAIN_TAIL "# idle 1m30s;\n"
                             "# head 64KiB;\n"
                             "cache {\n"
                             "    followers off;\n"
                             "    # memory 256MiB;\n"
                             "}\n");
}

static void words_come_back_as_they_were(void **state)
{
    static const char *const cases[][2] = {
        {"plain", "plain"},
        {"", "\"\""},
        {"a b", "\"a b\""},
        {"a;", "\"a;\""},
        {"{", "\"{\""},
        {"}", "\"}\""},
        {"#a", "\"#a\""},
        {"a#", "a#"},
        {"'a", "\"'a\""},
        {"a'", "a'"},
        {"a\\b", "a\\b"},
        {"a\\ b", "\"a\\\\ b\""},
        {"\"", "\"\\\"\""},
        {"a\tb", "\"a\\tb\""},
        {"\r", "\"\\x0d\""},
        {"\x7f", "\"\\x7f\""},
        {"\xc3\xa9", "\xc3\xa9"},
    };
    struct conf_errors errors;
    struct arena a;
    struct buf b;

    (void)state;
    arena_init(&a);
    conf_errors_init(&errors, &a);
    buf_init(&b, 256);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct conf_node *root;

        b.n = 0;
        assert_true(buf_append(&b, SPAN("x ")) && conf_write_word(&b, span_of(cases[i][0])));
        assert_true(span_eq(span_from(buf_span(&b), 2), span_of(cases[i][1])));
        assert_true(buf_append(&b, SPAN(";")));
        root = conf_read_text(&a, "f", buf_span(&b), &errors);
        assert_non_null(root);
        assert_string_equal(root->children->args[0].text.p, cases[i][0]);
    }
    buf_free(&b);
    arena_free(&a);
}

static void a_full_buffer_is_said(void **state)
{
    struct span text = SPAN("listen 127.0.0.1:80; site x { path \"/ \" { bypass; } }");
    const struct conf_node *root;
    struct conf_errors errors;
    struct arena a;
    struct buf b;
    size_t whole;

    (void)state;
    arena_init(&a);
    conf_errors_init(&errors, &a);
    assert_non_null(demo_load(&a, text, &errors, &root));
    buf_init(&b, 4096);
    assert_true(conf_dump(&demo_main, root, &b));
    whole = b.n;
    buf_free(&b);
    for (size_t limit = 1; limit < whole; limit++) {
        buf_init(&b, limit);
        assert_false(conf_dump(&demo_main, root, &b));
        buf_free(&b);
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_in_canonical_form),
        cmocka_unit_test(nothing_but_presets),
        cmocka_unit_test(words_come_back_as_they_were),
        cmocka_unit_test(a_full_buffer_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
