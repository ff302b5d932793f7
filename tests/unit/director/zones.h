/* zones.h - zones out of text, for tests: the blocks pop, steer and zone, without the rest of a
 * director. Maps are compiled without a database: overrides count, and the order of `pops`. */
#ifndef TESTS_DIRECTOR_ZONES_H
#define TESTS_DIRECTOR_ZONES_H

#include "director/conf.h"
#include "director/pop_conf.h"
#include "director/pops.h"
#include "director/steer_conf.h"
#include "director/zone.h"
#include "dns/name.h"
#include "geo/map.h"

/* For text in front of zones; all on one line, so that places are easy to count. */
#define TEST_STEERS                                                                                \
    "pop one { location 50 8; address 198.51.100.1 2001:db8:1::1; } "                              \
    "pop two { location 38 -77; address 198.51.100.2; } "                                          \
    "steer cdn { pops one two; ttl 20s; network 203.0.113.0/25 -> two; network 10.7.0.0/16 -> "    \
    "two; network 192.0.2.8/32 -> two; } "                                                         \
    "steer img { pops two; ttl 30s; } "

enum { TEST_STEERS_MAX = 8 };

struct test_zones {
    struct arena arena;
    struct director_conf conf;
    struct conf_errors errors;
    const struct zones *zones; /* NULL: see errors */
    struct pops *pops;
    struct geo_map *maps[TEST_STEERS_MAX];
    struct steering steering;
};

static void *test_main_open(struct conf_load *l, void *parent, const struct conf_node *node)
{
    (void)l;
    (void)node;
    return parent;
}

static void test_main_close(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct director_conf *c = self;

    (void)node;
    steer_list_resolve(l, &c->steers, &c->pops);
    zones_conf_close(l, &c->zones, &c->steers);
}

static const struct directive test_main_rows[] = {
    {"pop", CONF_BLOCK(&pop_context, 1, 1), .usage = "NAME", .flags = DIRECTIVE_MANY},
    {"steer", CONF_BLOCK(&steer_context, 1, 1), .usage = "NAME", .flags = DIRECTIVE_MANY},
    {"zone", CONF_BLOCK(&zone_context, 1, 1), .usage = "NAME", .flags = DIRECTIVE_MANY},
    {0},
};

static const struct conf_context test_main = {
    .name = "main", .tables = {{test_main_rows}}, .open = test_main_open, .close = test_main_close};

/* In errors it is file "z". */
static void test_zones_open(struct test_zones *t, struct span text)
{
    const struct conf_node *root;

    memset(t, 0, sizeof(*t));
    arena_init(&t->arena);
    conf_errors_init(&t->errors, &t->arena);
    root = conf_read_text(&t->arena, "z", text, &t->errors);
    if (root != NULL && conf_apply(&test_main, &t->conf, root, &t->arena, &t->errors) != NULL)
        t->zones = t->conf.zones.zones;
}

/* What steered names need, when there is no error. False: too many steers, or no map for one. */
static UNUSED bool test_zones_steer(struct test_zones *t)
{
    const struct steer_list *steers = &t->conf.steers;
    struct pops_conf conf = {.list = &t->conf.pops};

    t->pops = pops_new(&conf);
    t->steering = (struct steering){
        .pops = t->pops, .maps = (const struct geo_map *const *)t->maps, .now = 1000000};
    if (steers->n > TEST_STEERS_MAX)
        return false;
    for (unsigned i = 0; i < steers->n; i++) {
        struct geo_point points[STEER_POPS_MAX];
        struct geo_map_conf map = steers->v[i].map;
        struct geo_why why;

        steer_points(&steers->v[i], NULL, points);
        map.points = points;
        if (!geo_maps_compile(NULL, &map, 1, NULL, &t->maps[i], &why))
            return false;
    }
    return true;
}

static void test_zones_close(struct test_zones *t)
{
    for (unsigned i = 0; i < TEST_STEERS_MAX; i++)
        geo_map_free(&t->maps[i]);
    if (t->pops != NULL)
        pops_free(&t->pops);
    zones_conf_free(&t->conf.zones);
    pop_list_free(&t->conf.pops);
    arena_free(&t->arena);
}

#endif
