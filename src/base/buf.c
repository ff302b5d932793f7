#include "base/buf.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){.limit = limit};
}

void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.limit = b->limit};
}

bool buf_reserve(struct buf *b, size_t more)
{
    size_t need, cap;
    char *p;

    if (__builtin_add_overflow(b->n, more, &need) || need > b->limit)
        return false;
    if (need <= b->cap)
        return true;
    cap = b->cap != 0 ? b->cap : 512;
    while (cap < need)
        cap = cap > b->limit / 2 ? b->limit : cap * 2;
    if (cap > b->limit)
        cap = b->limit;
    p = realloc(b->p, cap);
    if (p == NULL)
        return false;
    b->p = p;
    b->cap = cap;
    return true;
}

bool buf_append(struct buf *b, struct span s)
{
    if (!buf_reserve(b, s.n))
        return false;
    if (s.n > 0)
        memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
    return true;
}

bool buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    check(n >= 0);
    if (!buf_reserve(b, (size_t)n + 1))
        return false;
    va_start(ap, fmt);
    vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
    return true;
}

void buf_consume(struct buf *b, size_t bytes)
{
    check(bytes <= b->n);
    b->n -= bytes;
    if (b->n > 0)
        memmove(b->p, b->p + bytes, b->n);
}
