/*
 * map_metrics.h - by what clients are sent just now, for /metrics and /stats: maps, where they come
 * from and how old they are, and the databases.
 */
#ifndef DIRECTOR_MAP_METRICS_H
#define DIRECTOR_MAP_METRICS_H

#include "base/counters.h"
#include "director/map_keeper.h"

/* All of them, NULL at the end. Main, once, before the control socket is opened; conf and steers
 * outlive it. */
enum { MAP_METRICS = 8 };
void map_metrics_lists(const struct map_conf *conf, const struct steer_list *steers,
    const struct counter_list *out[MAP_METRICS]);

/* Whom to ask; before that all are 0. NULL: nobody knows any more. Main. */
void map_metrics_watch(struct map_keeper *k);

#endif
