#include "disk/index.h"

#include "base/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Tries of a look-up before it takes the lock. */
enum { SPINS = 100 };
enum { WAYS = 4, LOC_BITS = 35, TAG_BITS = 24, BORN_BITS = 40, SITE_BITS = 16 };
enum { TAG_AT = LOC_BITS, KIND_AT = TAG_AT + TAG_BITS, USED_AT = KIND_AT + 2 };

/* Both words are 0 in an empty slot. */
struct slot {
    _Atomic uint64_t a; /* loc | tag | kind | used */
    _Atomic uint64_t b; /* born | site | size */
};

struct bucket {
    _Alignas(INDEX_BUCKET_BYTES) struct slot slots[WAYS];
};

_Static_assert(sizeof(struct bucket) == INDEX_BUCKET_BYTES, "a bucket is a cache line");

struct shard {
    _Alignas(64) pthread_mutex_t lock;
    _Atomic uint32_t seq; /* odd: being changed, by who has the lock */
    _Atomic uint64_t count;
    struct bucket *buckets;
};

struct disk_index {
    struct shard shards[INDEX_SHARDS];
    struct bucket *all;
    uint64_t all_bytes;
    uint32_t buckets_n; /* of a shard */
};

/* Two words as they stand in a slot. */
struct words {
    uint64_t a, b;
};

uint8_t disk_size_class(uint32_t sectors)
{
    unsigned e = 0;

    if (sectors < 16)
        return (uint8_t)sectors;
    while (sectors - 1 >= UINT32_C(16) << e)
        e++;
    /* 8 .. 15 times 2^e, rounded up; 16 << e is 8 << (e + 1). */
    sectors = (sectors + (UINT32_C(1) << e) - 1) >> e;
    if (sectors == 16) {
        sectors = 8;
        e++;
    }
    return (uint8_t)(16 + (e - 1) * 8 + (sectors - 8));
}

uint32_t disk_class_sectors(uint8_t c)
{
    return c < 16 ? c : (uint32_t)(8 + c % 8) << (c / 8 - 1);
}

static struct words words_of(uint32_t tag, const struct disk_entry *e)
{
    uint64_t born = e->born < INDEX_BORN_MAX ? e->born : INDEX_BORN_MAX;

    check(e->loc != 0 && e->loc <= INDEX_LOC_MAX && e->kind < 4 && e->used <= INDEX_USED_MAX);
    return (struct words){
        e->loc | (uint64_t)tag << TAG_AT | (uint64_t)e->kind << KIND_AT |
            (uint64_t)e->used << USED_AT,
        born | (uint64_t)e->site << BORN_BITS |
            (uint64_t)disk_size_class(e->sectors) << (BORN_BITS + SITE_BITS),
    };
}

static uint64_t loc_of(uint64_t a)
{
    return a & INDEX_LOC_MAX;
}

static uint32_t tag_of(uint64_t a)
{
    return (uint32_t)(a >> TAG_AT) & ((1u << TAG_BITS) - 1);
}

static unsigned used_of(uint64_t a)
{
    return (unsigned)(a >> USED_AT) & INDEX_USED_MAX;
}

static struct disk_entry entry_of(struct words w)
{
    return (struct disk_entry){
        .loc = loc_of(w.a),
        .sectors = disk_class_sectors((uint8_t)(w.b >> (BORN_BITS + SITE_BITS))),
        .born = w.b & INDEX_BORN_MAX,
        .site = (uint16_t)(w.b >> BORN_BITS),
        .kind = (uint8_t)(w.a >> KIND_AT) & 3,
        .used = (uint8_t)used_of(w.a),
    };
}

/* Where a hash leads: 8 bits choose the shard, 32 the first bucket, and the tag, of 24, with the
 * first bucket the second one, so that an entry can be moved without its hash. */
struct place {
    struct shard *shard;
    uint32_t tag, first, second;
};

static uint32_t other_bucket(const struct disk_index *x, uint32_t bucket, uint32_t tag)
{
    uint32_t sum = (uint32_t)((uint64_t)(tag * 0x9e3779b1u) * x->buckets_n >> 32);

    return sum >= bucket ? sum - bucket : sum + x->buckets_n - bucket;
}

static struct place place_of(const struct disk_index *x, uint64_t hash)
{
    struct place p;

    p.shard = (struct shard *)&x->shards[hash >> 56];
    p.tag = (uint32_t)(hash >> 32) & ((1u << TAG_BITS) - 1);
    p.first = (uint32_t)((hash & UINT32_MAX) * x->buckets_n >> 32);
    p.second = other_bucket(x, p.first, p.tag);
    return p;
}

/* The slot of that tag in the two buckets, or NULL, and its words as they were. */
static struct slot *slot_find(const struct place *p, struct words *out)
{
    for (int which = 0; which < 2; which++) {
        struct slot *s = p->shard->buckets[which == 0 ? p->first : p->second].slots;

        for (int i = 0; i < WAYS; i++) {
            uint64_t a = atomic_load_explicit(&s[i].a, memory_order_acquire);

            if (a != 0 && tag_of(a) == p->tag) {
                *out = (struct words){a, atomic_load_explicit(&s[i].b, memory_order_acquire)};
                return &s[i];
            }
        }
    }
    return NULL;
}

/* Who changes a slot stands between these two, with the lock. The stores to slots are releases and
 * come after the odd number, the loads of readers are acquires and come before they look at the
 * number again. */
static void change_begin(struct shard *sh)
{
    uint32_t seq = atomic_load_explicit(&sh->seq, memory_order_relaxed);

    atomic_store_explicit(&sh->seq, seq + 1, memory_order_relaxed);
}

static void change_end(struct shard *sh)
{
    uint32_t seq = atomic_load_explicit(&sh->seq, memory_order_relaxed);

    atomic_store_explicit(&sh->seq, seq + 1, memory_order_release);
}

static void slot_set(struct slot *s, struct words w)
{
    atomic_store_explicit(&s->b, w.b, memory_order_release);
    atomic_store_explicit(&s->a, w.a, memory_order_release);
}

static struct words slot_get(struct slot *s)
{
    return (struct words){atomic_load_explicit(&s->a, memory_order_relaxed),
        atomic_load_explicit(&s->b, memory_order_relaxed)};
}

static void count_change(struct shard *sh, int64_t by)
{
    uint64_t n = atomic_load_explicit(&sh->count, memory_order_relaxed);

    atomic_store_explicit(&sh->count, n + (uint64_t)by, memory_order_relaxed);
}

/* --- making room; with the lock, inside a change --- */

static struct slot *bucket_room(struct bucket *b, unsigned *free_n)
{
    struct slot *room = NULL;

    *free_n = 0;
    for (int i = 0; i < WAYS; i++)
        if (atomic_load_explicit(&b->slots[i].a, memory_order_relaxed) == 0) {
            room = &b->slots[i];
            ++*free_n;
        }
    return room;
}

/* Moves what is in `s`, which stands in `bucket`, to its other bucket if that has room. */
static bool slot_move_out(
    const struct disk_index *x, struct shard *sh, uint32_t bucket, struct slot *s)
{
    struct words w = slot_get(s);
    uint32_t to = other_bucket(x, bucket, tag_of(w.a));
    unsigned free_n;
    struct slot *room = to != bucket ? bucket_room(&sh->buckets[to], &free_n) : NULL;

    if (room == NULL)
        return false;
    slot_set(room, w);
    slot_set(s, (struct words){0, 0});
    return true;
}

/* Empties a slot of `bucket` by one move, or, with `deep`, by two. */
static struct slot *bucket_make_room(
    const struct disk_index *x, struct shard *sh, uint32_t bucket, bool deep)
{
    struct slot *s = sh->buckets[bucket].slots;

    for (int i = 0; i < WAYS; i++) {
        uint32_t to = other_bucket(x, bucket, tag_of(slot_get(&s[i]).a));

        if (!deep) {
            if (slot_move_out(x, sh, bucket, &s[i]))
                return &s[i];
            continue;
        }
        for (int k = 0; k < WAYS && to != bucket; k++)
            if (slot_move_out(x, sh, to, &sh->buckets[to].slots[k])) {
                check(slot_move_out(x, sh, bucket, &s[i]));
                return &s[i];
            }
    }
    return NULL;
}

/* The slot of the two buckets whose entry was used least. */
static struct slot *slot_least(const struct place *p)
{
    struct slot *least = NULL;
    unsigned least_used = INDEX_USED_MAX + 1;

    for (int which = 0; which < 2; which++) {
        struct slot *s = p->shard->buckets[which == 0 ? p->first : p->second].slots;

        for (int i = 0; i < WAYS; i++)
            if (used_of(slot_get(&s[i]).a) < least_used) {
                least = &s[i];
                least_used = used_of(slot_get(least).a);
            }
    }
    return least;
}

/* An empty slot for p; NULL: none to be had. */
static struct slot *slot_room(const struct disk_index *x, const struct place *p)
{
    struct shard *sh = p->shard;
    unsigned first_n, second_n;
    struct slot *first = bucket_room(&sh->buckets[p->first], &first_n);
    struct slot *second = bucket_room(&sh->buckets[p->second], &second_n);
    struct slot *s = first_n >= second_n ? first : second;

    for (int deep = 0; deep < 2 && s == NULL; deep++) {
        s = bucket_make_room(x, sh, p->first, deep);
        if (s == NULL)
            s = bucket_make_room(x, sh, p->second, deep);
    }
    return s;
}

/* --- the interface --- */

uint32_t disk_index_buckets(uint64_t objects)
{
    uint64_t each = objects / INDEX_SHARDS + 1, root = 1, buckets;

    /* Keys do not fall evenly: room for four standard deviations more. */
    while (root * root < each)
        root++;
    buckets = (each / 9 * 10 + 4 * root) / WAYS + 1;
    return buckets < UINT32_MAX / 2 ? (uint32_t)buckets : UINT32_MAX / 2;
}

struct disk_index *disk_index_new(uint32_t buckets_per_shard)
{
    struct disk_index *x;
    void *all;
    uint64_t bytes = (uint64_t)buckets_per_shard * INDEX_SHARDS * sizeof(struct bucket);

    check(buckets_per_shard > 0);
    /* cppcheck-suppress invalidFunctionArg ; MAP_ANONYMOUS wants -1 */
    all = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        return NULL;
    (void)madvise(all, bytes, MADV_HUGEPAGE); /* a wish */
    check(posix_memalign((void **)&x, 64, sizeof(*x)) == 0);
    memset(x, 0, sizeof(*x));
    x->all = all;
    x->all_bytes = bytes;
    x->buckets_n = buckets_per_shard;
    for (unsigned i = 0; i < INDEX_SHARDS; i++) {
        pthread_mutex_init(&x->shards[i].lock, NULL);
        x->shards[i].buckets = x->all + (uint64_t)i * buckets_per_shard;
    }
    return x;
}

void disk_index_free(struct disk_index **xp)
{
    struct disk_index *x = *xp;

    if (x == NULL)
        return;
    *xp = NULL;
    for (unsigned i = 0; i < INDEX_SHARDS; i++)
        pthread_mutex_destroy(&x->shards[i].lock);
    check(munmap(x->all, x->all_bytes) == 0);
    free(x);
}

/* For who was unlucky: the thread that is changing the shard may not have the processor. */
static bool find_locked(const struct place *p, struct disk_entry *out)
{
    struct words w;
    bool found;

    pthread_mutex_lock(&p->shard->lock);
    found = slot_find(p, &w) != NULL;
    pthread_mutex_unlock(&p->shard->lock);
    if (found)
        *out = entry_of(w);
    return found;
}

bool disk_index_find(const struct disk_index *x, uint64_t hash, struct disk_entry *out)
{
    struct place p = place_of(x, hash);

    /* Both lines at once: memory is what this waits for. */
    __builtin_prefetch(&p.shard->buckets[p.first]);
    __builtin_prefetch(&p.shard->buckets[p.second]);
    for (int i = 0; i < SPINS; i++) {
        uint32_t seq = atomic_load_explicit(&p.shard->seq, memory_order_acquire);
        struct words w;
        bool found;

        if ((seq & 1) != 0)
            continue;
        found = slot_find(&p, &w) != NULL;
        if (atomic_load_explicit(&p.shard->seq, memory_order_relaxed) != seq)
            continue;
        if (found)
            *out = entry_of(w);
        return found;
    }
    return find_locked(&p, out);
}

bool disk_index_put_newer(struct disk_index *x, uint64_t hash, const struct disk_entry *e,
    bool (*older)(void *ctx, uint64_t loc), void *ctx)
{
    struct place p = place_of(x, hash);
    struct words w = words_of(p.tag, e), old;
    struct slot *s;
    bool forgot = false;

    pthread_mutex_lock(&p.shard->lock);
    s = slot_find(&p, &old);
    if (s != NULL && older != NULL && !older(ctx, loc_of(old.a))) {
        pthread_mutex_unlock(&p.shard->lock);
        return false;
    }
    change_begin(p.shard);
    if (s == NULL) {
        s = slot_room(x, &p);
        forgot = s == NULL;
        if (forgot)
            s = slot_least(&p);
        else
            count_change(p.shard, 1);
    }
    slot_set(s, w);
    change_end(p.shard);
    pthread_mutex_unlock(&p.shard->lock);
    return forgot;
}

bool disk_index_put(struct disk_index *x, uint64_t hash, const struct disk_entry *e)
{
    return disk_index_put_newer(x, hash, e, NULL, NULL);
}

/* Puts `w` into the slot of that hash and place, with the lock. */
static bool slot_replace(const struct place *p, uint64_t loc, struct words w)
{
    struct words old;
    struct slot *s = slot_find(p, &old);

    if (s == NULL || loc_of(old.a) != loc)
        return false;
    change_begin(p->shard);
    slot_set(s, w);
    change_end(p->shard);
    return true;
}

bool disk_index_drop(struct disk_index *x, uint64_t hash, uint64_t loc)
{
    struct place p = place_of(x, hash);
    bool was;

    pthread_mutex_lock(&p.shard->lock);
    was = slot_replace(&p, loc, (struct words){0, 0});
    if (was)
        count_change(p.shard, -1);
    pthread_mutex_unlock(&p.shard->lock);
    return was;
}

bool disk_index_move(struct disk_index *x, uint64_t hash, uint64_t loc, const struct disk_entry *to)
{
    struct place p = place_of(x, hash);
    struct words w = words_of(p.tag, to);
    bool was;

    pthread_mutex_lock(&p.shard->lock);
    was = slot_replace(&p, loc, w);
    pthread_mutex_unlock(&p.shard->lock);
    return was;
}

/* A single exchange of one word, which has the place in it: who moves or replaces the entry
 * meanwhile wins, and the use is not counted. */
bool disk_index_used(struct disk_index *x, uint64_t hash, uint64_t loc)
{
    struct place p = place_of(x, hash);
    struct words w;
    struct slot *s = slot_find(&p, &w);

    if (s == NULL || loc_of(w.a) != loc)
        return false;
    if (used_of(w.a) == INDEX_USED_MAX)
        return true;
    return atomic_compare_exchange_strong_explicit(
        &s->a, &w.a, w.a + (UINT64_C(1) << USED_AT), memory_order_release, memory_order_relaxed);
}

uint64_t disk_index_drop_range(struct disk_index *x, uint64_t from, uint64_t to)
{
    uint64_t dropped = 0;

    for (unsigned i = 0; i < INDEX_SHARDS; i++) {
        struct shard *sh = &x->shards[i];
        int64_t n = 0;

        pthread_mutex_lock(&sh->lock);
        for (uint64_t k = 0; k < (uint64_t)x->buckets_n * WAYS; k++) {
            struct slot *s = &sh->buckets[k / WAYS].slots[k % WAYS];
            uint64_t loc = loc_of(slot_get(s).a);

            if (loc == 0 || loc < from || loc >= to)
                continue;
            change_begin(sh);
            slot_set(s, (struct words){0, 0});
            change_end(sh);
            n++;
        }
        count_change(sh, -n);
        pthread_mutex_unlock(&sh->lock);
        dropped += (uint64_t)n;
    }
    return dropped;
}

uint64_t disk_index_count(const struct disk_index *x)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < INDEX_SHARDS; i++)
        n += atomic_load_explicit(&x->shards[i].count, memory_order_relaxed);
    return n;
}

uint64_t disk_index_bytes(const struct disk_index *x)
{
    return x->all_bytes + sizeof(*x);
}

uint64_t disk_index_shard_bytes(const struct disk_index *x)
{
    return (uint64_t)x->buckets_n * sizeof(struct bucket);
}

void disk_index_dump(struct disk_index *x, unsigned shard, void *to)
{
    struct shard *sh = &x->shards[shard];
    struct words *w = to;

    pthread_mutex_lock(&sh->lock);
    for (uint64_t k = 0; k < (uint64_t)x->buckets_n * WAYS; k++)
        w[k] = slot_get(&sh->buckets[k / WAYS].slots[k % WAYS]);
    pthread_mutex_unlock(&sh->lock);
}

uint64_t disk_index_load(struct disk_index *x, unsigned shard, const void *from,
    bool (*keep)(void *ctx, const struct disk_entry *e), void *ctx)
{
    struct shard *sh = &x->shards[shard];
    const struct words *w = from;
    uint64_t n = 0;

    pthread_mutex_lock(&sh->lock);
    change_begin(sh);
    for (uint64_t k = 0; k < (uint64_t)x->buckets_n * WAYS; k++) {
        struct disk_entry e = entry_of(w[k]);
        bool kept = e.loc != 0 && e.sectors != 0 && (keep == NULL || keep(ctx, &e));

        slot_set(&sh->buckets[k / WAYS].slots[k % WAYS], kept ? w[k] : (struct words){0, 0});
        n += kept;
    }
    atomic_store_explicit(&sh->count, n, memory_order_relaxed);
    change_end(sh);
    pthread_mutex_unlock(&sh->lock);
    return n;
}
