#include "geo/orders.h"

#include "base/check.h"
#include "geo/country.h"
#include "geo/embedded.h"
#include "geo/map_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* What an override matches, so that it is found by it: how in the upper half. */
struct match {
    uint64_t key;
    uint32_t override;
};

struct geo_orders {
    const struct geo_map_conf *conf; /* borrowed */
    struct geo_vector vectors[GEO_POINTS_MAX];
    bool any_location;
    uint8_t default_order[GEO_POINTS_MAX], rank[GEO_POINTS_MAX]; /* by point: place in it */
    unsigned keep;
    struct match *matches; /* owns; sorted */
    size_t matches_n;
    uint8_t *rows; /* owns */
    uint32_t row_bytes, rows_n, rows_cap;
    uint32_t *by_hash; /* owns; row + 1; a power of two */
    uint32_t by_hash_n;
};

/* --- checking ------------------------------------------------------------------------------- */

static bool wrong(struct geo_why *why, const char *what)
{
    snprintf(why->text, sizeof(why->text), "the map cannot be made: %s", what);
    return false;
}

static bool list_is_valid(const struct geo_map_conf *conf, const struct geo_list *list)
{
    bool there[GEO_POINTS_MAX] = {false};

    for (unsigned i = 0; i < list->n; i++) {
        if (list->points[i] >= conf->points_n || there[list->points[i]])
            return false;
        there[list->points[i]] = true;
    }
    return true;
}

static bool is_network(const struct geo_client *c)
{
    if ((c->family != 4 && c->family != 6) || c->prefix > (c->family == 4 ? 32 : 128))
        return false;
    for (unsigned i = c->prefix; i < 128; i++) {
        if ((c->address[i / 8] >> (7 - i % 8) & 1) != 0)
            return false;
    }
    return true;
}

static bool override_is_valid(const struct geo_override *o)
{
    switch (o->by) {
    case GEO_WHY_NETWORK:
        return is_network(&o->network);
    case GEO_WHY_ASN:
        return o->asn != 0;
    case GEO_WHY_COUNTRY:
    case GEO_WHY_CONTINENT:
        return o->code[0] != '\0' && o->code[1] != '\0' && o->code[2] == '\0';
    case GEO_WHY_NEAREST:
    case GEO_WHY_COUNTRY_POINT:
    case GEO_WHY_DEFAULT:
        break;
    }
    return false;
}

bool geo_map_conf_is_valid(const struct geo_map_conf *conf, struct geo_why *why)
{
    if (conf->points_n < 1 || conf->points_n > GEO_POINTS_MAX)
        return wrong(why, "it needs 1 to 255 points");
    for (unsigned i = 0; i < conf->points_n; i++) {
        const struct geo_point *p = &conf->points[i];

        if (p->has_location && !(p->latitude >= -90 && p->latitude <= 90 && p->longitude >= -180 &&
                                   p->longitude <= 180))
            return wrong(why, "a point is nowhere on earth");
    }
    if (conf->overrides_n > GEO_OVERRIDES_MAX)
        return wrong(why, "there are more than 65536 overrides");
    for (unsigned i = 0; i < conf->overrides_n; i++) {
        const struct geo_override *o = &conf->overrides[i];

        if (!override_is_valid(o) || o->list.n == 0 || !list_is_valid(conf, &o->list))
            return wrong(why, "an override says nothing");
    }
    if (!list_is_valid(conf, &conf->default_order))
        return wrong(why, "the default order names a point twice, or one that is not there");
    if (conf->keep > GEO_KEEP_MAX)
        return wrong(why, "it keeps 16 points of each order at most");
    if (conf->v4_bits > 32 || conf->v6_bits > 128)
        return wrong(why, "its cap is longer than an address");
    if (conf->nat64 != NULL && conf->nat64_n > GEO_NAT64_MAX)
        return wrong(why, "it knows 8 NAT64 prefixes at most");
    for (unsigned i = 0; conf->nat64 != NULL && i < conf->nat64_n; i++) {
        if (!geo_nat64_is_valid(&conf->nat64[i]))
            return wrong(why, "a NAT64 prefix has 32, 40, 48, 56, 64 or 96 bits");
    }
    return true;
}

/* --- overrides ------------------------------------------------------------------------------ */

static uint64_t key_of_asn(uint32_t asn)
{
    return (uint64_t)GEO_WHY_ASN << 32 | asn;
}

static uint64_t key_of_code(enum geo_why_first by, const char code[static 3])
{
    return (uint64_t)by << 32 | (uint32_t)(uint8_t)code[0] << 8 | (uint8_t)code[1];
}

static int compare_matches(const void *va, const void *vb)
{
    const struct match *a = va, *b = vb;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->override < b->override ? -1 : a->override > b->override;
}

static void collect_overrides(struct geo_orders *o)
{
    const struct geo_map_conf *conf = o->conf;

    o->matches = xcalloc(conf->overrides_n + 1, sizeof(*o->matches));
    for (uint32_t i = 0; i < conf->overrides_n; i++) {
        const struct geo_override *v = &conf->overrides[i];

        if (v->by == GEO_WHY_ASN)
            o->matches[o->matches_n++] = (struct match){key_of_asn(v->asn), i};
        else if (v->by != GEO_WHY_NETWORK)
            o->matches[o->matches_n++] = (struct match){key_of_code(v->by, v->code), i};
    }
    qsort(o->matches, o->matches_n, sizeof(*o->matches), compare_matches);
}

/* The first override with that key; NULL: none. */
static const struct geo_override *override_of(const struct geo_orders *o, uint64_t key)
{
    size_t low = 0, high = o->matches_n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (o->matches[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == o->matches_n || o->matches[low].key != key)
        return NULL;
    return &o->conf->overrides[o->matches[low].override];
}

bool geo_orders_know_asn(const struct geo_orders *o, uint32_t asn)
{
    return override_of(o, key_of_asn(asn)) != NULL;
}

static const struct geo_override *override_for(
    const struct geo_orders *o, const struct geo_site *site, int32_t network_override)
{
    const struct geo_override *found = NULL;

    if (network_override >= 0)
        return &o->conf->overrides[network_override];
    if (site->unroutable || o->matches_n == 0)
        return NULL;
    if (site->asn != 0)
        found = override_of(o, key_of_asn(site->asn));
    if (found == NULL && site->country[0] != '\0')
        found = override_of(o, key_of_code(GEO_WHY_COUNTRY, site->country));
    if (found == NULL && site->continent[0] != '\0')
        found = override_of(o, key_of_code(GEO_WHY_CONTINENT, site->continent));
    return found;
}

/* --- orders --------------------------------------------------------------------------------- */

static void make_default(struct geo_orders *o)
{
    const struct geo_list *list = &o->conf->default_order;
    bool there[GEO_POINTS_MAX] = {false};
    unsigned n = 0;

    for (unsigned i = 0; i < list->n; i++) {
        o->default_order[n++] = list->points[i];
        there[list->points[i]] = true;
    }
    for (unsigned i = 0; i < o->conf->points_n; i++) {
        if (!there[i])
            o->default_order[n++] = (uint8_t)i;
    }
    for (unsigned i = 0; i < n; i++)
        o->rank[o->default_order[i]] = (uint8_t)i;
}

/* An order in the making. */
struct draft {
    unsigned n;
    uint8_t points[GEO_POINTS_MAX];
    bool there[GEO_POINTS_MAX];
};

static void draft_add(struct draft *d, uint8_t point)
{
    d->points[d->n++] = point;
    d->there[point] = true;
}

/* Up to `most` points in all, nearest first, those of one distance by default order, and those of
 * which the place is not known last. Returns the squared chord of the nearest one added. */
static uint64_t add_nearest(
    const struct geo_orders *o, struct geo_vector from, unsigned most, struct draft *d)
{
    uint64_t best[GEO_POINTS_MAX];
    unsigned start = d->n;

    for (unsigned r = 0; r < o->conf->points_n; r++) {
        uint8_t point = o->default_order[r];
        uint64_t chord2 = UINT64_MAX;
        unsigned at = d->n;

        if (d->there[point])
            continue;
        if (o->conf->points[point].has_location)
            chord2 = geo_chord2(from, o->vectors[point]);
        if (at == most && chord2 >= best[at - 1])
            continue;
        if (at < most)
            d->n++;
        else
            at--;
        for (; at > start && best[at - 1] > chord2; at--) {
            best[at] = best[at - 1];
            d->points[at] = d->points[at - 1];
        }
        best[at] = chord2;
        d->points[at] = point;
    }
    return start < d->n ? best[start] : UINT64_MAX;
}

static unsigned alike_of(
    const struct geo_orders *o, struct geo_vector from, const struct draft *d, uint64_t nearest)
{
    double km = o->conf->alike_km;
    uint64_t most;
    unsigned n = 1;

    if (km < 0 || nearest == UINT64_MAX)
        return 1;
    most = km == 0 ? nearest : geo_chord2_of(geo_km_of(nearest) + km);
    while (n < d->n && o->conf->points[d->points[n]].has_location &&
           geo_chord2(from, o->vectors[d->points[n]]) <= most)
        n++;
    return n;
}

static uint32_t *slot_of(struct geo_orders *o, const uint8_t *row)
{
    uint32_t i = (uint32_t)XXH3_64bits(row, o->row_bytes) & (o->by_hash_n - 1);

    while (o->by_hash[i] != 0 &&
           memcmp(&o->rows[(size_t)(o->by_hash[i] - 1) * o->row_bytes], row, o->row_bytes) != 0)
        i = (i + 1) & (o->by_hash_n - 1);
    return &o->by_hash[i];
}

static void grow(struct geo_orders *o)
{
    o->by_hash_n *= 2;
    free(o->by_hash);
    o->by_hash = xcalloc(o->by_hash_n, sizeof(*o->by_hash));
    for (uint32_t i = 1; i < o->rows_n; i++)
        *slot_of(o, &o->rows[(size_t)i * o->row_bytes]) = i + 1;
}

static uint32_t row_of(struct geo_orders *o, const struct draft *d, unsigned alike)
{
    uint8_t row[ROW_POINTS + GEO_POINTS_MAX] = {
        [ROW_N] = (uint8_t)d->n, [ROW_ALIKE] = (uint8_t)alike};
    uint32_t *slot;

    memcpy(&row[ROW_POINTS], d->points, d->n);
    slot = slot_of(o, row);
    if (*slot != 0)
        return *slot - 1;
    /* So many different orders there are not; if there were, the last one would do for the rest. */
    if (o->rows_n == FINE_ORDERS_MAX)
        return o->rows_n - 1;
    if (o->rows_n == o->rows_cap) {
        o->rows_cap *= 2;
        o->rows = xrealloc(o->rows, (size_t)o->rows_cap * o->row_bytes);
    }
    memcpy(&o->rows[(size_t)o->rows_n * o->row_bytes], row, o->row_bytes);
    *slot = ++o->rows_n;
    if (o->rows_n * 2 > o->by_hash_n)
        grow(o);
    return o->rows_n - 1;
}

static unsigned longest_list(const struct geo_map_conf *conf)
{
    unsigned longest = 0;

    for (unsigned i = 0; i < conf->overrides_n; i++) {
        if (conf->overrides[i].list.n > longest)
            longest = conf->overrides[i].list.n;
    }
    return longest;
}

struct geo_orders *geo_orders_new(const struct geo_map_conf *conf)
{
    struct geo_orders *o = xcalloc(1, sizeof(*o));
    struct draft d = {0};
    unsigned longest = longest_list(conf);

    o->conf = conf;
    o->keep = conf->keep != 0 ? conf->keep : GEO_KEEP_DEFAULT;
    if (o->keep > conf->points_n)
        o->keep = conf->points_n;
    for (unsigned i = 0; i < conf->points_n; i++) {
        if (conf->points[i].has_location) {
            o->vectors[i] = geo_vector_of(conf->points[i].latitude, conf->points[i].longitude);
            o->any_location = true;
        }
    }
    make_default(o);
    collect_overrides(o);
    o->row_bytes = ROW_POINTS + (longest > o->keep ? longest : o->keep);
    o->rows_cap = 1024;
    o->rows = xcalloc(o->rows_cap, o->row_bytes);
    o->by_hash_n = 4096;
    o->by_hash = xcalloc(o->by_hash_n, sizeof(*o->by_hash));
    /* Row 0 is not found by its points: the same ones may be nearest somewhere, and then the others
     * follow by distance. */
    for (unsigned i = 0; i < o->keep; i++)
        draft_add(&d, o->default_order[i]);
    o->rows[ROW_N] = (uint8_t)d.n;
    o->rows[ROW_ALIKE] = 1;
    memcpy(&o->rows[ROW_POINTS], d.points, d.n);
    o->rows_n = 1;
    return o;
}

void geo_orders_free(struct geo_orders **op)
{
    struct geo_orders *o = *op;

    *op = NULL;
    if (o == NULL)
        return;
    free(o->matches);
    free(o->rows);
    free(o->by_hash);
    free(o);
}

/* --- finding -------------------------------------------------------------------------------- */

struct geo_site geo_site_of(const struct geo_place *place)
{
    const struct geo_country *country =
        place->country[0] != '\0' ? geo_country_find(place->country) : NULL;
    struct geo_site s = {.has_vector = place->has_location, .asn = place->asn};

    memcpy(s.country, place->country, sizeof(s.country));
    memcpy(s.continent, place->continent, sizeof(s.continent));
    if (s.continent[0] == '\0' && country != NULL)
        memcpy(s.continent, country->continent, sizeof(s.continent));
    if (s.has_vector)
        s.vector = geo_vector_of(place->latitude, place->longitude);
    return s;
}

/* Where a network is taken to be; false: nowhere. */
static bool where_of(const struct geo_orders *o, const struct geo_site *site,
    struct geo_vector *out, enum geo_why_first *why)
{
    const struct geo_country *country;

    if (!o->any_location || site->unroutable)
        return false;
    if (site->has_vector) {
        *out = site->vector;
        *why = GEO_WHY_NEAREST;
        return true;
    }
    country = site->country[0] != '\0' ? geo_country_find(site->country) : NULL;
    if (country == NULL)
        return false;
    *out = geo_vector_of(country->latitude, country->longitude);
    *why = GEO_WHY_COUNTRY_POINT;
    return true;
}

struct geo_ordered geo_orders_find(
    struct geo_orders *o, const struct geo_site *site, int32_t network_override)
{
    const struct geo_override *override = override_for(o, site, network_override);
    struct draft d = {0};
    struct geo_vector from;
    enum geo_why_first why;
    bool somewhere = where_of(o, site, &from, &why);
    unsigned alike = 1;
    uint64_t nearest;

    if (override == NULL && !somewhere)
        return (struct geo_ordered){.row = ORDER_DEFAULT,
            .first = o->default_order[0],
            .alone = true,
            .why = GEO_WHY_DEFAULT};
    for (unsigned i = 0; override != NULL && i < override->list.n; i++)
        draft_add(&d, override->list.points[i]);
    if (override != NULL && !somewhere) {
        /* The others by their way from the first one. */
        from = o->vectors[d.points[0]];
        somewhere = o->conf->points[d.points[0]].has_location;
    }
    if (somewhere && d.n < o->keep) {
        nearest = add_nearest(o, from, o->keep, &d);
        if (override == NULL)
            alike = alike_of(o, from, &d, nearest);
    }
    return (struct geo_ordered){.row = row_of(o, &d, alike),
        .first = d.points[0],
        .alone = alike == 1,
        .why = override != NULL ? override->by : why};
}

const uint8_t *geo_orders_rows(const struct geo_orders *o, uint32_t *n, uint32_t *row_bytes)
{
    *n = o->rows_n;
    *row_bytes = o->row_bytes;
    return o->rows;
}

const uint8_t *geo_orders_default(const struct geo_orders *o)
{
    return o->default_order;
}

void geo_orders_neighbours(const struct geo_orders *o, uint8_t *out)
{
    unsigned n = o->conf->points_n;

    for (unsigned i = 0; i < n; i++) {
        struct draft d = {0};

        draft_add(&d, (uint8_t)i);
        if (o->conf->points[i].has_location) {
            add_nearest(o, o->vectors[i], n, &d);
        } else {
            for (unsigned r = 0; r < n; r++) {
                if (!d.there[o->default_order[r]])
                    draft_add(&d, o->default_order[r]);
            }
        }
        memcpy(&out[(size_t)i * n], d.points, n);
    }
}
