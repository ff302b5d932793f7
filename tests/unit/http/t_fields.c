/* Field lists: ids, lookup, change, joining, list members. */
#include "table.h"

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

static void ids(void **state)
{
    (void)state;
    for (unsigned id = FIELD_OTHER + 1; id < FIELD_IDS; id++) {
        struct span name = field_name((enum field_id)id);
        char text[64];

        assert_true(name.n != 0 && name.n < sizeof(text));
        assert_int_equal(field_id_of(name), id);
        for (size_t i = 0; i < name.n; i++)
            text[i] = ascii_lower(name.p[i]);
        assert_int_equal(field_id_of(span_make(text, name.n)), id);
        /* One byte off, in every place and every way that is not the other case. */
        for (size_t i = 0; i < name.n; i++) {
            for (int c = 0; c < 256; c++) {
                memcpy(text, name.p, name.n);
                text[i] = (char)c;
                if (ascii_lower((char)c) == ascii_lower(name.p[i]))
                    assert_int_equal(field_id_of(span_make(text, name.n)), id);
                else
                    assert_int_not_equal(field_id_of(span_make(text, name.n)), id);
            }
        }
        assert_int_not_equal(field_id_of(span_make(name.p, name.n - 1)), id);
    }
    assert_int_equal(field_id_of(SPAN("")), FIELD_OTHER);
    assert_int_equal(field_id_of(SPAN("X")), FIELD_OTHER);
}

static void lookup(void **state)
{
    struct fields f = fields_of(&arena, "Via: 1\nX-A: 2\nvia: 3\nx-a: 4\nX-B: 5");
    struct field *line;

    (void)state;
    assert_int_equal(f.n, 5);
    row_text("first", fields_get(&f, FIELD_VIA), "1");
    line = fields_next(&f, fields_find(&f, FIELD_VIA));
    row_text("second", line->value, "3");
    assert_null(fields_next(&f, line));
    line = fields_next(&f, fields_find_named(&f, SPAN("X-a")));
    row_text("by name", line->value, "4");
    assert_null(fields_next(&f, line));
    assert_int_equal(fields_count(&f, FIELD_VIA), 2);
    assert_null(fields_get(&f, FIELD_HOST).p);
    assert_false(fields_has(&f, FIELD_HOST));
}

static void change(void **state)
{
    struct fields f = fields_of(&arena, "Via: 1\nX-A: 2\nVia: 3\nX-A: 4\nX-B: 5");
    struct fields g = fields_copy(&f, &arena), h = fields_dup(&f, &arena);

    (void)state;
    fields_set(&f, &arena, FIELD_VIA, SPAN("6"));
    assert_int_equal(f.n, 4);
    row_text("in place", f.v[0].value, "6");
    assert_int_equal(fields_remove_named(&f, SPAN("x-a")), 2);
    fields_set_named(&f, &arena, SPAN("X-B"), SPAN("7"));
    fields_set_named(&f, &arena, SPAN("X-C"), SPAN("8"));
    fields_set(&f, &arena, FIELD_AGE, SPAN("9"));
    assert_int_equal(f.n, 4);
    row_text("last", f.v[3].name, "Age");
    assert_int_equal(fields_remove(&f, FIELD_VIA), 1);
    assert_int_equal(fields_remove(&f, FIELD_VIA), 0);
    assert_int_equal(g.n, 5);
    row_text("the copy keeps", g.v[0].value, "1");
    assert_ptr_not_equal(h.v[1].value.p, g.v[1].value.p);
    row_text("so does the deep one", h.v[4].name, "X-B");
    for (int i = 0; i < 1000; i++)
        fields_add_named(&g, &arena, SPAN("N"), SPAN("v"));
    assert_int_equal(g.n, 1005);
}

static void join(void **state)
{
    struct fields f = fields_of(&arena, "Vary: a\nVary:\nX: 1\nVary: b, c\nAge: 1");

    (void)state;
    row_text("9110 §5.3", fields_join(&f, &arena, FIELD_VARY), "a, , b, c");
    row_text("one", fields_join_named(&f, &arena, SPAN("x")), "1");
    assert_ptr_equal(fields_join(&f, &arena, FIELD_AGE).p, f.v[4].value.p);
    assert_null(fields_join(&f, &arena, FIELD_HOST).p);
}

static void lists(void **state)
{
    static const struct {
        const char *value;
        const char *members; /* each followed by '|' */
    } rows[] = {
        {"", ""},
        {" , ,\t,", ""},
        {"a", "a|"},
        {"a,b , c\t", "a|b|c|"}, /* 9110 §5.6.1 */
        {",a,,b,", "a|b|"},
        {"a=\"b,c\", d", "a=\"b,c\"|d|"},
        {"\"a\\\",b\",c", "\"a\\\",b\"|c|"},
        {"a\"b,c\"d,e", "a\"b,c\"d|e|"},
        {"a=\"b, c", "a=\"b, c|"},
        {"a\\,b", "a\\|b|"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span rest = span_of(rows[i].value), member, got = SPAN("");

        while (list_next(&rest, &member))
            got = arena_join(&arena, got, arena_join(&arena, member, SPAN("|")));
        row_text(rows[i].value, got, rows[i].members);
    }
}

static void lists_over_lines(void **state)
{
    struct fields f = fields_of(&arena, "Vary: a, b\nX: z\nVary: ,\nVary: c");
    struct field_list it = field_list_of(&f, FIELD_VARY);
    struct span member;
    unsigned n = 0;

    (void)state;
    while (field_list_next(&it, &member))
        row_check("in order", span_eq(member, span_make(&"abc"[n++], 1)));
    assert_int_equal(n, 3);
    assert_false(field_list_next(&it, &member));
    assert_true(fields_list_has(&f, FIELD_VARY, SPAN("C")));
    assert_false(fields_list_has(&f, FIELD_VARY, SPAN("d")));
    it = field_list_of_named(&f, SPAN("x"));
    assert_true(field_list_next(&it, &member));
    row_text("by name", member, "z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids),
        cmocka_unit_test(lookup),
        cmocka_unit_test(change),
        cmocka_unit_test(join),
        cmocka_unit_test(lists),
        cmocka_unit_test(lists_over_lines),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
