#include "sim/tiers.h"

#include "base/check.h"
#include "cache/cache.h"
#include "cache/duel.h"
#include "cache/eviction.h"
#include "cache/memory.h"
#include "disk/disk.h"

#include <stdlib.h>

enum {
    BYTES_PER_GHOST = 1024,       /* of memory: as memory.c has it */
    DISK_BYTES_PER_GHOST = 16384, /* of the ring: 4 bytes for each object of the expected size */
};

/* --- memory ----------------------------------------------------------------------------------- */

struct mem {
    const struct trace *t;
    struct eviction *shards;
    struct eviction_entry *entries; /* by object */
    bool *here;
    uint32_t *ghosts;
    uint32_t shards_n, next_victim_shard;
    uint64_t used, capacity;
};

static void mem_open(struct mem *m, const struct trace *t, uint64_t capacity)
{
    uint32_t n = memory_shards(capacity);
    uint32_t ghosts_n = (uint32_t)(capacity / BYTES_PER_GHOST / n);

    *m = (struct mem){.t = t, .shards_n = n, .capacity = capacity};
    if (ghosts_n < EVICTION_GHOSTS_MIN)
        ghosts_n = EVICTION_GHOSTS_MIN;
    m->shards = xcalloc(n, sizeof(*m->shards));
    m->entries = xcalloc(t->objects_n, sizeof(*m->entries));
    m->here = xcalloc(t->objects_n, sizeof(*m->here));
    m->ghosts = xcalloc((uint64_t)n * ghosts_n, sizeof(*m->ghosts));
    for (uint32_t i = 0; i < n; i++)
        eviction_init(&m->shards[i], m->ghosts + (uint64_t)i * ghosts_n, ghosts_n, capacity / n,
            (i + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

static void mem_close(struct mem *m)
{
    free(m->shards);
    free(m->entries);
    free(m->here);
    free(m->ghosts);
}

static struct eviction *mem_shard(struct mem *m, uint32_t x)
{
    return &m->shards[m->t->hashes[x] & (m->shards_n - 1)];
}

static void mem_evict(struct mem *m)
{
    uint32_t mask = m->shards_n - 1;
    uint32_t a = m->next_victim_shard++ & mask, b = (a + 1) & mask;
    uint32_t at = eviction_bytes(&m->shards[a]) >= eviction_bytes(&m->shards[b]) ? a : b;
    struct eviction_entry *out = NULL;

    for (uint32_t i = 0; out == NULL; i++) {
        check(i < m->shards_n);
        out = eviction_victim(&m->shards[(at + i) & mask]);
    }
    m->here[out - m->entries] = false;
    m->used -= out->bytes;
}

/* True: it is here. Counts as a use. */
static bool mem_find(struct mem *m, uint32_t x)
{
    if (m->here[x])
        eviction_hit(mem_shard(m, x), &m->entries[x]);
    return m->here[x];
}

static uint32_t mem_fingerprint(const struct mem *m, uint32_t x)
{
    return (uint32_t)(m->t->hashes[x] >> 32);
}

/* Whether memory itself would keep it. */
static bool mem_admit(struct mem *m, uint32_t x)
{
    uint64_t bytes = m->t->bytes[x];

    return eviction_admit(
        mem_shard(m, x), mem_fingerprint(m, x), bytes, m->used + bytes <= m->capacity);
}

static void mem_insert(struct mem *m, uint32_t x)
{
    struct eviction_entry *entry = &m->entries[x];
    uint64_t bytes = m->t->bytes[x];

    if (bytes > m->capacity)
        return;
    entry->bytes = bytes;
    entry->fingerprint = mem_fingerprint(m, x);
    while (m->used + bytes > m->capacity)
        mem_evict(m);
    list_init(&entry->link);
    eviction_insert(mem_shard(m, x), entry);
    m->here[x] = true;
    m->used += bytes;
}

/* --- disk ------------------------------------------------------------------------------------- */

struct segment {
    uint32_t *objects;
    uint32_t n, cap;
    uint64_t used;
};

struct store {
    const struct trace *t;
    struct segment *segments; /* a ring; `at` is being written */
    uint32_t segments_n, at;
    uint64_t segment_bytes;
    uint32_t *where; /* by object: segment + 1; 0: not here */
    uint8_t *uses;
    uint32_t *ghosts;
    struct admission admission;
    struct duel duel;
    bool duels, round;
    uint64_t written;
};

static void store_open(struct store *d, const struct trace *t, const struct tiers_conf *conf)
{
    struct admission_conf a = {.ring_bytes = conf->disk_bytes, .window_bytes = conf->window_bytes};
    uint64_t ghosts_n = conf->disk_bytes / DISK_BYTES_PER_GHOST + GHOSTS_WAYS;

    *d = (struct store){.t = t, .segment_bytes = volume_segment_choose(conf->disk_bytes)};
    d->duels = conf->admission == CACHE_ADMISSION_AUTO;
    d->segments_n = (uint32_t)(conf->disk_bytes / d->segment_bytes);
    d->segments_n = d->segments_n < DISK_FREE_SEGMENTS + 2 ? 2 : d->segments_n - DISK_FREE_SEGMENTS;
    d->segments = xcalloc(d->segments_n, sizeof(*d->segments));
    d->where = xcalloc(t->objects_n, sizeof(*d->where));
    d->uses = xcalloc(t->objects_n, sizeof(*d->uses));
    d->ghosts = xcalloc(ghosts_n, sizeof(*d->ghosts));
    duel_init(&d->duel, conf->disk_bytes);
    a.floor = d->duels ? d->duel.winner : (enum admission_level)(conf->admission - 1);
    admission_init(&d->admission, &a, d->ghosts, ghosts_n, 1, 0);
}

static void store_close(struct store *d)
{
    for (uint32_t i = 0; i < d->segments_n; i++)
        free(d->segments[i].objects);
    free(d->segments);
    free(d->where);
    free(d->uses);
    free(d->ghosts);
    duel_free(&d->duel);
}

static void store_append(struct store *d, uint32_t x)
{
    struct segment *g = &d->segments[d->at];

    if (g->n == g->cap) {
        g->cap = g->cap != 0 ? g->cap * 2 : 1024;
        g->objects = xrealloc(g->objects, g->cap * sizeof(*g->objects));
    }
    g->objects[g->n++] = x;
    g->used += d->t->bytes[x];
    d->where[x] = d->at + 1;
    d->written += d->t->bytes[x];
    admission_wrote(&d->admission, d->t->bytes[x]);
}

/* Goes on in the next segment. What was there leaves, but for what goes another round. */
static void store_next_segment(struct store *d)
{
    struct segment old;

    d->at = (d->at + 1) % d->segments_n;
    d->round |= d->at == 0;
    old = d->segments[d->at];
    d->segments[d->at] = (struct segment){0};
    for (uint32_t i = 0; i < old.n; i++) {
        uint32_t x = old.objects[i];

        if (d->where[x] != d->at + 1)
            continue;
        d->where[x] = 0;
        if (!admission_keep(&d->admission, d->uses[x], d->t->bytes[x]))
            continue;
        d->uses[x] >>= 1;
        store_append(d, x);
    }
    free(old.objects);
}

/* In the sample of the duel or not. */
static void store_asked(struct store *d, uint32_t x)
{
    uint64_t fingerprint = d->t->hashes[x];

    if (!d->duels || !duel_samples(&d->duel, fingerprint))
        return;
    duel_ask(&d->duel, fingerprint, d->t->bytes[x]);
    d->admission.conf.floor = d->duel.winner;
}

static bool store_find(struct store *d, uint32_t x)
{
    if (d->where[x] == 0)
        return false;
    if (d->uses[x] < INDEX_USED_MAX)
        d->uses[x]++;
    store_asked(d, x);
    return true;
}

/* Of something that memory would rather not keep. */
static bool store_wants(struct store *d, uint32_t x)
{
    if (admission_wants(&d->admission, d->t->hashes[x], d->t->bytes[x]))
        return true;
    store_asked(d, x);
    return false;
}

static void store_offer(struct store *d, uint32_t x)
{
    uint64_t bytes = d->t->bytes[x];

    store_asked(d, x);
    admission_tick(&d->admission, 0, d->round);
    if (bytes > d->segment_bytes || !admission_take(&d->admission, d->t->hashes[x], bytes))
        return;
    while (d->segments[d->at].used + bytes > d->segment_bytes)
        store_next_segment(d);
    d->uses[x] = 0;
    store_append(d, x);
}

/* --- both ------------------------------------------------------------------------------------- */

struct tally tiers_run(const struct trace *t, const struct tiers_conf *conf)
{
    struct mem m;
    struct store d;
    struct tally y = {0};
    bool has_disk = conf->disk_bytes != 0;
    uint64_t written_before = 0;

    mem_open(&m, t, conf->memory_bytes);
    if (has_disk)
        store_open(&d, t, conf);
    for (uint64_t at = 0; at < t->requests_n; at++) {
        uint32_t x = trace_object(t, at);
        bool hit = mem_find(&m, x), loaded;

        if (at == t->skip_n && has_disk)
            written_before = d.written;
        loaded = !hit && has_disk && store_find(&d, x);
        if (loaded) {
            mem_insert(&m, x);
        } else if (!hit && (mem_admit(&m, x) || (has_disk && store_wants(&d, x)))) {
            mem_insert(&m, x);
            if (has_disk)
                store_offer(&d, x);
        }
        tally_add(&y, t, at, hit || loaded);
    }
    mem_close(&m);
    if (has_disk) {
        y.written_bytes = d.written - written_before;
        store_close(&d);
    }
    return y;
}
