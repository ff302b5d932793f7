/*
 * Any bytes as a database: refused, or compiled into maps that answer every client with points that
 * there are, under scopes that are no longer than an address; and what is true of all maps is true.
 */
#include "base/check.h"
#include "geo/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { BYTES_MAX = 1 << 17, POINTS = 5 };

static void ask(const struct geo_map *m, const struct geo_client *c)
{
    unsigned bits = c->family == 4 ? 32 : 128;
    struct geo_found found;
    struct geo_order order;
    bool there[POINTS] = {false};

    geo_map_find(m, c, &found);
    geo_map_order(m, c, &order);
    check(found.first < POINTS && found.scope <= c->prefix && c->prefix <= bits);
    check(order.n == POINTS && order.points[0] == found.first);
    check(order.scope >= found.scope && order.scope <= c->prefix);
    check(!found.mixed || (order.mixed && found.scope == c->prefix));
    for (unsigned i = 0; i < POINTS; i++) {
        check(order.points[i] < POINTS && !there[order.points[i]]);
        there[order.points[i]] = true;
    }
}

static void ask_all(const struct geo_map *m)
{
    static const uint8_t first[] = {0, 1, 2, 0x20, 0x24, 0x2a, 81, 89, 127, 175, 216, 255};
    uint64_t x = 88172645463325252u;

    for (unsigned i = 0; i < 300; i++) {
        struct geo_client c = {.family = i % 2 == 0 ? 4 : 6};

        for (unsigned j = 0; j < 16; j += 8) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            memcpy(c.address + j, &x, 8);
        }
        c.address[0] = first[i % sizeof(first)];
        if (i % 5 == 0)
            memset(c.address, 0, 12);
        c.prefix = (uint8_t)(c.address[15] % (c.family == 4 ? 33 : 129));
        ask(m, &c);
        c.prefix = c.family == 4 ? 32 : 128;
        ask(m, &c);
    }
}

static void compile(const struct geo *g)
{
    static const struct geo_point points[POINTS] = {
        {true, 50, 8}, {true, 39, -77}, {true, 35, 139}, {false, 0, 0}, {true, -33, 151}};
    static const uint8_t list[] = {3, 1};
    static const struct geo_override overrides[] = {
        {.by = GEO_WHY_NETWORK, .network = {4, 23, {81, 2, 68}}, .list = {2, list}},
        {.by = GEO_WHY_NETWORK, .network = {6, 33, {0x2a, 2}}, .list = {1, list}},
        {.by = GEO_WHY_ASN, .asn = 1221, .list = {1, list}},
        {.by = GEO_WHY_COUNTRY, .code = "GB", .list = {1, list}},
        {.by = GEO_WHY_CONTINENT, .code = "AS", .list = {2, list}}};
    const struct geo_map_conf confs[] = {{.points = points, .points_n = POINTS, .alike_km = -1},
        {.points = points,
            .points_n = POINTS,
            .overrides = overrides,
            .overrides_n = ARRAY_LEN(overrides),
            .keep = 2,
            .alike_km = 500,
            .v4_bits = 24,
            .v6_bits = 48}};
    struct geo_map *maps[2];
    struct geo_map_quality q;
    struct geo_why why;

    if (!geo_maps_compile(g, confs, 2, NULL, maps, &why)) {
        check(why.text[0] != '\0');
        return;
    }
    ask_all(maps[0]);
    ask_all(maps[1]);
    check(geo_map_check(maps[0], g, &confs[0], &q, &why));
    check(q.v4_nearest_percent == 100 && q.v6_nearest_percent == 100);
    geo_map_free(&maps[0]);
    geo_map_free(&maps[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    struct geo *g = geo_new();
    struct geo_why why;
    char path[64];

    check(fd >= 0);
    if (n > BYTES_MAX)
        n = BYTES_MAX;
    check(write(fd, data, n) == (ssize_t)n);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (geo_add(g, path, &why))
        compile(g);
    else
        check(why.text[0] != '\0');
    geo_free(&g);
    close(fd);
    return 0;
}
