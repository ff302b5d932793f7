#include "cache/eviction.h"

#include "base/check.h"

/*
 * A ghost is the low 16 bits of the fingerprint over 16 bits of time. Time is counted in bytes that
 * left by way of the small queue, in steps of 1/GHOST_STEPS of the time a ghost lives; it wraps
 * after four lives, and a ghost that old which nobody overwrote may be taken for a young one. That
 * does little harm.
 */
enum { GHOST_STEPS = 1 << 14, VICTIM_ROUNDS_MAX = 256 };

static uint16_t ghost_now(const struct eviction *e)
{
    uint64_t step = e->capacity / 10 * 9 / GHOST_STEPS;

    return (uint16_t)(e->ghost_bytes / (step != 0 ? step : 1));
}

static uint16_t ghost_age(uint32_t ghost, uint16_t now)
{
    return (uint16_t)(now - (uint16_t)ghost);
}

static uint32_t *ghost_set(const struct eviction *e, uint32_t fingerprint)
{
    return e->ghosts + ((uint64_t)fingerprint * e->ghost_sets >> 32) * EVICTION_GHOST_WAYS;
}

/* The ghost of that fingerprint if it lives, or NULL. */
static uint32_t *ghost_find(const struct eviction *e, uint32_t fingerprint)
{
    uint32_t *set = ghost_set(e, fingerprint);
    uint16_t now = ghost_now(e);

    for (int i = 0; i < EVICTION_GHOST_WAYS; i++)
        if (set[i] != 0 && set[i] >> 16 == (fingerprint & 0xffff) &&
            ghost_age(set[i], now) <= GHOST_STEPS)
            return &set[i];
    return NULL;
}

static void ghost_add(struct eviction *e, uint32_t fingerprint)
{
    uint32_t *set = ghost_set(e, fingerprint);
    uint32_t *place = &set[0];
    uint16_t now = ghost_now(e);

    for (int i = 0; i < EVICTION_GHOST_WAYS; i++) {
        if (set[i] == 0 || set[i] >> 16 == (fingerprint & 0xffff)) {
            place = &set[i];
            break;
        }
        if (ghost_age(set[i], now) > ghost_age(*place, now))
            place = &set[i];
    }
    *place = fingerprint << 16 | now;
}

void eviction_init(
    struct eviction *e, uint32_t *ghosts, uint32_t ghosts_n, uint64_t capacity, uint64_t seed)
{
    check(ghosts_n >= EVICTION_GHOST_WAYS);
    *e = (struct eviction){
        .capacity = capacity,
        .ghosts = ghosts,
        .ghost_sets = ghosts_n / EVICTION_GHOST_WAYS,
        .random = seed | 1,
    };
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

bool eviction_admit(struct eviction *e, uint32_t fingerprint, uint64_t bytes, bool room)
{
    if (room || e->entries == 0 || bytes / EVICTION_TAU <= e->mean_bytes)
        return true;
    if (ghost_find(e, fingerprint) != NULL)
        return true;
    ghost_add(e, fingerprint);
    return false;
}

void eviction_insert(struct eviction *e, struct eviction_entry *entry)
{
    uint32_t *ghost = ghost_find(e, entry->fingerprint);

    if (ghost != NULL)
        *ghost = 0;
    atomic_store_explicit(&entry->credit, 0, memory_order_relaxed);
    queue_add(e, entry, ghost != NULL ? EVICTION_MAIN : EVICTION_SMALL);
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
    uint64_t twice_mean = 2 * e->mean_bytes;
    uint64_t bytes = entry->bytes != 0 ? entry->bytes : 1;
    uint64_t credit = atomic_load_explicit(&entry->credit, memory_order_relaxed);

    if (credit >= EVICTION_CREDIT_MAX)
        return;
    credit += twice_mean / bytes;
    /* The fraction, by chance. */
    if ((unsigned __int128)eviction_random(e) * bytes >> 64 < twice_mean % bytes)
        credit++;
    if (credit > EVICTION_CREDIT_MAX)
        credit = EVICTION_CREDIT_MAX;
    atomic_store_explicit(&entry->credit, (uint8_t)credit, memory_order_relaxed);
}

static struct eviction_entry *queue_oldest(struct eviction *e, enum eviction_queue queue)
{
    return list_entry(e->queues[queue].prev, struct eviction_entry, link);
}

struct eviction_entry *eviction_victim(struct eviction *e)
{
    struct eviction_entry *entry;
    uint8_t credit;

    /* Each round moves an entry that was used. A bound, because a shard lock is held meanwhile. */
    for (int round = 0; e->entries != 0; round++) {
        bool small = e->queue_bytes[EVICTION_SMALL] > eviction_bytes(e) / 10 ||
                     list_empty(&e->queues[EVICTION_MAIN]);

        small = small && !list_empty(&e->queues[EVICTION_SMALL]);
        entry = queue_oldest(e, small ? EVICTION_SMALL : EVICTION_MAIN);
        credit = atomic_load_explicit(&entry->credit, memory_order_relaxed);
        eviction_remove(e, entry);
        if (credit == 0 || round >= VICTIM_ROUNDS_MAX) {
            if (small) {
                ghost_add(e, entry->fingerprint);
                e->ghost_bytes += entry->bytes;
            }
            return entry;
        }
        atomic_store_explicit(
            &entry->credit, small ? 0 : (uint8_t)(credit - 1), memory_order_relaxed);
        queue_add(e, entry, EVICTION_MAIN);
    }
    return NULL;
}
