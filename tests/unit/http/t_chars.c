/* Character classes against their definitions, and the small tokens. */
#include "table.h"

#include "http/chars.h"

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

static bool alnum(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool among(int c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

static void classes(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        bool high = c >= 0x80, visible = c > 0x20 && c < 0x7f;
        char byte = (char)c;

        /* 9110 §5.6.2 */
        assert_int_equal(char_is(byte, CHAR_TOKEN), alnum(c) || among(c, "!#$%&'*+-.^_`|~"));
        /* 9110 §5.5 */
        assert_int_equal(char_is(byte, CHAR_VALUE), high || visible || c == ' ' || c == '\t');
        assert_int_equal(char_is(byte, CHAR_TARGET), high || (visible && c != '#'));
        /* 3986 §2.3, §3.3 */
        assert_int_equal(char_is(byte, CHAR_UNRESERVED), alnum(c) || among(c, "-._~"));
        assert_int_equal(char_is(byte, CHAR_PATH), alnum(c) || among(c, "-._~!$&'()*+,;=:@/"));
        assert_int_equal(char_is(byte, CHAR_DIGIT), c >= '0' && c <= '9');
        assert_int_equal(char_is(byte, CHAR_ALPHA), alnum(c) && !(c >= '0' && c <= '9'));
        assert_int_equal(char_is(byte, CHAR_HEX), hex_value(byte) >= 0);
    }
}

static void lines(void **state)
{
    char text[40];

    (void)state;
    for (size_t n = 0; n <= sizeof(text); n++) {
        memset(text, 0x80, sizeof(text));
        assert_true(text_is_line(span_make(text, n)));
        for (size_t at = 0; at < n; at++) {
            for (int c = 0; c < 256; c++) {
                text[at] = (char)c;
                assert_int_equal(
                    text_is_line(span_make(text, n)), c != 0 && c != '\r' && c != '\n');
            }
            text[at] = 'x';
        }
    }
}

static void quotes(void **state)
{
    static const struct {
        const char *in, *quoted, *text; /* quoted NULL: none */
    } rows[] = {
        /* 9110 §5.6.4 */
        {"\"a b\", c", "\"a b\"", "a b"},
        {"\"\"", "\"\"", ""},
        {"\"a\\\"b\\\\\"c", "\"a\\\"b\\\\\"", "a\"b\\"},
        {"\"a", NULL, NULL},
        {"\"a\\\"", NULL, NULL},
        {"\"\\", NULL, NULL},
        {"\"", NULL, NULL},
        {"a\"b\"", NULL, NULL},
        {"", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span in = span_of(rows[i].in);
        size_t n = quoted_length(in);

        row_text(rows[i].in, span_make(in.p, n), rows[i].quoted);
        if (n != 0)
            row_text(rows[i].in, quoted_text(&arena, span_make(in.p, n)), rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes),
        cmocka_unit_test(lines),
        cmocka_unit_test(quotes),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
