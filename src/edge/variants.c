#include "edge/variants.h"

#include "base/check.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = VARIANTS_MAX / VARIANTS_WAYS };

_Static_assert((SETS & (SETS - 1)) == 0, "a hash picks its set by a mask");

struct entry {
    struct hash128 resource, variant;
    bool used;
};

/* A set is in the order of storing, the newest first. */
struct variants {
    pthread_mutex_t lock;
    struct entry entries[SETS][VARIANTS_WAYS];
};

struct variants *variants_new(void)
{
    struct variants *v = xcalloc(1, sizeof(*v));

    pthread_mutex_init(&v->lock, NULL);
    return v;
}

void variants_free(struct variants **v)
{
    if (*v != NULL)
        pthread_mutex_destroy(&(*v)->lock);
    free(*v);
    *v = NULL;
}

static struct entry *set_of(struct variants *v, struct hash128 resource)
{
    return v->entries[resource.hi & (SETS - 1)];
}

void variants_put(struct variants *v, struct hash128 resource, struct hash128 variant)
{
    struct entry *set = set_of(v, resource);
    unsigned at = 0;

    pthread_mutex_lock(&v->lock);
    /* It takes its own place, the first free one, or the oldest's; the others move down. */
    while (at < VARIANTS_WAYS - 1 && set[at].used && !hash128_eq(set[at].variant, variant))
        at++;
    memmove(&set[1], &set[0], at * sizeof(set[0]));
    set[0] = (struct entry){resource, variant, true};
    pthread_mutex_unlock(&v->lock);
}

unsigned variants_get(
    struct variants *v, struct hash128 resource, struct hash128 out[static VARIANTS_WAYS])
{
    const struct entry *set = set_of(v, resource);
    unsigned n = 0;

    pthread_mutex_lock(&v->lock);
    for (unsigned i = 0; i < VARIANTS_WAYS && set[i].used; i++) {
        if (hash128_eq(set[i].resource, resource))
            out[n++] = set[i].variant;
    }
    pthread_mutex_unlock(&v->lock);
    return n;
}
