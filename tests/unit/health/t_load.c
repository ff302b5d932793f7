/* The line with the load: what is written is read, and what is no number is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health/load.h"

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (unsigned n = 0; n <= LOAD_MOST; n += n < 2000 ? 1 : 997) {
        char line[LOAD_TEXT];
        unsigned length = load_write(n, line), back = 0;

        assert_true(load_read(span_make(line, length), &back));
        assert_int_equal(back, n);
    }
}

static void lines(void **state)
{
    static const struct {
        const char *text;
        int per_mille; /* -1: none */
    } cases[] = {
        {"ready\nload 0.37\n", 370},
        {"ready\r\nload 0.370\r\n", 370},
        {"load 1", 1000},
        {"load 2.5\nload 0.1\n", 2500},
        {"load 100.000", 100000},
        {"load 100.001", -1},
        {"load 101", -1},
        {"load 0.3700", -1},
        {"load .5", -1},
        {"load 0.", -1},
        {"load -1", -1},
        {"load 0.5x", -1},
        {"load 1e3", -1},
        {"load ", -1},
        {"load", -1},
        {"overload 0.5\n", -1},
        {" load 0.5\n", -1},
        {"", -1},
        {"load 99999999999999999999", -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned n = 12345;
        bool read = load_read(span_of(cases[i].text), &n);

        assert_int_equal(read, cases[i].per_mille >= 0);
        assert_int_equal(n, read ? (unsigned)cases[i].per_mille : 12345);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
