/* HTTP dates, and the calendar under them against the C library's. */
#include "table.h"

#include "http/date.h"

#include <stdio.h>
#include <time.h>

static const wall_s now = 1783857600; /* July 2026 */

static void good(void **state)
{
    static const struct {
        const char *in;
        wall_s at;
    } rows[] = {
        /* 9110 §5.6.7 */
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Sun Nov 16 08:49:37 1994", 784975777},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
        {"Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800}, /* a leap second is the next one */
        {"Mon, 01 Jan 0001 00:00:00 GMT", -62135596800},
        {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
        {"Sun, 21 Nov 2286 04:46:39 GMT", 10000039599},
        /* 50 years ahead of 2026 at most */
        {"Thursday, 18-Aug-76 02:01:18 GMT", 3364941678},
        {"Thursday, 18-Aug-77 02:01:18 GMT", 240717678},
        /* 9111 §4.2: any case */
        {"SUN, 06 nov 1994 08:49:37 gmt", 784111777},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        wall_s at = 12345;

        row_check(rows[i].in, http_date_parse(span_of(rows[i].in), now, &at));
        if (at != rows[i].at)
            fail_msg("%s: %lld", rows[i].in, (long long)at);
    }
}

static void bad(void **state)
{
    static const char *const rows[] = {
        "",
        "0",
        "-1",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMTx",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Thu, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Foo, 06 Nov 1994 08:49:37 GMT",
        "Mon, 01 Jan 0000 00:00:00 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sunday Nov  6 08:49:37 1994",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
        "Sun, +6 Nov 1994 08:49:37 GMT",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        wall_s at = 12345;

        row_check(rows[i], !http_date_parse(span_of(rows[i]), now, &at) && at == 12345);
    }
}

static void against_libc(void **state)
{
    const wall_s first = -62135596800, last = 253402300799;

    (void)state;
    for (wall_s t = first; t <= last; t += 86400 * 13 + 7321) {
        char text[HTTP_DATE_LEN], want[64];
        time_t libc = t;
        struct tm tm;
        wall_s back;

        assert_non_null(gmtime_r(&libc, &tm));
        assert_true(strftime(want, sizeof(want), "%a, %d %b ", &tm) != 0);
        snprintf(want + 12, sizeof(want) - 12, "%04d %02d:%02d:%02d GMT", tm.tm_year + 1900,
            tm.tm_hour, tm.tm_min, tm.tm_sec);
        http_date_format(t, text);
        row_text("formatted", span_make(text, sizeof(text)), want);
        assert_true(http_date_parse(span_make(text, sizeof(text)), now, &back));
        assert_true(back == t);
    }
}

static void outside(void **state)
{
    char text[HTTP_DATE_LEN];

    (void)state;
    http_date_format(INT64_MAX, text);
    row_text("late", span_make(text, sizeof(text)), "Fri, 31 Dec 9999 23:59:59 GMT");
    http_date_format(INT64_MIN, text);
    row_text("early", span_make(text, sizeof(text)), "Mon, 01 Jan 0001 00:00:00 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(against_libc),
        cmocka_unit_test(outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
