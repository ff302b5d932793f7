/* Answers to HTTP probes: each case whole, and byte by byte, with the same verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health/response.h"

#include <stdlib.h>
#include <string.h>

static struct response_wish wish(const char *contains)
{
    struct response_wish w = {
        .statuses = {.v = {{200, 200}, {300, 399}}, .n = 2}, .contains = span_of(contains)};

    return w;
}

/* GOOD, BAD, or MORE when the end of the connection is not told. */
static enum response_end feed(const struct response_wish *w, enum http_method asked,
    struct span text, size_t step, bool ends, char why[128])
{
    struct response r;
    enum response_end end = RESPONSE_MORE;

    response_init(&r, w, asked);
    while (end == RESPONSE_MORE && text.n > 0) {
        size_t n = step < text.n ? step : text.n;

        end = response_take(&r, span_make(text.p, n));
        text = span_from(text, n);
    }
    if (end == RESPONSE_MORE && ends)
        end = response_finish(&r);
    assert_true(r.body.n <= RESPONSE_BODY_BYTES);
    strcpy(why, r.why);
    assert_int_equal(end == RESPONSE_BAD, r.why[0] != '\0');
    response_free(&r);
    return end;
}

static void answers_are_judged(void **state)
{
    static const struct {
        const char *text, *contains;
        bool head, ends;
        enum response_end end;
        const char *why;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "", false, false, RESPONSE_GOOD, ""},
        {"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "", false, false, RESPONSE_GOOD, ""},
        {"HTTP/1.0 200 OK\r\n\r\nok", "ok", false, true, RESPONSE_GOOD, ""},
        {"HTTP/1.0 200 OK\r\n\r\nok", "ok", false, false, RESPONSE_MORE, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "", true, false, RESPONSE_GOOD, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", "ok",
            false, false, RESPONSE_GOOD, ""},
        {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
         "0\r\n\r\n",
            "", false, false, RESPONSE_GOOD, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine", "ok", false, false, RESPONSE_BAD,
            "the text looked for is not in the answer"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "ok", false, false, RESPONSE_BAD,
            "the text looked for is not in the answer"},
        {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "", false, false, RESPONSE_BAD,
            "status 503"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", "", false, true, RESPONSE_BAD,
            "the answer ends within its content"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "", false, true,
            RESPONSE_BAD, "the answer ends within its content"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "", false, false,
            RESPONSE_BAD, NULL},
        {"HTTP/1.1 200 OK\r\nContent-", "", false, true, RESPONSE_BAD,
            "the answer ends within its head"},
        {"", "", false, true, RESPONSE_BAD, "the connection was closed without an answer"},
        {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "", false, false, RESPONSE_BAD,
            "101 without being asked"},
        {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "", false, false, RESPONSE_BAD, NULL},
        {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "", false, true, RESPONSE_BAD, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "", false, false,
            RESPONSE_BAD, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct response_wish w = wish(cases[i].contains);
        struct span text = span_of(cases[i].text);

        for (size_t step = 1; step <= text.n + 1; step += step < 3 ? 1 : text.n) {
            char why[128];
            enum response_end end =
                feed(&w, cases[i].head ? METHOD_HEAD : METHOD_GET, text, step, cases[i].ends, why);

            assert_int_equal(end, cases[i].end);
            if (cases[i].why != NULL)
                assert_string_equal(why, cases[i].why);
        }
    }
}

/* Head, then `n` bytes of content with `text` in it at `at`. */
static char *large(const char *head, size_t n, size_t at, const char *text)
{
    size_t head_n = strlen(head);
    char *p = malloc(head_n + n);

    assert_non_null(p);
    memcpy(p, head, head_n);
    memset(p + head_n, 'x', n);
    memcpy(p + head_n + at, text, strlen(text));
    return p;
}

static void only_the_beginning_is_looked_at(void **state)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    static const struct {
        size_t at;
        enum response_end end;
    } cases[] = {{0, RESPONSE_GOOD}, {RESPONSE_BODY_BYTES - 6, RESPONSE_GOOD},
        {RESPONSE_BODY_BYTES - 5, RESPONSE_BAD}, {RESPONSE_BODY_BYTES + 100, RESPONSE_BAD}};
    struct response_wish w = wish("needle");
    char why[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *text = large(head, 1000000, cases[i].at, "needle");

        for (size_t step = 1; step < 100000; step *= 37)
            assert_int_equal(
                feed(&w, METHOD_GET, span_make(text, sizeof(head) - 1 + 1000000), step, false, why),
                cases[i].end);
        free(text);
    }
}

static void nothing_grows_without_end(void **state)
{
    struct response_wish w = wish("");
    char *text = large("HTTP/1.1 200 OK\r\nX: ", 1000000, 0, "");
    char why[128];
    struct buf interims;

    (void)state;
    assert_int_equal(
        feed(&w, METHOD_GET, span_make(text, 1000000), 4096, false, why), RESPONSE_BAD);
    assert_int_equal(
        feed(&w, METHOD_GET, span_make(text, 1000000), 1000000, false, why), RESPONSE_BAD);
    free(text);
    buf_init(&interims, 1 << 20);
    for (int i = 0; i < 1000; i++)
        assert_true(buf_append(&interims, SPAN("HTTP/1.1 100 Continue\r\n\r\n")));
    assert_int_equal(feed(&w, METHOD_GET, buf_span(&interims), 1 << 20, false, why), RESPONSE_BAD);
    assert_string_equal(why, "too many interim responses");
    buf_free(&interims);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_judged),
        cmocka_unit_test(only_the_beginning_is_looked_at),
        cmocka_unit_test(nothing_grows_without_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
