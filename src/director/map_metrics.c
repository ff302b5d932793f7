#include "director/map_metrics.h"

#include "base/attrs.h"
#include "base/check.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const struct steer_list *named; /* set by main before there are workers */
static struct map_keeper *_Atomic watched;

/* One value of the status, which is large: somebody asks now and then. */
static uint64_t ask(uint64_t (*value)(const struct map_status *s, unsigned i), unsigned i)
{
    struct map_keeper *k = atomic_load(&watched);
    struct map_status *s;
    uint64_t v;

    if (k == NULL)
        return 0;
    s = xmalloc(sizeof(*s));
    map_keeper_status(k, s);
    v = value(s, i);
    free(s);
    return v;
}

static uint64_t since(wall_s t)
{
    return t > 0 ? (uint64_t)t : 0;
}

/* --- the set ---------------------------------------------------------------------------------- */

static struct span state_word(unsigned i)
{
    return span_of(map_state_word((enum map_state)i));
}

static uint64_t state_in(const struct map_status *s, unsigned i)
{
    return s->state == (enum map_state)i;
}

static uint64_t state_now(unsigned i)
{
    return ask(state_in, i);
}

/* Where maps come from. */
enum origin { BY_COMPILED, BY_KEPT, BY_NONE, ORIGINS };

static struct span origin_word(unsigned i)
{
    static const char *const words[ORIGINS] = {"compiled", "kept", "default-order"};

    return span_of(words[i]);
}

static uint64_t origin_in(const struct map_status *s, unsigned i)
{
    /* The first set is what was found on disk. */
    enum origin o = !s->from_databases ? BY_NONE : s->number == 1 ? BY_KEPT : BY_COMPILED;

    return o == (enum origin)i;
}

static uint64_t origin_now(unsigned i)
{
    return ask(origin_in, i);
}

static uint64_t made_in(const struct map_status *s, unsigned i)
{
    (void)i;
    return since(s->made);
}

static uint64_t made_now(unsigned i)
{
    return ask(made_in, i);
}

static const struct counter_list by_state = {
    .metric = "selvage_director_maps_state",
    .label = "state",
    .help = "1 for the state that the maps are in, as selvagectl map has it",
    .gauge = true,
    .n = MAP_STATES,
    .value = state_word,
    .sum = state_now,
};

static const struct counter_list by_origin = {
    .metric = "selvage_director_maps_from",
    .label = "from",
    .help =
        "1 for what clients are sent by: maps that were compiled since the start, maps that were "
        "kept on disk, or the default order",
    .gauge = true,
    .n = ORIGINS,
    .value = origin_word,
    .sum = origin_now,
};

static const struct counter_list made = {
    .metric = "selvage_director_maps_made_timestamp_seconds",
    .help = "When the maps in use were compiled; 0: there are none of databases",
    .gauge = true,
    .n = 1,
    .sum = made_now,
};

/* --- each map --------------------------------------------------------------------------------- */

/* Behind the steers: the map of countries. */
static struct span map_word(unsigned i)
{
    return i < named->n ? named->v[i].name : SPAN("~countries");
}

static uint64_t bytes_in(const struct map_status *s, unsigned i)
{
    return i < s->maps_n ? s->facts[i].bytes : s->countries_bytes;
}

static uint64_t bytes_now(unsigned i)
{
    return ask(bytes_in, i);
}

static uint64_t networks_in(const struct map_status *s, unsigned i)
{
    return s->facts[i].v4_networks + s->facts[i].v6_networks;
}

static uint64_t networks_now(unsigned i)
{
    return ask(networks_in, i);
}

static struct counter_list map_bytes = {
    .metric = "selvage_director_map_bytes",
    .label = "steer",
    .help = "Size of a steer's map, and of that of countries (~countries)",
    .gauge = true,
    .value = map_word,
    .sum = bytes_now,
};

static struct counter_list map_networks = {
    .metric = "selvage_director_map_networks",
    .label = "steer",
    .help = "Networks of clients that a steer tells apart by their first PoP",
    .gauge = true,
    .value = map_word,
    .sum = networks_now,
};

/* --- databases -------------------------------------------------------------------------------- */

/* By place in the configuration: a path may have letters that no label may. */
static struct span file_word(unsigned i)
{
    static const char *const words[] = {"1", "2", "3", "4", "5", "6", "7", "8"};

    _Static_assert(ARRAY_LEN(words) == GEO_FILES_MAX, "a word for each");
    return span_of(words[i]);
}

static uint64_t built_in(const struct map_status *s, unsigned i)
{
    return since(s->files[i].built);
}

static uint64_t built_now(unsigned i)
{
    return ask(built_in, i);
}

static uint64_t changed_in(const struct map_status *s, unsigned i)
{
    return s->files[i].there ? since(s->files[i].changed) : 0;
}

static uint64_t changed_now(unsigned i)
{
    return ask(changed_in, i);
}

static struct counter_list built = {
    .metric = "selvage_director_database_built_timestamp_seconds",
    .label = "database",
    .help =
        "When a database was built, by its own word, when it was read last; by its place in the "
        "configuration. Left out until it is read, which a start with kept maps need not do",
    .gauge = true,
    .seen_only = true,
    .value = file_word,
    .sum = built_now,
};

static struct counter_list changed = {
    .metric = "selvage_director_database_changed_timestamp_seconds",
    .label = "database",
    .help = "When a database's file was changed; 0: it is not there",
    .gauge = true,
    .value = file_word,
    .sum = changed_now,
};

void map_metrics_lists(const struct map_conf *conf, const struct steer_list *steers,
    const struct counter_list *out[MAP_METRICS])
{
    const struct counter_list *const all[MAP_METRICS] = {
        &by_state, &by_origin, &made, &map_bytes, &map_networks, &built, &changed, NULL};

    named = steers;
    map_networks.n = steers->n;
    map_bytes.n = steers->n + (conf->country_metrics ? 1 : 0);
    built.n = changed.n = conf->databases.n < GEO_FILES_MAX ? conf->databases.n : GEO_FILES_MAX;
    memcpy(out, all, sizeof(all));
}

void map_metrics_watch(struct map_keeper *k)
{
    atomic_store(&watched, k);
}
