#include "director/map_check.h"

#include "base/check.h"
#include "director/map_json.h"
#include "director/map_made.h"

#include <stdio.h>
#include <stdlib.h>

static struct geo *open_all(const struct conf_strings *paths, struct geo_why *why)
{
    struct geo *g = geo_new();

    if (paths->n == 0)
        (void)snprintf(why->text, sizeof(why->text), "no database is configured");
    for (unsigned i = 0; i < paths->n; i++) {
        if (!geo_add(g, paths->v[i].p, why))
            geo_free(&g);
        if (g == NULL)
            return NULL;
    }
    if (paths->n == 0)
        geo_free(&g);
    return g;
}

/* One map with what a check finds; NULL: `why` says what is in the way. */
static json_t *check_one(
    const struct steer *s, const struct geo_map *map, const struct geo *g, struct geo_why *why)
{
    struct map_plan *plan = xcalloc(1, sizeof(*plan));
    struct geo_map_quality quality;
    struct geo_map_facts facts;
    json_t *o = NULL;

    map_plan_make(plan, s, g);
    if (geo_map_check(map, g, &plan->conf, &quality, why)) {
        geo_map_facts(map, &facts);
        o = map_json_map(s, &facts);
        map_json_add_quality(o, &quality);
    }
    free(plan);
    return o;
}

json_t *map_check(const struct map_keeper_conf *c, struct geo_why *why)
{
    struct geo *g = open_all(&c->conf->databases, why);
    struct map_made *m = g != NULL ? map_made_compile(c, g, NULL, why) : NULL;
    json_t *maps = m != NULL ? json_array() : NULL, *o = NULL;
    bool ok = m != NULL;

    for (unsigned i = 0; ok && i < c->steers->n; i++) {
        json_t *one = check_one(&c->steers->v[i], m->own[i], g, why);

        ok = one != NULL && json_array_append_new(maps, one) == 0;
    }
    if (ok)
        o = json_pack("{s:O}", "maps", maps);
    json_decref(maps);
    map_made_free(&m);
    geo_free(&g);
    return o;
}
