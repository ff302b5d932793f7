/* Byte ranges: grammar, resolution, cost, Content-Range. */
#include "table.h"

#include "http/range.h"

#include <inttypes.h>
#include <stdio.h>

static void resolved(void **state)
{
    static const struct {
        const char *in;
        uint64_t length;
        const char *out; /* NULL: no range request; "": 416 */
    } rows[] = {
        /* 9110 §14.1.2 */
        {"bytes=0-499", 10000, "0-499 "},
        {"bytes=500-999", 10000, "500-999 "},
        {"bytes=-500", 10000, "9500-9999 "},
        {"bytes=9500-", 10000, "9500-9999 "},
        {"bytes=0-0,-1", 10000, "0-0 9999-9999 "},
        {"Bytes= ,0-0 , 5-5,", 10000, "0-0 5-5 "},
        {"bytes=0-", 10, "0-9 "},
        {"bytes=-20", 10, "0-9 "},
        {"bytes=5-20", 10, "5-9 "},
        {"bytes=9-9", 10, "9-9 "},
        {"bytes=10-", 10, ""},
        {"bytes=10-,0-1", 10, "0-1 "},
        {"bytes=-0", 10, ""},
        {"bytes=0-", 0, ""},
        {"bytes=-1", 0, ""},
        {"bytes=0-18446744073709551615", 10, "0-9 "},
        {"bytes=0-99999999999999999999999", 10, "0-9 "},
        {"bytes=99999999999999999999999-", 10, ""},
        {"bytes=99999999999999999999999-99999999999999999999999", UINT64_MAX, ""},
        {"bytes=-99999999999999999999999", 10, "0-9 "},
        /* 9110 §14.2: overlapping ones are joined, so nothing is sent twice */
        {"bytes=0-,0-,0-", 10, "0-9 "},
        {"bytes=0-4,5-9", 10, "0-9 "},
        {"bytes=8-9,0-1,4-5", 10, "8-9 0-1 4-5 "},
        {"bytes=8-9,0-1,2-7", 10, "0-9 "},
        {"bytes=0-1,8-9,1-3", 10, "0-3 8-9 "},
        {"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14", 100,
            "0-0 2-2 4-4 6-6 8-8 10-10 12-12 14-14 "},
        {"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16", 100, NULL},
        {"", 10, NULL},
        {"bytes", 10, NULL},
        {"bytes=", 10, NULL},
        {"bytes=,", 10, NULL},
        {"bytes=-", 10, NULL},
        {"bytes=a-b", 10, NULL},
        {"bytes=5", 10, NULL},
        {"bytes=5-4", 10, NULL},
        {"bytes=0 - 1", 10, NULL},
        {"bytes=0-1-2", 10, NULL},
        {"bytes=--1", 10, NULL},
        {"bytes=+1-2", 10, NULL},
        {"bytes=0x0-1", 10, NULL},
        {"bytes:0-1", 10, NULL},
        {"lines=0-1", 10, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct range_request r;
        struct range_set set = {0};
        char text[256] = "";
        size_t n = 0;

        row_check(rows[i].in, range_parse(span_of(rows[i].in), &r) == (rows[i].out != NULL));
        if (rows[i].out == NULL)
            continue;
        row_check(rows[i].in, range_resolve(&r, rows[i].length, &set) == (*rows[i].out != '\0'));
        for (unsigned k = 0; k < set.n; k++)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%" PRIu64 "-%" PRIu64 " ",
                set.v[k].first, set.v[k].last);
        row_text(rows[i].in, span_of(text), rows[i].out);
    }
}

static void content_range(void **state)
{
    static const struct {
        const char *in;
        bool good;
    } rows[] = {
        /* 9110 §14.4 */
        {"bytes 42-1233/1234", true},
        {"bytes 42-1233/*", true},
        {"bytes */1234", true},
        {"bytes 0-0/1", true},
        {"bytes 0-18446744073709551614/18446744073709551615", true},
        {"bytes */*", false},
        {"bytes 1-0/5", false},
        {"bytes 0-5/5", false},
        {"bytes 0-4", false},
        {"bytes 0-4/", false},
        {"bytes -4/5", false},
        {"bytes 0-/5", false},
        {"bytes 0 - 4/5", false},
        {"bytes 0-4/5/6", false},
        {"bytes=0-4/5", false},
        {"bytes  0-4/5", false},
        {"bytes 0-4/18446744073709551616", false},
        {"lines 0-4/5", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct content_range r;
        char out[CONTENT_RANGE_MAX];

        row_check(rows[i].in, content_range_parse(span_of(rows[i].in), &r) == rows[i].good);
        if (rows[i].good)
            row_text(rows[i].in, span_make(out, content_range_format(&r, out)), rows[i].in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolved),
        cmocka_unit_test(content_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
