#include "geo/map.h"

#include "base/check.h"
#include "geo/embedded.h"
#include "geo/map_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const char *geo_why_word(enum geo_why_first why)
{
    static const char *const words[] = {
#define X(name, word) [GEO_WHY_##name] = word,
        GEO_WHYS(X)
#undef X
    };
    return words[why];
}

void geo_map_set_tries(struct geo_map *m)
{
    for (unsigned i = 0; i < MAP_TRIES; i++) {
        const void *const *part = &m->part[PART_TRIES + i * TRIE_PARTS];
        bool narrow = i == V4_WIDE || i == V6_WIDE || m->head.fine_shift == FINE_NARROW_SHIFT;

        m->trie[i] = (struct trie){
            .root = part[TRIE_PART_ROOT],
            .root_mixed = part[TRIE_PART_MIXED],
            .nodes = part[TRIE_PART_NODES],
            .narrow = narrow ? part[TRIE_PART_VALUES] : NULL,
            .broad = narrow ? NULL : part[TRIE_PART_VALUES],
        };
    }
}

void geo_map_free(struct geo_map **mp)
{
    struct geo_map *m = *mp;

    *mp = NULL;
    if (m == NULL)
        return;
    for (unsigned i = 0; i < MAP_PARTS; i++) {
        if (m->mapped[i] != 0)
            munmap((void *)(uintptr_t)m->part[i], m->mapped[i]);
    }
    if (m->file != NULL)
        munmap(m->file, m->file_bytes);
    free(m);
}

void geo_map_facts(const struct geo_map *m, struct geo_map_facts *out)
{
    *out = m->head.facts;
}

/* --- looking up ----------------------------------------------------------------------------- */

/* Which trie to ask for what, and how its answer is said in the client's family. */
struct asked {
    unsigned first_trie; /* V4_WIDE or V6_WIDE; the fine one is next to it */
    uint64_t hi, lo;
    unsigned prefix;
    bool embedded;
    struct geo_embedding how;
};

static uint64_t be64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return be64toh(v);
}

static void set_v4(struct asked *a, const struct geo_client *c)
{
    uint32_t v;

    memcpy(&v, c->address, sizeof(v));
    a->first_trie = V4_WIDE;
    a->hi = (uint64_t)be32toh(v) << 32;
    a->lo = 0;
    a->prefix = c->prefix <= 32 ? c->prefix : 32;
}

static void ask(const struct geo_map *m, const struct geo_client *c, struct asked *a)
{
    struct geo_client inside;

    a->embedded = false;
    if (c->family == 4) {
        set_v4(a, c);
    } else if (geo_embedded(c, m->part[PART_NAT64], m->head.nat64_n, &inside, &a->how)) {
        set_v4(a, &inside);
        a->embedded = true;
    } else {
        a->first_trie = V6_WIDE;
        a->hi = be64(c->address);
        a->lo = be64(c->address + 8);
        a->prefix = c->prefix <= 128 ? c->prefix : 128;
    }
}

static uint8_t scope_of(
    const struct asked *a, const struct geo_client *c, const struct trie_found *found)
{
    if (found->mixed)
        return c->prefix;
    return (uint8_t)(a->embedded ? geo_embedded_bits(&a->how, found->len) : found->len);
}

static void find_as(const struct geo_map *m, const struct geo_client *c, const struct asked *a,
    struct geo_found *out)
{
    struct trie_found found;

    trie_find(&m->trie[a->first_trie], a->hi, a->lo, a->prefix, &found);
    if ((found.value & WIDE_KEY) == WIDE_EMBEDDED) {
        /* The IPv4 address is behind what the client said. */
        *out = (struct geo_found){.first = ((const uint8_t *)m->part[PART_DEFAULT])[0],
            .scope = c->prefix,
            .alone = true,
            .mixed = true,
            .why = GEO_WHY_DEFAULT};
        return;
    }
    out->first = found.value & WIDE_POINT;
    out->alone = (found.value & WIDE_ALIKE) == 0;
    out->why = (enum geo_why_first)(found.value >> WIDE_WHY_SHIFT);
    out->mixed = found.mixed;
    out->scope = scope_of(a, c, &found);
}

void geo_map_find(const struct geo_map *m, const struct geo_client *client, struct geo_found *out)
{
    struct asked a;

    ask(m, client, &a);
    find_as(m, client, &a, out);
}

/* The points that are not there yet. */
static void add_rest(const struct geo_map *m, const uint8_t *from, struct geo_order *out)
{
    bool there[GEO_POINTS_MAX] = {false};

    for (unsigned i = 0; i < out->n; i++)
        there[out->points[i]] = true;
    for (unsigned i = 0; i < m->head.points_n; i++) {
        if (!there[from[i]])
            out->points[out->n++] = from[i];
    }
}

static const uint8_t *rest_of(const struct geo_map *m, enum geo_why_first why, uint8_t first)
{
    if (why == GEO_WHY_DEFAULT)
        return m->part[PART_DEFAULT];
    return (const uint8_t *)m->part[PART_NEIGHBOURS] + (size_t)first * m->head.points_n;
}

void geo_map_order(const struct geo_map *m, const struct geo_client *client, struct geo_order *out)
{
    uint32_t key = (UINT32_C(1) << m->head.fine_shift) - 1, number;
    struct trie_found found;
    const uint8_t *row;
    struct asked a;

    ask(m, client, &a);
    trie_find(&m->trie[a.first_trie + 1], a.hi, a.lo, a.prefix, &found);
    number = found.value & key;
    out->n = 0;
    if (found.mixed || number == key) {
        struct geo_found wide;

        find_as(m, client, &a, &wide);
        out->mixed = true;
        out->alike = 1;
        out->scope = client->prefix;
        out->why = wide.why;
        out->points[out->n++] = wide.first;
        add_rest(m, rest_of(m, wide.why, wide.first), out);
        return;
    }
    row = (const uint8_t *)m->part[PART_ORDERS] + (size_t)number * m->head.row_bytes;
    memcpy(out->points, &row[ROW_POINTS], row[ROW_N]);
    out->n = row[ROW_N];
    out->alike = row[ROW_ALIKE];
    out->mixed = false;
    out->why = (enum geo_why_first)(found.value >> m->head.fine_shift);
    out->scope = scope_of(&a, client, &found);
    if (out->n < m->head.points_n)
        add_rest(m,
            rest_of(m, number == ORDER_DEFAULT ? GEO_WHY_DEFAULT : GEO_WHY_NEAREST, out->points[0]),
            out);
}
