/*
 * unrouted.h - networks that no database can know, since they are in many places (RFC 6890):
 * private, shared, local to a link, loopback, multicast, reserved. Those for documentation are not
 * among them: examples and tests steer by them.
 *
 * Pure; any thread.
 */
#ifndef DIRECTOR_UNROUTED_H
#define DIRECTOR_UNROUTED_H

#include "geo/map.h"

/* Bits of the block that the client's whole network lies in; 0: it is routed, or not all of it is
 * in one block. */
unsigned unrouted_bits(const struct geo_client *c) PURE;

#endif
