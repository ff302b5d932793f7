#include "sim/tiers.h"

#include "base/check.h"
#include "cache/eviction.h"
#include "cache/memory.h"

#include <stdlib.h>

enum {
    BYTES_PER_GHOST = 1024,       /* of memory: as memory.c has it */
    DISK_BYTES_PER_GHOST = 16384, /* of the ring: 4 bytes for each object of the expected size */
    SEGMENTS = 128,               /* of the ring, if they come to be of a sensible size */
    SEGMENT_MAX = 64 << 20,
    SEGMENT_MIN = 4 << 20,
    USES_MAX = 3,
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

static void mem_offer(struct mem *m, uint32_t x)
{
    struct eviction *e = mem_shard(m, x);
    struct eviction_entry *entry = &m->entries[x];
    uint64_t bytes = m->t->bytes[x];

    entry->bytes = bytes;
    entry->fingerprint = (uint32_t)(m->t->hashes[x] >> 32);
    if (bytes > m->capacity ||
        !eviction_admit(e, entry->fingerprint, bytes, m->used + bytes <= m->capacity))
        return;
    while (m->used + bytes > m->capacity)
        mem_evict(m);
    list_init(&entry->link);
    eviction_insert(e, entry);
    m->here[x] = true;
    m->used += bytes;
}

/* --- disk ------------------------------------------------------------------------------------- */

struct segment {
    uint32_t *objects;
    uint32_t n, cap;
    uint64_t used;
};

struct disk {
    const struct trace *t;
    struct segment *segments; /* a ring; `at` is being written */
    uint32_t segments_n, at;
    uint64_t segment_bytes;
    uint32_t *where; /* by object: segment + 1; 0: not here */
    uint8_t *uses;
    uint32_t *ghosts;
    struct admission admission;
    uint64_t written;
    mono_ms now;
};

static void disk_open(struct disk *d, const struct trace *t, const struct tiers_conf *conf)
{
    struct admission_conf a = {
        .ring_bytes = conf->disk_bytes, .window_bytes = conf->window_bytes, .floor = conf->floor};
    uint64_t ghosts_n = conf->disk_bytes / DISK_BYTES_PER_GHOST + GHOSTS_WAYS;

    *d = (struct disk){.t = t, .segment_bytes = conf->disk_bytes / SEGMENTS};
    if (d->segment_bytes > SEGMENT_MAX)
        d->segment_bytes = SEGMENT_MAX;
    if (d->segment_bytes < SEGMENT_MIN)
        d->segment_bytes = SEGMENT_MIN;
    d->segments_n = (uint32_t)(conf->disk_bytes / d->segment_bytes);
    d->segments_n += d->segments_n < 2 ? 2 - d->segments_n : 0;
    d->segments = xcalloc(d->segments_n, sizeof(*d->segments));
    d->where = xcalloc(t->objects_n, sizeof(*d->where));
    d->uses = xcalloc(t->objects_n, sizeof(*d->uses));
    d->ghosts = xcalloc(ghosts_n, sizeof(*d->ghosts));
    admission_init(&d->admission, &a, d->ghosts, ghosts_n, 1, 0);
}

static void disk_close(struct disk *d)
{
    for (uint32_t i = 0; i < d->segments_n; i++)
        free(d->segments[i].objects);
    free(d->segments);
    free(d->where);
    free(d->uses);
    free(d->ghosts);
}

static void disk_append(struct disk *d, uint32_t x)
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
static void disk_next_segment(struct disk *d)
{
    struct segment old;

    d->at = (d->at + 1) % d->segments_n;
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
        disk_append(d, x);
    }
    free(old.objects);
    admission_tick(&d->admission, d->now += 1000);
}

static bool disk_find(struct disk *d, uint32_t x)
{
    if (d->where[x] == 0)
        return false;
    if (d->uses[x] < USES_MAX)
        d->uses[x]++;
    return true;
}

static void disk_offer(struct disk *d, uint32_t x)
{
    uint64_t bytes = d->t->bytes[x];

    if (bytes > d->segment_bytes || !admission_take(&d->admission, d->t->hashes[x], bytes))
        return;
    while (d->segments[d->at].used + bytes > d->segment_bytes)
        disk_next_segment(d);
    d->uses[x] = 0;
    disk_append(d, x);
}

/* --- both ------------------------------------------------------------------------------------- */

struct tally tiers_run(const struct trace *t, const struct tiers_conf *conf)
{
    struct mem m;
    struct disk d;
    struct tally y = {0};
    bool has_disk = conf->disk_bytes != 0;
    uint64_t written_before = 0;

    mem_open(&m, t, conf->memory_bytes);
    if (has_disk)
        disk_open(&d, t, conf);
    for (uint64_t at = 0; at < t->requests_n; at++) {
        uint32_t x = trace_object(t, at);
        bool hit = mem_find(&m, x);

        if (at == t->skip_n && has_disk)
            written_before = d.written;
        if (!hit) {
            hit = has_disk && disk_find(&d, x);
            if (has_disk && !hit)
                disk_offer(&d, x);
            mem_offer(&m, x);
        }
        tally_add(&y, t, at, hit);
    }
    mem_close(&m);
    if (has_disk) {
        y.written_bytes = d.written - written_before;
        disk_close(&d);
    }
    return y;
}
