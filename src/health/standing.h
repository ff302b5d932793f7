/*
 * standing.h - up or down, out of one probe after another: rise, fall, and a hold for who flaps.
 *
 *   state      what is so                              leaves by
 *   up, new    nobody has looked yet                   its first probe: up, or down at once
 *   up         the last probes were good, or too       `fall` bad ones in a row: down
 *              few were bad
 *   down       the last probes were bad, or too few    `rise` good ones in a row, and no hold: up
 *              were good, or it is held
 *
 * The hold keeps what goes up and down out until it has settled. One that goes down within
 * STANDING_STEADY_MS of having come up has flapped: it stays down for STANDING_HOLD_MS at least,
 * and for twice as long each further time, up to STANDING_HOLD_MAX_MS. Who stayed up for
 * STANDING_STEADY_MS has a clean slate.
 *
 * Pure; the owner's thread. Time is an argument.
 */
#ifndef HEALTH_STANDING_H
#define HEALTH_STANDING_H

#include "base/attrs.h"
#include "base/clock.h"

#include <stdbool.h>

enum {
    STANDING_STEADY_MS = 600000,
    STANDING_HOLD_MS = 10000,
    STANDING_HOLD_MAX_MS = 300000,
};

struct standing {
    bool up;
    bool judged;      /* a probe has had its say */
    unsigned run;     /* probes in a row that say other than `up` does */
    unsigned flaps;   /* in a row */
    mono_ms since_ms; /* when `up` became what it is; 0: at the start */
    mono_ms held_ms;  /* down: not up again before; 0: no hold */
};

void standing_init(struct standing *s);
/* What a probe that ended at `now` says. True: `up` has changed. */
MUST_USE bool standing_take(
    struct standing *s, unsigned rise, unsigned fall, bool good, mono_ms now);
/* Whether the next probe would rather come soon: one has been bad, and more are needed to tell. */
bool standing_doubts(const struct standing *s) PURE;

#endif
