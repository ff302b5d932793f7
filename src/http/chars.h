/*
 * chars.h - the character classes and small tokens of RFC 9110 §5.6.
 *
 * One table, one bit per class. Pure; any thread.
 */
#ifndef HTTP_CHARS_H
#define HTTP_CHARS_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/span.h"

enum {
    CHAR_TOKEN = 1 << 0,      /* tchar, RFC 9110 §5.6.2 */
    CHAR_VALUE = 1 << 1,      /* HTAB SP VCHAR obs-text: may stand in a field value, §5.5 */
    CHAR_DIGIT = 1 << 2,      /* 0-9 */
    CHAR_HEX = 1 << 3,        /* 0-9 A-F a-f */
    CHAR_ALPHA = 1 << 4,      /* A-Z a-z */
    CHAR_UNRESERVED = 1 << 5, /* RFC 3986 §2.3 */
    CHAR_TARGET = 1 << 6,     /* may stand in a request target: VCHAR but '#', and 0x80-0xff */
    CHAR_PATH = 1 << 7,       /* pchar and '/': stands in a path as it is, RFC 3986 §3.3 */
};

extern const uint8_t chars[256];

static inline bool char_is(char c, unsigned classes)
{
    return (chars[(unsigned char)c] & classes) != 0;
}

/* All of 1*class; false when empty. */
bool span_all(struct span s, unsigned classes) PURE;

/* token, RFC 9110 §5.6.2 */
static inline bool token_valid(struct span s)
{
    return span_all(s, CHAR_TOKEN);
}

/* No CR, LF or NUL: may be sent as (part of) a field value. Fast; see also CHAR_VALUE. */
bool text_is_line(struct span s) PURE;

/* The first byte in [p, end) that may not stand in a field value (CHAR_VALUE), or `end`. Fast. */
const char *value_end(const char *p, const char *end) PURE;

/* The length of the quoted-string (RFC 9110 §5.6.4) that `s` starts with, quotes included; 0 when
 * it does not start with a whole one. */
size_t quoted_length(struct span s) PURE;
/* What a whole quoted-string says, without quotes and escapes; `quoted` itself is the span of
 * quoted_length(). Copies into the arena only when there is an escape. */
struct span quoted_text(struct arena *a, struct span quoted);

/* 0-15, or -1. */
static inline int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
