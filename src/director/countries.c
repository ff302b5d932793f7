#include "director/countries.h"

#include "base/attrs.h"
#include "base/check.h"
#include "base/thread.h"

enum {
#define COUNTRY(code, continent, latitude, longitude) COUNTRY_##code,
#include "geo/countries.tbl"
#undef COUNTRY
    OTHER,
    COUNTRIES
};
_Static_assert((int)COUNTRIES <= (int)GEO_POINTS_MAX, "countries are points of a map");

static const char *const words[COUNTRIES] = {
#define COUNTRY(code, continent, latitude, longitude) #code,
#include "geo/countries.tbl"
#undef COUNTRY
    "other",
};

/* --- the map ---------------------------------------------------------------------------------- */

static const uint8_t numbers[COUNTRIES] = {
#define COUNTRY(code, continent, latitude, longitude) COUNTRY_##code,
#include "geo/countries.tbl"
#undef COUNTRY
    OTHER,
};

/* Nowhere: what no override has is in the default order, which "other" leads. */
static const struct geo_point points[COUNTRIES];

static const struct geo_override overrides[] = {
#define COUNTRY(name, continent, latitude, longitude)                                              \
    {.by = GEO_WHY_COUNTRY, .code = #name, .list = {.n = 1, .points = &numbers[COUNTRY_##name]}},
#include "geo/countries.tbl"
#undef COUNTRY
};

const struct geo_map_conf countries_map_conf = {
    .points = points,
    .points_n = COUNTRIES,
    .overrides = overrides,
    .overrides_n = ARRAY_LEN(overrides),
    .default_order = {.n = 1, .points = &numbers[OTHER]},
    .keep = 1,
    .alike_km = -1,
    .first_only = true,
};

unsigned countries_find(const struct geo_map *m, const struct geo_client *client)
{
    struct geo_found found;

    if (client->prefix == 0)
        return OTHER;
    geo_map_find(m, client, &found);
    return found.first;
}

/* --- counting --------------------------------------------------------------------------------- */

static struct block {
    _Alignas(64) _Atomic uint64_t seen[COUNTRIES];
    unsigned answers; /* since the last one that was asked for; the worker's own */
} blocks[THREADS_MAX];

void countries_count(const struct geo_map *m, const struct geo_client *client)
{
    struct block *b = &blocks[thread_index()];
    _Atomic uint64_t *seen;

    if (m == NULL || ++b->answers < COUNTRIES_SAMPLE)
        return;
    b->answers = 0;
    seen = &b->seen[countries_find(m, client)];
    atomic_store_explicit(seen, atomic_load_explicit(seen, memory_order_relaxed) + COUNTRIES_SAMPLE,
        memory_order_relaxed);
}

static struct span word_of(unsigned i)
{
    return span_of(words[i]);
}

static uint64_t sum_of(unsigned i)
{
    uint64_t n = 0;

    for (unsigned t = 0; t < THREADS_MAX; t++)
        n += atomic_load_explicit(&blocks[t].seen[i], memory_order_relaxed);
    return n;
}

const struct counter_list countries_list = {
    .metric = "selvage_director_clients_total",
    .label = "country",
    .help =
        "Clients that were given a PoP, by country, from a sample: every 16th of a worker counts "
        "16 times (country-metrics)",
    .seen_only = true,
    .n = COUNTRIES,
    .value = word_of,
    .sum = sum_of,
};
