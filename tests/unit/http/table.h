/*
 * table.h - what the table tests of this folder share: rows that fail by their own words.
 */
#ifndef TESTS_UNIT_HTTP_TABLE_H
#define TESTS_UNIT_HTTP_TABLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/arena.h"
#include "base/span.h"
#include "http/fields.h"

/* Fails with the row's words unless `expr` holds. */
#define row_check(row, expr)                                                                       \
    do {                                                                                           \
        if (!(expr))                                                                               \
            fail_msg("%s: not so: %s", (row), #expr);                                              \
    } while (0)

/* Fails unless the span says exactly `text`. */
#define row_text(row, got, text)                                                                   \
    do {                                                                                           \
        struct span got_ = (got), want_ = span_of(text);                                           \
        if (!span_eq(got_, want_))                                                                 \
            fail_msg("%s: \"%.*s\" instead of \"%.*s\"", (row), SPAN_ARG(got_), SPAN_ARG(want_));  \
    } while (0)

/* "Name: value" lines, separated by '\n', as a list in the arena. */
static inline UNUSED struct fields fields_of(struct arena *a, const char *text)
{
    struct span rest = span_of(text), line, name;
    struct fields f = {0};

    while (span_cut(&rest, '\n', &line)) {
        if (span_cut(&line, ':', &name))
            fields_add_named(&f, a, name, span_trim(line));
    }
    return f;
}

#endif
