#include "conf/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void lines_have_their_place_and_no_control_bytes(void **state)
{
    struct conf_errors e;
    struct arena a;

    (void)state;
    arena_init(&a);
    conf_errors_init(&e, &a);
    conf_error(
        &e, (struct conf_place){"x/y.conf", 12, 5}, "no %s, \x1b[31m\n\x7f \xc3\xa9", "good");
    assert_int_equal(e.n, 1);
    assert_string_equal(e.text[0].p, "x/y.conf:12:5: no good, \\x1b[31m\\x0a\\x7f \xc3\xa9");
    arena_free(&a);
}

static void a_long_sentence_is_cut(void **state)
{
    struct conf_errors e;
    struct arena a;
    char long_text[5000];

    (void)state;
    arena_init(&a);
    conf_errors_init(&e, &a);
    memset(long_text, '\x01', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = '\0';
    conf_error(&e, (struct conf_place){long_text, 1, 1}, "%s", long_text);
    assert_true(e.text[0].n <= 4096);
    assert_true(span_ends(e.text[0], SPAN("\\x01")));
    arena_free(&a);
}

static void only_the_first_are_kept_and_the_rest_is_counted(void **state)
{
    struct conf_errors e;
    struct arena a;
    struct buf out;

    (void)state;
    arena_init(&a);
    buf_init(&out, 1 << 16);
    conf_errors_init(&e, &a);
    for (unsigned i = 1; i <= 20; i++)
        conf_error(&e, (struct conf_place){"f", i, 1}, "no");
    assert_true(conf_errors_write(&e, &out));
    assert_true(span_ends(buf_span(&out), SPAN("\nf:20:1: no\n")));
    conf_error(&e, (struct conf_place){"f", 21, 1}, "no");
    conf_error(&e, (struct conf_place){"f", 22, 1}, "no");
    out.n = 0;
    assert_true(conf_errors_write(&e, &out));
    assert_true(span_ends(buf_span(&out), SPAN("\nf:20:1: no\nand 2 more errors\n")));
    buf_free(&out);

    buf_init(&out, 30);
    assert_false(conf_errors_write(&e, &out));
    buf_free(&out);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_their_place_and_no_control_bytes),
        cmocka_unit_test(a_long_sentence_is_cut),
        cmocka_unit_test(only_the_first_are_kept_and_the_rest_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
