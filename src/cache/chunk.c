#include "cache/chunk.h"

#include "base/check.h"
#include "cache/memory.h"
#include "cache/slab.h"

#include <stdlib.h>

_Static_assert((int)CHUNK_MAX == (int)SLAB_PIECE_MAX, "a chunk's bytes fit in one piece");
_Static_assert((int)CHUNK_FILE_MIN == (int)SLAB_PAGES_MIN, "what goes by file stands in pages");

static struct chunk *chunk_init(
    struct chunk *c, struct memory *m, uint32_t cap, uint64_t at, enum chunk_place place)
{
    *c = (struct chunk){
        .refs = 1,
        .cap = cap,
        .place = (uint8_t)place,
        .at = at,
        .memory = m,
        .data = (char *)(c + 1),
    };
    return c;
}

/* What a chunk of that size takes, struct included. */
static size_t chunk_cost(uint32_t cap)
{
    if (sizeof(struct chunk) + cap < SLAB_PAGES_MIN)
        return slab_piece_bytes(sizeof(struct chunk) + cap);
    return slab_piece_bytes(sizeof(struct chunk)) +
           slab_piece_bytes(cap < SLAB_PAGES_MIN ? SLAB_PAGES_MIN : cap);
}

struct chunk *chunk_new(struct memory *m, uint32_t cap, uint64_t at, uint64_t owner)
{
    struct chunk *c;
    char *data;

    check(cap > 0 && cap <= CHUNK_MAX);
    if (sizeof(struct chunk) + cap < SLAB_PAGES_MIN) {
        c = memory_alloc(m, sizeof(struct chunk) + cap, owner);
        return c != NULL ? chunk_init(c, m, cap, at, CHUNK_INLINE) : NULL;
    }
    data = memory_alloc(m, cap < SLAB_PAGES_MIN ? SLAB_PAGES_MIN : cap, owner);
    if (data == NULL)
        return NULL;
    c = memory_alloc(m, sizeof(struct chunk), owner);
    if (c == NULL) {
        memory_give(m, data, false);
        return NULL;
    }
    chunk_init(c, m, cap, at, CHUNK_PAGES);
    c->data = data;
    return c;
}

struct chunk *chunk_new_loose(struct memory *m, uint32_t cap, uint64_t at)
{
    check(cap > 0 && cap <= CHUNK_MAX);
    return chunk_init(xmalloc(sizeof(struct chunk) + cap), m, cap, at, CHUNK_LOOSE);
}

struct chunk *chunk_ref(struct chunk *c)
{
    if (c != NULL)
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

static void chunk_free(struct chunk *c)
{
    switch ((enum chunk_place)c->place) {
    case CHUNK_INLINE:
        memory_give(c->memory, c, false);
        return;
    case CHUNK_PAGES:
        memory_give(c->memory, c->data, atomic_load_explicit(&c->by_file, memory_order_relaxed));
        memory_give(c->memory, c, false);
        return;
    case CHUNK_LOOSE:
        free(c);
        return;
    }
}

void chunk_release(struct chunk **cp)
{
    struct chunk *c = *cp, *next;

    /* A chain may be thousands of chunks: no recursion. */
    for (; c != NULL; c = next) {
        if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
            break;
        next = c->next;
        chunk_free(c);
    }
    *cp = NULL;
}

uint32_t chunk_write(struct chunk *c, struct span data)
{
    uint32_t n = c->cap - c->n;

    if (data.n < n)
        n = (uint32_t)data.n;
    memcpy(c->data + c->n, data.p, n);
    return n;
}

struct chunk *chunk_trimmed(const struct chunk *c, uint64_t owner)
{
    struct chunk *trimmed;

    if (c->n == 0 || c->place == CHUNK_LOOSE || chunk_cost(c->n) >= chunk_cost(c->cap))
        return NULL;
    trimmed = chunk_new(c->memory, c->n, c->at, owner);
    if (trimmed == NULL)
        return NULL;
    trimmed->n = chunk_write(trimmed, span_make(c->data, c->n));
    return trimmed;
}

void chunk_own(struct chunk *first, uint64_t owner)
{
    for (struct chunk *c = first; c != NULL; c = c->next) {
        check(c->place != CHUNK_LOOSE);
        memory_own(c->memory, c, owner);
        if (c->place == CHUNK_PAGES)
            memory_own(c->memory, c->data, owner);
    }
}

bool chunk_alone(const struct chunk *first)
{
    for (const struct chunk *c = first; c != NULL; c = c->next)
        if (atomic_load_explicit(&c->refs, memory_order_acquire) != 1)
            return false;
    return true;
}

static bool evacuate_inline(struct chunk **link, uint64_t owner)
{
    struct chunk *c = *link;
    struct chunk *to = memory_evacuate(c->memory, c, sizeof(*c) + c->n, sizeof(*c) + c->cap, owner);

    if (to == NULL || to == c)
        return to != NULL;
    to->data = (char *)(to + 1);
    *link = to;
    memory_give(c->memory, c, false);
    return true;
}

static bool evacuate_pages(struct chunk **link, uint64_t owner)
{
    struct chunk *c = *link, *to;
    uint32_t room = c->cap < SLAB_PAGES_MIN ? SLAB_PAGES_MIN : c->cap;
    char *data = memory_evacuate(c->memory, c->data, c->n, room, owner);

    if (data == NULL)
        return false;
    if (data != c->data) {
        memory_give(c->memory, c->data, c->by_file);
        c->data = data;
        c->by_file = false;
    }
    to = memory_evacuate(c->memory, c, sizeof(*c), sizeof(*c), owner);
    if (to == NULL || to == c)
        return to != NULL;
    *link = to;
    memory_give(c->memory, c, false);
    return true;
}

bool chunk_evacuate(struct chunk **link, uint64_t owner)
{
    for (; *link != NULL; link = &(*link)->next) {
        check((*link)->place != CHUNK_LOOSE); /* no stored object has such */
        if ((*link)->place == CHUNK_INLINE ? !evacuate_inline(link, owner)
                                           : !evacuate_pages(link, owner))
            return false;
    }
    return true;
}

static uint32_t copies_kib(const struct chunk *c)
{
    return CHUNK_COPIES * (c->cap >> 10);
}

int chunk_file(const struct chunk *c, int64_t *offset)
{
    if (c->place != CHUNK_PAGES ||
        atomic_load_explicit(&c->copied_kib, memory_order_relaxed) < copies_kib(c))
        return -1;
    *offset = memory_offset(c->memory, c->data);
    return memory_fd(c->memory);
}

void chunk_sent(struct chunk *c, uint64_t n, bool by_file)
{
    uint32_t kib = atomic_load_explicit(&c->copied_kib, memory_order_relaxed);

    if (by_file)
        atomic_store_explicit(&c->by_file, true, memory_order_relaxed);
    else if (kib < copies_kib(c)) /* two threads at once may count as one */
        atomic_store_explicit(
            &c->copied_kib, (uint16_t)(kib + ((n + 1023) >> 10)), memory_order_relaxed);
}
