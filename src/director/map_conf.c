#include "director/map_conf.h"

#include "geo/database.h"

#include <stdlib.h>

/* database-change-max 20%; */
static void set_change_max(struct conf_load *l, void *self, const struct conf_node *node)
{
    struct span s = node->args[0].text;
    char *end;
    long n = strtol(s.p, &end, 10);

    if (s.n < 2 || s.p[0] < '0' || s.p[0] > '9' || end != s.p + s.n - 1 || *end != '%' || n < 1 ||
        n > 100)
        conf_error(l->errors, node->args[0].at,
            "\"%.*s\" is no share of addresses: 1%% to 100%%, where 100%% takes every database",
            CONF_SHOW(s));
    else
        ((struct map_conf *)self)->change_max_percent = n;
}

const struct directive map_directives[] = {
    {"database", CONF_STRINGS(struct map_conf, databases), .usage = "FILE...",
        .flags = DIRECTIVE_MANY, .unset = "none: PoPs are in their default order for everybody",
        .about = "Databases in MaxMind's format (.mmdb) that say where an address is. Each adds "
                 "what those before it do not know. They are looked at every second; what "
                 "changes is read, compiled beside the maps in use and then takes their place. "
                 "What is missing, broken or still being written changes nothing, which the log "
                 "and selvagectl map tell. A director that starts without its databases goes by "
                 "the maps that it kept, else by the default order, until they come."},
    {"database-change-max", CONF_CUSTOM(set_change_max, 1, 1), .usage = "PERCENT", .preset = "20%",
        .about = "The largest share of the known IPv4 addresses, and of the known IPv6 /48s, whose "
                 "first PoP a new database may change. One that moves more is refused, since it is "
                 "more likely a wrong file than news, and the maps in use stay; selvagectl map "
                 "reload --force takes it all the same."},
    {"map-cache", CONF_STRING(struct map_conf, cache), .preset = "/var/lib/selvage",
        .usage = "DIRECTORY|off",
        .about = "Where compiled maps are kept, a file for each steer, so that the next start "
                 "answers by them at once. Where that cannot be written, the next start answers by "
                 "the default order until the maps are compiled, which takes seconds. Two "
                 "directors on one machine need a directory each."},
    {"country-metrics", CONF_FLAG(struct map_conf, country_metrics), .preset = "off",
        .about = "Whether selvage_director_clients_total counts by country who was sent to a PoP, "
                 "one client in 16 in the place of all. It takes one more map, which is compiled "
                 "and kept with those of the steers, and needs a database that knows countries."},
    {0},
};

void map_conf_close(struct conf_load *l, struct map_conf *c, const struct conf_node *node)
{
    if (c->databases.n > GEO_FILES_MAX)
        conf_error(l->errors, node->at, "there may be %d databases", GEO_FILES_MAX);
}
