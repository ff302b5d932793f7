/*
 * census.h - how many connections each client has open, over all workers, and whether it may have
 * one more.
 *
 * A table of fixed size behind short locks, asked once when a connection begins and once when it
 * ends. Exact. Any thread.
 */
#ifndef NET_CENSUS_H
#define NET_CENSUS_H

#include "base/attrs.h"

#include <stdbool.h>
#include <stdint.h>

struct census;

/* For so many connections at a time; more than that are refused. Memory is touched as it fills. */
struct census *census_new(unsigned connections);
/* NULL is fine, and *c is set to NULL. */
void census_free(struct census **c);

/* Counts a connection of the client (see client_key.h) unless it has `most` already, which is
 * false. What was counted has to be census_leave()d once. */
MUST_USE bool census_enter(struct census *c, uint64_t client, unsigned most);
void census_leave(struct census *c, uint64_t client);
/* How many it has. */
unsigned census_count(struct census *c, uint64_t client);

#endif
