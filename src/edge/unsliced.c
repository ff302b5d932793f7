#include "edge/unsliced.h"

#include "base/check.h"

#include <stdatomic.h>
#include <stdlib.h>

_Static_assert((UNSLICED_MAX & (UNSLICED_MAX - 1)) == 0, "a hash picks its mark by a mask");

/* A mark: the low half is when it was made, in seconds, the high half is of the key's hash. */
struct unsliced {
    _Atomic uint64_t marks[UNSLICED_MAX];
};

struct unsliced *unsliced_new(void)
{
    return xcalloc(1, sizeof(struct unsliced));
}

void unsliced_free(struct unsliced **t)
{
    free(*t);
    *t = NULL;
}

static _Atomic uint64_t *mark_of(struct unsliced *t, struct hash128 key)
{
    return &t->marks[key.hi & (UNSLICED_MAX - 1)];
}

void unsliced_put(struct unsliced *t, struct hash128 key, wall_s now)
{
    uint64_t mark = (key.lo & ~(uint64_t)UINT32_MAX) | (uint32_t)now;

    atomic_store_explicit(mark_of(t, key), mark, memory_order_relaxed);
}

bool unsliced_has(struct unsliced *t, struct hash128 key, wall_s now)
{
    uint64_t mark = atomic_load_explicit(mark_of(t, key), memory_order_relaxed);

    return mark >> 32 == key.lo >> 32 && (uint32_t)now - (uint32_t)mark < UNSLICED_S;
}
