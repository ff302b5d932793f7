#include "disk/crew.h"

#include "base/thread.h"
#include "disk/disk_impl.h"

#include <stdatomic.h>

enum { CREW_MAX = 16 };

struct crew {
    _Atomic uint64_t next;
    uint64_t n;
    void (*each)(void *ctx, uint64_t i);
    void *ctx;
};

static void *work(void *arg)
{
    struct crew *c = arg;
    uint64_t i;

    while ((i = atomic_fetch_add(&c->next, 1)) < c->n)
        c->each(c->ctx, i);
    return NULL;
}

static void *thread_main(void *arg)
{
    thread_set(0, "disk-recovery");
    return work(arg);
}

void crew_run(unsigned threads, uint64_t n, void (*each)(void *ctx, uint64_t i), void *ctx)
{
    struct crew c = {.n = n, .each = each, .ctx = ctx};
    pthread_t others[CREW_MAX];
    unsigned others_n = 0;

    for (; others_n + 1 < threads && others_n + 1 < n && others_n < CREW_MAX; others_n++)
        disk_thread(&others[others_n], thread_main, &c);
    (void)work(&c);
    for (unsigned i = 0; i < others_n; i++)
        pthread_join(others[i], NULL);
}
