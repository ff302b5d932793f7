/* zone_find.c - zone.h: one hash of all names, probed from the longest possible name up. */
#include "director/zone.h"
#include "director/zone_impl.h"
#include "dns/name.h"
#include "dns/rrset.h"

#include <string.h>

struct slot {
    uint64_t hash;
    const struct zone_node *node; /* NULL: free */
};

/* Open addressing; at most half of the slots are taken. */
struct zones {
    struct arena *arena; /* borrowed; for zones_put() only */
    struct slot *slots;
    size_t mask, used;
    unsigned labels_max; /* no node has more */
    const struct zone *const *list;
    unsigned n;
};

enum { SLOTS_FIRST = 64 };

struct zones *zones_make(struct arena *a, const struct zone *const *list, unsigned n)
{
    struct zones *z = arena_zalloc(a, sizeof(*z));

    z->arena = a;
    z->slots = arena_zalloc(a, SLOTS_FIRST * sizeof(*z->slots));
    z->mask = SLOTS_FIRST - 1;
    z->list = list;
    z->n = n;
    return z;
}

/* The slot that holds the name, or the free one where it would be. */
static size_t slot_of(const struct zones *z, const uint8_t *name, size_t n, uint64_t hash)
{
    size_t i = hash & z->mask;

    for (;; i = (i + 1) & z->mask) {
        const struct slot *s = &z->slots[i];

        if (s->node == NULL)
            return i;
        if (s->hash == hash && s->node->name_n == n && memcmp(s->node->name, name, n) == 0)
            return i;
    }
}

static void grow(struct zones *z)
{
    struct slot *old = z->slots;
    size_t old_n = z->mask + 1;

    z->mask = old_n * 2 - 1;
    z->slots = arena_zalloc(z->arena, old_n * 2 * sizeof(*z->slots));
    for (size_t i = 0; i < old_n; i++) {
        const struct zone_node *node = old[i].node;

        if (node != NULL)
            z->slots[slot_of(z, node->name, node->name_n, old[i].hash)] = old[i];
    }
}

void zones_put(struct zones *z, const struct zone_node *node)
{
    uint64_t hash = dns_name_hash(node->name, node->name_n);
    struct slot *s;

    if (z->used * 2 >= z->mask)
        grow(z);
    s = &z->slots[slot_of(z, node->name, node->name_n, hash)];
    z->used += s->node == NULL;
    *s = (struct slot){hash, node};
    if (node->labels > z->labels_max)
        z->labels_max = node->labels;
}

const struct zone_node *zones_get(const struct zones *z, const uint8_t *name, size_t name_n)
{
    return z->slots[slot_of(z, name, name_n, dns_name_hash(name, name_n))].node;
}

/* Where a name belongs whose longest suffix among the nodes is `node`. */
static struct zone_place place_below(const struct zone_node *node)
{
    struct zone_place p = {.found = ZONE_NONE, .zone = node->zone, .encloser = node};

    if (node->cut)
        return (struct zone_place){.found = ZONE_CUT, .zone = node->zone, .node = node};
    if (node->star != NULL) {
        p.found = ZONE_WILDCARD;
        p.node = node->star;
    }
    return p;
}

static struct zone_place place_at(const struct zone_node *node, bool parent_side)
{
    if (parent_side && node->above != NULL)
        node = node->above;
    return (struct zone_place){
        .found = node->cut && !parent_side ? ZONE_CUT : ZONE_NODE,
        .zone = node->zone,
        .node = node,
    };
}

struct zone_place zones_find(const struct zones *z, const struct dns_name *name, bool parent_side)
{
    uint8_t at[DNS_LABELS_MAX + 1]; /* where each label begins, the root's last */
    unsigned labels = 0, first;

    for (unsigned i = 0; name->wire[i] != 0; i += name->wire[i] + 1u)
        at[labels++] = (uint8_t)i;
    at[labels] = (uint8_t)(name->n - 1);
    first = labels > z->labels_max ? labels - z->labels_max : 0;
    for (unsigned i = first; i <= labels; i++) {
        const struct zone_node *node = zones_get(z, name->wire + at[i], name->n - at[i]);

        if (node != NULL)
            return i == 0 ? place_at(node, parent_side) : place_below(node);
    }
    return (struct zone_place){.found = ZONE_FOREIGN};
}

const struct zone_rrset *zone_node_rrset(const struct zone_node *node, uint16_t type)
{
    for (unsigned i = 0; i < node->rrsets_n; i++) {
        if (node->rrsets[i].data->type == type)
            return &node->rrsets[i];
    }
    return NULL;
}

unsigned zones_count(const struct zones *z)
{
    return z->n;
}

const struct zone *zones_at(const struct zones *z, unsigned i)
{
    return z->list[i];
}
