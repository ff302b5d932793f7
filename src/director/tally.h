/*
 * tally.h - what answers were: how often each PoP came first, and why.
 *
 * As counters.h does it: each worker has a block of its own and counts there without a lock; sums
 * are made when somebody asks. DNS and redirects count here alike, once for each client that was
 * given PoPs (or, with all of them down, none).
 */
#ifndef DIRECTOR_TALLY_H
#define DIRECTOR_TALLY_H

#include "base/counters.h"
#include "director/pop.h"
#include "director/steer.h"

/* On a worker. STEER_NODATA is no answer of a PoP and does not count. */
void tally_count(const struct steer_choice *choice);

/* Any thread; not of one instant. */
uint64_t tally_pop(unsigned index);
uint64_t tally_all(void);

/* For /metrics and /stats: main, once, before the control socket is opened. `pops` outlives it. */
enum { TALLY_LISTS = 4 };
void tally_lists(const struct pop_list *pops, const struct counter_list *out[TALLY_LISTS]);
/* What the list's PoPs are now, for the same; before that they count as not up. NULL: nobody knows
 * any more. Main. */
void tally_watch(const struct pops *pops);

#endif
