/*
 * names.h - do the names of the origins exist? Asked once, at start, so that a slip of the pen is
 * found before the first client finds it.
 */
#ifndef EDGE_NAMES_H
#define EDGE_NAMES_H

#include "base/attrs.h"

#include <stdbool.h>

struct edge_conf;

/* Looks up all names, blocking; main() only. False: one does not exist, which is logged. When DNS
 * itself does not answer, that is a warning only: an edge must start while DNS is down. */
MUST_USE bool names_resolve(const struct edge_conf *conf);

#endif
