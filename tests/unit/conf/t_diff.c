#include "conf/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void is(const char *before, const char *after, const char *difference)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    assert_true(conf_diff(span_of(before), span_of(after), &out));
    assert_int_equal(out.n, strlen(difference));
    assert_memory_equal(out.n > 0 ? out.p : "", difference, out.n);
    buf_free(&out);
}

static void lines_that_went_and_came(void **state)
{
    (void)state;
    is("", "", "");
    is("a;\nb;\n", "a;\nb;\n", "");
    is("", "a;\n", "+ a;\n");
    is("a;\n", "", "- a;\n");
    is("a;\nb;\nc;\n", "a;\nx;\nc;\n", "- b;\n+ x;\n");
    is("a;\nb;\n", "b;\na;\n", "- a;\n+ a;\n");
    is("a;", "a;\n", "");
}

static void blocks_around_are_shown(void **state)
{
    (void)state;
    is("site a {\n    ttl 1h;\n    path /x {\n        ttl 1m;\n    }\n}\nsite b {\n    ttl "
       "1h;\n}\n",
        "site a {\n    ttl 1h;\n    path /x {\n        ttl 2m;\n    }\n}\nsite b {\n    ttl "
        "2h;\n}\n",
        "  site a {\n      path /x {\n-         ttl 1m;\n+         ttl 2m;\n"
        "  site b {\n-     ttl 1h;\n+     ttl 2h;\n");
    is("", "site a {\n    ttl 1h;\n}\n", "+ site a {\n+     ttl 1h;\n+ }\n");
}

/* The longest common subsequence by the textbook's table, for its length. */
static int common(const char *a, int n, const char *b, int m)
{
    static int t[65][65];

    for (int i = 0; i <= n; i++) {
        for (int k = 0; k <= m; k++) {
            if (i == 0 || k == 0)
                t[i][k] = 0;
            else if (a[i - 1] == b[k - 1])
                t[i][k] = t[i - 1][k - 1] + 1;
            else
                t[i][k] = t[i - 1][k] > t[i][k - 1] ? t[i - 1][k] : t[i][k - 1];
        }
    }
    return t[n][m];
}

static int fill(char *letters, char *text)
{
    int n = rand() % 40;

    for (int i = 0; i < n; i++) {
        letters[i] = (char)('a' + rand() % 4);
        text[2 * i] = letters[i];
        text[2 * i + 1] = '\n';
    }
    text[2 * n] = '\0';
    return n;
}

static int count_lines(const struct buf *out, char sign)
{
    struct span rest = buf_span(out), line;
    int n = 0;

    while (span_cut(&rest, '\n', &line))
        n += line.p[0] == sign;
    return n;
}

/* What is left of the old text and what comes of the new one add up, and no shorter script is. */
static void random_texts(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 3000; round++) {
        char a[64], b[64], before[160], after[160];
        int n = fill(a, before), m = fill(b, after), same = common(a, n, b, m);
        struct buf out;

        buf_init(&out, 1 << 20);
        assert_true(conf_diff(span_of(before), span_of(after), &out));
        assert_int_equal(count_lines(&out, '-'), n - same);
        assert_int_equal(count_lines(&out, '+'), m - same);
        buf_free(&out);
    }
}

static void too_different(void **state)
{
    struct buf a, b, out;

    (void)state;
    buf_init(&a, 1 << 20);
    buf_init(&b, 1 << 20);
    buf_init(&out, 1 << 20);
    for (int i = 0; i < CONF_DIFF_MAX; i++) {
        assert_true(buf_printf(&a, "a %d;\n", i));
        assert_true(buf_printf(&b, "b %d;\n", i));
    }
    assert_false(conf_diff(buf_span(&a), buf_span(&b), &out));
    assert_non_null(strstr(out.p, "lines differ"));
    buf_free(&a);
    buf_free(&b);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_went_and_came),
        cmocka_unit_test(blocks_around_are_shown),
        cmocka_unit_test(random_texts),
        cmocka_unit_test(too_different),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
