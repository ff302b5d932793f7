/* What authorities ask for: found while it stands, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "edge/challenges.h"

#include <stdio.h>
#include <stdlib.h>

static struct challenges *table;
static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    table = challenges_new();
    arena_init(&arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    challenges_free(&table);
    arena_free(&arena);
    return 0;
}

static struct challenge http(const char *token, const char *answer)
{
    return (struct challenge){CHALLENGE_HTTP, SPAN("a.test"), span_of(token), span_of(answer)};
}

static bool found(const char *path, const char *answer)
{
    struct span got;

    return challenges_http(table, span_of(path), &arena, &got) && span_eq(got, span_of(answer));
}

static void one_is_found_until_it_is_removed(void **state)
{
    struct challenge it = http("tok_en-1", "tok_en-1.print"), other = http("tok2", "tok2.print");

    (void)state;
    assert_false(found(CHALLENGE_PATH "tok_en-1", "tok_en-1.print"));
    assert_true(challenges_put(table, &it));
    assert_true(challenges_put(table, &other));
    assert_true(found(CHALLENGE_PATH "tok_en-1", "tok_en-1.print"));
    assert_true(found(CHALLENGE_PATH "tok2", "tok2.print"));
    assert_false(found(CHALLENGE_PATH "tok_en-", "tok_en-1.print"));
    assert_false(found(CHALLENGE_PATH, ""));
    assert_false(found("/.well-known/acme", ""));
    challenges_remove(table, &it);
    challenges_remove(table, &it);
    assert_false(found(CHALLENGE_PATH "tok_en-1", "tok_en-1.print"));
    assert_true(found(CHALLENGE_PATH "tok2", "tok2.print"));
}

static void the_same_again_replaces(void **state)
{
    struct challenge it = http("t", "one"), again = http("t", "two");

    (void)state;
    assert_true(challenges_put(table, &it));
    assert_true(challenges_put(table, &again));
    assert_true(found(CHALLENGE_PATH "t", "two"));
    challenges_remove(table, &again);
    assert_false(found(CHALLENGE_PATH "t", "one"));
}

/* A handshake's answer is not served as a file. */
static void types_are_apart(void **state)
{
    struct challenge it = {CHALLENGE_TLS_ALPN, SPAN("a.test"), SPAN("t"), SPAN("digest")};

    (void)state;
    assert_true(challenges_put(table, &it));
    assert_false(found(CHALLENGE_PATH "t", "digest"));
}

static void a_handshake_gets_its_digest(void **state)
{
    struct challenge it = {CHALLENGE_TLS_ALPN, SPAN("a.test"), SPAN("t"),
                         SPAN("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd_v8")},
                     bad = {CHALLENGE_TLS_ALPN, SPAN("b.test"), SPAN("t"), SPAN("AAEC")};
    unsigned char digest[CHALLENGE_DIGEST];

    (void)state;
    assert_false(challenges_alpn(table, SPAN("a.test"), digest));
    assert_true(challenges_put(table, &it));
    assert_true(challenges_put(table, &bad));
    assert_true(challenges_alpn(table, SPAN("a.test"), digest));
    for (int i = 0; i < 30; i++)
        assert_int_equal(digest[i], i);
    assert_int_equal(digest[30], 0xfe);
    assert_int_equal(digest[31], 0xff);
    assert_false(challenges_alpn(table, SPAN("b.test"), digest));
    assert_false(challenges_alpn(table, SPAN("c.test"), digest));
}

static void nonsense_is_refused(void **state)
{
    static char full[CHALLENGE_TEXT_MAX + 2];
    struct challenge slash = http("a/b", "x"), none = http("", "x"), control = http("t", "a\nb"),
                     long_one;

    (void)state;
    memset(full, 'a', sizeof(full) - 1);
    long_one = http("t", full);
    assert_false(challenges_put(table, &slash));
    assert_false(challenges_put(table, &none));
    assert_false(challenges_put(table, &control));
    assert_false(challenges_put(table, &long_one));
}

static void there_is_an_end_to_them(void **state)
{
    char token[32];

    (void)state;
    for (int i = 0; i < CHALLENGES_MAX; i++) {
        struct challenge it;

        snprintf(token, sizeof(token), "t%d", i);
        it = http(token, "x");
        assert_true(challenges_put(table, &it));
    }
    snprintf(token, sizeof(token), "more");
    assert_false(challenges_put(
        table, &(struct challenge){CHALLENGE_HTTP, SPAN("a.test"), span_of(token), SPAN("x")}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_is_found_until_it_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_same_again_replaces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(types_are_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_handshake_gets_its_digest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(there_is_an_end_to_them, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
