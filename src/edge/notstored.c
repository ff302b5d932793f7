#include "edge/notstored.h"

#include "base/check.h"

#include <pthread.h>
#include <stdlib.h>

enum { WAYS = 8, SETS = NOTSTORED_MAX / WAYS };

_Static_assert((SETS & (SETS - 1)) == 0, "a hash picks its set by a mask");

struct entry {
    struct hash128 key;
    struct notstored what;
    uint64_t turn; /* of the put; 0: free */
};

struct notstored_table {
    pthread_mutex_t lock;
    uint64_t turns; /* puts so far */
    struct entry entries[SETS][WAYS];
};

struct notstored_table *notstored_new(void)
{
    struct notstored_table *t = xcalloc(1, sizeof(*t));

    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void notstored_free(struct notstored_table **t)
{
    if (*t != NULL)
        pthread_mutex_destroy(&(*t)->lock);
    free(*t);
    *t = NULL;
}

static struct entry *set_of(struct notstored_table *t, struct hash128 key)
{
    return t->entries[key.hi & (SETS - 1)];
}

void notstored_put(struct notstored_table *t, struct hash128 key, const struct notstored *what)
{
    struct entry *set = set_of(t, key), *place = set;

    pthread_mutex_lock(&t->lock);
    for (unsigned i = 0; i < WAYS; i++) {
        if (hash128_eq(set[i].key, key)) {
            place = &set[i];
            break;
        }
        if (set[i].turn < place->turn)
            place = &set[i];
    }
    *place = (struct entry){.key = key, .what = *what, .turn = ++t->turns};
    pthread_mutex_unlock(&t->lock);
}

bool notstored_get(struct notstored_table *t, struct hash128 key, struct notstored *out)
{
    const struct entry *set = set_of(t, key);
    bool found = false;

    pthread_mutex_lock(&t->lock);
    for (unsigned i = 0; i < WAYS && !found; i++) {
        found = set[i].turn != 0 && hash128_eq(set[i].key, key);
        if (found)
            *out = set[i].what;
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}
