#include "geo/map.h"

#include "base/check.h"
#include "geo/database_impl.h"
#include "geo/embedded.h"
#include "geo/map_impl.h"
#include "geo/sites.h"
#include "geo/thinning.h"
#include "geo/trie_build.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What nothing is known of counts for little where a prefix is mixed: nobody may be there. */
#define WEIGHT_UNKNOWN 0x1p-30

enum { PROGRESS_EVERY = 1 << 16 };

/* One map in the making. */
struct making {
    struct geo_orders *orders;
    struct geo_thinning *thinning; /* NULL: no cap */
    bool first_only;               /* the fine trie says nothing */
    struct trie_builder *wide, *fine;
    struct trie_parts fine_parts[2]; /* owns; until it is known how many orders there are */
    struct geo_values *by_site;      /* owns; by number of the site */
    struct geo_map *map;
};

struct compiler {
    const struct geo *g;
    struct geo_cuts *cuts;
    struct geo_sites *sites;
    const struct geo_progress *progress;
    struct making making[GEO_MAPS_MAX];
    unsigned n;
    uint32_t known_n, by_site_cap; /* sites with values */
    uint64_t seen, nodes;
};

static bool know_asn(void *ctx, uint32_t asn)
{
    const struct compiler *c = ctx;

    for (unsigned i = 0; i < c->n; i++) {
        if (geo_orders_know_asn(c->making[i].orders, asn))
            return true;
    }
    return false;
}

/* --- values --------------------------------------------------------------------------------- */

static struct geo_values values_of(
    const struct compiler *c, unsigned map, const struct geo_site *site, uint32_t cut)
{
    struct geo_ordered order;

    if ((c->cuts->marks[cut].embedded >> map & 1) != 0)
        return (struct geo_values){.wide = WIDE_EMBEDDED, .fine = FINE_EMBEDDED};
    order = geo_orders_find(c->making[map].orders, site, geo_cut_override(c->cuts, cut, map));
    return (struct geo_values){
        .wide = order.first | (order.alone ? 0 : (uint32_t)WIDE_ALIKE) |
                (uint32_t)order.why << WIDE_WHY_SHIFT,
        .fine = order.row | (uint32_t)order.why << FINE_SHIFT,
        .weight = order.why == GEO_WHY_DEFAULT ? WEIGHT_UNKNOWN : 1,
    };
}

/* Sites up to `number` have their values. */
static void learn(struct compiler *c, uint32_t number)
{
    for (; c->known_n <= number; c->known_n++) {
        uint32_t cut;
        struct geo_site site = geo_sites_get(c->sites, c->known_n, &cut);

        if (c->known_n == c->by_site_cap) {
            c->by_site_cap = c->by_site_cap * 2 + 4096;
            for (unsigned i = 0; i < c->n; i++)
                c->making[i].by_site =
                    xrealloc(c->making[i].by_site, c->by_site_cap * sizeof(struct geo_values));
        }
        for (unsigned i = 0; i < c->n; i++)
            c->making[i].by_site[c->known_n] = values_of(c, i, &site, cut);
    }
}

static void add(struct making *m, unsigned len, const struct geo_values *v)
{
    trie_builder_add(m->wide, len, v->wide, v->weight);
    if (!m->first_only)
        trie_builder_add(m->fine, len, v->fine, v->weight);
}

static bool take(void *ctx, const struct geo_network *network)
{
    struct compiler *c = ctx;
    uint32_t number = geo_sites_number(c->sites, network);

    if (unlikely(number >= c->known_n))
        learn(c, number);
    for (unsigned i = 0; i < c->n; i++) {
        struct making *m = &c->making[i];
        const struct geo_values *v = &m->by_site[number];
        struct geo_thinned thinned;

        if (likely(m->thinning == NULL)) {
            add(m, network->len, v);
            continue;
        }
        if (geo_thinning_add(m->thinning, network->len, v, &thinned))
            add(m, thinned.len, &thinned.values);
    }
    if (++c->seen % PROGRESS_EVERY != 0 || c->progress == NULL)
        return true;
    return c->progress->go_on(
        c->progress->ctx, (unsigned)(c->seen >= c->nodes ? 99 : c->seen * 100 / c->nodes));
}

/* --- families ------------------------------------------------------------------------------- */

static void take_part(struct geo_map *m, unsigned part, struct trie_array *a)
{
    size_t page = 4096, used = (a->bytes + page - 1) / page * page;

    if (a->mapped > used && used > 0) {
        munmap((char *)a->p + used, a->mapped - used);
        a->mapped = used;
    }
    m->part[part] = a->p;
    m->mapped[part] = a->mapped;
    m->head.bytes[part] = a->bytes;
    *a = (struct trie_array){0};
}

static void take_trie(struct geo_map *m, enum map_trie trie, struct trie_parts *parts)
{
    unsigned part = PART_TRIES + trie * TRIE_PARTS;

    take_part(m, part + TRIE_PART_ROOT, &parts->root);
    take_part(m, part + TRIE_PART_MIXED, &parts->root_mixed);
    take_part(m, part + TRIE_PART_NODES, &parts->nodes);
    take_part(m, part + TRIE_PART_VALUES, &parts->values);
}

static void finish_family(struct making *m, unsigned family)
{
    struct geo_map_facts *f = &m->map->head.facts;
    struct trie_build_facts wide, fine;
    struct trie_parts parts;
    bool v4 = family == 4;

    trie_builder_finish(&m->wide, &parts, &wide);
    take_trie(m->map, v4 ? V4_WIDE : V6_WIDE, &parts);
    if (m->first_only)
        trie_builder_add(m->fine, 0, ORDER_DEFAULT | (uint32_t)GEO_WHY_DEFAULT << FINE_SHIFT, 1);
    trie_builder_finish(&m->fine, &m->fine_parts[!v4], &fine);
    *(v4 ? &f->v4_networks : &f->v6_networks) = wide.networks;
    *(v4 ? &f->v4_fine_networks : &f->v6_fine_networks) = fine.networks;
    *(v4 ? &f->v4_mean_scope : &f->v6_mean_scope) = wide.weight > 0 ? wide.scopes / wide.weight : 0;
    *(v4 ? &f->known_v4 : &f->known_v6) = (uint64_t)ldexp(wide.weight, v4 ? 32 : 48);
}

static bool compile_family(
    struct compiler *c, const struct geo_map_conf *confs, unsigned family, struct geo_why *why)
{
    bool done;

    for (unsigned i = 0; i < c->n; i++) {
        struct making *m = &c->making[i];
        unsigned cap = family == 4 ? confs[i].v4_bits : confs[i].v6_bits;

        m->wide = trie_builder_new(&(struct trie_kind){.key_mask = WIDE_KEY,
            .wide = true,
            .point_mask = WIDE_POINT,
            .points_n = confs[i].points_n});
        m->fine = trie_builder_new(&(struct trie_kind){.key_mask = FINE_KEY, .points_n = 1});
        m->thinning = cap != 0 ? geo_thinning_new(cap) : NULL;
    }
    done = geo_walk(c->g, family, c->cuts, take, c, why);
    for (unsigned i = 0; i < c->n; i++) {
        struct making *m = &c->making[i];

        geo_thinning_free(&m->thinning);
        if (done)
            finish_family(m, family);
        trie_builder_free(&m->wide);
        trie_builder_free(&m->fine);
    }
    if (!done && why->text[0] == '\0')
        snprintf(why->text, sizeof(why->text), "the map was not wanted any more");
    return done;
}

/* --- maps ----------------------------------------------------------------------------------- */

static void copy_part(struct geo_map *m, enum map_part part, const void *p, size_t bytes)
{
    struct trie_array a = {0};

    memcpy(trie_array_room(&a, bytes), p, bytes);
    take_part(m, part, &a);
}

static void finish_map(struct making *making, const struct geo *g, const struct geo_map_conf *conf)
{
    struct geo_map *m = making->map;
    struct map_head *h = &m->head;
    const uint8_t *rows = geo_orders_rows(making->orders, &h->orders_n, &h->row_bytes);
    uint8_t *neighbours = xcalloc(conf->points_n, conf->points_n);

    h->facts.points = conf->points_n;
    memcpy(h->magic, MAP_MAGIC, sizeof(h->magic));
    h->format = MAP_FORMAT;
    h->byte_order = MAP_BYTE_ORDER;
    h->points_n = conf->points_n;
    h->nat64_n = conf->nat64 != NULL ? conf->nat64_n : 1;
    copy_part(m, PART_ORDERS, rows, (size_t)h->orders_n * h->row_bytes);
    copy_part(m, PART_DEFAULT, geo_orders_default(making->orders), conf->points_n);
    geo_orders_neighbours(making->orders, neighbours);
    copy_part(m, PART_NEIGHBOURS, neighbours, (size_t)conf->points_n * conf->points_n);
    copy_part(m, PART_NAT64, conf->nat64 != NULL ? conf->nat64 : &geo_nat64_well_known,
        h->nat64_n * sizeof(struct geo_nat64));
    free(neighbours);
    h->fine_shift = h->orders_n < FINE_NARROW_ORDERS ? FINE_NARROW_SHIFT : FINE_SHIFT;
    for (unsigned i = 0; i < 2; i++) {
        if (h->fine_shift == FINE_NARROW_SHIFT)
            trie_parts_narrow(&making->fine_parts[i], FINE_SHIFT, FINE_NARROW_SHIFT);
        take_trie(m, i == 0 ? V4_FINE : V6_FINE, &making->fine_parts[i]);
    }
    geo_map_set_tries(m);
    geo_map_weigh(m);
    h->facts.identity = geo_map_identity(g, conf);
    h->facts.hash = geo_map_hash(m);
}

bool geo_maps_compile(const struct geo *g, const struct geo_map_conf *confs, unsigned n,
    const struct geo_progress *progress, struct geo_map **maps, struct geo_why *why)
{
    struct compiler *c;
    bool done;

    check(n >= 1 && n <= GEO_MAPS_MAX);
    for (unsigned i = 0; i < n; i++) {
        if (!geo_map_conf_is_valid(&confs[i], why))
            return false;
    }
    c = xcalloc(1, sizeof(*c));
    c->g = g;
    c->n = n;
    c->progress = progress;
    c->cuts = geo_cuts_new(confs, n);
    c->sites = geo_sites_new(g, c->cuts, know_asn, c);
    c->nodes = geo_walk_nodes(g) + 1;
    for (unsigned i = 0; i < n; i++) {
        c->making[i].first_only = confs[i].first_only;
        c->making[i].orders = geo_orders_new(&confs[i]);
        c->making[i].map = xcalloc(1, sizeof(*c->making[i].map));
    }
    done = compile_family(c, confs, 4, why) && compile_family(c, confs, 6, why);
    for (unsigned i = 0; i < n; i++) {
        if (done)
            finish_map(&c->making[i], g, &confs[i]);
        else
            geo_map_free(&c->making[i].map);
        trie_parts_free(&c->making[i].fine_parts[0]);
        trie_parts_free(&c->making[i].fine_parts[1]);
        maps[i] = c->making[i].map;
        free(c->making[i].by_site);
        geo_orders_free(&c->making[i].orders);
    }
    geo_sites_free(&c->sites);
    geo_cuts_free(&c->cuts);
    free(c);
    return done;
}
