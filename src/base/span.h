/*
 * span.h - a piece of somebody else's text: pointer and length, no terminator, never owned.
 *
 * A span lives as long as what it points into; the holder says in its field comment what that
 * is. A span with n == 0 may have any p, NULL included. All functions are pure, any thread.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *p;
    size_t n;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})
#define SPAN_ARG(s)   (int)(s).n, (s).p /* for "%.*s" */
#define SPAN_EMPTY    ((struct span){NULL, 0})

static inline struct span span_of(const char *s)
{
    return (struct span){s, s != NULL ? strlen(s) : 0};
}

static inline struct span span_make(const char *p, size_t n)
{
    return (struct span){p, n};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_starts(struct span s, struct span prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool span_ends(struct span s, struct span suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* The part from `at` on; empty when `at` is past the end. */
static inline struct span span_from(struct span s, size_t at)
{
    /* Nothing is added to a NULL pointer, not even 0. */
    if (at >= s.n)
        return (struct span){s.n != 0 ? s.p + s.n : s.p, 0};
    return (struct span){s.p + at, s.n - at};
}

/* ASCII letters alike in both cases; other bytes compare as they are. */
bool span_ieq(struct span a, struct span b) PURE;
bool span_istarts(struct span s, struct span prefix) PURE;

/* Without the spaces and tabs (OWS of RFC 9110 §5.6.3) at both ends. */
struct span span_trim(struct span s) PURE;

/* Index of the first `c`, or s.n. */
size_t span_find(struct span s, char c) PURE;

/* Takes the text up to the first `sep` off the front of *rest (and drops the separator).
 * False when *rest is used up: *rest becomes {NULL, 0} after the last piece was taken. */
bool span_cut(struct span *rest, char sep, struct span *piece);

/* Strict decimal: 1*DIGIT, nothing else, no overflow. False leaves *out alone. */
MUST_USE bool span_u64(struct span s, uint64_t *out);
/* Strict hexadecimal, 1 to 16 digits. */
MUST_USE bool span_hex64(struct span s, uint64_t *out);

/* Decimal digits, not terminated; returns how many. */
enum { SPAN_U64_MAX = 20 };
size_t span_put_u64(char dst[static SPAN_U64_MAX], uint64_t v);

/* A NUL-terminated copy in dst, cut to fit; returns dst. */
char *span_cstr(struct span s, char *dst, size_t cap);

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

#endif
