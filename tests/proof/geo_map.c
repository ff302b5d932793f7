/*
 * geo_map.c - proves compiled maps over whole databases, by a way of its own.
 *
 * usage: tests/proof/geo_map POINTS FILE...      (MaxMind DB files; the first POINTS of
 * geo_points.h) KEEP=8 tests/proof/geo_map ...
 *
 * Walks the search tree of the first file of each family with libmaxminddb's own functions, and
 * holds every network (and every gap) against the map:
 * - the first point is the nearest by the haversine formula, and so are the others that are kept,
 * in their order (two points whose ways differ by less than 5 cm may stand either way: counted);
 *   where nothing is known it is point 0;
 * - the network's last address has the same answer and the same scope;
 * - the scope of an answer covers no other network with another answer, and the next shorter prefix
 *   does: geo_map_find() says that it is mixed. The same of whole orders.
 * Private networks are point 0 by a list of its own; what has an IPv4 address inside is left out
 * (its answers come from the IPv4 side).
 *
 * Prints figures, and exits with 0 if all of it holds for 100 %.
 */
#include "base/check.h"
#include "geo/map.h"
#include "tests/proof/geo_points.h"

#include <math.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EARTH_KM 6371.0088
#define ALIKE_KM 0.00005

enum { KEEP_MAX = GEO_KEEP_MAX };

struct expected {
    bool known;
    bool nowhere; /* there is a record, but no place in it: any answer is fine */
    double km[GEO_TEST_POINTS];
    double sorted[GEO_TEST_POINTS];
};

/* The answer that is being gone through, and where its scope ends. */
struct stretch {
    bool open;
    uint8_t end[16]; /* the last address under the scope */
    uint8_t scope;
    unsigned n;
    uint8_t points[GEO_TEST_POINTS];
};

struct proof {
    const struct geo_map *m;
    unsigned points_n, keep, family, bits;
    uint64_t networks, gaps, skipped, close, wrong, scopes_wrong;
    double percent_sum;
    struct stretch first, order;
    uint32_t record; /* of the cached expectation */
    struct expected expected;
};

static double radians(double degrees)
{
    return degrees * M_PI / 180;
}

static double haversine_km(double lat1, double lon1, double lat2, double lon2)
{
    double a = sin(radians(lat2 - lat1) / 2), b = sin(radians(lon2 - lon1) / 2);
    double h = a * a + cos(radians(lat1)) * cos(radians(lat2)) * b * b;

    return 2 * EARTH_KM * atan2(sqrt(h), sqrt(1 - h));
}

/* --- what is right -------------------------------------------------------------------------- */

static bool number(MMDB_entry_s *entry, const char *a, const char *b, double *out)
{
    MMDB_entry_data_s v;

    if (MMDB_get_value(entry, &v, a, b, NULL) != MMDB_SUCCESS || !v.has_data)
        return false;
    if (v.type == MMDB_DATA_TYPE_FLOAT)
        *out = (double)v.float_value;
    else if (v.type == MMDB_DATA_TYPE_DOUBLE)
        *out = v.double_value;
    else
        return false;
    return true;
}

static int compare_doubles(const void *va, const void *vb)
{
    double a = *(const double *)va, b = *(const double *)vb;

    return a < b ? -1 : a > b;
}

static void expect(const struct proof *p, MMDB_entry_s *entry, struct expected *e)
{
    double lat, lon;

    e->known = (number(entry, "latitude", NULL, &lat) && number(entry, "longitude", NULL, &lon)) ||
               (number(entry, "location", "latitude", &lat) &&
                   number(entry, "location", "longitude", &lon));
    if (e->known && lat == 0 && lon == 0)
        e->known = false;
    e->nowhere = !e->known;
    if (!e->known)
        return;
    for (unsigned i = 0; i < p->points_n; i++)
        e->sorted[i] = e->km[i] =
            haversine_km(lat, lon, geo_points[i].latitude, geo_points[i].longitude);
    qsort(e->sorted, p->points_n, sizeof(e->sorted[0]), compare_doubles);
}

static bool is_within(const uint8_t *address, const uint8_t *network, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++) {
        if (((address[i / 8] ^ network[i / 8]) >> (7 - i % 8) & 1) != 0)
            return false;
    }
    return true;
}

enum region { ROUTED, PRIVATE, EMBEDDED };

static enum region region_of(const struct proof *p, const uint8_t *address, unsigned len)
{
    static const struct {
        unsigned family;
        enum region region;
        unsigned bits;
        uint8_t network[16];
    } regions[] = {{4, PRIVATE, 8, {0}}, {4, PRIVATE, 8, {10}}, {4, PRIVATE, 10, {100, 64}},
        {4, PRIVATE, 8, {127}}, {4, PRIVATE, 16, {169, 254}}, {4, PRIVATE, 12, {172, 16}},
        {4, PRIVATE, 24, {192, 0, 0}}, {4, PRIVATE, 16, {192, 168}}, {4, PRIVATE, 4, {224}},
        {4, PRIVATE, 4, {240}}, {6, EMBEDDED, 96, {[10] = 0xff, [11] = 0xff}},
        {6, EMBEDDED, 16, {0x20, 0x02}}, {6, EMBEDDED, 32, {0x20, 0x01}},
        {6, EMBEDDED, 96, {0, 0x64, 0xff, 0x9b}}, {6, PRIVATE, 8, {0}}, {6, PRIVATE, 64, {1}},
        {6, PRIVATE, 7, {0xfc}}, {6, PRIVATE, 10, {0xfe, 0x80}}, {6, PRIVATE, 8, {0xff}}};

    for (unsigned i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
        if (regions[i].family == p->family && len >= regions[i].bits &&
            is_within(address, regions[i].network, regions[i].bits))
            return regions[i].region;
    }
    return ROUTED;
}

/* --- checking ------------------------------------------------------------------------------- */

static void last_address(const uint8_t *first, unsigned len, unsigned bits, uint8_t *out)
{
    memcpy(out, first, 16);
    for (unsigned i = len; i < bits; i++)
        out[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

static void complain(struct proof *p, const char *what, const uint8_t *a, unsigned len)
{
    if (p->wrong + p->scopes_wrong > 20)
        return;
    printf("  WRONG: %s at", what);
    for (unsigned i = 0; i < p->bits / 8; i++)
        printf(" %02x", a[i]);
    printf("/%u\n", len);
}

/* The nearest `n` by the map are so by the other formula. */
static bool is_nearest(struct proof *p, const struct expected *e, const uint8_t *points, unsigned n)
{
    for (unsigned i = 0; i < n && !e->nowhere; i++) {
        if (!e->known && points[i] != i)
            return false;
        if (e->known && e->km[points[i]] > e->sorted[i] + ALIKE_KM)
            return false;
        if (e->known && e->km[points[i]] != e->sorted[i])
            p->close++;
    }
    return true;
}

/* A network follows the former one: under the same scope it has the same answer. */
static bool follows(struct stretch *s, const struct proof *p, const uint8_t *address, unsigned len,
    const uint8_t *points, unsigned n, unsigned scope)
{
    if (scope > len)
        return false;
    if (s->open && memcmp(address, s->end, p->bits / 8) <= 0)
        return scope == s->scope && memcmp(points, s->points, n) == 0;
    /* A new scope begins with this network. */
    for (unsigned i = scope; i < p->bits; i++) {
        if ((address[i / 8] >> (7 - i % 8) & 1) != 0)
            return false;
    }
    s->open = true;
    s->scope = (uint8_t)scope;
    memcpy(s->points, points, n);
    last_address(address, scope, p->bits, s->end);
    return true;
}

static void check_network(
    struct proof *p, const uint8_t *address, unsigned len, const struct expected *e)
{
    struct geo_client c = {.family = (uint8_t)p->family, .prefix = (uint8_t)len}, last = c, wider;
    struct geo_found found, found_last, found_wider;
    struct geo_order order, order_last;

    memcpy(c.address, address, 16);
    last_address(address, len, p->bits, last.address);
    last.prefix = (uint8_t)p->bits;
    geo_map_find(p->m, &c, &found);
    geo_map_find(p->m, &last, &found_last);
    geo_map_order(p->m, &c, &order);
    geo_map_order(p->m, &last, &order_last);
    p->networks++;
    if (found.mixed || order.mixed || !is_nearest(p, e, &found.first, 1) ||
        !is_nearest(p, e, order.points, p->keep) || order.n != p->points_n ||
        order.points[0] != found.first) {
        complain(p, "another point is nearer", address, len);
        p->wrong++;
    }
    wider = c;
    wider.prefix = found.scope > 0 ? (uint8_t)(found.scope - 1) : 0;
    geo_map_find(p->m, &wider, &found_wider);
    if (found_last.first != found.first || found_last.scope != found.scope ||
        order_last.scope != order.scope || memcmp(order.points, order_last.points, order.n) != 0 ||
        order.scope < found.scope || (found.scope != 0 && !found_wider.mixed) ||
        !follows(&p->first, p, address, len, &found.first, 1, found.scope) ||
        !follows(&p->order, p, address, len, order.points, p->keep, order.scope)) {
        complain(p, "a scope is not what it should be", address, len);
        p->scopes_wrong++;
    }
}

/* --- walking -------------------------------------------------------------------------------- */

static const struct expected unknown;

static void check_leaf(struct proof *p, const MMDB_s *db, const uint8_t *address, unsigned len,
    uint64_t record, uint8_t type, MMDB_entry_s *entry)
{
    enum region region = region_of(p, address, len);

    (void)db;
    if (region == EMBEDDED) {
        p->skipped++;
        return;
    }
    if (type != MMDB_RECORD_TYPE_DATA || region == PRIVATE) {
        p->gaps++;
        check_network(p, address, len, &unknown);
        return;
    }
    if (p->record != record) {
        expect(p, entry, &p->expected);
        p->record = (uint32_t)record;
    }
    check_network(p, address, len, &p->expected);
}

struct branch {
    uint64_t record;
    uint8_t type;
    MMDB_entry_s entry;
};

/* Cuts at the borders of private and embedded networks, where the tree has none. */
static bool is_cut_below(const struct proof *p, const uint8_t *address, unsigned len)
{
    static const uint8_t cut[][17] = {/* bits, network: those that gaps may enclose */
        {10, 100, 64}, {16, 169, 254}, {12, 172, 16}, {24, 192, 0, 0}, {16, 192, 168}, {4, 224},
        {4, 240}, {8, 0}, {8, 10}, {8, 127}};
    static const uint8_t cut6[][17] = {{96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
        {16, 0x20, 0x02}, {32, 0x20, 0x01}, {96, 0, 0x64, 0xff, 0x9b}, {8, 0}, {64, 1}, {7, 0xfc},
        {10, 0xfe, 0x80}, {8, 0xff}};
    const uint8_t(*list)[17] = p->family == 4 ? cut : cut6;
    unsigned n = p->family == 4 ? sizeof(cut) / 17 : sizeof(cut6) / 17;

    for (unsigned i = 0; i < n; i++) {
        if (list[i][0] > len && is_within(list[i] + 1, address, len))
            return true;
    }
    return false;
}

static void walk(struct proof *p, const MMDB_s *db, struct branch start)
{
    struct branch right[129], at = start;
    uint8_t address[16] = {0};
    unsigned depth = 0;

    for (;;) {
        MMDB_search_node_s node = {0};

        if (at.type == MMDB_RECORD_TYPE_SEARCH_NODE && region_of(p, address, depth) == ROUTED) {
            check(
                depth < p->bits && MMDB_read_node(db, (uint32_t)at.record, &node) == MMDB_SUCCESS);
            right[++depth] =
                (struct branch){node.right_record, node.right_record_type, node.right_record_entry};
            at = (struct branch){node.left_record, node.left_record_type, node.left_record_entry};
            continue;
        }
        if (is_cut_below(p, address, depth)) {
            right[++depth] = at;
            continue;
        }
        check_leaf(p, db, address, depth, at.record, at.type, &at.entry);
        while (depth > 0 && (address[(depth - 1) / 8] >> (7 - (depth - 1) % 8) & 1) != 0) {
            address[(depth - 1) / 8] &= (uint8_t) ~(0x80 >> (depth - 1) % 8);
            depth--;
        }
        if (depth == 0)
            return;
        address[(depth - 1) / 8] |= (uint8_t)(0x80 >> (depth - 1) % 8);
        at = right[depth];
    }
}

static struct branch v4_start(const MMDB_s *db)
{
    struct branch at = {0, MMDB_RECORD_TYPE_SEARCH_NODE, {0}};
    MMDB_search_node_s node;

    for (unsigned i = 0;
         db->metadata.ip_version == 6 && i < 96 && at.type == MMDB_RECORD_TYPE_SEARCH_NODE; i++) {
        check(MMDB_read_node(db, (uint32_t)at.record, &node) == MMDB_SUCCESS);
        at = (struct branch){node.left_record, node.left_record_type, node.left_record_entry};
    }
    return at;
}

static bool prove_family(struct proof *p, unsigned family, char *const *files, int n)
{
    MMDB_s db;
    int chosen = -1;

    /* A file of the family alone goes before one of both. */
    for (int i = 0; i < n; i++) {
        check(MMDB_open(files[i], MMDB_MODE_MMAP, &db) == MMDB_SUCCESS);
        if (db.metadata.ip_version == family || (db.metadata.ip_version == 6 && chosen < 0))
            chosen = i;
        MMDB_close(&db);
    }
    if (chosen < 0)
        return true;
    check(MMDB_open(files[chosen], MMDB_MODE_MMAP, &db) == MMDB_SUCCESS);
    p->family = family;
    p->bits = family == 4 ? 32 : 128;
    p->networks = p->gaps = p->skipped = p->close = p->wrong = p->scopes_wrong = 0;
    p->first.open = p->order.open = false;
    p->record = UINT32_MAX;
    walk(p, &db,
        family == 4 ? v4_start(&db) : (struct branch){0, MMDB_RECORD_TYPE_SEARCH_NODE, {0}});
    MMDB_close(&db);
    printf("IPv%u: %llu networks (%llu of them gaps), %llu with IPv4 inside left out\n"
           "  nearest: %.6f %% (%llu places in orders within 5 cm)   scopes: %.6f %%\n",
        family, (unsigned long long)p->networks, (unsigned long long)p->gaps,
        (unsigned long long)p->skipped,
        100.0 * (double)(p->networks - p->wrong) / (double)p->networks,
        (unsigned long long)p->close,
        100.0 * (double)(p->networks - p->scopes_wrong) / (double)p->networks);
    return p->wrong == 0 && p->scopes_wrong == 0;
}

int main(int argc, char **argv)
{
    struct geo_map_conf conf = {.points = geo_points, .alike_km = -1};
    const char *keep = getenv("KEEP");
    struct proof p = {.keep = GEO_KEEP_DEFAULT};
    struct geo *g = geo_new();
    struct geo_map *m;
    struct geo_why why;
    bool holds;

    p.points_n = argc > 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    if (p.points_n < 1 || p.points_n > GEO_TEST_POINTS) {
        fprintf(stderr, "usage: tests/proof/geo_map POINTS FILE...\n");
        return 1;
    }
    if (keep != NULL)
        p.keep = (unsigned)strtoul(keep, NULL, 10);
    check(p.keep >= 1 && p.keep <= KEEP_MAX);
    conf.keep = p.keep;
    if (getenv("V4_BITS") != NULL)
        conf.v4_bits = (uint8_t)strtoul(getenv("V4_BITS"), NULL, 10);
    if (p.keep > p.points_n)
        p.keep = p.points_n;
    conf.points_n = p.points_n;
    for (int i = 2; i < argc; i++) {
        if (!geo_add(g, argv[i], &why)) {
            fprintf(stderr, "%s\n", why.text);
            return 1;
        }
    }
    if (!geo_maps_compile(g, &conf, 1, NULL, &m, &why)) {
        fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    geo_free(&g);
    p.m = m;
    printf("%u points, %u kept of each order\n", p.points_n, p.keep);
    holds = prove_family(&p, 4, argv + 2, argc - 2);
    holds = prove_family(&p, 6, argv + 2, argc - 2) && holds;
    geo_map_free(&m);
    printf("%s\n", holds ? "all of it holds" : "NOT all of it holds");
    return holds ? 0 : 1;
}
