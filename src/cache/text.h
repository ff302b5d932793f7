/*
 * text.h - a text that is put together in an arena, up to a limit. Private to cache/.
 */
#ifndef CACHE_TEXT_H
#define CACHE_TEXT_H

#include "base/arena.h"
#include "base/span.h"

struct text {
    struct arena *a;
    size_t limit;
    bool over; /* more was put than the limit allows */
    char *p;
    size_t n, cap;
};

static inline void text_put(struct text *t, struct span s)
{
    if (t->over || s.n > t->limit - t->n) {
        t->over = true;
        return;
    }
    if (s.n > t->cap - t->n) {
        size_t cap = (t->n + s.n) * 2;
        char *p = arena_alloc(t->a, cap);

        if (t->n != 0)
            memcpy(p, t->p, t->n);
        t->p = p;
        t->cap = cap;
    }
    if (s.n != 0)
        memcpy(t->p + t->n, s.p, s.n);
    t->n += s.n;
}

static inline void text_put_number(struct text *t, size_t v)
{
    char digits[20];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    text_put(t, span_make(digits + at, sizeof(digits) - at));
}

/* "name=LENGTH:value" so that no value can pass for more than one part; "name=-": absent. */
static inline void text_put_part(struct text *t, struct span name, struct span value)
{
    text_put(t, name);
    if (value.p == NULL) {
        text_put(t, SPAN("=-"));
        return;
    }
    text_put(t, SPAN("="));
    text_put_number(t, value.n);
    text_put(t, SPAN(":"));
    text_put(t, value);
}

/* p == NULL: more than the limit. */
static inline struct span text_span(const struct text *t)
{
    return t->over ? SPAN_EMPTY : span_make(t->p != NULL ? t->p : "", t->n);
}

#endif
