/*
 * pop_conf.h - PoPs out of configuration text.
 *
 *   pop fra {
 *       location 50.11 8.68;
 *       address  192.0.2.1 2001:db8::1;
 *       health   GET https://www.example.com/healthz every 2s;
 *       load     GET http://edge1.fra.example.net:9101/readyz;
 *   }
 *
 * main's thread, while a configuration is built.
 */
#ifndef DIRECTOR_POP_CONF_H
#define DIRECTOR_POP_CONF_H

#include "conf/directive.h"
#include "director/pop.h"

/* Of the block `pop`; its parent is a struct director_conf. */
extern const struct conf_context pop_context;

/* What PoPs own outside of the arena. */
void pop_list_free(struct pop_list *l);

/* For open() of blocks that people name: false: it is no name, which is reported. */
MUST_USE bool pop_conf_name(struct conf_load *l, const struct conf_word *w);

#endif
