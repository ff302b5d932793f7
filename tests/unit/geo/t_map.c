/* Maps over random databases, networks and rules against a slow way to the same answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "base/check.h"
#include "geo/country.h"
#include "geo/map.h"
#include "tests/unit/geo/mmdb.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NETWORKS_MAX = 400, POINTS_MAX = 12, OVERRIDES_MAX = 24, ROUNDS = 60, CLIENTS = 400 };

static uint64_t seed;

static uint64_t random_next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static unsigned below(unsigned n)
{
    return (unsigned)(random_next() >> 20) % n;
}

/* --- a world -------------------------------------------------------------------------------- */

/* A network of either family: its first 64 bits, IPv4 in the upper half. */
struct network {
    unsigned family, len;
    uint64_t at;
    struct mmdb_record record;
};

struct world {
    struct network networks[NETWORKS_MAX];
    unsigned networks_n;
    struct geo_point points[POINTS_MAX];
    struct geo_override overrides[OVERRIDES_MAX];
    uint8_t lists[OVERRIDES_MAX + 1][POINTS_MAX];
    struct geo_map_conf conf;
    struct geo *g;
    struct geo_map *m;
};

static uint64_t mask_of(unsigned len)
{
    return len == 0 ? 0 : UINT64_MAX << (64 - len);
}

static struct geo_client client_of(unsigned family, uint64_t at, unsigned len)
{
    struct geo_client c = {.family = (uint8_t)family, .prefix = (uint8_t)len};

    for (unsigned i = 0; i < 8; i++)
        c.address[i] = (uint8_t)(at >> (56 - 8 * i));
    if (family == 4)
        memset(c.address + 4, 0, 12);
    return c;
}

/* Few enough first bits that networks meet; nothing private, nothing embedded. */
static uint64_t some_address(unsigned family)
{
    static const uint64_t v4[] = {0x14, 0x15, 0x50, 0xb0, 0xdf};
    uint64_t low = random_next() & (below(2) == 0 ? UINT64_MAX : 0xfff0ffffffffff);

    if (family == 4)
        return v4[below(5)] << 56 | (low >> 8 & 0x00ffffff00000000);
    return (below(2) == 0 ? UINT64_C(0x24) : UINT64_C(0x2a)) << 56 | low >> 8;
}

static const char *const countries[] = {"DE", "JP", "BR", "US", "ZA", "QQ"};

static struct network some_network(unsigned family)
{
    static const char *const continents[] = {"EU", "AS", "SA", "NA", "AF", NULL};
    unsigned country = below(6), len = 6 + below(family == 4 ? 27 : 59);
    struct network n = {.family = family, .len = len, .at = some_address(family) & mask_of(len)};

    n.record.flat = below(2) == 0;
    n.record.country = below(8) == 0 ? NULL : countries[country];
    if (!n.record.flat && below(2) == 0)
        n.record.continent = continents[country];
    n.record.has_location = below(4) != 0;
    n.record.latitude = (double)below(1700) / 10 - 85;
    n.record.longitude = (double)below(3600) / 10 - 180;
    n.record.asn = !n.record.flat && below(3) == 0 ? 64500 + below(4) : 0;
    return n;
}

static int shorter_first(const void *a, const void *b)
{
    return (int)((const struct network *)a)->len - (int)((const struct network *)b)->len;
}

static struct geo_list some_list(struct world *w, unsigned i)
{
    unsigned n = 1 + below(w->conf.points_n), k = 0;

    if (n > 4)
        n = 4;
    while (k < n) {
        uint8_t point = (uint8_t)below(w->conf.points_n);

        if (memchr(w->lists[i], point, k) == NULL)
            w->lists[i][k++] = point;
    }
    return (struct geo_list){.n = (uint8_t)n, .points = w->lists[i]};
}

static void some_overrides(struct world *w, unsigned n)
{
    static const char *const continents[] = {"EU", "AS", "OC"};

    for (unsigned i = 0; i < n; i++) {
        struct geo_override *o = &w->overrides[i];
        unsigned family = below(2) == 0 ? 4 : 6, len = 4 + below(family == 4 ? 29 : 61);

        *o = (struct geo_override){.list = some_list(w, i)};
        switch (below(4)) {
        case 0:
            o->by = GEO_WHY_ASN;
            o->asn = 64500 + below(4);
            break;
        case 1:
            o->by = GEO_WHY_COUNTRY;
            strcpy(o->code, countries[below(6)]);
            break;
        case 2:
            o->by = GEO_WHY_CONTINENT;
            strcpy(o->code, continents[below(3)]);
            break;
        default:
            o->by = GEO_WHY_NETWORK;
            o->network = client_of(family, some_address(family) & mask_of(len), len);
            break;
        }
    }
    w->conf.overrides = w->overrides;
    w->conf.overrides_n = n;
}

static void add_bytes(struct geo *g, const struct mmdb *db)
{
    static const unsigned sizes[] = {24, 28, 32};
    char path[] = "/tmp/selvage-map-XXXXXX";
    int fd = mkstemp(path);
    struct geo_why why;
    size_t n;
    uint8_t *bytes = mmdb_bytes(db, sizes[below(3)], &n);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
    if (!geo_add(g, path, &why))
        fail_msg("%s", why.text);
    unlink(path);
    free(bytes);
}

/* One file of both families, or one of each. */
static void make_databases(struct world *w)
{
    bool apart = below(2) == 0;
    struct mmdb *v6 = mmdb_new(6), *v4 = apart ? mmdb_new(4) : v6;

    for (unsigned i = 0; i < w->networks_n; i++) {
        const struct network *n = &w->networks[i];
        struct geo_client c = client_of(n->family, n->at, n->len);
        uint8_t mapped[16] = {0};

        memcpy(mapped + 12, c.address, 4);
        if (n->family == 6)
            mmdb_put(v6, c.address, n->len, &n->record);
        else if (apart)
            mmdb_put(v4, c.address, n->len, &n->record);
        else
            mmdb_put(v6, mapped, 96 + n->len, &n->record);
    }
    w->g = geo_new();
    add_bytes(w->g, v6);
    if (apart) {
        add_bytes(w->g, v4);
        mmdb_free(&v4);
    }
    mmdb_free(&v6);
}

static struct world *world_new(unsigned networks_n, unsigned points_n, unsigned overrides_n)
{
    struct world *w = xcalloc(1, sizeof(*w));
    struct geo_why why;

    w->conf = (struct geo_map_conf){
        .points = w->points, .points_n = points_n, .keep = 1 + below(5), .alike_km = -1};
    for (unsigned i = 0; i < points_n; i++)
        w->points[i] =
            (struct geo_point){below(10) != 0, (double)below(160) - 80, (double)below(360) - 180};
    if (points_n > 3 && below(3) == 0) /* just as near */
        w->points[3] = w->points[1];
    if (below(2) == 0)
        w->conf.default_order = some_list(w, OVERRIDES_MAX);
    some_overrides(w, overrides_n);
    w->networks_n = networks_n;
    for (unsigned i = 0; i < networks_n; i++)
        w->networks[i] = some_network(below(2) == 0 ? 4 : 6);
    qsort(w->networks, networks_n, sizeof(w->networks[0]), shorter_first);
    make_databases(w);
    if (!geo_maps_compile(w->g, &w->conf, 1, NULL, &w->m, &why))
        fail_msg("%s", why.text);
    return w;
}

static void world_free(struct world *w)
{
    geo_map_free(&w->m);
    geo_free(&w->g);
    free(w);
}

/* --- the slow way --------------------------------------------------------------------------- */

struct slow {
    enum geo_why_first why;
    uint8_t order[POINTS_MAX]; /* all of them, but behind an override only the list counts */
    unsigned certain;          /* entries of it */
    double km[POINTS_MAX];     /* by point */
};

static double km_between(double lat1, double lon1, double lat2, double lon2)
{
    double r = M_PI / 180, a = sin((lat2 - lat1) * r / 2), b = sin((lon2 - lon1) * r / 2);
    double h = a * a + cos(lat1 * r) * cos(lat2 * r) * b * b;

    return 2 * 6371.0088 * asin(sqrt(h < 1 ? h : 1));
}

/* Of those with the longest prefix the last one put counts: it took the place of the others. */
static const struct mmdb_record *record_at(const struct world *w, unsigned family, uint64_t at)
{
    const struct mmdb_record *found = NULL;

    for (unsigned i = 0; i < w->networks_n; i++) {
        const struct network *n = &w->networks[i];

        if (n->family == family && ((at ^ n->at) & mask_of(n->len)) == 0)
            found = &n->record;
    }
    return found;
}

static const struct geo_override *override_by(const struct world *w, enum geo_why_first by,
    unsigned family, uint64_t at, uint32_t asn, const char *code)
{
    const struct geo_override *best = NULL;

    for (unsigned i = 0; i < w->conf.overrides_n; i++) {
        const struct geo_override *o = &w->overrides[i];
        struct geo_client c = client_of(family, at & mask_of(o->network.prefix), o->network.prefix);

        if (o->by != by)
            continue;
        if (by == GEO_WHY_NETWORK) {
            if (memcmp(&c, &o->network, sizeof(c)) == 0 &&
                (best == NULL || o->network.prefix > best->network.prefix))
                best = o;
        } else if (by == GEO_WHY_ASN ? o->asn == asn : code != NULL && strcmp(o->code, code) == 0) {
            return o;
        }
    }
    return best;
}

static void default_order(const struct world *w, uint8_t *out)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->conf.default_order.n; i++)
        out[n++] = w->conf.default_order.points[i];
    for (unsigned i = 0; i < w->conf.points_n; i++) {
        if (memchr(out, (int)i, n) == NULL)
            out[n++] = (uint8_t)i;
    }
}

static bool place_of(const struct mmdb_record *r, double *lat, double *lon, struct slow *s)
{
    const struct geo_country *country;

    if (r == NULL)
        return false;
    if (r->has_location && (r->latitude != 0 || r->longitude != 0)) {
        *lat = r->flat ? (double)(float)r->latitude : r->latitude;
        *lon = r->flat ? (double)(float)r->longitude : r->longitude;
        s->why = GEO_WHY_NEAREST;
        return true;
    }
    country = r->country != NULL ? geo_country_find(r->country) : NULL;
    if (country == NULL)
        return false;
    *lat = country->latitude;
    *lon = country->longitude;
    s->why = GEO_WHY_COUNTRY_POINT;
    return true;
}

static struct slow slowly(const struct world *w, unsigned family, uint64_t at)
{
    const struct mmdb_record *r = record_at(w, family, at);
    const struct geo_country *country =
        r != NULL && r->country != NULL ? geo_country_find(r->country) : NULL;
    const char *continent = r == NULL              ? NULL
                            : r->continent != NULL ? r->continent
                            : country != NULL      ? country->continent
                                                   : NULL;
    const struct geo_override *o = override_by(w, GEO_WHY_NETWORK, family, at, 0, NULL);
    struct slow s = {.why = GEO_WHY_DEFAULT, .certain = w->conf.points_n};
    double lat, lon;
    bool any = false;

    if (o == NULL && r != NULL && r->asn != 0)
        o = override_by(w, GEO_WHY_ASN, family, at, r->asn, NULL);
    if (o == NULL && r != NULL)
        o = override_by(w, GEO_WHY_COUNTRY, family, at, 0, r->country);
    if (o == NULL)
        o = override_by(w, GEO_WHY_CONTINENT, family, at, 0, continent);
    if (o != NULL) {
        s.why = o->by;
        s.certain = o->list.n;
        memcpy(s.order, o->list.points, o->list.n);
        return s;
    }
    default_order(w, s.order);
    for (unsigned i = 0; i < w->conf.points_n; i++)
        any |= w->points[i].has_location;
    if (!any || !place_of(r, &lat, &lon, &s))
        return s;
    for (unsigned i = 0; i < w->conf.points_n; i++)
        s.km[i] = w->points[i].has_location
                      ? km_between(lat, lon, w->points[i].latitude, w->points[i].longitude)
                      : 1e9;
    for (unsigned i = 1; i < w->conf.points_n; i++) { /* stable */
        for (unsigned j = i; j > 0 && s.km[s.order[j]] < s.km[s.order[j - 1]]; j--) {
            uint8_t swap = s.order[j];

            s.order[j] = s.order[j - 1];
            s.order[j - 1] = swap;
        }
    }
    s.certain = w->conf.keep < w->conf.points_n ? w->conf.keep : w->conf.points_n;
    return s;
}

/* --- tests ---------------------------------------------------------------------------------- */

static void say_seed(void)
{
    seed = (uint64_t)getpid() * 2654435761u + 88172645463325252u;
    if (getenv("SEED") != NULL)
        seed = strtoull(getenv("SEED"), NULL, 10);
    print_message("SEED=%llu\n", (unsigned long long)seed);
}

/* Near a border of a network, or anywhere. */
static uint64_t some_client(const struct world *w, unsigned family)
{
    const struct network *n = &w->networks[below(w->networks_n)];
    uint64_t step = family == 4 ? UINT64_C(1) << 32 : 1;

    if (n->family != family || below(4) == 0)
        return some_address(family);
    switch (below(4)) {
    case 0:
        return n->at;
    case 1:
        return n->at - step;
    case 2:
        return n->at + ~mask_of(n->len) + 1;
    default:
        return (n->at | (random_next() & ~mask_of(n->len))) &
               (family == 4 ? UINT64_C(0xffffffff00000000) : UINT64_MAX);
    }
}

/* Distances as near as rounding makes them may stand either way. */
static bool alike(const struct slow *s, const uint8_t *points, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (points[i] != s->order[i] && fabs(s->km[points[i]] - s->km[s->order[i]]) > 0.0001)
            return false;
        if (points[i] != s->order[i] && s->why != GEO_WHY_NEAREST &&
            s->why != GEO_WHY_COUNTRY_POINT)
            return false;
    }
    return true;
}

static void whole_addresses(void **state)
{
    (void)state;
    say_seed();
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct world *w = world_new(1 + below(NETWORKS_MAX), 1 + below(POINTS_MAX),
            round % 3 == 0 ? 0 : below(OVERRIDES_MAX));

        for (unsigned i = 0; i < CLIENTS; i++) {
            unsigned family = below(2) == 0 ? 4 : 6, bits = family == 4 ? 32 : 128;
            uint64_t at = some_client(w, family), other;
            struct geo_client c = client_of(family, at, bits), wider = c;
            struct slow s = slowly(w, family, at);
            struct geo_found found, again;
            struct geo_order order, order_again;

            geo_map_find(w->m, &c, &found);
            geo_map_order(w->m, &c, &order);
            assert_false(found.mixed || order.mixed);
            assert_true(alike(&s, &found.first, 1));
            assert_true(alike(&s, order.points, s.certain));
            assert_int_equal(order.points[0], found.first);
            assert_int_equal(order.n, w->conf.points_n);
            assert_true(order.scope >= found.scope && order.scope <= 64);
            for (unsigned j = 0; j < order.n; j++)
                assert_ptr_equal(memchr(order.points, order.points[j], order.n), &order.points[j]);
            /* Everybody under the scope has the same, and is told the same. */
            for (unsigned j = 0; j < 4; j++) {
                other = (at & mask_of(found.scope)) | (random_next() & ~mask_of(found.scope));
                c = client_of(family, other, bits);
                geo_map_find(w->m, &c, &again);
                assert_int_equal(again.first, found.first);
                assert_int_equal(again.scope, found.scope);
                other = (at & mask_of(order.scope)) | (random_next() & ~mask_of(order.scope));
                c = client_of(family, other, bits);
                geo_map_order(w->m, &c, &order_again);
                assert_memory_equal(order_again.points, order.points, order.n);
                assert_int_equal(order_again.scope, order.scope);
            }
            /* And a shorter prefix would not do. */
            wider.prefix = found.scope;
            geo_map_find(w->m, &wider, &again);
            assert_false(again.mixed);
            assert_int_equal(again.scope, found.scope);
            if (found.scope > 0) {
                wider.prefix--;
                geo_map_find(w->m, &wider, &again);
                assert_true(again.mixed);
                assert_int_equal(again.scope, wider.prefix);
            }
        }
        world_free(w);
    }
}

/* What most addresses of a prefix have: counted over all pieces between borders. */
static void most_of(const struct world *w, unsigned family, uint64_t at, unsigned len,
    double *share, bool *is_mixed)
{
    uint64_t cuts[2 * (NETWORKS_MAX + OVERRIDES_MAX) + 2], end = at + ~mask_of(len);
    unsigned n = 0;
    int last = -1;

    memset(share, 0, POINTS_MAX * sizeof(*share));
    *is_mixed = false;
    for (unsigned i = 0; i < w->networks_n + w->conf.overrides_n; i++) {
        bool of_database = i < w->networks_n;
        const struct geo_override *o = of_database ? NULL : &w->overrides[i - w->networks_n];
        uint64_t first, bytes = 0;
        unsigned first_len;

        if (!of_database) {
            if (o->by != GEO_WHY_NETWORK || o->network.family != family)
                continue;
            for (unsigned j = 0; j < 8; j++)
                bytes = bytes << 8 | o->network.address[j];
        } else if (w->networks[i].family != family) {
            continue;
        }
        first = of_database ? w->networks[i].at : bytes;
        first_len = of_database ? w->networks[i].len : o->network.prefix;
        if (first > at && first <= end)
            cuts[n++] = first;
        if (first + ~mask_of(first_len) >= at && first + ~mask_of(first_len) < end)
            cuts[n++] = first + ~mask_of(first_len) + 1;
    }
    cuts[n++] = at;
    for (unsigned i = 1; i < n; i++) {
        for (unsigned j = i; j > 0 && cuts[j] < cuts[j - 1]; j--) {
            uint64_t swap = cuts[j];

            cuts[j] = cuts[j - 1];
            cuts[j - 1] = swap;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        uint64_t stop = i + 1 < n ? cuts[i + 1] - 1 : end;
        struct slow s;

        if (i + 1 < n && cuts[i + 1] == cuts[i])
            continue;
        s = slowly(w, family, cuts[i]);
        share[s.order[0]] +=
            ((double)(stop - cuts[i]) + 1) * (s.why == GEO_WHY_DEFAULT ? 0x1p-30 : 1);
        *is_mixed |= last >= 0 && last != s.order[0];
        last = s.order[0];
    }
}

static void short_prefixes(void **state)
{
    unsigned mixed = 0, compared = 0;

    (void)state;
    say_seed();
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct world *w = world_new(1 + below(120), 1 + below(POINTS_MAX), below(6));

        /* Ties between points at one place are another test's. */
        for (unsigned i = 0; i < CLIENTS / 4; i++) {
            unsigned family = below(2) == 0 ? 4 : 6;
            unsigned len = 8 + below(family == 4 ? 25 : 57), best = 0;
            uint64_t at = some_client(w, family) & mask_of(len);
            struct geo_client c = client_of(family, at, len);
            double share[POINTS_MAX], second = 0;
            struct geo_found found;
            struct geo_order order;
            bool is_mixed;

            geo_map_find(w->m, &c, &found);
            geo_map_order(w->m, &c, &order);
            most_of(w, family, at, len, share, &is_mixed);
            assert_int_equal(found.mixed, is_mixed);
            assert_true(found.scope <= len && (!is_mixed || found.scope == len));
            assert_true(order.scope <= len);
            assert_int_equal(order.n, w->conf.points_n);
            for (unsigned j = 1; j < POINTS_MAX; j++)
                best = share[j] > share[best] ? j : best;
            for (unsigned j = 0; j < POINTS_MAX; j++)
                second = j != best && share[j] > second ? share[j] : second;
            mixed += is_mixed;
            if (share[best] - second < share[best] * 1e-6)
                continue;
            assert_int_equal(found.first, best);
            assert_int_equal(order.points[0], best);
            compared += is_mixed;
        }
        world_free(w);
    }
    print_message("%u mixed prefixes, %u with one winner\n", mixed, compared);
    assert_true(compared > 100);
}

/* A capped map has one answer per capped prefix: that of most. */
static void capped(void **state)
{
    (void)state;
    say_seed();
    for (unsigned round = 0; round < ROUNDS / 2; round++) {
        struct world *w = world_new(1 + below(120), 1 + below(POINTS_MAX), below(6));
        struct geo_map_conf conf = w->conf;
        struct geo_map *m;
        struct geo_why why;

        conf.v4_bits = (uint8_t)(12 + below(12));
        conf.v6_bits = (uint8_t)(16 + below(32));
        assert_true(geo_maps_compile(w->g, &conf, 1, NULL, &m, &why));
        for (unsigned i = 0; i < CLIENTS / 4; i++) {
            unsigned family = below(2) == 0 ? 4 : 6,
                     cap = family == 4 ? conf.v4_bits : conf.v6_bits;
            uint64_t at = some_client(w, family);
            struct geo_client c = client_of(family, at, family == 4 ? 32 : 128),
                              all = client_of(family, at & mask_of(cap), cap);
            struct geo_found whole, of_cap;
            struct geo_order order;
            double share[POINTS_MAX], second = 0;
            bool is_mixed;

            geo_map_find(m, &c, &of_cap);
            geo_map_order(m, &c, &order);
            geo_map_find(w->m, &all, &whole);
            assert_false(of_cap.mixed || order.mixed);
            assert_true(of_cap.scope <= cap && order.scope <= cap);
            assert_int_equal(order.points[0], of_cap.first);
            most_of(w, family, at & mask_of(cap), cap, share, &is_mixed);
            for (unsigned j = 0; j < POINTS_MAX; j++)
                second = j != whole.first && share[j] > second ? share[j] : second;
            if (share[whole.first] - second > share[whole.first] * 1e-6)
                assert_int_equal(of_cap.first, whole.first);
        }
        geo_map_free(&m);
        world_free(w);
    }
}

/* IPv6 addresses with an IPv4 address inside have its answer, and a scope in their own bits. */
static void embedded(void **state)
{
    static const struct geo_nat64 nat64[] = {{.prefix = {0, 0x64, 0xff, 0x9b}, .bits = 96},
        {.prefix = {0, 0x64, 0xff, 0x9b, 0, 1}, .bits = 48}};
    struct world *w;
    struct geo_map *m;
    struct geo_why why;

    (void)state;
    say_seed();
    w = world_new(NETWORKS_MAX, POINTS_MAX, 4);
    w->conf.nat64 = nat64;
    w->conf.nat64_n = 2;
    assert_true(geo_maps_compile(w->g, &w->conf, 1, NULL, &m, &why));
    for (unsigned i = 0; i < 4 * CLIENTS; i++) {
        uint64_t at = some_client(w, 4);
        struct geo_client v4 = client_of(4, at, 32);
        struct geo_client v6 = {.family = 6, .prefix = 128};
        struct geo_found inside, outside;
        unsigned scope;

        geo_map_find(m, &v4, &inside);
        scope = inside.scope;
        switch (i % 5) {
        case 0: /* mapped */
            v6.address[10] = v6.address[11] = 0xff;
            memcpy(v6.address + 12, v4.address, 4);
            scope += 96;
            break;
        case 1: /* 6to4, of which a resolver says 56 bits */
            v6.address[0] = 0x20;
            v6.address[1] = 0x02;
            memcpy(v6.address + 2, v4.address, 4);
            v6.prefix = 56;
            scope += 16;
            break;
        case 2: /* Teredo */
            v6.address[0] = 0x20;
            v6.address[1] = 0x01;
            v6.address[4] = 65; /* the server's */
            for (unsigned j = 0; j < 4; j++)
                v6.address[12 + j] = (uint8_t)~v4.address[j];
            scope += 96;
            break;
        case 3:
            memcpy(v6.address, nat64[0].prefix, 12);
            memcpy(v6.address + 12, v4.address, 4);
            scope += 96;
            break;
        default: /* bits 64 to 71 are none of the address */
            memcpy(v6.address, nat64[1].prefix, 6);
            memcpy(v6.address + 6, v4.address, 2);
            memcpy(v6.address + 9, v4.address + 2, 2);
            scope += scope <= 16 ? 48 : 56;
            break;
        }
        geo_map_find(m, &v6, &outside);
        assert_int_equal(outside.first, inside.first);
        assert_int_equal(outside.scope, scope);
        assert_false(outside.mixed);
        if (i % 5 == 2) { /* who that is stands in the last bits */
            v6.prefix = 56;
            geo_map_find(m, &v6, &outside);
            assert_true(outside.mixed);
            assert_int_equal(outside.why, GEO_WHY_DEFAULT);
            assert_int_equal(outside.scope, 56);
        }
    }
    geo_map_free(&m);
    world_free(w);
}

static void rules(void **state)
{
    static const struct geo_point points[] = {
        {true, 50, 8}, {true, 39, -77}, {true, 35, 139}, {true, -33, 151}};
    static const uint8_t iad_fra[] = {1, 0}, syd[] = {3}, nrt[] = {2};
    const struct geo_override overrides[] = {
        {.by = GEO_WHY_NETWORK, .network = {4, 8, {10}}, .list = {1, nrt}},
        {.by = GEO_WHY_NETWORK,
            .network = {6, 56, {0x20, 0x02, 81, 2, 69, 142, 0x80}},
            .list = {1, syd}},
        {.by = GEO_WHY_NETWORK, .network = {4, 32, {81, 2, 69, 142}}, .list = {1, syd}},
        {.by = GEO_WHY_NETWORK, .network = {4, 24, {81, 2, 69}}, .list = {2, iad_fra}},
        {.by = GEO_WHY_NETWORK, .network = {4, 24, {81, 2, 69}}, .list = {1, nrt}},
        {.by = GEO_WHY_ASN, .asn = 1221, .list = {1, nrt}},
        {.by = GEO_WHY_COUNTRY, .code = "AU", .list = {1, syd}},
        {.by = GEO_WHY_COUNTRY, .code = "JP", .list = {2, iad_fra}},
        {.by = GEO_WHY_CONTINENT, .code = "AS", .list = {1, syd}},
    };
    const struct {
        const char *address;
        enum geo_why_first why;
        uint8_t points[4];
        unsigned certain;
    } cases[] = {
        {"10.1.2.3", GEO_WHY_NETWORK, {2}, 1},
        {"192.168.1.1", GEO_WHY_DEFAULT, {0, 1, 2, 3}, 4},
        {"127.0.0.1", GEO_WHY_DEFAULT, {0, 1, 2, 3}, 4},
        {"fd00::1", GEO_WHY_DEFAULT, {0, 1, 2, 3}, 4},
        {"224.0.0.1", GEO_WHY_DEFAULT, {0, 1, 2, 3}, 4},
        {"81.2.69.142", GEO_WHY_NETWORK, {3}, 1},
        {"81.2.69.143", GEO_WHY_NETWORK, {1, 0}, 2}, /* of two alike the first */
        {"1.128.0.1", GEO_WHY_ASN, {2}, 1},
        {"2001:218::1", GEO_WHY_COUNTRY, {1, 0}, 2},         /* JP comes before AS */
        {"175.16.199.1", GEO_WHY_CONTINENT, {3}, 1},         /* CN */
        {"2.125.160.216", GEO_WHY_NEAREST, {0, 1, 2, 3}, 4}, /* GB */
        {"216.160.83.56", GEO_WHY_NEAREST, {1, 2, 0, 3}, 4}, /* US, west */
        {"::ffff:216.160.83.56", GEO_WHY_NEAREST, {1, 2, 0, 3}, 4},
    };
    struct geo_map_conf conf = {.points = points,
        .points_n = 4,
        .overrides = overrides,
        .overrides_n = sizeof(overrides) / sizeof(overrides[0]),
        .keep = 4,
        .alike_km = -1};
    struct geo *g = geo_new();
    struct geo_map *m;
    struct geo_why why;

    (void)state;
    assert_true(geo_add(g, DATA_DIR "/maxmind-db/GeoIP2-City-Test.mmdb", &why));
    assert_true(geo_add(g, DATA_DIR "/maxmind-db/GeoLite2-ASN-Test.mmdb", &why));
    if (!geo_maps_compile(g, &conf, 1, NULL, &m, &why))
        fail_msg("%s", why.text);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct geo_client c = {.family = 4, .prefix = 32};
        struct geo_order order;

        if (inet_pton(AF_INET, cases[i].address, c.address) != 1) {
            c = (struct geo_client){.family = 6, .prefix = 128};
            assert_int_equal(inet_pton(AF_INET6, cases[i].address, c.address), 1);
        }
        geo_map_order(m, &c, &order);
        if (order.why != cases[i].why ||
            memcmp(order.points, cases[i].points, cases[i].certain) != 0)
            fail_msg("%s: %s, %u %u %u %u", cases[i].address, geo_why_word(order.why),
                order.points[0], order.points[1], order.points[2], order.points[3]);
    }
    geo_map_free(&m);
    geo_free(&g);
}

/* Without databases: overrides by network, and the default order. */
static void without_databases(void **state)
{
    static const struct geo_point points[] = {{true, 50, 8}, {false, 0, 0}, {true, 35, 139}};
    static const uint8_t two[] = {2}, order[] = {1, 0};
    const struct geo_override overrides[] = {
        {.by = GEO_WHY_NETWORK, .network = {4, 8, {20}}, .list = {1, two}}};
    struct geo_map_conf conf = {.points = points,
        .points_n = 3,
        .overrides = overrides,
        .overrides_n = 1,
        .default_order = {2, order}};
    struct geo_client c = {4, 32, {21}};
    struct geo_map_facts facts;
    struct geo_found found;
    struct geo_order all;
    struct geo_map *m;
    struct geo_why why;

    (void)state;
    assert_true(geo_maps_compile(NULL, &conf, 1, NULL, &m, &why));
    geo_map_order(m, &c, &all);
    assert_memory_equal(all.points, ((uint8_t[]){1, 0, 2}), 3);
    assert_int_equal(all.why, GEO_WHY_DEFAULT);
    c.address[0] = 20;
    geo_map_find(m, &c, &found);
    assert_int_equal(found.first, 2);
    assert_int_equal(found.scope, 8);
    c = (struct geo_client){.family = 6};
    geo_map_find(m, &c, &found);
    assert_int_equal(found.first, 1);
    assert_int_equal(found.scope, 0);
    geo_map_facts(m, &facts);
    assert_int_equal(facts.known_v4, 1 << 24);
    assert_int_equal(facts.known_v6, 0);
    /* 20/8 and what is left of 0/0 beside it: 8 more. */
    assert_int_equal(facts.v4_networks, 9);
    geo_map_free(&m);
    conf.overrides = &(struct geo_override){.by = GEO_WHY_ASN, .list = {1, two}};
    assert_false(geo_maps_compile(NULL, &conf, 1, NULL, &m, &why));
    assert_non_null(strstr(why.text, "override"));
}

/* Points within so many kilometres of the first one. */
static void alike_points(void **state)
{
    static const struct geo_point points[] = {
        {true, 52.31, 4.76}, {true, 50.9, 4.48}, {true, 50.03, 8.56}, {true, 52.31, 4.76}};
    struct geo_map_conf conf = {.points = points, .points_n = 4, .keep = 4, .alike_km = -1};
    const struct mmdb_record amsterdam = {
        .has_location = true, .latitude = 52.37, .longitude = 4.9, .country = "NL"};
    const struct {
        double km;
        unsigned alike;
    } cases[] = {{-1, 1}, {0, 2}, {100, 2}, {200, 3}, {2000, 4}};
    struct mmdb *db = mmdb_new(4);
    struct geo *g = geo_new();

    (void)state;
    mmdb_put(db, (const uint8_t[]){20, 0, 0, 0}, 8, &amsterdam);
    add_bytes(g, db);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct geo_client c = {4, 32, {20, 1, 2, 3}};
        struct geo_found found;
        struct geo_order order;
        struct geo_map *m;
        struct geo_why why;

        conf.alike_km = cases[i].km;
        assert_true(geo_maps_compile(g, &conf, 1, NULL, &m, &why));
        geo_map_find(m, &c, &found);
        geo_map_order(m, &c, &order);
        assert_int_equal(order.alike, cases[i].alike);
        assert_int_equal(found.alone, cases[i].alike == 1);
        assert_memory_equal(order.points, ((uint8_t[]){0, 3, 1, 2}), 4);
        geo_map_free(&m);
    }
    mmdb_free(&db);
    geo_free(&g);
}

/* The same input makes the same map, alone or beside others; another makes another. */
static void hashes(void **state)
{
    struct geo_map_facts a, b, c;
    struct geo_map_conf confs[2];
    struct geo_map *maps[2];
    struct geo_why why;
    struct world *w;

    (void)state;
    say_seed();
    w = world_new(200, 8, 5);
    confs[0] = confs[1] = w->conf;
    confs[0].overrides_n = 0;
    assert_true(geo_maps_compile(w->g, confs, 2, NULL, maps, &why));
    geo_map_facts(w->m, &a);
    geo_map_facts(maps[1], &b);
    geo_map_facts(maps[0], &c);
    assert_true(hash128_eq(a.hash, b.hash) && hash128_eq(a.identity, b.identity));
    assert_false(hash128_eq(a.identity, c.identity));
    assert_true(hash128_eq(a.identity, geo_map_identity(w->g, &w->conf)));
    assert_false(hash128_eq(a.identity, geo_map_identity(NULL, &w->conf)));
    assert_true(geo_map_moved_percent(w->m, maps[1]) == 0);
    geo_map_free(&maps[0]);
    geo_map_free(&maps[1]);
    world_free(w);
}

/* By another walk: how good it is, and how far it differs from another. */
static void quality(void **state)
{
    static const struct geo_point points[] = {{true, 50, 8}, {true, 39, -77}};
    static const uint8_t one[] = {1};
    const struct geo_override overrides[] = {
        {.by = GEO_WHY_NETWORK, .network = {4, 10, {20, 64}}, .list = {1, one}}};
    struct geo_map_conf conf = {.points = points, .points_n = 2, .alike_km = -1}, bent = conf;
    const struct mmdb_record berlin = {.has_location = true, .latitude = 52.5, .longitude = 13.4};
    struct mmdb *db = mmdb_new(6);
    struct geo_map_quality q;
    struct geo_map *maps[2];
    struct geo *g = geo_new();
    struct geo_why why;

    (void)state;
    mmdb_put(db, (const uint8_t[16]){[12] = 20}, 96 + 8, &berlin);
    mmdb_put(db, (const uint8_t[16]){0x24}, 32, &berlin);
    mmdb_put(db, (const uint8_t[16]){0x25}, 50, &berlin);
    add_bytes(g, db);
    bent.overrides = overrides;
    bent.overrides_n = 1;
    assert_true(geo_maps_compile(g, &conf, 1, NULL, &maps[0], &why));
    assert_true(geo_maps_compile(g, &bent, 1, NULL, &maps[1], &why));
    assert_true(geo_map_check(maps[0], g, &conf, &q, &why));
    assert_true(q.v4_known == 1 << 24 && q.v6_known == 65536.25);
    assert_true(q.v4_nearest_percent == 100 && q.v6_nearest_percent == 100);
    assert_true(q.v4_excess_km == 0);
    assert_true(geo_map_check(maps[1], g, &bent, &q, &why));
    assert_true(q.v4_nearest_percent == 75 && q.v6_nearest_percent == 100);
    /* 6709 km to the other one less 466 km to this one, for a quarter. */
    assert_true(q.v4_excess_km > 1540 && q.v4_excess_km < 1590);
    assert_true(fabs(geo_map_moved_percent(maps[0], maps[1]) - 25) < 1e-6);
    assert_true(fabs(geo_map_moved_percent(maps[1], maps[0]) - 25) < 1e-6);
    geo_map_free(&maps[0]);
    geo_map_free(&maps[1]);
    mmdb_free(&db);
    geo_free(&g);
}

static bool not_now(void *ctx, unsigned percent)
{
    ++*(unsigned *)ctx;
    return percent > 100;
}

/* A tree in circles, a deep one, records out of range: an end, and a sentence. */
static void bad_trees(void **state)
{
    static const struct geo_point points[] = {{true, 50, 8}};
    struct geo_map_conf conf = {.points = points, .points_n = 1};
    struct mmdb *db = mmdb_new(6);
    const struct mmdb_record r = {.has_location = true, .latitude = 1, .longitude = 1};
    char path[] = "/tmp/selvage-map-XXXXXX";
    int fd = mkstemp(path);
    unsigned refused = 0, made = 0;
    uint8_t *bytes;
    size_t n;

    (void)state;
    mmdb_put(db, (const uint8_t[16]){0x24, 1, 2, 3}, 20, &r);
    bytes = mmdb_bytes(db, 32, &n);
    /* Each record of each of the 20 nodes leads to each of the nodes. */
    for (unsigned at = 0; at < 20 * 8; at += 4) {
        for (uint32_t to = 0; to < 20; to++) {
            uint8_t good[4];
            struct geo *g = geo_new();
            struct geo_map *m;
            struct geo_why why;

            memcpy(good, bytes + at, 4);
            memcpy(bytes + at, (const uint8_t[]){0, 0, 0, (uint8_t)to}, 4);
            assert_int_equal(pwrite(fd, bytes, n, 0), n);
            memcpy(bytes + at, good, 4);
            if (geo_add(g, path, &why)) {
                if (geo_maps_compile(g, &conf, 1, NULL, &m, &why)) {
                    geo_map_free(&m);
                    made++;
                } else {
                    assert_non_null(strstr(why.text, "damaged"));
                    refused++;
                }
            }
            geo_free(&g);
        }
    }
    print_message("%u refused, %u made\n", refused, made);
    assert_true(refused > 100 && made > 20);
    close(fd);
    unlink(path);
    free(bytes);
    mmdb_free(&db);
}

static void stopped(void **state)
{
    static const uint8_t zero[] = {0};
    unsigned asked = 0;
    struct geo_progress progress = {not_now, &asked};
    struct geo_point point = {true, 1, 1};
    struct geo_override *overrides = xcalloc(GEO_OVERRIDES_MAX, sizeof(*overrides));
    struct geo_map_conf conf = {
        .points = &point, .points_n = 1, .overrides = overrides, .overrides_n = GEO_OVERRIDES_MAX};
    struct geo_map *m;
    struct geo_why why;

    (void)state;
    for (unsigned i = 0; i < GEO_OVERRIDES_MAX; i++)
        overrides[i] = (struct geo_override){.by = GEO_WHY_NETWORK,
            .network = {4, 32, {20, (uint8_t)(i >> 8), (uint8_t)i, 1}},
            .list = {1, zero}};
    assert_false(geo_maps_compile(NULL, &conf, 1, &progress, &m, &why));
    assert_int_equal(asked, 1);
    assert_true(why.text[0] != '\0');
    free(overrides);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_addresses),
        cmocka_unit_test(short_prefixes),
        cmocka_unit_test(capped),
        cmocka_unit_test(embedded),
        cmocka_unit_test(rules),
        cmocka_unit_test(without_databases),
        cmocka_unit_test(alike_points),
        cmocka_unit_test(hashes),
        cmocka_unit_test(quality),
        cmocka_unit_test(bad_trees),
        cmocka_unit_test(stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
