/* A date that parses is written as IMF-fixdate and parses to the same time. */
#include "base/check.h"
#include "http/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span in = span_make((const char *)data, n);
    const wall_s now = 1783814400;
    char text[HTTP_DATE_LEN];
    wall_s t, again;

    if (http_date_parse(in, now, &t)) {
        http_date_format(t, text);
        check(http_date_parse(span_make(text, sizeof(text)), now, &again));
        /* The last leap second of the year 9999 is the one that cannot be said. */
        check(again == t || t == 253402300800);
    }
    if (n == sizeof(t)) {
        memcpy(&t, data, sizeof(t));
        http_date_format(t, text);
        check(http_date_parse(span_make(text, sizeof(text)), now, &again));
    }
    return 0;
}
