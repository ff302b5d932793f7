/*
 * load.h - the line by which a service says how loaded it is: "load 0.37", of 1 that it can carry.
 *
 * It stands in what /readyz answers, whatever the status. Thousandths are what it is counted in; a
 * service may say more than 1. Pure; any thread.
 */
#ifndef HEALTH_LOAD_H
#define HEALTH_LOAD_H

#include "base/attrs.h"
#include "base/span.h"

enum { LOAD_TEXT = 24, LOAD_FULL = 1000, LOAD_MOST = 100 * LOAD_FULL };

/* The first line that begins with "load ". False: there is none, or what it says is no number from
 * 0 to 100 with up to three decimals. */
MUST_USE bool load_read(struct span text, unsigned *per_mille);
/* "load 0.370\n", terminated; returns its length. */
unsigned load_write(unsigned per_mille, char dst[static LOAD_TEXT]);

#endif
