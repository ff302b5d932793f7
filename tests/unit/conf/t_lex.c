#include "conf/lex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* The tokens of a text as one line: words in <>, quoted ones in "", each with line:column. */
static void lex_all(struct span text, char *out, size_t cap)
{
    static const char *const names[] = {"", "", ";", "{", "}", "end", "bad"};
    struct arena a;
    struct conf_errors errors;
    struct conf_lexer lx;
    struct conf_word w;
    enum conf_token t;
    size_t n = 0;

    arena_init(&a);
    conf_errors_init(&errors, &a);
    conf_lexer_init(&lx, &a, &errors, "f", text);
    do {
        t = conf_lex(&lx, &w);
        n +=
            (size_t)snprintf(out + n, cap - n, "%s%u:%u", n > 0 ? " " : "", w.at.line, w.at.column);
        if (t == CONF_TOKEN_BARE || t == CONF_TOKEN_QUOTED) {
            assert_int_equal(strlen(w.text.p), w.text.n);
            n += (size_t)snprintf(
                out + n, cap - n, t == CONF_TOKEN_BARE ? "<%s>" : "\"%s\"", w.text.p);
        } else {
            n += (size_t)snprintf(out + n, cap - n, "%s", names[t]);
        }
    } while (t != CONF_TOKEN_END && t != CONF_TOKEN_BAD);
    if (t == CONF_TOKEN_BAD) {
        assert_int_equal(errors.n, 1);
        snprintf(out, cap, "%s", errors.text[0].p);
    } else {
        assert_int_equal(errors.n, 0);
    }
    arena_free(&a);
}

static void texts_to_tokens(void **state)
{
    static const char *const cases[][2] = {
        {"", "1:1end"},
        {" \t\r\n ", "2:2end"},
        {"a b;", "1:1<a> 1:3<b> 1:4; 1:5end"},
        {"a{b;}", "1:1<a> 1:2{ 1:3<b> 1:4; 1:5} 1:6end"},
        {"a # b;\n  c;", "1:1<a> 2:3<c> 2:4; 2:5end"},
        {"# only", "1:7end"},
        {"a;#x\nb;", "1:1<a> 1:2; 2:1<b> 2:2; 2:3end"},
        {"a#b c'd \\x;", "1:1<a#b> 1:5<c'd> 1:9<\\x> 1:11; 1:12end"},
        {"a\r\nb;\r\n", "1:1<a> 2:1<b> 2:2; 3:1end"},
        {"\"a b\" \"\";", "1:1\"a b\" 1:7\"\" 1:9; 1:10end"},
        {"\"\\\"\\\\\\n\\t\\x41\\xff\";", "1:1\"\"\\\n\tA\xff\" 1:19; 1:20end"},
        {"\"a;{}#'\tb\"{", "1:1\"a;{}#'\tb\" 1:11{ 1:12end"},
        {"\xef\xbb\xbfs\xc3\xa9;", "1:1<s\xc3\xa9> 1:4; 1:5end"},
    };
    char out[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        lex_all(span_of(cases[i][0]), out, sizeof(out));
        assert_string_equal(out, cases[i][1]);
    }
}

static void wrong_texts(void **state)
{
#define ESCAPES "unknown escape; write \\\" \\\\ \\n \\t or \\x01 to \\xff"
    static const char *const cases[][2] = {
        {"a\n b \"c", "f:2:4: the quote that opens here is not closed on its line"},
        {"a \"b\nc\";", "f:1:3: the quote that opens here is not closed on its line"},
        {"a \"b\"c;", "f:1:6: space or \";\" must follow a quoted word"},
        {"a \"b\"\"c\";", "f:1:6: space or \";\" must follow a quoted word"},
        {"a b\"c\";", "f:1:4: quote inside of a word; put the whole word in quotes"},
        {"a 'b';", "f:1:3: single quotes do not quote here; write \"...\""},
        {"a \x01;", "f:1:3: byte 0x01 is not text"},
        {"a b\x7f;", "f:1:4: byte 0x7f is not text"},
        {"a \"b\x1b\";", "f:1:5: byte 0x1b is not text"},
        {"a \"\\z\";", "f:1:4: " ESCAPES},
        {"a \"\\x00\";", "f:1:4: " ESCAPES},
        {"a \"\\x4\";", "f:1:4: " ESCAPES},
        {"a \"\\", "f:1:4: " ESCAPES},
    };
    char out[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        lex_all(span_of(cases[i][0]), out, sizeof(out));
        assert_string_equal(out, cases[i][1]);
    }
    lex_all(span_make("a\0b;", 4), out, sizeof(out));
    assert_string_equal(out, "f:1:2: byte 0x00 is not text");
}

static void words_are_bounded(void **state)
{
    static char text[CONF_WORD_MAX + 4], out[2 * CONF_WORD_MAX];

    (void)state;
    memset(text, 'x', sizeof(text));
    lex_all(span_make(text, CONF_WORD_MAX), out, sizeof(out));
    assert_int_equal(strncmp(out, "1:1<xx", 6), 0);
    lex_all(span_make(text, CONF_WORD_MAX + 1), out, sizeof(out));
    assert_string_equal(out, "f:1:1: word of more than 8192 bytes");
    text[0] = text[CONF_WORD_MAX + 1] = '"';
    lex_all(span_make(text, CONF_WORD_MAX + 2), out, sizeof(out));
    assert_int_equal(strncmp(out, "1:1\"xx", 6), 0);
    text[CONF_WORD_MAX + 1] = 'x';
    text[CONF_WORD_MAX + 2] = '"';
    lex_all(span_make(text, CONF_WORD_MAX + 3), out, sizeof(out));
    assert_string_equal(out, "f:1:1: word of more than 8192 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_to_tokens),
        cmocka_unit_test(wrong_texts),
        cmocka_unit_test(words_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
