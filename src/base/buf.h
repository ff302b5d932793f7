/*
 * buf.h - a growable byte buffer with a hard limit, for what strangers size.
 *
 * One thread at a time. Bytes stand in p[0 .. n). Growing past `limit` is refused, not fatal.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/attrs.h"
#include "base/span.h"

struct buf {
    char *p;      /* owns */
    size_t n;     /* bytes in use */
    size_t cap;   /* bytes allocated */
    size_t limit; /* cap never exceeds this */
};

void buf_init(struct buf *b, size_t limit);
void buf_free(struct buf *b);

/* Makes room for `more` bytes behind n. False: that would pass the limit (or memory is out). */
MUST_USE bool buf_reserve(struct buf *b, size_t more);
MUST_USE bool buf_append(struct buf *b, struct span s);
MUST_USE bool buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/* Drops the first `bytes` and moves the rest to the front. */
void buf_consume(struct buf *b, size_t bytes);

static inline struct span buf_span(const struct buf *b)
{
    return span_make(b->p, b->n);
}

#endif
