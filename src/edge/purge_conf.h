/*
 * purge_conf.h - who may purge by the method PURGE: a directive over a struct network_list, of main
 * and of a site.
 */
#ifndef EDGE_PURGE_CONF_H
#define EDGE_PURGE_CONF_H

#include "conf/directive.h"

extern const struct directive purge_directives[];

#endif
