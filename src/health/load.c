#include "health/load.h"

#include <stdio.h>

/* DIGITS[.DIGITS] */
static bool read_number(struct span s, unsigned *per_mille)
{
    struct span whole, decimals;
    size_t point = span_find(s, '.');
    uint64_t n, part = 0;

    whole = span_make(s.p, point);
    decimals = span_from(s, point + 1);
    if (!span_u64(whole, &n) || n > LOAD_MOST / LOAD_FULL || decimals.n > 3)
        return false;
    if (point < s.n && !span_u64(decimals, &part))
        return false;
    for (size_t i = decimals.n; i < 3; i++)
        part *= 10;
    if (n * LOAD_FULL + part > LOAD_MOST)
        return false;
    *per_mille = (unsigned)(n * LOAD_FULL + part);
    return true;
}

bool load_read(struct span text, unsigned *per_mille)
{
    struct span line;

    while (span_cut(&text, '\n', &line)) {
        if (span_ends(line, SPAN("\r")))
            line.n--;
        if (span_starts(line, SPAN("load ")))
            return read_number(span_from(line, 5), per_mille);
    }
    return false;
}

unsigned load_write(unsigned per_mille, char dst[static LOAD_TEXT])
{
    if (per_mille > LOAD_MOST)
        per_mille = LOAD_MOST;
    return (unsigned)snprintf(
        dst, LOAD_TEXT, "load %u.%03u\n", per_mille / LOAD_FULL, per_mille % LOAD_FULL);
}
