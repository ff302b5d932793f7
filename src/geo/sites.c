#include "geo/sites.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/* What somebody says beside what is known, and the number of both together. */
struct slot {
    uint64_t key; /* 0: free */
    uint32_t number;
};
struct table {
    struct slot *slots; /* owns */
    size_t n, used;     /* n: a power of two */
};

/* What is known: of a place, and under which cut. */
struct entry {
    struct geo_place place;
    uint32_t cut;
};

struct geo_sites {
    const struct geo *g;
    const struct geo_cuts *cuts;
    geo_sites_know_asn *know_asn;
    void *ctx;
    struct table numbers;
    struct entry *entries; /* owns */
    uint32_t n, cap;
};

enum { TABLE_MIN = 1 << 12 };

/* Records that are near each other in the file share a line of the processor's cache, because
 * networks that follow each other often have such. */
static struct slot *slot_of(const struct table *t, uint64_t key)
{
    size_t i =
        (((key >> 7) * UINT64_C(0x9e3779b97f4a7c15) >> 24) * 4 + (key >> 5 & 3)) & (t->n - 1);

    while (t->slots[i].key != 0 && t->slots[i].key != key)
        i = (i + 1) & (t->n - 1);
    return &t->slots[i];
}

static void put(struct table *t, uint64_t key, uint32_t number)
{
    if (++t->used * 2 > t->n) {
        struct table larger = {xcalloc(t->n * 2, sizeof(struct slot)), t->n * 2, t->used};

        for (size_t i = 0; i < t->n; i++) {
            if (t->slots[i].key != 0)
                *slot_of(&larger, t->slots[i].key) = t->slots[i];
        }
        free(t->slots);
        *t = larger;
    }
    *slot_of(t, key) = (struct slot){key, number};
}

static uint32_t entry_new(struct geo_sites *s, const struct entry *e)
{
    check(s->n < UINT32_C(1) << 28); /* so much is in keys; more than the networks of 1 GiB */
    if (s->n == s->cap) {
        s->cap *= 2;
        s->entries = xrealloc(s->entries, s->cap * sizeof(*s->entries));
    }
    s->entries[s->n] = *e;
    return s->n++;
}

struct geo_sites *geo_sites_new(
    const struct geo *g, const struct geo_cuts *cuts, geo_sites_know_asn *know_asn, void *ctx)
{
    struct geo_sites *s = xcalloc(1, sizeof(*s));

    s->g = g;
    s->cuts = cuts;
    s->know_asn = know_asn;
    s->ctx = ctx;
    s->numbers = (struct table){xcalloc(TABLE_MIN, sizeof(struct slot)), TABLE_MIN, 0};
    s->cap = TABLE_MIN / 4;
    s->entries = xcalloc(s->cap, sizeof(*s->entries));
    (void)entry_new(s, &(struct entry){0});
    return s;
}

void geo_sites_free(struct geo_sites **sp)
{
    struct geo_sites *s = *sp;

    *sp = NULL;
    if (s == NULL)
        return;
    free(s->numbers.slots);
    free(s->entries);
    free(s);
}

static bool says_nothing_new(const struct geo_place *a, const struct geo_place *b)
{
    return a->asn == b->asn && a->has_location == b->has_location &&
           a->country[0] == b->country[0] && a->continent[0] == b->continent[0];
}

/* A file adds to what the files before it say (`known`). */
static uint32_t add_record(struct geo_sites *s, uint32_t known, unsigned file, uint32_t record)
{
    uint64_t key = (uint64_t)known << 36 | (uint64_t)(file + 1) << 32 | record;
    struct slot *slot = slot_of(&s->numbers, key);
    struct entry e;
    uint32_t number;

    if (likely(slot->key != 0))
        return slot->number;
    e = s->entries[known];
    geo_walk_read(s->g, file, record, &e.place);
    if (e.place.asn != 0 && !s->know_asn(s->ctx, e.place.asn))
        e.place.asn = 0;
    number = says_nothing_new(&e.place, &s->entries[known].place) ? known : entry_new(s, &e);
    put(&s->numbers, key, number);
    return number;
}

static uint32_t add_cut(struct geo_sites *s, uint32_t known, uint32_t cut)
{
    uint64_t key = (uint64_t)known << 36 | cut;
    struct slot *slot = slot_of(&s->numbers, key);
    struct entry e;
    uint32_t number;

    if (slot->key != 0)
        return slot->number;
    e = s->entries[known];
    e.cut = cut;
    number = entry_new(s, &e);
    put(&s->numbers, key, number);
    return number;
}

uint32_t geo_sites_number(struct geo_sites *s, const struct geo_network *network)
{
    uint32_t number = 0;

    for (unsigned i = 0; i < GEO_FILES_MAX; i++) {
        if (network->data[i] != 0)
            number = add_record(s, number, i, network->data[i]);
    }
    return network->cut != 0 ? add_cut(s, number, network->cut) : number;
}

struct geo_site geo_sites_get(const struct geo_sites *s, uint32_t number, uint32_t *cut)
{
    struct geo_site site = geo_site_of(&s->entries[number].place);

    *cut = s->entries[number].cut;
    site.unroutable = s->cuts->marks[*cut].unroutable;
    return site;
}
