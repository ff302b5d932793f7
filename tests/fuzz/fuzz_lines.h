/*
 * fuzz_lines.h - heads out of fuzz input: blocks of "Name: value" lines, an empty line after each.
 */
#ifndef TESTS_FUZZ_FUZZ_LINES_H
#define TESTS_FUZZ_FUZZ_LINES_H

#include "http/chars.h"
#include "http/fields.h"

enum { LINES_MAX = 100 };

/* The next block of lines; what h1_parse would refuse is left out. */
static inline struct fields lines_take(struct arena *a, struct span *rest)
{
    struct fields f = {0};
    struct span line, name;

    while (span_cut(rest, '\n', &line) && line.n > 0) {
        if (span_cut(&line, ':', &name) && token_valid(name) && f.n < LINES_MAX &&
            (line.n == 0 || span_all(line, CHAR_VALUE)))
            fields_add_named(&f, a, name, span_trim(line));
    }
    return f;
}

#endif
