#include "cache/memory.h"

#include "base/check.h"
#include "base/counters.h"
#include "cache/eviction.h"
#include "cache/index.h"
#include "cache/object.h"
#include "cache/slab.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    SHARDS_MIN = 4,
    SHARDS_MAX = 1 << INDEX_SKIP_BITS,
    SHARD_BYTES = 64 << 20,
    BYTES_PER_SLOT = 1024, /* of the budget, for one slot of the index and one ghost */
    EVICT_MAX = 16384,     /* objects, for one allocation */
    DRAIN_MAX = 16,
    PASSED_OVER_MAX = 8, /* objects in use, for one victim */
    CLEAR_BATCH = 64,
    HUGE_PAGE = 2 << 20,
};

struct shard {
    _Alignas(64) pthread_mutex_t lock;
    struct index index;
    struct eviction eviction;
    uint64_t body_bytes;
    _Atomic uint64_t resident_bytes; /* written under the lock */
};

struct memory {
    struct slabs *slabs;          /* owns */
    struct shard *shards;         /* owns */
    uint32_t shards_n;            /* a power of two */
    struct index_bucket *buckets; /* owns; all shards' */
    uint32_t *ghosts;             /* owns; all shards' */
    uint64_t budget_bytes;
    uint64_t table_bytes;
    _Atomic uint32_t next_victim_shard;
};

static void *table_new(size_t bytes)
{
    /* Read at random: with huge pages, most often without a walk through the page table. */
    bool huge = bytes >= HUGE_PAGE;
    void *p = NULL;

    check(posix_memalign(&p, huge ? HUGE_PAGE : 64, bytes) == 0);
    if (huge)
        (void)madvise(p, bytes, MADV_HUGEPAGE);
    memset(p, 0, bytes);
    return p;
}

uint32_t memory_shards(uint64_t bytes)
{
    uint32_t n = SHARDS_MIN;

    while (n < SHARDS_MAX && (uint64_t)n * 2 * SHARD_BYTES <= bytes)
        n *= 2;
    return n;
}

struct memory *memory_new(uint64_t bytes)
{
    struct memory *m = xcalloc(1, sizeof(*m));
    struct slabs_usage usage;
    uint64_t slots, slots_each;

    m->shards_n = memory_shards(bytes);
    slots_each = bytes / BYTES_PER_SLOT / m->shards_n / INDEX_WAYS * INDEX_WAYS;
    slots = slots_each * m->shards_n;
    m->budget_bytes = bytes;
    m->table_bytes = slots * (sizeof(uint64_t) + sizeof(uint32_t)) +
                     m->shards_n * sizeof(struct shard) + sizeof(*m);
    m->slabs = slabs_new(bytes - m->table_bytes);
    if (m->slabs == NULL) {
        free(m);
        return NULL;
    }
    slabs_usage(m->slabs, &usage);
    m->buckets = table_new(slots * sizeof(uint64_t));
    m->ghosts = table_new(slots * sizeof(uint32_t));
    m->shards = table_new(m->shards_n * sizeof(*m->shards));
    for (uint32_t i = 0; i < m->shards_n; i++) {
        struct shard *sh = &m->shards[i];

        pthread_mutex_init(&sh->lock, NULL);
        sh->index.buckets = m->buckets + i * (slots_each / INDEX_WAYS);
        sh->index.buckets_n = (uint32_t)(slots_each / INDEX_WAYS);
        eviction_init(&sh->eviction, m->ghosts + i * slots_each, (uint32_t)slots_each,
            usage.arena_bytes / m->shards_n, (i + 1) * UINT64_C(0x9e3779b97f4a7c15));
    }
    return m;
}

void memory_free(struct memory **mp)
{
    struct memory *m = *mp;
    struct slabs_usage usage;

    memory_clear(m);
    slabs_usage(m->slabs, &usage);
    check(usage.free_bytes == usage.arena_bytes);
    for (uint32_t i = 0; i < m->shards_n; i++)
        pthread_mutex_destroy(&m->shards[i].lock);
    slabs_free(&m->slabs);
    free(m->shards);
    free(m->buckets);
    free(m->ghosts);
    free(m);
    *mp = NULL;
}

static struct shard *shard_of(struct memory *m, uint64_t hash)
{
    return &m->shards[hash & (m->shards_n - 1)];
}

/* --- under a shard's lock --------------------------------------------------------------------- */

static void shard_sum(struct shard *sh)
{
    atomic_store_explicit(&sh->resident_bytes, eviction_bytes(&sh->eviction), memory_order_relaxed);
}

/* Takes a stored object out of the index, after it has left the policy. The tier's reference is the
 * caller's now, to release without the lock. */
static void shard_forget(struct shard *sh, struct object *obj)
{
    index_remove(&sh->index, obj);
    obj->stored = false;
    sh->body_bytes -= obj->body_bytes;
    shard_sum(sh);
}

static void shard_drop(struct shard *sh, struct object *obj)
{
    eviction_remove(&sh->eviction, &obj->used);
    shard_forget(sh, obj);
}

static void object_prepare(struct object *obj)
{
    obj->used.bytes = obj->bytes + obj->body_bytes;
    obj->used.fingerprint = (uint32_t)obj->hash.hi;
    obj->stored = true;
    object_ref(obj);
}

/* Nobody but the tier holds it or any of its body. Others get their references under the lock that
 * is held, or from a reference; and who holds some chunk holds an object or a fill that holds the
 * first one. */
static bool object_idle(struct object *obj)
{
    return atomic_load_explicit(&obj->refs, memory_order_acquire) == 1 &&
           (obj->body == NULL || atomic_load_explicit(&obj->body->refs, memory_order_acquire) == 1);
}

static struct object *shard_victim(struct shard *sh)
{
    for (int i = 0; i < PASSED_OVER_MAX; i++) {
        struct eviction_entry *entry = eviction_victim(&sh->eviction);
        struct object *obj;

        if (entry == NULL)
            return NULL;
        obj = container_of(entry, struct object, used);
        if (object_idle(obj)) {
            shard_forget(sh, obj);
            return obj;
        }
        eviction_spare(&sh->eviction, entry);
    }
    return NULL;
}

/* --- making room ------------------------------------------------------------------------------ */

static void evicted(struct object *obj)
{
    count(C_CACHE_EVICTED);
    object_release(&obj);
}

/* Of two neighbours the one with more bytes, so that an uneven spread evens out. */
static uint32_t victim_shard(struct memory *m)
{
    uint32_t mask = m->shards_n - 1;
    uint32_t a = atomic_fetch_add_explicit(&m->next_victim_shard, 1, memory_order_relaxed) & mask;
    uint32_t b = (a + 1) & mask;
    uint64_t a_bytes = atomic_load_explicit(&m->shards[a].resident_bytes, memory_order_relaxed);
    uint64_t b_bytes = atomic_load_explicit(&m->shards[b].resident_bytes, memory_order_relaxed);

    return a_bytes >= b_bytes ? a : b;
}

static bool evict_one(struct memory *m)
{
    uint32_t at = victim_shard(m);

    for (uint32_t i = 0; i < m->shards_n; i++) {
        struct shard *sh = &m->shards[(at + i) & (m->shards_n - 1)];
        struct object *obj;

        if (atomic_load_explicit(&sh->resident_bytes, memory_order_relaxed) == 0)
            continue;
        pthread_mutex_lock(&sh->lock);
        obj = shard_victim(sh);
        pthread_mutex_unlock(&sh->lock);
        if (obj != NULL) {
            evicted(obj);
            return true;
        }
    }
    return false;
}

void *memory_evacuate(struct memory *m, void *piece, size_t bytes, size_t room, uint64_t owner)
{
    void *to;

    if (!slab_is_drained(m->slabs, piece))
        return piece;
    to = slab_alloc(m->slabs, room, owner);
    if (to != NULL)
        memcpy(to, piece, bytes);
    return to;
}

/* Moves what of an idle object stands in a slab that is being drained. False: there is no room.
 * Under the shard's lock. */
static bool shard_move(struct memory *m, struct shard *sh, struct object *obj)
{
    uint64_t owner = index_hash(obj->hash);
    struct object *to;

    if (!chunk_evacuate(&obj->body, owner))
        return false;
    to = memory_evacuate(m, obj, obj->bytes, obj->bytes, owner);
    if (to == NULL)
        return false;
    if (to == obj)
        return true;
    object_rebase(to, obj);
    list_take_place(&to->used.link, &obj->used.link);
    index_replace(&sh->index, obj, to);
    memory_give(m, obj, false);
    return true;
}

/* Called by slabs_drain() for each piece of the slab: moves the owner's pieces, or evicts it. */
static void vacate_owner(void *ctx, uint64_t owner)
{
    struct memory *m = ctx;
    struct shard *sh = shard_of(m, owner);
    struct object *obj;

    pthread_mutex_lock(&sh->lock);
    obj = index_find_hash(&sh->index, owner);
    if (obj != NULL && object_idle(obj) && !shard_move(m, sh, obj))
        shard_drop(sh, obj);
    else
        obj = NULL;
    pthread_mutex_unlock(&sh->lock);
    if (obj != NULL)
        evicted(obj);
}

/*
 * The policy's victims free pieces of all sizes. Most often one of the wanted size is soon among
 * them; otherwise other sizes come to have more free pieces than they need, and a slab of theirs is
 * emptied by moving together what is in it. Either must happen before long; the limits are for when
 * others take what we free.
 */
static bool make_room(struct memory *m, int *evictions, int *drains)
{
    if (*drains < DRAIN_MAX && slabs_drain(m->slabs, SLABS_SPARE, vacate_owner, m)) {
        (*drains)++;
        return true;
    }
    if (*evictions < EVICT_MAX && evict_one(m)) {
        (*evictions)++;
        return true;
    }
    /* All that is stored is being read; in some slab there may be just a piece that is not. */
    while ((*drains)++ < DRAIN_MAX)
        if (slabs_drain(m->slabs, SLABS_ANY, vacate_owner, m))
            return true;
    return false;
}

void *memory_alloc(struct memory *m, size_t bytes, uint64_t owner)
{
    int evictions = 0, drains = 0;
    void *p;

    while ((p = slab_alloc(m->slabs, bytes, owner)) == NULL)
        if (!make_room(m, &evictions, &drains)) {
            count(C_CACHE_REFUSED);
            return NULL;
        }
    return p;
}

void memory_own(struct memory *m, void *piece, uint64_t owner)
{
    slab_own(m->slabs, piece, owner);
}

void memory_give(struct memory *m, void *piece, bool by_file)
{
    slab_free(m->slabs, piece, by_file);
}

int memory_fd(const struct memory *m)
{
    return slabs_fd(m->slabs);
}

int64_t memory_offset(const struct memory *m, const void *p)
{
    return slab_offset(m->slabs, p);
}

/* --- stored objects --------------------------------------------------------------------------- */

struct object *memory_find(struct memory *m, const struct cache_key *key, bool use)
{
    struct shard *sh = shard_of(m, index_hash(key->hash));
    struct object *obj;

    index_prefetch(&sh->index, index_hash(key->hash));
    pthread_mutex_lock(&sh->lock);
    obj = index_find(&sh->index, key);
    if (obj != NULL) {
        object_ref(obj);
        if (use)
            eviction_hit(&sh->eviction, &obj->used);
    }
    pthread_mutex_unlock(&sh->lock);
    return obj;
}

struct object *memory_find_hash(struct memory *m, struct hash128 hash)
{
    struct shard *sh = shard_of(m, index_hash(hash));
    struct object *obj;

    pthread_mutex_lock(&sh->lock);
    obj = index_find_hash(&sh->index, index_hash(hash));
    if (obj != NULL && !hash128_eq(obj->hash, hash))
        obj = NULL;
    if (obj != NULL)
        object_ref(obj);
    pthread_mutex_unlock(&sh->lock);
    return obj;
}

bool memory_admit(struct memory *m, const struct hash128 *hash, uint64_t bytes)
{
    struct shard *sh = shard_of(m, index_hash(*hash));
    struct slabs_usage usage;
    bool admit;

    slabs_usage(m->slabs, &usage);
    pthread_mutex_lock(&sh->lock);
    admit = eviction_admit(&sh->eviction, (uint32_t)hash->hi, bytes, usage.free_bytes / 2 >= bytes);
    pthread_mutex_unlock(&sh->lock);
    return admit;
}

bool memory_pass(struct memory *m, const struct object *obj)
{
    struct shard *sh = shard_of(m, index_hash(obj->hash));
    bool worth;

    pthread_mutex_lock(&sh->lock);
    worth = eviction_pass(&sh->eviction, (uint32_t)obj->hash.hi, obj->bytes + obj->body_bytes);
    pthread_mutex_unlock(&sh->lock);
    return worth;
}

bool memory_walk(struct memory *m, struct memory_walk *w,
    struct object *out[static MEMORY_WALK_MAX], unsigned *n)
{
    struct shard *sh;

    *n = 0;
    if (w->shard >= m->shards_n)
        return false;
    sh = &m->shards[w->shard];
    pthread_mutex_lock(&sh->lock);
    for (int i = 0; i < MEMORY_WALK_MAX / INDEX_WAYS && w->bucket < sh->index.buckets_n; i++)
        *n += index_bucket_objects(&sh->index, w->bucket++, out + *n);
    for (unsigned i = 0; i < *n; i++)
        object_ref(out[i]);
    pthread_mutex_unlock(&sh->lock);
    if (w->bucket >= sh->index.buckets_n)
        *w = (struct memory_walk){.shard = w->shard + 1};
    return w->shard < m->shards_n;
}

/* What has to go from a full bucket: the one with the least credit. Under the lock. */
static struct object *shard_rival(struct shard *sh, const struct object *obj)
{
    struct object *rivals[INDEX_WAYS], *least = NULL;
    unsigned n = index_rivals(&sh->index, obj, rivals);
    uint8_t credit, least_credit = UINT8_MAX;

    for (unsigned i = 0; i < n; i++) {
        credit = atomic_load_explicit(&rivals[i]->used.credit, memory_order_relaxed);
        if (credit < least_credit) {
            least = rivals[i];
            least_credit = credit;
        }
    }
    return least;
}

static void shard_replace(struct shard *sh, struct object *old, struct object *obj)
{
    object_prepare(obj);
    index_replace(&sh->index, old, obj);
    eviction_replace(&sh->eviction, &old->used, &obj->used);
    old->stored = false;
    sh->body_bytes += obj->body_bytes - old->body_bytes;
    shard_sum(sh);
}

/* False: there is something, and it may not be replaced. */
static bool put(struct memory *m, struct object *obj, bool replace)
{
    struct shard *sh = shard_of(m, index_hash(obj->hash));
    struct cache_key key = {obj->key, obj->hash};
    struct object *old, *rival = NULL;

    check(obj->whole && !obj->loose);
    pthread_mutex_lock(&sh->lock);
    check(!obj->stored);
    old = index_find(&sh->index, &key);
    if (old != NULL && !replace) {
        pthread_mutex_unlock(&sh->lock);
        return false;
    }
    if (old != NULL) {
        shard_replace(sh, old, obj);
    } else {
        object_prepare(obj);
        if (!index_add(&sh->index, obj)) {
            rival = shard_rival(sh, obj);
            shard_drop(sh, rival);
            check(index_add(&sh->index, obj));
        }
        eviction_insert(&sh->eviction, &obj->used);
        sh->body_bytes += obj->body_bytes;
        shard_sum(sh);
    }
    pthread_mutex_unlock(&sh->lock);
    if (old != NULL)
        object_release(&old);
    if (rival != NULL)
        evicted(rival);
    return true;
}

void memory_put(struct memory *m, struct object *obj)
{
    (void)put(m, obj, true);
}

bool memory_put_new(struct memory *m, struct object *obj)
{
    return put(m, obj, false);
}

bool memory_replace(struct memory *m, struct object *old, struct object *obj)
{
    struct shard *sh = shard_of(m, index_hash(obj->hash));
    bool replaced;

    check(obj->whole && !obj->loose);
    pthread_mutex_lock(&sh->lock);
    check(!obj->stored);
    replaced = old->stored;
    if (replaced)
        shard_replace(sh, old, obj);
    pthread_mutex_unlock(&sh->lock);
    if (replaced)
        object_release(&(struct object *){old}); /* the tier's; the caller has its own */
    return replaced;
}

bool memory_remove(struct memory *m, const struct cache_key *key)
{
    struct shard *sh = shard_of(m, index_hash(key->hash));
    struct object *obj;

    pthread_mutex_lock(&sh->lock);
    obj = index_find(&sh->index, key);
    if (obj != NULL)
        shard_drop(sh, obj);
    pthread_mutex_unlock(&sh->lock);
    if (obj == NULL)
        return false;
    object_release(&obj);
    return true;
}

void memory_remove_object(struct memory *m, struct object *obj)
{
    struct shard *sh = shard_of(m, index_hash(obj->hash));
    bool was_stored;

    pthread_mutex_lock(&sh->lock);
    was_stored = obj->stored;
    if (was_stored)
        shard_drop(sh, obj);
    pthread_mutex_unlock(&sh->lock);
    if (was_stored)
        object_release(&(struct object *){obj}); /* the tier's; the caller has its own */
}

static unsigned shard_clear_some(struct shard *sh)
{
    struct object *gone[CLEAR_BATCH];
    unsigned n = 0;

    pthread_mutex_lock(&sh->lock);
    for (int q = 0; q < EVICTION_QUEUES; q++)
        while (n < CLEAR_BATCH && !list_empty(&sh->eviction.queues[q])) {
            gone[n] = container_of(sh->eviction.queues[q].prev, struct object, used.link);
            shard_drop(sh, gone[n++]);
        }
    pthread_mutex_unlock(&sh->lock);
    for (unsigned i = 0; i < n; i++)
        object_release(&gone[i]);
    return n;
}

void memory_clear(struct memory *m)
{
    for (uint32_t i = 0; i < m->shards_n; i++)
        while (shard_clear_some(&m->shards[i]) != 0)
            continue;
}

void memory_stats(struct memory *m, struct cache_stats *out)
{
    struct slabs_usage usage;

    slabs_usage(m->slabs, &usage);
    out->memory_bytes = m->budget_bytes;
    out->used_bytes = m->table_bytes + usage.total_bytes - usage.free_bytes - usage.spare_bytes;
    out->body_bytes = out->objects = 0;
    for (uint32_t i = 0; i < m->shards_n; i++) {
        struct shard *sh = &m->shards[i];

        pthread_mutex_lock(&sh->lock);
        out->body_bytes += sh->body_bytes;
        out->objects += sh->eviction.entries;
        pthread_mutex_unlock(&sh->lock);
    }
}
