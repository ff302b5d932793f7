/* zones.h - zones out of text, for tests: the block zone alone, without the rest of a director. */
#ifndef TESTS_DIRECTOR_ZONES_H
#define TESTS_DIRECTOR_ZONES_H

#include "director/conf.h"
#include "director/steer.h"
#include "director/zone.h"
#include "dns/name.h"

/* There is a steer called "cdn", and one called "img". */
static struct steer test_steers[] = {{.name = {"cdn", 3}}, {.index = 1, .name = {"img", 3}}};

struct test_zones {
    struct arena arena;
    struct director_conf conf;
    struct conf_errors errors;
    const struct zones *zones; /* NULL: see errors */
};

static void *test_main_open(struct conf_load *l, void *parent, const struct conf_node *node)
{
    (void)l;
    (void)node;
    return parent;
}

static void test_main_close(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct steer_list steers = {test_steers, 2};

    (void)node;
    zones_conf_close(l, &((struct director_conf *)self)->zones, &steers);
}

static const struct directive test_main_rows[] = {
    {"zone", CONF_BLOCK(&zone_context, 1, 1), .usage = "NAME", .flags = DIRECTIVE_MANY}, {0}};

static const struct conf_context test_main = {
    .name = "main", .tables = {{test_main_rows}}, .open = test_main_open, .close = test_main_close};

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

static void test_zones_close(struct test_zones *t)
{
    arena_free(&t->arena);
}

#endif
