/* Input: a pattern, a line feed, a Content-Type. */
#include "base/check.h"
#include "http/chars.h"
#include "http/media_type.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What matches does so in upper case, and with parameters, too. */
static void same_check(struct span type, struct span pattern)
{
    char *upper = malloc(type.n + 4);
    bool match = media_type_in(type, &pattern, 1);

    for (size_t i = 0; i < type.n; i++)
        upper[i] = type.p[i] >= 'a' && type.p[i] <= 'z' ? (char)(type.p[i] - 32) : type.p[i];
    memcpy(upper + type.n, " ;x=", 4);
    check(media_type_in(span_make(upper, type.n), &pattern, 1) == match);
    check(media_type_in(span_make(upper, type.n + 4), &pattern, 1) == match);
    free(upper);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span type = span_make((const char *)data, n), pattern;

    if (!span_cut(&type, '\n', &pattern))
        return 0;
    (void)media_type_in(type, media_types_compressible, media_types_compressible_n);
    if (!media_type_pattern_valid(pattern))
        return 0;
    same_check(type, pattern);
    /* A pattern without a star matches itself. */
    check(span_find(pattern, '*') < pattern.n || media_type_in(pattern, &pattern, 1));
    return 0;
}
