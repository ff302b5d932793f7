#include "conf/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *nearest(const char *found)
{
    static const char *const words[] = {"origin", "site", "listen", "log", "ttl", "memory", NULL};
    struct suggestion s = {.of = span_of(found)};

    for (unsigned i = 0; words[i] != NULL; i++)
        suggest_offer(&s, words[i]);
    return s.best != NULL ? s.best : "";
}

static void near_words_are_found(void **state)
{
    static const char *const cases[][2] = {
        {"orgin", "origin"},   /* one left out */
        {"origiin", "origin"}, /* one too many */
        {"oirgin", "origin"},  /* neighbours swapped */
        {"0rigin", "origin"},  /* one changed */
        {"orignis", "origin"}, /* two */
        {"orgnsi", ""},        /* three */
        {"sites", "site"},
        {"iste", "site"},
        {"lag", "log"},
        {"tl", "ttl"},
        {"t", ""}, /* two of a word of three are too many */
        {"tls", ""},
        {"", ""},
        {"memory-that-goes-on-for-very-long-indeed", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(nearest(cases[i][0]), cases[i][1]);
}

static void the_nearest_wins_and_the_first_of_equals(void **state)
{
    struct suggestion s = {.of = SPAN("paths")};

    (void)state;
    suggest_offer(&s, "patchy");
    suggest_offer(&s, "path");
    suggest_offer(&s, "pathe");
    assert_string_equal(s.best, "path");
    assert_int_equal(s.distance, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_words_are_found),
        cmocka_unit_test(the_nearest_wins_and_the_first_of_equals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
