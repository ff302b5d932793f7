/*
 * table.h - what the table tests of this folder share: rows that fail by their own words, bytes
 * written as hexadecimal.
 */
#ifndef TESTS_UNIT_DNS_TABLE_H
#define TESTS_UNIT_DNS_TABLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/span.h"
#include "dns/name.h"

#include <stdio.h>
#include <stdlib.h>

/* Fails with the row's words unless `expr` holds. */
#define row_check(row, expr)                                                                       \
    do {                                                                                           \
        if (!(expr))                                                                               \
            fail_msg("%s: not so: %s", (row), #expr);                                              \
    } while (0)

#define row_string(row, got, want)                                                                 \
    do {                                                                                           \
        const char *got_ = (got), *want_ = (want);                                                 \
        if (strcmp(got_, want_) != 0)                                                              \
            fail_msg("%s: \"%s\" instead of \"%s\"", (row), got_, want_);                          \
    } while (0)

static inline UNUSED int hex_digit(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* "c0 0c" and "c00c" are two bytes; the room must do. */
static inline UNUSED size_t unhex(const char *text, uint8_t *out, size_t cap)
{
    size_t n = 0;

    for (; *text != '\0'; text++) {
        if (*text == ' ')
            continue;
        if (n == cap)
            fail_msg("no room for %s", text);
        out[n++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
        text++;
    }
    return n;
}

/* A copy that is exactly as large, so that ASan sees a read past its end. */
static inline UNUSED uint8_t *exact(const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n != 0 ? n : 1);

    if (copy == NULL)
        abort();
    memcpy(copy, p, n);
    return copy;
}

static inline UNUSED char *tohex(const uint8_t *p, size_t n, char *dst, size_t cap)
{
    size_t to = 0;

    dst[0] = '\0';
    for (size_t i = 0; i < n && to + 3 <= cap; i++)
        to += (size_t)snprintf(dst + to, 3, "%02x", p[i]);
    return dst;
}

static inline UNUSED struct dns_name name_of(const char *text)
{
    struct dns_name name;
    const char *wrong = dns_name_parse(span_of(text), NULL, &name);

    if (wrong != NULL)
        fail_msg("\"%s\" %s", text, wrong);
    return name;
}

#endif
