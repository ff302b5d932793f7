#include "director/map_made.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/log.h"
#include "director/countries.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { HASH_SEED = 0x6d617073 };

void map_plan_make(struct map_plan *p, const struct steer *s, const struct geo *g)
{
    p->conf = s->map;
    p->conf.points = p->points;
    p->conf.points_n = s->pops_n;
    steer_points(s, g, p->points);
}

static unsigned wanted(const struct map_keeper_conf *c)
{
    return c->steers->n + (c->conf->country_metrics ? 1 : 0);
}

/* Of a steer, by its index; behind those, of countries. NULL: the latter. */
static const struct steer *steer_of(const struct map_keeper_conf *c, unsigned map)
{
    return map < c->steers->n ? &c->steers->v[map] : NULL;
}

static void plan(
    struct map_plan *p, const struct map_keeper_conf *c, unsigned map, const struct geo *g)
{
    const struct steer *s = steer_of(c, map);

    if (s != NULL)
        map_plan_make(p, s, g);
    else
        p->conf = countries_map_conf;
}

/* No steer has this name: a tilde may not stand in theirs. */
static struct span name_of(const struct map_keeper_conf *c, unsigned map)
{
    const struct steer *s = steer_of(c, map);

    return s != NULL ? s->name : SPAN("~countries");
}

/* A PoP whose place comes from the databases is told apart by where it would be looked for. */
static uint64_t hash_addresses(const struct pop *p, uint64_t seed)
{
    char text[ADDR_TEXT];

    for (unsigned i = 0; i < p->v4_n; i++)
        seed = hash64_seeded(span_of(addr_text(&p->v4[i], text)), seed);
    for (unsigned i = 0; i < p->v6_n; i++)
        seed = hash64_seeded(span_of(addr_text(&p->v6[i], text)), seed);
    return seed;
}

uint64_t map_conf_hash(const struct map_keeper_conf *c, unsigned map)
{
    const struct steer *s = steer_of(c, map);
    struct map_plan p;
    struct hash128 id;
    uint64_t h;

    plan(&p, c, map, NULL);
    id = geo_map_identity(NULL, &p.conf);
    h = hash64_seeded(span_make((const char *)&id, sizeof(id)), HASH_SEED);
    for (unsigned i = 0; s != NULL && i < s->pops_n; i++) {
        if (!s->pops[i]->has_location)
            h = hash_addresses(s->pops[i], h + i);
    }
    return h;
}

/* --- a set ------------------------------------------------------------------------------------ */

static struct map_made *new_set(const struct map_keeper_conf *c)
{
    struct map_made *m = xcalloc(1, sizeof(*m));

    m->n = wanted(c);
    m->moved = -1;
    for (unsigned i = 0; i < c->pops->n; i++) {
        const struct pop *p = &c->pops->v[i];

        m->set.places[i] = (struct geo_point){
            .has_location = p->has_location, .latitude = p->latitude, .longitude = p->longitude};
    }
    return m;
}

static void take_places(struct map_made *m, const struct steer *s, const struct geo_point *points)
{
    for (unsigned i = 0; i < s->pops_n; i++)
        m->set.places[s->pops[i]->index] = points[i];
}

static void take_map(
    const struct map_keeper_conf *c, struct map_made *m, unsigned at, struct geo_map *map)
{
    m->own[at] = map;
    if (steer_of(c, at) != NULL)
        m->set.maps[at] = map;
    else
        m->set.countries = map;
}

void map_made_free(struct map_made **mp)
{
    struct map_made *m = *mp;

    *mp = NULL;
    if (m == NULL)
        return;
    for (unsigned i = 0; i < m->n; i++)
        geo_map_free(&m->own[i]);
    free(m);
}

struct map_made *map_made_compile(const struct map_keeper_conf *c, const struct geo *g,
    const struct geo_progress *progress, struct geo_why *why)
{
    unsigned n = wanted(c);
    struct map_plan *plans = xcalloc(n + 1, sizeof(*plans));
    struct geo_map_conf *confs = xcalloc(n + 1, sizeof(*confs));
    struct geo_map *maps[MAPS_MAX] = {NULL};
    struct map_made *m = NULL;
    mono_ms begun = clock_mono_ms();

    for (unsigned i = 0; i < n; i++) {
        plan(&plans[i], c, i, g);
        confs[i] = plans[i].conf;
    }
    if (n == 0 || geo_maps_compile(g, confs, n, progress, maps, why)) {
        m = new_set(c);
        for (unsigned i = 0; i < n; i++) {
            take_map(c, m, i, maps[i]);
            if (steer_of(c, i) != NULL)
                take_places(m, &c->steers->v[i], plans[i].points);
        }
        m->from_databases = g != NULL;
        m->made = clock_wall_s();
        m->took_ms = clock_mono_ms() - begun;
    }
    free(confs);
    free(plans);
    return m;
}

/* --- kept on disk ----------------------------------------------------------------------------- */

static bool keeps(const struct map_keeper_conf *c)
{
    return !span_eq(c->conf->cache, SPAN("off"));
}

/* False: there is no such path. */
static bool path_of(const struct map_keeper_conf *c, unsigned map, char path[PATH_MAX])
{
    int n = snprintf(
        path, PATH_MAX, "%.*s/%.*s.map", SPAN_ARG(c->conf->cache), SPAN_ARG(name_of(c, map)));

    return n < PATH_MAX;
}

/* When the file was written, which is when its map was compiled, or found to be up to date. */
static wall_s written_at(const struct map_keeper_conf *c, unsigned map)
{
    char path[PATH_MAX];
    struct stat st;

    return path_of(c, map, path) && stat(path, &st) == 0 ? st.st_mtime : 0;
}

static struct geo_map *open_kept(
    const struct map_keeper_conf *c, unsigned at, uint64_t *files, struct geo_why *why)
{
    struct hash128 stamp;
    struct geo_map *map;
    char path[PATH_MAX];

    if (!path_of(c, at, path) || (map = geo_map_open(path, &stamp, why)) == NULL)
        return NULL;
    if (stamp.lo != map_conf_hash(c, at)) {
        snprintf(why->text, sizeof(why->text), "%.200s: it is of another configuration", path);
        geo_map_free(&map);
    }
    *files = stamp.hi;
    return map;
}

struct map_made *map_made_open(const struct map_keeper_conf *c)
{
    struct map_made *m;
    unsigned found = 0, steers_found = 0;
    struct geo_why why;

    m = map_made_compile(c, NULL, NULL, &why);
    check(m != NULL); /* what a configuration may say can be compiled */
    m->took_ms = 0;
    m->made = 0;
    if (!keeps(c) || c->conf->databases.n == 0)
        return m;
    for (unsigned i = 0; i < m->n; i++) {
        uint64_t files = 0;
        struct geo_map *map = open_kept(c, i, &files, &why);

        if (map == NULL) {
            log_msg(LOG_INFO, "maps: none kept for %s: %s", name_of(c, i).p, why.text);
            continue;
        }
        geo_map_free(&m->own[i]);
        take_map(c, m, i, map);
        steers_found += steer_of(c, i) != NULL;
        m->files = found++ == 0 || files == m->files ? files : 0;
    }
    m->from_databases = steers_found > 0;
    if (steers_found > 0)
        m->made = written_at(c, 0);
    m->partial = steers_found < c->steers->n;
    m->kept = found > 0 && found == m->n;
    return m;
}

bool map_made_keep(const struct map_keeper_conf *c, const struct map_made *m, struct geo_why *why)
{
    char path[PATH_MAX];

    for (unsigned i = 0; i < m->n && keeps(c); i++) {
        struct hash128 stamp = {.lo = map_conf_hash(c, i), .hi = m->files};

        if (path_of(c, i, path) && !geo_map_write(m->own[i], path, stamp, why))
            return false;
    }
    return true;
}

/* --- judging ---------------------------------------------------------------------------------- */

bool map_made_same(const struct map_keeper_conf *c, const struct map_made *m, const struct geo *g)
{
    bool same = m->from_databases && !m->partial;
    struct map_plan *p = xcalloc(1, sizeof(*p));

    for (unsigned i = 0; i < m->n && same; i++) {
        struct geo_map_facts facts;

        plan(p, c, i, g);
        geo_map_facts(m->own[i], &facts);
        same = hash128_eq(facts.identity, geo_map_identity(g, &p->conf));
    }
    free(p);
    return same;
}

/* What a map knows without a database, by the configuration's own words, is no merit of one. */
static bool knows_more(
    const struct map_keeper_conf *c, const struct map_made *fresh, const struct map_made *bare)
{
    struct geo_map_facts with, without;

    for (unsigned i = 0; i < c->steers->n; i++) {
        geo_map_facts(fresh->own[i], &with);
        geo_map_facts(bare->own[i], &without);
        if (with.known_v4 > without.known_v4 || with.known_v6 > without.known_v6)
            return true;
    }
    return c->steers->n == 0;
}

static bool covers(
    const struct map_keeper_conf *c, const struct map_made *fresh, struct geo_why *why)
{
    struct map_made *bare = map_made_compile(c, NULL, NULL, why);
    bool ok = bare != NULL && knows_more(c, fresh, bare);

    if (bare != NULL && !ok)
        snprintf(why->text, sizeof(why->text),
            "nobody would be nearer to one PoP than to another: no PoP has a location, or the "
            "databases know no places");
    map_made_free(&bare);
    return ok;
}

bool map_made_judge(const struct map_keeper_conf *c, const struct map_made *old,
    struct map_made *fresh, struct geo_why *why)
{
    unsigned worst = 0;

    if (!covers(c, fresh, why))
        return false;
    if (!old->from_databases || old->partial)
        return true;
    for (unsigned i = 0; i < c->steers->n; i++) {
        double moved = geo_map_moved_percent(old->own[i], fresh->own[i]);

        worst = moved > fresh->moved ? i : worst;
        fresh->moved = moved > fresh->moved ? moved : fresh->moved;
    }
    if (c->conf->change_max_percent == 100 || fresh->moved <= (double)c->conf->change_max_percent)
        return true;
    snprintf(why->text, sizeof(why->text),
        "%.1f %% of what is known would get another first PoP of %.63s, and database-change-max is "
        "%d %%; selvagectl map reload --force takes it all the same",
        fresh->moved, c->steers->v[worst].name.p, (int)c->conf->change_max_percent);
    return false;
}
