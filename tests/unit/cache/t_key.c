/*
 * t_key.c - queries and keys.
 */
#include "rules.h"

#include "cache/key.h"

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

static void queries(void **state)
{
    static const struct span names[] = {SPAN("id"), SPAN("utm_*")};
    static const struct {
        enum query_mode mode;
        bool sort;
        const char *query, *want; /* NULL: none */
    } rows[] = {
        {QUERY_KEEP, false, NULL, NULL},
        {QUERY_KEEP, false, "", ""},
        {QUERY_KEEP, false, "b=1&&a", "b=1&&a"},
        {QUERY_IGNORE, false, "a=1", NULL},
        {QUERY_IGNORE, false, "", NULL},
        {QUERY_IGNORE, true, NULL, NULL},
        {QUERY_ONLY, false, "x=1&id=2&ID=3&utm_a=4&id", "id=2&utm_a=4&id"},
        {QUERY_ONLY, false, "x=1", NULL},
        {QUERY_ONLY, false, "idx=1&i=2", NULL},
        {QUERY_DROP, false, "x=1&id=2&ID=3&utm_a=4&id", "x=1&ID=3"},
        {QUERY_DROP, false, "utm_&utm=1", "utm=1"},
        {QUERY_DROP, false, "id", NULL},
        {QUERY_KEEP, true, "b=1&a=2&c", "a=2&b=1&c"},
        {QUERY_KEEP, true, "a=2&b&a=1&a", "a=2&a=1&a&b"}, /* order of the same name stays */
        {QUERY_KEEP, true, "ab=1&a=2&a-=3", "a=2&a-=3&ab=1"},
        {QUERY_KEEP, true, "&&b&&a&", "a&b"},
        {QUERY_KEEP, true, "=1&=0", "=1&=0"},
        {QUERY_ONLY, true, "utm_b=1&x&utm_a", "utm_a&utm_b=1"},
    };
    struct cache_options o = cache_options_default();

    (void)state;
    o.query_names = names;
    o.query_names_n = ARRAY_LEN(names);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *row = rows[i].query != NULL ? rows[i].query : "(none)";
        bool has = rows[i].query != NULL;
        struct span got;

        o.query = rows[i].mode;
        o.query_sort = rows[i].sort;
        got = key_query(&arena, span_of(rows[i].query), &has, &o);
        row_check(row, has == (rows[i].want != NULL));
        row_text(row, got, rows[i].want);
    }
}

static void keys(void **state)
{
    static const struct span fields[] = {SPAN("x-device"), SPAN("accept-encoding")};
    static const struct span cookies[] = {SPAN("plan"), SPAN("lang")};
    static const struct {
        const char *path, *query, *fields;
        bool more;
        const char *want;
    } rows[] = {
        {"/a", NULL, "", false, "h.example/a"},
        {"/a", "", "", false, "h.example/a?"},
        {"/a", "b=c", "X-Device: d\nCookie: plan=1", false, "h.example/a?b=c"},
        {"/a", NULL, "", true,
            "h.example/a\nfield x-device=-\nfield accept-encoding=-\ncookie plan=-\ncookie lang=-"},
        {"/a", NULL,
            "X-Device: m\nAccept-Encoding: x, gzip;q=0.5\nCookie: plan=free; lang=;other=1", true,
            "h.example/a\nfield x-device=1:m\nfield accept-encoding=4:gzip\n"
            "cookie plan=4:free\ncookie lang=0:"},
        /* all of them, since the origin may take any */
        {"/a", NULL, "Cookie: plan=a;plan=b\nCookie:  plan=c=d ; PLAN=e; plan", true,
            "h.example/a\nfield x-device=-\nfield accept-encoding=-\ncookie plan=7:a;b;c=d\n"
            "cookie lang=-"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cache_options o = cache_options_default();
        struct fields f = fields_of(&arena, rows[i].fields);
        struct key_parts parts = {SPAN("h.example"), span_of(rows[i].path), rows[i].query != NULL,
            span_of(rows[i].query), &f};

        if (rows[i].more) {
            o.key_fields = fields;
            o.key_fields_n = ARRAY_LEN(fields);
            o.key_cookies = cookies;
            o.key_cookies_n = ARRAY_LEN(cookies);
        }
        row_text(rows[i].want, key_text(&arena, &parts, &o), rows[i].want);
    }
}

/* What a client writes into one part cannot make it look like two others. */
static void unambiguous(void **state)
{
    static const struct span cookies[] = {SPAN("a"), SPAN("b")};
    static const char *const tried[] = {
        "Cookie: a=1; b=2",
        "Cookie: a=1 cookie b=1:2",
        "Cookie: a=1:2",
        "Cookie: a=; b=1:2",
        "Cookie: b=2",
        "Cookie: a=-; b=2",
        "Cookie: a=",
        "",
    };
    struct cache_options o = cache_options_default();
    struct span keys_made[ARRAY_LEN(tried)];

    (void)state;
    o.key_cookies = cookies;
    o.key_cookies_n = ARRAY_LEN(cookies);
    for (size_t i = 0; i < ARRAY_LEN(tried); i++) {
        struct fields f = fields_of(&arena, tried[i]);

        keys_made[i] =
            key_text(&arena, &(struct key_parts){SPAN("h"), SPAN("/"), false, SPAN_EMPTY, &f}, &o);
        for (size_t j = 0; j < i; j++)
            row_check(tried[i], !span_eq(keys_made[i], keys_made[j]));
    }
}

static void bounded(void **state)
{
    struct cache_options o = cache_options_default();
    struct fields none = {0};
    static char path[KEY_MAX + 1];
    struct key_parts parts = {SPAN("h"), {path, KEY_MAX - 1}, false, SPAN_EMPTY, &none};

    (void)state;
    memset(path, '/', sizeof(path));
    assert_int_equal(key_text(&arena, &parts, &o).n, KEY_MAX);
    parts.path.n++;
    assert_null(key_text(&arena, &parts, &o).p);
}

/* What key_text() and vary_key_text() write, line by line; and what neither does. */
static void lines(void **state)
{
    static const struct {
        struct span text;
        const char *kinds, *names, *values; /* "-": absent */
    } rows[] = {
        {SPAN(""), "", "", ""},
        {SPAN("\nfield a=2:de\ncookie B=-"), "field cookie", "a B", "de -"},
        {SPAN("\nvary 0123456789abcdef\nfield=3:a=b\nvary=0:"), "vary vary", "field vary", "a=b "},
        {SPAN("\nfield a=12:x\ncookie b=-\ncookie b=1:c"), "field cookie", "a b",
            "x\ncookie b=- c"},
        {SPAN("field a=2:de"), "", "", ""},
        {SPAN("\nfield a=3:de"), "", "", ""},
        {SPAN("\nfield a=99999999999999999999:de"), "", "", ""},
        {SPAN("\nfield a=x:de"), "", "", ""},
        {SPAN("\nfield a=2"), "", "", ""},
        {SPAN("\nfield a"), "", "", ""},
        {SPAN("\nfield a="), "", "", ""},
        {SPAN("\nvary 0123456789abcdef"), "", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span rest = rows[i].text, kinds = SPAN(""), names = SPAN(""), values = SPAN("");
        struct key_line line;

        for (bool first = true; key_line_next(&rest, &line); first = false) {
            struct span gap = first ? SPAN("") : SPAN(" ");
            struct span value = line.value.p != NULL ? line.value : SPAN("-");

            kinds = arena_join(&arena, arena_join(&arena, kinds, gap), line.kind);
            names = arena_join(&arena, arena_join(&arena, names, gap), line.name);
            values = arena_join(&arena, arena_join(&arena, values, gap), value);
        }
        row_text(rows[i].text.p, kinds, rows[i].kinds);
        row_text(rows[i].text.p, names, rows[i].names);
        row_text(rows[i].text.p, values, rows[i].values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries),
        cmocka_unit_test(keys),
        cmocka_unit_test(unambiguous),
        cmocka_unit_test(bounded),
        cmocka_unit_test(lines),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
