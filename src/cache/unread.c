#include "cache/unread.h"

#include "base/check.h"
#include "disk/disk.h"

#include <stdlib.h>

enum { CAP_MIN = 1024 };

void unread_init(struct unread *u)
{
    *u = (struct unread){.n = 0};
    pthread_mutex_init(&u->lock, NULL);
}

void unread_free(struct unread *u)
{
    pthread_mutex_destroy(&u->lock);
    free(u->keys);
}

/* Under the lock. */
static void remember(struct unread *u, struct hash128 key)
{
    if (u->n > UNREAD_KEYS_MAX)
        return;
    if (u->n == u->cap) {
        u->cap = u->cap > 0 ? u->cap * 2 : CAP_MIN;
        u->keys = xrealloc(u->keys, u->cap * sizeof(u->keys[0]));
    }
    u->keys[u->n++] = key;
}

void unread_drop(struct unread *u, struct disk *d, struct hash128 key)
{
    bool over = unread_over(u);

    if (!over) {
        pthread_mutex_lock(&u->lock);
        over = unread_over(u);
        if (!over)
            remember(u, key);
        pthread_mutex_unlock(&u->lock);
    }
    if (over)
        disk_drop(d, key);
}

bool unread_end(struct unread *u, struct disk *d)
{
    bool usable;

    pthread_mutex_lock(&u->lock);
    usable = u->n <= UNREAD_KEYS_MAX;
    for (size_t i = 0; usable && i < u->n; i++)
        disk_drop(d, u->keys[i]);
    free(u->keys);
    u->keys = NULL;
    atomic_store_explicit(&u->over, usable, memory_order_release);
    pthread_mutex_unlock(&u->lock);
    return usable;
}
