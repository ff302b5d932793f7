/*
 * site_conf.h - the contexts site and path. Private to the edge's configuration.
 */
#ifndef EDGE_SITE_CONF_H
#define EDGE_SITE_CONF_H

#include "conf/directive.h"
#include "edge/site.h"

extern const struct directive policy_directives[]; /* of struct policy */
extern const struct conf_context site_context;     /* parent: struct edge_conf */

#endif
