/* Pieces of text: at their ends, empty, NULL, and numbers at their limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/span.h"

static void comparing(void **state)
{
    static const struct {
        const char *a, *b;
        bool eq, ieq, starts, istarts, ends;
    } rows[] = {
        {"", "", true, true, true, true, true},
        {"a", "", false, false, true, true, true},
        {"", "a", false, false, false, false, false},
        {"abc", "abc", true, true, true, true, true},
        {"abc", "ABC", false, true, false, true, false},
        {"abcd", "abc", false, false, true, true, false},
        {"abcd", "bcd", false, false, false, false, true},
        {"abcd", "ABc", false, false, false, true, false},
        /* Only letters have cases: these differ in the same bit. */
        {"[", "{", false, false, false, false, false},
        {"@", "`", false, false, false, false, false},
        {"\xc4", "\xe4", false, false, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span a = span_of(rows[i].a), b = span_of(rows[i].b);

        if (span_eq(a, b) != rows[i].eq || span_ieq(a, b) != rows[i].ieq ||
            span_starts(a, b) != rows[i].starts || span_istarts(a, b) != rows[i].istarts ||
            span_ends(a, b) != rows[i].ends)
            fail_msg("row %zu: \"%s\" and \"%s\"", i, rows[i].a, rows[i].b);
    }
    assert_true(span_eq(SPAN_EMPTY, SPAN("")));
    assert_true(span_ieq(SPAN_EMPTY, SPAN("")));
    assert_true(span_starts(SPAN_EMPTY, SPAN_EMPTY));
    assert_true(span_ends(SPAN("a"), SPAN_EMPTY));
    assert_false(span_eq(SPAN("a\0b"), SPAN("a\0c")));
    assert_int_equal(span_of(NULL).n, 0);
}

static void parts(void **state)
{
    struct span s = SPAN("hello");

    (void)state;
    assert_true(span_eq(span_from(s, 0), s));
    assert_true(span_eq(span_from(s, 2), SPAN("llo")));
    assert_int_equal(span_from(s, 5).n, 0);
    assert_ptr_equal(span_from(s, 5).p, s.p + 5);
    assert_int_equal(span_from(s, 6).n, 0);
    assert_int_equal(span_from(s, SIZE_MAX).n, 0);
    assert_null(span_from(SPAN_EMPTY, 0).p);
    assert_int_equal(span_find(s, 'l'), 2);
    assert_int_equal(span_find(s, 'x'), 5);
    assert_int_equal(span_find(SPAN_EMPTY, 'x'), 0);
    assert_int_equal(span_find(SPAN("ab\0c"), 'c'), 3);
}

static void trimming(void **state)
{
    static const struct {
        const char *text, *trimmed;
    } rows[] = {
        {"", ""},
        {" ", ""},
        {" \t ", ""},
        {"a", "a"},
        {" a b\t", "a b"},
        {"\na\r", "\na\r"}, /* OWS is space and tab, nothing else */
        {"\va", "\va"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_true(span_eq(span_trim(span_of(rows[i].text)), span_of(rows[i].trimmed)));
    assert_int_equal(span_trim(SPAN_EMPTY).n, 0);
}

static void cutting(void **state)
{
    static const struct {
        const char *text;
        const char *pieces[5]; /* NULL at the end */
    } rows[] = {
        {"", {""}},
        {"a", {"a"}},
        {"a,b", {"a", "b"}},
        {",a,,b", {"", "a", "", "b"}},
        {"a,", {"a"}},
        {",", {""}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span rest = span_of(rows[i].text), piece;
        size_t n = 0;

        while (rows[i].pieces[n] != NULL) {
            assert_true(span_cut(&rest, ',', &piece));
            if (!span_eq(piece, span_of(rows[i].pieces[n])))
                fail_msg("row %zu, piece %zu: \"%.*s\"", i, n, SPAN_ARG(piece));
            n++;
        }
        /* A separator at the end is followed by one more, empty piece. */
        if (span_ends(span_of(rows[i].text), SPAN(","))) {
            assert_true(span_cut(&rest, ',', &piece));
            assert_int_equal(piece.n, 0);
        }
        assert_false(span_cut(&rest, ',', &piece));
        assert_false(span_cut(&rest, ',', &piece));
        assert_null(rest.p);
    }
}

static void numbers(void **state)
{
    static const struct {
        const char *text;
        bool decimal, hex;
        uint64_t d, h;
    } rows[] = {
        {"0", true, true, 0, 0},
        {"7", true, true, 7, 7},
        {"007", true, true, 7, 7},
        {"10", true, true, 10, 16},
        {"18446744073709551615", true, false, UINT64_MAX, 0},
        {"18446744073709551616", false, false, 0, 0},
        {"99999999999999999999", false, false, 0, 0},
        {"184467440737095516150", false, false, 0, 0},
        {"ffffffffffffffff", false, true, 0, UINT64_MAX},
        {"FfFfFfFfFfFfFfFe", false, true, 0, UINT64_MAX - 1},
        {"0000000000000000", true, true, 0, 0},
        {"00000000000000000", true, false, 0, 0},
        {"", false, false, 0, 0},
        {"+1", false, false, 0, 0},
        {"-1", false, false, 0, 0},
        {" 1", false, false, 0, 0},
        {"1 ", false, false, 0, 0},
        {"0x1", false, false, 0, 0},
        {"1_0", false, false, 0, 0},
        {"g", false, false, 0, 0},
        {"1.", false, false, 0, 0},
        {"\xb2", false, false, 0, 0},
        {"/", false, false, 0, 0},
        {":", false, false, 0, 0},
        {"@", false, false, 0, 0},
        {"`", false, false, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span s = span_of(rows[i].text);
        uint64_t d = 4711, h = 4711;

        if (span_u64(s, &d) != rows[i].decimal || d != (rows[i].decimal ? rows[i].d : 4711))
            fail_msg("decimal \"%s\"", rows[i].text);
        if (span_hex64(s, &h) != rows[i].hex || h != (rows[i].hex ? rows[i].h : 4711))
            fail_msg("hexadecimal \"%s\"", rows[i].text);
    }
}

static void copying(void **state)
{
    char dst[4] = "xxx";

    (void)state;
    assert_string_equal(span_cstr(SPAN("ab"), dst, sizeof(dst)), "ab");
    assert_string_equal(span_cstr(SPAN("abc"), dst, sizeof(dst)), "abc");
    assert_string_equal(span_cstr(SPAN("abcd"), dst, sizeof(dst)), "abc");
    assert_string_equal(span_cstr(SPAN_EMPTY, dst, sizeof(dst)), "");
    assert_string_equal(span_cstr(SPAN("abc"), dst, 1), "");
}

static void writing_numbers(void **state)
{
    static const struct {
        uint64_t v;
        const char *text;
    } rows[] = {
        {0, "0"},
        {9, "9"},
        {10, "10"},
        {1000000, "1000000"},
        {UINT64_MAX, "18446744073709551615"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char dst[SPAN_U64_MAX + 1];
        size_t n;

        memset(dst, '#', sizeof(dst));
        n = span_put_u64(dst, rows[i].v);
        assert_true(span_eq(span_make(dst, n), span_of(rows[i].text)));
        assert_true(n <= SPAN_U64_MAX && dst[n] == '#'); /* no terminator, nothing behind */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing),
        cmocka_unit_test(parts),
        cmocka_unit_test(trimming),
        cmocka_unit_test(cutting),
        cmocka_unit_test(numbers),
        cmocka_unit_test(copying),
        cmocka_unit_test(writing_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
