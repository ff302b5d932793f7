/* Structured fields, RFC 9651 §4.2, by what they parse to in words. */
#include "table.h"

#include "base/buf.h"
#include "http/sfv.h"

#include <stdio.h>

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

static struct span add(struct span out, struct span more)
{
    return arena_join(&arena, out, more);
}

static struct span bare(const struct sfv_item *v)
{
    switch (v->type) {
    case SFV_INTEGER:
    case SFV_DECIMAL:
    case SFV_DATE:
        return arena_printf(&arena, "%c%lld", "id@"[v->type], (long long)v -> integer);
    case SFV_STRING:
        return arena_printf(&arena, "s<%.*s>", SPAN_ARG(v->text));
    case SFV_TOKEN:
        return arena_printf(&arena, "t<%.*s>", SPAN_ARG(v->text));
    case SFV_BYTES:
        return arena_printf(&arena, "b<%.*s>", SPAN_ARG(v->text));
    case SFV_DISPLAY:
        return arena_printf(&arena, "u<%.*s>", SPAN_ARG(v->text));
    case SFV_BOOLEAN:
        return v->integer ? SPAN("yes") : SPAN("no");
    case SFV_INNER:
        break;
    }
    return SPAN("?");
}

static struct span params(const struct sfv_item *v)
{
    struct span out = SPAN("");

    for (unsigned i = 0; i < v->params_n; i++) {
        out = add(out, arena_printf(&arena, ";%.*s=", SPAN_ARG(v->params[i].key)));
        out = add(out, bare(&v->params[i].value));
    }
    return out;
}

static struct span item(const struct sfv_item *v)
{
    struct span out = SPAN("(");

    if (v->type != SFV_INNER)
        return add(bare(v), params(v));
    for (unsigned i = 0; i < v->items_n; i++)
        out = add(add(add(out, bare(&v->items[i])), params(&v->items[i])), SPAN(" "));
    return add(add(out, SPAN(")")), params(v));
}

static struct span members(const struct sfv_members *m)
{
    struct span out = SPAN("");

    for (unsigned i = 0; i < m->n; i++) {
        if (m->v[i].key.n != 0)
            out = add(add(out, m->v[i].key), SPAN("="));
        out = add(add(out, item(&m->v[i].value)), SPAN(","));
    }
    return out;
}

static void items(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: refused */
    } rows[] = {
        /* §4.2.4 */
        {"42", "i42"},
        {" -0042 ", "i-42"},
        {"999999999999999", "i999999999999999"},
        {"1000000000000000", NULL},
        {"1.5", "d1500"},
        {"-0.001", "d-1"},
        {"123456789012.125", "d123456789012125"},
        {"1234567890123.1", NULL},
        {"1.2345", NULL},
        {"1.", NULL},
        {".5", NULL},
        {"-", NULL},
        {"+1", NULL},
        {"1 2", NULL},
        /* §4.2.5 */
        {"\"a \\\"b\\\\\"", "s<a \"b\\>"},
        {"\"\"", "s<>"},
        {"\"a", NULL},
        {"\"a\\b\"", NULL},
        {"\"\xe4\"", NULL},
        {"\"\t\"", NULL},
        {"'a'", NULL},
        /* §4.2.6 */
        {"*a/b:c!", "t<*a/b:c!>"},
        {"/a", NULL},
        {"a,b", NULL},
        /* §4.2.7 */
        {":aGVsbG8=:", "b<hello>"},
        {":aGVsbG8:", "b<hello>"},
        {":aGVsbG8h:", "b<hello!>"},
        {":aGk=:", "b<hi>"},
        {":aA==:", "b<h>"},
        {"::", "b<>"},
        {":aGVsbG8==:", NULL},
        {":a:", NULL},
        {":=:", NULL},
        {":aG_k:", NULL},
        {":aGVsbG8", NULL},
        /* §4.2.8 */
        {"?1", "yes"},
        {"?0", "no"},
        {"?2", NULL},
        {"?", NULL},
        {"?10", NULL},
        /* §4.2.9 */
        {"@1659578233", "@1659578233"},
        {"@-1", "@-1"},
        {"@1.5", NULL},
        {"@", NULL},
        /* §4.2.10 */
        {"%\"f%c3%bc%25\"", "u<f\xc3\xbc%>"},
        {"%\"f%C3%BC\"", NULL},
        {"%\"%c3\"", NULL},
        {"%\"%c0%80\"", NULL},
        {"%\"%ed%a0%80\"", NULL},
        {"%\"%f4%90%80%80\"", NULL},
        {"%\"%4\"", NULL},
        {"%\"a", NULL},
        {"%a", NULL},
        /* §4.2.3.2 */
        {"a;b;  c=1;d=\"x\"", "t<a>;b=yes;c=i1;d=s<x>"},
        {"a;b=1;c;b=2", "t<a>;b=i2;c=yes"},
        {"a;*b.c_d-1", "t<a>;*b.c_d-1=yes"},
        {"a ;b", NULL},
        {"a;B", NULL},
        {"a;1", NULL},
        {"a;b =1", NULL},
        {"a;b= 1", NULL},
        {"a;", NULL},
        {"a;b=(1)", NULL},
        {"", NULL},
        {"(a)", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sfv_item v;
        bool good = sfv_item_parse(span_of(rows[i].in), &arena, &v);

        row_check(rows[i].in, good == (rows[i].out != NULL));
        if (good)
            row_text(rows[i].in, item(&v), rows[i].out);
    }
}

static void lists(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        /* §4.2.1 */
        {"", ""},
        {"  ", ""},
        {"a, b ,\tc", "t<a>,t<b>,t<c>,"},
        {"(a b;x  c );y, ()", "(t<a> t<b>;x=yes t<c> );y=yes,(),"},
        {"a,", NULL},
        {"a, ", NULL},
        {",a", NULL},
        {"a,,b", NULL},
        {"a b", NULL},
        {"a\t", NULL},
        {"(a", NULL},
        {"(a,b)", NULL},
        {"(\"a\"b)", NULL},
        {"((a))", NULL},
        {"(a)b", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sfv_members m;
        bool good = sfv_list_parse(span_of(rows[i].in), &arena, &m);

        row_check(rows[i].in, good == (rows[i].out != NULL));
        if (good)
            row_text(rows[i].in, members(&m), rows[i].out);
    }
}

static void dictionaries(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        /* §4.2.2 */
        {"", ""},
        {"a=1, b;c=2 , d=(1 2);e", "a=i1,b=yes;c=i2,d=(i1 i2 );e=yes,"},
        {"a=1,b=2,a=3", "a=i3,b=i2,"},
        {"a=?0", "a=no,"},
        {"a=", NULL},
        {"a=1,", NULL},
        {"A=1", NULL},
        {"a =1", NULL},
        {"1=a", NULL},
        {"\"a\"=1", NULL},
    };
    struct sfv_members m;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool good = sfv_dict_parse(span_of(rows[i].in), &arena, &m);

        row_check(rows[i].in, good == (rows[i].out != NULL));
        if (good)
            row_text(rows[i].in, members(&m), rows[i].out);
    }
    assert_true(sfv_dict_parse(SPAN("a=1, b;c=2"), &arena, &m));
    assert_int_equal(sfv_dict_get(&m, SPAN("a"))->integer, 1);
    assert_int_equal(sfv_param_get(sfv_dict_get(&m, SPAN("b")), SPAN("c"))->integer, 2);
    assert_null(sfv_dict_get(&m, SPAN("c")));
    assert_null(sfv_param_get(sfv_dict_get(&m, SPAN("a")), SPAN("c")));
}

static void limits_hold(void **state)
{
    struct sfv_members m;
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    for (unsigned i = 0; i < SFV_MEMBERS_MAX; i++)
        assert_true(buf_printf(&b, "%sk%u", i != 0 ? "," : "", i));
    assert_true(sfv_dict_parse(buf_span(&b), &arena, &m));
    assert_int_equal(m.n, SFV_MEMBERS_MAX);
    assert_true(sfv_list_parse(buf_span(&b), &arena, &m));
    assert_int_equal(m.n, SFV_MEMBERS_MAX);
    row_text("the last", m.v[m.n - 1].value.text, "k1023");
    assert_true(buf_append(&b, SPAN(",z")));
    assert_false(sfv_dict_parse(buf_span(&b), &arena, &m));
    assert_false(sfv_list_parse(buf_span(&b), &arena, &m));
    buf_free(&b);
}

static void writing(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 256);
    assert_true(sfv_token_write(&b, SPAN("*a/b:c")));
    assert_true(sfv_string_write(&b, SPAN("d\"e\\")));
    assert_true(sfv_integer_write(&b, -999999999999999));
    row_text("written", buf_span(&b), "*a/b:c\"d\\\"e\\\\\"-999999999999999");
    assert_false(sfv_token_write(&b, SPAN("1a")));
    assert_false(sfv_token_write(&b, SPAN("a b")));
    assert_false(sfv_token_write(&b, SPAN("")));
    assert_false(sfv_string_write(&b, SPAN("\n")));
    assert_false(sfv_string_write(&b, SPAN("\xe4")));
    assert_false(sfv_integer_write(&b, 1000000000000000));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items),
        cmocka_unit_test(lists),
        cmocka_unit_test(dictionaries),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(writing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
