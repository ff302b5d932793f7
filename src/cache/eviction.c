#include "cache/eviction.h"

#include "base/check.h"

enum {
    VICTIM_ROUNDS_MAX = 256,
    GONE_PART = 8, /* of the ghosts are of `main` */
    SOON_PART = 10,
    GROW = 4,    /* mean entries, for one that came back to `small` */
    SHRINK = 16, /* and to `main` */
    FADE = 16,   /* of what leaves `main`, one in so many bytes is taken from `small` */
};

/* Of the 32 bits the high ones choose the set and the low ones tell apart within it. */
static uint64_t ghost_of(uint32_t fingerprint)
{
    return (uint64_t)fingerprint << 32 | fingerprint;
}

void eviction_init(
    struct eviction *e, uint32_t *ghosts, uint32_t ghosts_n, uint64_t capacity, uint64_t seed)
{
    uint32_t gone_n = ghosts_n / GONE_PART / GHOSTS_WAYS * GHOSTS_WAYS;

    check(ghosts_n >= EVICTION_GHOSTS_MIN);
    if (gone_n < GHOSTS_WAYS)
        gone_n = GHOSTS_WAYS;
    *e = (struct eviction){.random = seed | 1, .capacity = capacity, .small_bytes = capacity / 2};
    ghosts_init(&e->gone, ghosts, gone_n, capacity / SOON_PART);
    ghosts_init(&e->ghosts, ghosts + gone_n, ghosts_n - gone_n, capacity / 10 * 9);
    for (int i = 0; i < EVICTION_QUEUES; i++)
        list_init(&e->queues[i]);
}

static uint64_t eviction_random(struct eviction *e)
{
    uint64_t x = e->random; /* xorshift64 */

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return e->random = x;
}

static void queue_add(struct eviction *e, struct eviction_entry *entry, enum eviction_queue queue)
{
    entry->queue = (uint8_t)queue;
    list_push(&e->queues[queue], &entry->link);
    e->queue_bytes[queue] += entry->bytes;
    e->entries++;
    e->mean_bytes = eviction_bytes(e) / e->entries;
}

void eviction_remove(struct eviction *e, struct eviction_entry *entry)
{
    list_remove(&entry->link);
    e->queue_bytes[entry->queue] -= entry->bytes;
    e->entries--;
    e->mean_bytes = e->entries != 0 ? eviction_bytes(e) / e->entries : 0;
}

static bool is_huge(const struct eviction *e, uint64_t bytes)
{
    return bytes / EVICTION_TAU > e->mean_bytes;
}

static void small_grow(struct eviction *e, uint64_t bytes)
{
    uint64_t most = e->capacity / 10 * 9;

    e->small_bytes = e->small_bytes + bytes < most ? e->small_bytes + bytes : most;
}

static void small_shrink(struct eviction *e, uint64_t bytes)
{
    uint64_t least = e->capacity / 10;

    e->small_bytes = e->small_bytes > least + bytes ? e->small_bytes - bytes : least;
}

bool eviction_admit(struct eviction *e, uint32_t fingerprint, uint64_t bytes, bool room)
{
    if (room || e->entries == 0 || !is_huge(e, bytes))
        return true;
    if (ghosts_have(&e->ghosts, ghost_of(fingerprint)))
        return true;
    ghosts_add(&e->ghosts, ghost_of(fingerprint));
    return false;
}

bool eviction_pass(struct eviction *e, uint32_t fingerprint, uint64_t bytes)
{
    if (ghosts_have(&e->ghosts, ghost_of(fingerprint)))
        return true;
    ghosts_add(&e->ghosts, ghost_of(fingerprint));
    ghosts_pass(&e->ghosts, bytes);
    return false;
}

void eviction_insert(struct eviction *e, struct eviction_entry *entry)
{
    uint64_t ghost = ghost_of(entry->fingerprint), age = ghosts_age(&e->ghosts, ghost);
    bool remembered = ghosts_take(&e->ghosts, ghost);

    if (age <= e->capacity / SOON_PART && !is_huge(e, entry->bytes))
        small_grow(e, GROW * e->mean_bytes);
    if (ghosts_take(&e->gone, ghost))
        small_shrink(e, SHRINK * e->mean_bytes);
    atomic_store_explicit(&entry->credit, 0, memory_order_relaxed);
    queue_add(e, entry, remembered ? EVICTION_MAIN : EVICTION_SMALL);
}

void eviction_replace(struct eviction *e, struct eviction_entry *old, struct eviction_entry *entry)
{
    enum eviction_queue queue = old->queue;

    atomic_store_explicit(&entry->credit, atomic_load_explicit(&old->credit, memory_order_relaxed),
        memory_order_relaxed);
    eviction_remove(e, old);
    queue_add(e, entry, queue);
}

void eviction_spare(struct eviction *e, struct eviction_entry *entry)
{
    queue_add(e, entry, EVICTION_MAIN);
}

void eviction_hit(struct eviction *e, struct eviction_entry *entry)
{
    uint64_t bytes = entry->bytes != 0 ? entry->bytes : 1;
    uint64_t wanted = 2 * e->mean_bytes > bytes / 2 ? 2 * e->mean_bytes : bytes / 2;
    uint64_t credit = atomic_load_explicit(&entry->credit, memory_order_relaxed);

    if (credit >= EVICTION_CREDIT_MAX)
        return;
    credit += wanted / bytes;
    /* The fraction, by chance. */
    if ((unsigned __int128)eviction_random(e) * bytes >> 64 < wanted % bytes)
        credit++;
    if (credit > EVICTION_CREDIT_MAX)
        credit = EVICTION_CREDIT_MAX;
    atomic_store_explicit(&entry->credit, (uint8_t)credit, memory_order_relaxed);
}

static struct eviction_entry *queue_oldest(struct eviction *e, enum eviction_queue queue)
{
    return list_entry(e->queues[queue].prev, struct eviction_entry, link);
}

/* More than its part of what is resident. */
static bool small_is_large(const struct eviction *e)
{
    return (unsigned __int128)e->queue_bytes[EVICTION_SMALL] * e->capacity >
           (unsigned __int128)eviction_bytes(e) * e->small_bytes;
}

static void remember(struct ghosts *g, const struct eviction_entry *entry)
{
    ghosts_add(g, ghost_of(entry->fingerprint));
    ghosts_pass(g, entry->bytes);
}

struct eviction_entry *eviction_victim(struct eviction *e)
{
    struct eviction_entry *entry;
    uint8_t credit;

    /* Each round moves an entry that was used. A bound, because a shard lock is held meanwhile. */
    for (int round = 0; e->entries != 0; round++) {
        bool small = small_is_large(e) || list_empty(&e->queues[EVICTION_MAIN]);

        small = small && !list_empty(&e->queues[EVICTION_SMALL]);
        entry = queue_oldest(e, small ? EVICTION_SMALL : EVICTION_MAIN);
        credit = atomic_load_explicit(&entry->credit, memory_order_relaxed);
        eviction_remove(e, entry);
        if (credit == 0 || round >= VICTIM_ROUNDS_MAX) {
            if (!small)
                small_shrink(e, entry->bytes / FADE);
            remember(small ? &e->ghosts : &e->gone, entry);
            return entry;
        }
        atomic_store_explicit(
            &entry->credit, small ? 0 : (uint8_t)(credit - 1), memory_order_relaxed);
        queue_add(e, entry, EVICTION_MAIN);
    }
    return NULL;
}
