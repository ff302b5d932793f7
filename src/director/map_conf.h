/*
 * map_conf.h - what the maps are made from and how they are looked after, as configured.
 */
#ifndef DIRECTOR_MAP_CONF_H
#define DIRECTOR_MAP_CONF_H

#include "conf/directive.h"

struct map_conf {
    struct conf_strings databases; /* paths of .mmdb files, in the order in which they count */
    struct span cache;             /* folder for compiled maps, or "off" */
    int64_t change_max_percent;    /* of addresses that a new database may move; 100: any */
    bool country_metrics;          /* clients are counted by country (director/countries.h) */
};

extern const struct directive map_directives[];

/* Databases are bounded in number. */
void map_conf_close(struct conf_load *l, struct map_conf *c, const struct conf_node *node);

#endif
