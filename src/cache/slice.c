#include "cache/slice.h"

#include "base/check.h"

#include <string.h>

bool slice_possible(uint64_t total, uint32_t slice_bytes)
{
    return total > 0 && slice_bytes > 0 && total <= INT64_MAX &&
           (total - 1) / slice_bytes <= UINT32_MAX;
}

struct byte_range slice_range_asked(uint32_t slice_bytes, uint32_t n)
{
    uint64_t first = (uint64_t)n * slice_bytes; /* 32 bits each */

    return (struct byte_range){first, first + (slice_bytes - 1)};
}

struct byte_range slice_range(uint64_t total, uint32_t slice_bytes, uint32_t n)
{
    struct byte_range range = slice_range_asked(slice_bytes, n);

    check(range.first < total);
    if (range.last >= total)
        range.last = total - 1;
    return range;
}

uint32_t slice_wanted(struct span range, uint64_t total, uint32_t slice_bytes)
{
    struct range_request asked;
    struct range_set set;
    uint64_t first;

    if (range.p == NULL || !range_parse(range, &asked))
        return 0;
    if (total > 0 && range_resolve(&asked, total, &set))
        first = set.v[0].first;
    else if (total == 0 && !asked.v[0].suffix)
        first = asked.v[0].first;
    else
        return 0;
    return first / slice_bytes <= UINT32_MAX ? slice_at(first, slice_bytes) : 0;
}

struct cache_key slice_key(uint64_t id, uint32_t n, char text[static SLICE_KEY_MAX])
{
    static const char begin[] = "\nslice ";
    char *at = text + sizeof(begin) - 1;

    memcpy(text, begin, sizeof(begin) - 1);
    for (int shift = 60; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[id >> shift & 15];
    *at++ = ' ';
    at += span_put_u64(at, n);
    return cache_key_of(span_make(text, (size_t)(at - text)));
}

bool slice_key_is(struct span key)
{
    return span_starts(key, SPAN("\nslice "));
}
