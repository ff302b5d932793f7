/* map_facts.c - what can be said of a map without the databases. */
#include "geo/database_impl.h"
#include "geo/map_impl.h"

#include <string.h>
#include <xxhash.h>

void geo_map_weigh(struct geo_map *m)
{
    struct geo_map_facts *f = &m->head.facts;

    f->orders = m->head.orders_n;
    f->bytes = sizeof(*m);
    for (unsigned i = 0; i < MAP_PARTS; i++)
        f->bytes += m->head.bytes[i];
    for (unsigned i = 0; i < TRIE_PARTS; i++)
        f->wide_bytes += m->head.bytes[PART_TRIES + V4_WIDE * TRIE_PARTS + i] +
                         m->head.bytes[PART_TRIES + V6_WIDE * TRIE_PARTS + i];
}

/* --- hashes --------------------------------------------------------------------------------- */

struct digest {
    XXH3_state_t *state;
};

static void take(struct digest *d, const void *p, size_t n)
{
    if (n != 0)
        XXH3_128bits_update(d->state, p, n);
}

static void take_u32(struct digest *d, uint32_t v)
{
    v = htole32(v);
    take(d, &v, sizeof(v));
}

static void take_double(struct digest *d, double v)
{
    uint64_t bits;

    if (v == 0)
        v = 0; /* -0, too */
    memcpy(&bits, &v, sizeof(bits));
    bits = htole64(bits);
    take(d, &bits, sizeof(bits));
}

static void begin(struct digest *d)
{
    d->state = XXH3_createState();
    XXH3_128bits_reset(d->state);
}

static struct hash128 end(struct digest *d)
{
    XXH128_hash_t h = XXH3_128bits_digest(d->state);

    XXH3_freeState(d->state);
    return (struct hash128){.lo = h.low64, .hi = h.high64};
}

/* Numbers as this machine has them: the same on all of one byte order. */
struct hash128 geo_map_hash(const struct geo_map *m)
{
    struct digest d;

    begin(&d);
    take_u32(&d, m->head.format);
    take_u32(&d, m->head.points_n);
    take_u32(&d, m->head.row_bytes);
    take_u32(&d, m->head.fine_shift);
    for (unsigned i = 0; i < MAP_PARTS; i++) {
        take_u32(&d, (uint32_t)m->head.bytes[i]);
        take(&d, m->part[i], m->head.bytes[i]);
    }
    return end(&d);
}

static void take_list(struct digest *d, const struct geo_list *list)
{
    take_u32(d, list->n);
    take(d, list->points, list->n);
}

struct hash128 geo_map_identity(const struct geo *g, const struct geo_map_conf *conf)
{
    struct digest d;

    begin(&d);
    take_u32(&d, MAP_FORMAT);
    take_u32(&d, g != NULL ? g->n : 0);
    for (unsigned i = 0; g != NULL && i < g->n; i++) {
        take_u32(&d, (uint32_t)g->files[i].file_size);
        take(&d, g->files[i].file_content, (size_t)g->files[i].file_size);
    }
    take_u32(&d, conf->points_n);
    for (unsigned i = 0; i < conf->points_n; i++) {
        take_u32(&d, conf->points[i].has_location);
        take_double(&d, conf->points[i].has_location ? conf->points[i].latitude : 0);
        take_double(&d, conf->points[i].has_location ? conf->points[i].longitude : 0);
    }
    take_u32(&d, conf->overrides_n);
    for (unsigned i = 0; i < conf->overrides_n; i++) {
        const struct geo_override *o = &conf->overrides[i];

        take_u32(&d, o->by);
        if (o->by == GEO_WHY_NETWORK) {
            take_u32(&d, (uint32_t)o->network.family << 8 | o->network.prefix);
            take(&d, o->network.address, sizeof(o->network.address));
        }
        take_u32(&d, o->by == GEO_WHY_ASN ? o->asn : 0);
        if (o->by == GEO_WHY_COUNTRY || o->by == GEO_WHY_CONTINENT)
            take(&d, o->code, sizeof(o->code));
        take_list(&d, &o->list);
    }
    take_list(&d, &conf->default_order);
    take_u32(&d, conf->keep != 0 ? conf->keep : GEO_KEEP_DEFAULT);
    take_double(&d, conf->alike_km < 0 ? -1 : conf->alike_km);
    take_u32(&d, (uint32_t)conf->first_only << 16 | (uint32_t)conf->v4_bits << 8 | conf->v6_bits);
    take_u32(&d, conf->nat64 != NULL ? 1 + conf->nat64_n : 0);
    for (unsigned i = 0; conf->nat64 != NULL && i < conf->nat64_n; i++)
        take(&d, &conf->nat64[i], sizeof(conf->nat64[i]));
    return end(&d);
}
