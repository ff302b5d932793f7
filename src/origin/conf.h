/*
 * conf.h - origins out of configuration text: the block, and a place given directly.
 *
 *   origin app { server http://app1.example.net; connect-timeout 2s; }      (the block)
 *   site a.example { origin http://127.0.0.1:8000; }                        (places)
 *   site b.example { origin file:/srv/www; }
 *
 * main's thread, while a configuration is built. Origins live in its arena; what workers hold for
 * them, fetcher_stop() ends.
 */
#ifndef ORIGIN_CONF_H
#define ORIGIN_CONF_H

#include "conf/directive.h"
#include "origin/origin.h"

/* The rows of an origin block, over a struct origin. */
extern const struct directive origin_directives[];

/* For the block's context: a new origin of that name, and the judgement of the whole. */
MUST_USE struct origin *origin_conf_open(struct conf_load *l, struct span name);
void origin_conf_close(struct conf_load *l, void *origin, const struct conf_node *node);

/* Whether the text is meant as a place rather than a name: it holds ':' or '/', or is all dots. */
bool origin_conf_is_place(struct span text) PURE;

/* http://HOST[:PORT], https://HOST[:PORT], file:DIRECTORY, or a directory's path, with default
 * options. NULL: the text is none of these, or there is no such directory; reported at `at`. */
MUST_USE struct origin *origin_conf_place(
    struct conf_load *l, struct span text, struct conf_place at);

/* What it owns outside of the arena; NULL is harmless. */
void origin_conf_free(struct origin *o);

#endif
