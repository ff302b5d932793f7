/* map_check.c - how good a map is, and how far two differ. */
#include "base/check.h"
#include "geo/map_impl.h"
#include "geo/sites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { V4_BITS = 32, SITE_BITS = 48 };

/* --- quality -------------------------------------------------------------------------------- */

struct tally {
    double known, nearest, excess_km; /* in addresses, or /48s */
};

struct checking {
    const struct geo_map *m;
    struct geo_sites *sites;
    struct geo_vector vectors[GEO_POINTS_MAX];
    const struct geo_map_conf *conf;
    unsigned family;
    struct tally tally;
};

static bool know_none(void *ctx, uint32_t asn)
{
    (void)ctx;
    (void)asn;
    return false;
}

static void client_of(const struct geo_network *network, unsigned family, struct geo_client *out)
{
    uint64_t hi = htobe64(network->hi), lo = htobe64(network->lo);

    *out = (struct geo_client){.family = (uint8_t)family, .prefix = network->len};
    memcpy(out->address, &hi, sizeof(hi));
    memcpy(out->address + 8, &lo, sizeof(lo));
}

static bool check_network(void *ctx, const struct geo_network *network)
{
    struct checking *c = ctx;
    uint64_t best = UINT64_MAX, chord2;
    struct geo_client client;
    struct geo_found found;
    struct geo_site site;
    uint32_t cut;
    double size;

    site = geo_sites_get(c->sites, geo_sites_number(c->sites, network), &cut);
    if (!site.has_vector)
        return true;
    for (unsigned i = 0; i < c->conf->points_n; i++) {
        if (!c->conf->points[i].has_location)
            continue;
        chord2 = geo_chord2(site.vector, c->vectors[i]);
        best = chord2 < best ? chord2 : best;
    }
    if (best == UINT64_MAX)
        return true;
    client_of(network, c->family, &client);
    /* One of its addresses: under a cap the network itself is mixed. */
    client.prefix = c->family == 4 ? 32 : 128;
    geo_map_find(c->m, &client, &found);
    size = ldexp(1, (c->family == 4 ? V4_BITS : SITE_BITS) - network->len);
    c->tally.known += size;
    if (!c->conf->points[found.first].has_location)
        return true;
    chord2 = geo_chord2(site.vector, c->vectors[found.first]);
    if (chord2 == best)
        c->tally.nearest += size;
    else
        c->tally.excess_km += size * (geo_km_of(chord2) - geo_km_of(best));
    return true;
}

static void conclude(const struct tally *t, double *known, double *percent, double *excess_km)
{
    *known = t->known;
    *percent = t->known > 0 ? 100 * t->nearest / t->known : 100;
    *excess_km = t->known > 0 ? t->excess_km / t->known : 0;
}

bool geo_map_check(const struct geo_map *m, const struct geo *g, const struct geo_map_conf *conf,
    struct geo_map_quality *out, struct geo_why *why)
{
    struct checking c = {.m = m, .conf = conf};
    struct geo_cuts *cuts;
    bool done = true;

    if (!geo_map_conf_is_valid(conf, why))
        return false;
    for (unsigned i = 0; i < conf->points_n; i++) {
        if (conf->points[i].has_location)
            c.vectors[i] = geo_vector_of(conf->points[i].latitude, conf->points[i].longitude);
    }
    cuts = geo_cuts_new(conf, 1);
    c.sites = geo_sites_new(g, cuts, know_none, NULL);
    for (unsigned family = 4; family <= 6 && done; family += 2) {
        c.family = family;
        c.tally = (struct tally){0};
        done = geo_walk(g, family, cuts, check_network, &c, why);
        if (family == 4)
            conclude(&c.tally, &out->v4_known, &out->v4_nearest_percent, &out->v4_excess_km);
        else
            conclude(&c.tally, &out->v6_known, &out->v6_nearest_percent, &out->v6_excess_km);
    }
    geo_sites_free(&c.sites);
    geo_cuts_free(&cuts);
    return done;
}

/* --- how far two differ --------------------------------------------------------------------- */

struct moving {
    const struct trie *other;
    bool second; /* what is one network in both was counted when the first map was gone through */
    double known, moved; /* shares of all addresses */
};

static bool is_known(uint32_t value)
{
    return value >> WIDE_WHY_SHIFT != GEO_WHY_DEFAULT;
}

/* Counts a network that lies within one of the other map. */
static void compare_network(void *ctx, const struct trie_network *net)
{
    struct moving *c = ctx;
    struct trie_found other;
    double size = ldexp(1, -net->len);

    trie_find(c->other, net->hi, net->lo, net->len, &other);
    if (other.mixed || (c->second && other.len == net->len))
        return;
    if ((net->value & WIDE_KEY) == WIDE_EMBEDDED || (other.value & WIDE_KEY) == WIDE_EMBEDDED)
        return;
    if (!is_known(net->value) && !is_known(other.value))
        return;
    c->known += size;
    if (((net->value ^ other.value) & WIDE_POINT) != 0)
        c->moved += size;
}

static double moved_percent(const struct trie *a, const struct trie *b)
{
    struct moving c = {.other = b};

    trie_each(a, compare_network, &c);
    c.other = a;
    c.second = true;
    trie_each(b, compare_network, &c);
    return c.known > 0 ? 100 * c.moved / c.known : 0;
}

double geo_map_moved_percent(const struct geo_map *a, const struct geo_map *b)
{
    double v4 = moved_percent(&a->trie[V4_WIDE], &b->trie[V4_WIDE]);
    double v6 = moved_percent(&a->trie[V6_WIDE], &b->trie[V6_WIDE]);

    return v4 > v6 ? v4 : v6;
}
