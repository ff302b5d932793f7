/*
 * unsliced.h - resources whose origin was asked for a slice and did not give one: it ignores
 * ranges, or has no strong validator. They are asked for as a whole for a while.
 *
 * A table of fixed size in which newer marks replace older ones; a mark is some bits of a hash, so
 * one resource in billions is taken for another, and is not sliced for that while. No lock. Any
 * thread.
 */
#ifndef EDGE_UNSLICED_H
#define EDGE_UNSLICED_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/hash.h"

#include <stdbool.h>

struct unsliced;

enum { UNSLICED_MAX = 8192, UNSLICED_S = 300 };

MUST_USE struct unsliced *unsliced_new(void);
/* Sets *t to NULL. */
void unsliced_free(struct unsliced **t);

void unsliced_put(struct unsliced *t, struct hash128 key, wall_s now);
bool unsliced_has(struct unsliced *t, struct hash128 key, wall_s now);

#endif
