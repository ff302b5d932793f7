/*
 * rendezvous.h - who gets whom: every client network draws a number for every PoP, and the least
 * one, by weight, has it (highest random weight, Thaler and Ravishankar 1998; with weights as
 * -w/ln(h), Schindelhauer and Schomaker 2005).
 *
 * So each PoP has its weight's part of the clients, and when one goes, comes or changes its weight,
 * only clients of its own move. The numbers follow from names and networks alone, in integers, so
 * every director has the same.
 *
 * Pure; any thread.
 */
#ifndef DIRECTOR_RENDEZVOUS_H
#define DIRECTOR_RENDEZVOUS_H

#include "geo/map.h"

#include <stdint.h>

/* Of what is hashed; equal draws for different purposes would not be independent. */
enum rendezvous_use { RENDEZVOUS_SHARE, RENDEZVOUS_SHED, RENDEZVOUS_NEIGHBOUR };

/* Of the client's first `bits` bits; those that are not known count as 0. */
uint64_t rendezvous_client(const struct geo_client *c, unsigned bits) PURE;
/* 64 random bits of the two. `pop` is pop.hash. */
uint64_t rendezvous_draw(uint64_t client, uint64_t pop, enum rendezvous_use use) PURE;
/* -log2 of a draw out of 2^64, in 2^-24: 0 .. 64 << 24. */
uint32_t rendezvous_cost(uint64_t draw) PURE;
/* Whether the one with cost a and weight wa comes before the other. Weights up to 2^24. */
static inline bool rendezvous_before(uint32_t a, int64_t wa, uint32_t b, int64_t wb)
{
    return (uint64_t)a * (uint64_t)wb < (uint64_t)b * (uint64_t)wa;
}

#endif
