#include "http/chars.h"

#define T CHAR_TOKEN
#define V CHAR_VALUE
#define G CHAR_TARGET
#define P CHAR_PATH
#define U CHAR_UNRESERVED

#define DIGIT (T | V | G | P | U | CHAR_DIGIT | CHAR_HEX)
#define ALPHA (T | V | G | P | U | CHAR_ALPHA)

/* clang-format off */
const uint8_t chars[256] = {
    ['\t'] = V, [' '] = V,
    ['!'] = T | V | G | P, ['"'] = V | G, ['#'] = T | V, ['$'] = T | V | G | P,
    ['%'] = T | V | G, ['&'] = T | V | G | P, ['\''] = T | V | G | P,
    ['('] = V | G | P, [')'] = V | G | P, ['*'] = T | V | G | P, ['+'] = T | V | G | P,
    [','] = V | G | P, ['-'] = T | V | G | P | U, ['.'] = T | V | G | P | U, ['/'] = V | G | P,
    ['0' ... '9'] = DIGIT,
    [':'] = V | G | P, [';'] = V | G | P, ['<'] = V | G, ['='] = V | G | P, ['>'] = V | G,
    ['?'] = V | G, ['@'] = V | G | P,
    ['A' ... 'F'] = ALPHA | CHAR_HEX, ['G' ... 'Z'] = ALPHA,
    ['['] = V | G, ['\\'] = V | G, [']'] = V | G, ['^'] = T | V | G, ['_'] = T | V | G | P | U,
    ['`'] = T | V | G,
    ['a' ... 'f'] = ALPHA | CHAR_HEX, ['g' ... 'z'] = ALPHA,
    ['{'] = V | G, ['|'] = T | V | G, ['}'] = V | G, ['~'] = T | V | G | P | U,
    [0x80 ... 0xff] = V | G,
};
/* clang-format on */

bool span_all(struct span s, unsigned classes)
{
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!char_is(s.p[i], classes))
            return false;
    }
    return true;
}

/* Whether one of the eight bytes of x is zero. */
static inline uint64_t any_zero(uint64_t x)
{
    return (x - 0x0101010101010101u) & ~x & 0x8080808080808080u;
}

bool text_is_line(struct span s)
{
    const uint64_t every = 0x0101010101010101u;
    uint64_t bad = 0;
    size_t i = 0;

    for (; i + 8 <= s.n; i += 8) {
        uint64_t x;

        memcpy(&x, s.p + i, 8);
        bad |= any_zero(x) | any_zero(x ^ every * '\r') | any_zero(x ^ every * '\n');
    }
    for (; i < s.n; i++)
        bad |= s.p[i] == '\0' || s.p[i] == '\r' || s.p[i] == '\n';
    return bad == 0;
}

size_t quoted_length(struct span s)
{
    if (s.n == 0 || s.p[0] != '"')
        return 0;
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '"')
            return i + 1;
        if (s.p[i] == '\\')
            i++;
    }
    return 0;
}

struct span quoted_text(struct arena *a, struct span quoted)
{
    struct span inner = span_make(quoted.p + 1, quoted.n - 2);
    size_t n = span_find(inner, '\\');
    char *out;

    if (n == inner.n)
        return inner;
    out = arena_alloc(a, inner.n);
    memcpy(out, inner.p, n);
    for (size_t i = n; i < inner.n; i++) {
        if (inner.p[i] == '\\')
            i++; /* quoted_length() made sure that something follows */
        out[n++] = inner.p[i];
    }
    return span_make(out, n);
}

/* Eight at a time: bytes below 0x20 and 0x7f stop, and HTAB is looked at again one by one. */
const char *value_end(const char *p, const char *end)
{
    const uint64_t every = 0x0101010101010101u;

    for (;;) {
        while (end - p >= 8) {
            uint64_t x, del;

            memcpy(&x, p, 8);
            del = x ^ every * 0x7f;
            if ((((x - every * 0x20) & ~x) | ((del - every) & ~del)) & every * 0x80)
                break;
            p += 8;
        }
        for (int i = 0; i < 8; i++, p++) {
            if (p == end || !char_is(*p, CHAR_VALUE))
                return p;
        }
    }
}
