#include "cache/disk_batch.h"

#include "base/check.h"

#include <stdatomic.h>
#include <stdlib.h>

struct disk_batch {
    _Atomic unsigned refs;
    _Atomic bool lost;
};

struct disk_batch *disk_batch_new(void)
{
    struct disk_batch *b = xcalloc(1, sizeof(*b));

    atomic_init(&b->refs, 1);
    return b;
}

struct disk_batch *disk_batch_ref(struct disk_batch *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void disk_batch_release(struct disk_batch **bp)
{
    struct disk_batch *b = *bp;

    *bp = NULL;
    if (b != NULL && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        free(b);
}

void disk_batch_lose(struct disk_batch *b)
{
    atomic_store_explicit(&b->lost, true, memory_order_release);
}

bool disk_batch_lost(const struct disk_batch *b)
{
    return atomic_load_explicit(&b->lost, memory_order_acquire);
}
