/*
 * steer_conf.h - steers out of configuration text.
 *
 *   steer cdn {
 *       pops      fra iad;
 *       ttl       30s;
 *       network   203.0.113.0/24 -> fra;
 *       country   JP -> iad fra;
 *   }
 *
 * PoPs may be defined behind the steers that name them, so names are looked up when all is read.
 * main's thread, while a configuration is built.
 */
#ifndef DIRECTOR_STEER_CONF_H
#define DIRECTOR_STEER_CONF_H

#include "conf/directive.h"
#include "director/steer.h"

/* Of the block `steer`; its parent is a struct director_conf. */
extern const struct conf_context steer_context;

/* In main's close(): PoPs by their names, and the overrides. */
void steer_list_resolve(
    struct conf_load *l, struct steer_list *steers, const struct pop_list *pops);

#endif
