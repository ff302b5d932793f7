#include "base/span.h"

bool span_ieq(struct span a, struct span b)
{
    return a.n == b.n && span_istarts(a, b);
}

bool span_istarts(struct span s, struct span prefix)
{
    if (s.n < prefix.n)
        return false;
    for (size_t i = 0; i < prefix.n; i++) {
        if (ascii_lower(s.p[i]) != ascii_lower(prefix.p[i]))
            return false;
    }
    return true;
}

struct span span_trim(struct span s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

size_t span_find(struct span s, char c)
{
    const char *hit = s.n != 0 ? memchr(s.p, c, s.n) : NULL;

    return hit != NULL ? (size_t)(hit - s.p) : s.n;
}

bool span_cut(struct span *rest, char sep, struct span *piece)
{
    size_t at;

    if (rest->p == NULL)
        return false;
    at = span_find(*rest, sep);
    *piece = span_make(rest->p, at);
    if (at < rest->n)
        *rest = span_make(rest->p + at + 1, rest->n - at - 1);
    else
        *rest = SPAN_EMPTY;
    return true;
}

bool span_u64(struct span s, uint64_t *out)
{
    uint64_t v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned char)s.p[i] - '0';

        if (d > 9 || __builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)d, &v))
            return false;
    }
    *out = v;
    return true;
}

bool span_hex64(struct span s, uint64_t *out)
{
    uint64_t v = 0;

    if (s.n == 0 || s.n > 16)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);

        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

char *span_cstr(struct span s, char *dst, size_t cap)
{
    size_t n = s.n < cap - 1 ? s.n : cap - 1;

    if (n > 0)
        memcpy(dst, s.p, n);
    dst[n] = '\0';
    return dst;
}

size_t span_put_u64(char dst[static SPAN_U64_MAX], uint64_t v)
{
    char digits[SPAN_U64_MAX];
    size_t n = 0;

    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    for (size_t i = 0; i < n; i++)
        dst[i] = digits[n - 1 - i];
    return n;
}
