/*
 * Ranges are inside the object, apart from each other, and never more than it; Content-Range is
 * written as it is read.
 */
#include "base/check.h"
#include "http/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void resolve_check(const struct range_request *r, uint64_t length)
{
    struct range_set set;
    uint64_t total = 0;

    check(range_resolve(r, length, &set) == (set.n != 0));
    check(set.n <= r->n);
    for (unsigned i = 0; i < set.n; i++) {
        struct byte_range a = set.v[i];

        check(a.first <= a.last && a.last < length);
        total += a.last - a.first + 1;
        for (unsigned k = 0; k < i; k++)
            check(a.last < set.v[k].first || a.first > set.v[k].last);
    }
    check(total <= length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span in = span_make((const char *)data, n);
    struct range_request r;
    struct content_range c, again;
    char text[CONTENT_RANGE_MAX];

    if (range_parse(in, &r)) {
        check(r.n >= 1 && r.n <= RANGES_MAX);
        resolve_check(&r, 0);
        resolve_check(&r, 1);
        resolve_check(&r, 1000);
        resolve_check(&r, UINT64_MAX);
    }
    if (content_range_parse(in, &c)) {
        check(content_range_parse(span_make(text, content_range_format(&c, text)), &again));
        check(again.satisfied == c.satisfied && again.has_length == c.has_length);
        check(again.range.first == c.range.first && again.range.last == c.range.last);
        check(again.length == c.length);
    }
    return 0;
}
