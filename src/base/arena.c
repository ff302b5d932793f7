#include "base/arena.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 4096 };

struct arena_block {
    struct arena_block *next; /* owns; older */
    size_t bytes;             /* with this header */
    _Alignas(16) char room[];
};

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

static void use_block(struct arena *a, struct arena_block *b)
{
    a->at = b->room;
    a->end = (char *)b + b->bytes;
}

void *arena_alloc_slow(struct arena *a, size_t bytes)
{
    size_t want = bytes + sizeof(struct arena_block);
    struct arena_block *b;
    void *p;

    if (want < BLOCK_BYTES)
        want = BLOCK_BYTES;
    b = xmalloc(want);
    b->bytes = want;
    a->bytes += want;
    if (want > BLOCK_BYTES && a->blocks != NULL) {
        /* A large piece gets a block of its own, behind the one in use. */
        b->next = a->blocks->next;
        a->blocks->next = b;
        return b->room;
    }
    b->next = a->blocks;
    a->blocks = b;
    use_block(a, b);
    p = a->at;
    a->at += bytes;
    return p;
}

void arena_free(struct arena *a)
{
    for (struct arena_block *b = a->blocks, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    arena_init(a);
}

void arena_reset(struct arena *a)
{
    struct arena_block *keep = NULL;

    for (struct arena_block *b = a->blocks, *next; b != NULL; b = next) {
        next = b->next;
        if (keep == NULL && b->bytes == BLOCK_BYTES)
            keep = b;
        else
            free(b);
    }
    arena_init(a);
    if (keep != NULL) {
        keep->next = NULL;
        a->blocks = keep;
        a->bytes = keep->bytes;
        use_block(a, keep);
    }
}

void *arena_zalloc(struct arena *a, size_t bytes)
{
    return memset(arena_alloc(a, bytes), 0, bytes);
}

struct span arena_dup(struct arena *a, struct span s)
{
    char *p = arena_alloc(a, s.n + 1);

    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return span_make(p, s.n);
}

struct span arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char small[256];
    char *p;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(small, sizeof(small), fmt, ap);
    va_end(ap);
    check(n >= 0);
    if ((size_t)n < sizeof(small))
        return arena_dup(a, span_make(small, (size_t)n));
    p = arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return span_make(p, (size_t)n);
}

struct span arena_join(struct arena *a, struct span x, struct span y)
{
    char *p = arena_alloc(a, x.n + y.n + 1);

    if (x.n > 0)
        memcpy(p, x.p, x.n);
    if (y.n > 0)
        memcpy(p + x.n, y.p, y.n);
    p[x.n + y.n] = '\0';
    return span_make(p, x.n + y.n);
}
