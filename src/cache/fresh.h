/*
 * fresh.h - the freshness record of a stored response (RFC 9111 §4.2).
 */
#ifndef CACHE_FRESH_H
#define CACHE_FRESH_H

#include "base/clock.h"

struct freshness {
    wall_s born_s; /* when the response was made, by our clock */
};

#endif
