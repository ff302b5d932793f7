#include "net/census.h"

#include "base/check.h"
#include "base/hash.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 32 };

struct slot {
    uint64_t client;
    uint32_t n; /* 0: free */
};

/* Open addressing, linear; what is taken out is closed up at once, so that there are no marks. */
struct shard {
    pthread_mutex_t lock;
    struct slot *slots; /* owns; mask + 1 of them, a power of two */
    size_t mask, used;
};

struct census {
    struct shard shards[SHARDS];
};

struct census *census_new(unsigned connections)
{
    struct census *c = xcalloc(1, sizeof(*c));
    size_t n = 64;

    /* Twice what falls to a shard when all come from different places, and a little for chance. */
    while (n < (size_t)connections * 2 / SHARDS + 64)
        n *= 2;
    for (unsigned i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&c->shards[i].lock, NULL);
        c->shards[i].slots = xcalloc(n, sizeof(struct slot));
        c->shards[i].mask = n - 1;
    }
    return c;
}

void census_free(struct census **cp)
{
    struct census *c = *cp;

    *cp = NULL;
    if (c == NULL)
        return;
    for (unsigned i = 0; i < SHARDS; i++) {
        pthread_mutex_destroy(&c->shards[i].lock);
        free(c->shards[i].slots);
    }
    free(c);
}

static uint64_t hash_of(uint64_t client)
{
    return hash64((struct span){(const char *)&client, sizeof(client)});
}

static struct shard *shard_of(struct census *c, uint64_t hash)
{
    return &c->shards[hash >> 59];
}
_Static_assert(SHARDS == 1 << (64 - 59), "the upper bits of a hash say the shard");

/* Where it stands, or the free place where it would. */
static size_t find(const struct shard *s, uint64_t client, uint64_t hash)
{
    size_t i = hash & s->mask;

    while (s->slots[i].n != 0 && s->slots[i].client != client)
        i = (i + 1) & s->mask;
    return i;
}

bool census_enter(struct census *c, uint64_t client, unsigned most)
{
    uint64_t hash = hash_of(client);
    struct shard *s = shard_of(c, hash);
    struct slot *slot;
    bool may;

    pthread_mutex_lock(&s->lock);
    slot = &s->slots[find(s, client, hash)];
    may = slot->n != 0 ? slot->n < most : most > 0 && s->used < s->mask;
    if (may) {
        s->used += slot->n == 0;
        slot->client = client;
        slot->n++;
    }
    pthread_mutex_unlock(&s->lock);
    return may;
}

/* Frees place i: whoever stands behind it and would rather stand there moves up. */
static void close_up(struct shard *s, size_t i)
{
    for (size_t k = (i + 1) & s->mask; s->slots[k].n != 0; k = (k + 1) & s->mask) {
        size_t home = hash_of(s->slots[k].client) & s->mask;

        /* Not past its own home. */
        if (((k - home) & s->mask) < ((k - i) & s->mask))
            continue;
        s->slots[i] = s->slots[k];
        i = k;
    }
    s->slots[i].n = 0;
    s->used--;
}

void census_leave(struct census *c, uint64_t client)
{
    uint64_t hash = hash_of(client);
    struct shard *s = shard_of(c, hash);
    size_t i;

    pthread_mutex_lock(&s->lock);
    i = find(s, client, hash);
    check(s->slots[i].n > 0);
    if (s->slots[i].n == 1)
        close_up(s, i);
    else
        s->slots[i].n--;
    pthread_mutex_unlock(&s->lock);
}

unsigned census_count(struct census *c, uint64_t client)
{
    uint64_t hash = hash_of(client);
    struct shard *s = shard_of(c, hash);
    unsigned n;

    pthread_mutex_lock(&s->lock);
    n = s->slots[find(s, client, hash)].n;
    pthread_mutex_unlock(&s->lock);
    return n;
}
