/*
 * shedding.h - how much a PoP above its capacity hands over, in steps of 1/POP_SHED_STEPS.
 *
 * Resolvers keep answers, so what is done now shows when their TTL is over; whoever acts faster
 * swings. So: above capacity one step more (and one for each 5 % of load above it) every
 * SHEDDING_MORE_MS; at SHEDDING_SLACK below it, one step less every SHEDDING_LESS_MS; between the
 * two it stays. Load that is not known any more is not acted on, for SHEDDING_PATIENCE_MS, and then
 * counts as none.
 *
 * Pure; time is an argument.
 */
#ifndef DIRECTOR_SHEDDING_H
#define DIRECTOR_SHEDDING_H

#include "base/attrs.h"
#include "base/clock.h"

#include <stdbool.h>

enum {
    SHEDDING_MORE_MS = 5000,
    SHEDDING_LESS_MS = 15000,
    SHEDDING_SLACK = 100,   /* per mille of load */
    SHEDDING_PER_STEP = 50, /* the same */
    SHEDDING_MOST = 60,     /* steps: a PoP is never left without any client */
    SHEDDING_PATIENCE_MS = 60000,
};

struct shedding {
    unsigned steps;
    mono_ms stepped_ms; /* when that changed last; 0: never */
    mono_ms known_ms;   /* when the load was known last; 0: never */
};

/* What the load is now, in per mille of what it can carry; capacity the same. True: steps have
 * changed. */
MUST_USE bool shedding_take(
    struct shedding *s, bool known, unsigned load, unsigned capacity, mono_ms now);

#endif
