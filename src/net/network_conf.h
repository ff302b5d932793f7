/*
 * network_conf.h - networks as arguments of directives.
 */
#ifndef NET_NETWORK_CONF_H
#define NET_NETWORK_CONF_H

#include "conf/directive.h"
#include "net/network.h"

/* One argument; false: it is none, which is reported. */
MUST_USE bool network_arg(struct conf_load *l, const struct conf_word *w, struct network *out);
/* Those from `first` on, in the configuration's arena. False: one of them is none (reported). */
MUST_USE bool network_args(
    struct conf_load *l, const struct conf_node *node, unsigned first, struct network_list *out);

#endif
