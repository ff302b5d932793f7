#include "conf/manual.h"
#include "demo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void *open_none(struct conf_load *l, void *parent, const struct conf_node *node)
{
    (void)l, (void)parent, (void)node;
    return NULL;
}

static void set_none(struct conf_load *l, void *self, const struct conf_node *node)
{
    (void)l, (void)self, (void)node;
}

static const struct directive inner_rows[] = {
    {"odd", CONF_CUSTOM(set_none, 1, 1), .usage = "\"No\" \\d", .preset = "a \\ \"b\"",
        .about = ".Sh is no request\n'nor this \\ one"},
    {0},
};
static const struct conf_context inner = {
    .name = "inner", .open = open_none, .tables = {{inner_rows}}};

struct sizes {
    uint64_t size;
    int64_t ms, number;
    struct conf_strings list;
};
static const struct directive outer_rows[] = {
    {"size", CONF_SIZE(struct sizes, size), .preset = "1MiB", .min = 1024, .max = 1 << 30,
        .about = "How much."},
    {"wait", CONF_DURATION(struct sizes, ms), .max = 60000, .unset = "no end",
        .flags = DIRECTIVE_MANY | DIRECTIVE_REQUIRED, .about = "How long."},
    {"number", CONF_INTEGER(struct sizes, number), .max = 9, .preset = "3"},
    {"list", CONF_STRINGS(struct sizes, list), .max = 8},
    {"inner", CONF_BLOCK(&inner, 0, 1), .usage = "[NAME]", .about = "More."},
    {0},
};
static const struct conf_context outer = {
    .name = "main", .about = "The top.", .open = open_none, .tables = {{outer_rows}}};

static void the_reference_says_all_that_the_rows_say(void **state)
{
    struct buf b;
    char out[4096];

    (void)state;
    buf_init(&b, sizeof(out) - 1);
    assert_true(conf_manual_mdoc(&outer, &b));
    assert_string_equal(span_cstr(buf_span(&b), out, sizeof(out)),
        ".Ss Directives in main\n"
        "The top.\n"
        ".Bl -tag -width Ds\n"
        ".It Ic size Ar \"SIZE\"\n"
        "How much.\n"
        "At least 1KiB.\n"
        "At most 1GiB.\n"
        "Default:\n"
        ".Ql \"1MiB\" .\n"
        ".It Ic wait Ar \"DURATION\"\n"
        "How long.\n"
        "Required.\n"
        "May be repeated.\n"
        "At most 1m.\n"
        "Default: no end.\n"
        ".It Ic number Ar \"NUMBER\"\n"
        "At most 9.\n"
        "Default:\n"
        ".Ql \"3\" .\n"
        ".It Ic list Ar \"TEXT...\"\n"
        "At most 8 bytes.\n"
        ".It Ic inner Ar \"[NAME]\" Brq No ...\n"
        "More.\n"
        "See\n"
        ".Sx Directives in inner .\n"
        ".El\n"
        ".Ss Directives in inner\n"
        ".Bl -tag -width Ds\n"
        ".It Ic odd Ar \"\\(dqNo\\(dq \\ed\"\n"
        "\\&.Sh is no request\n"
        "\\&'nor this \\e one\n"
        "Default:\n"
        ".Ql \"a \\e \\(dqb\\(dq\" .\n"
        ".El\n");
    for (size_t limit = 1, whole = b.n; limit < whole; limit++) {
        buf_free(&b);
        buf_init(&b, limit);
        assert_false(conf_manual_mdoc(&outer, &b));
    }
    buf_free(&b);
}

static void words_are_sorted(void **state)
{
    struct buf b;
    char out[1024];

    (void)state;
    buf_init(&b, sizeof(out) - 1);
    assert_true(conf_manual_words(&demo_main, &b));
    assert_string_equal(span_cstr(buf_span(&b), out, sizeof(out)),
        "main: cache control head idle include listen log origin site user workers\n"
        "cache: followers include memory\n"
        "origin: include server\n"
        "site: include origin path strip ttl\n"
        "path: bypass include origin strip ttl\n");
    for (size_t limit = 1, whole = b.n; limit < whole; limit++) {
        buf_free(&b);
        buf_init(&b, limit);
        assert_false(conf_manual_words(&demo_main, &b));
    }
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_says_all_that_the_rows_say),
        cmocka_unit_test(words_are_sorted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
