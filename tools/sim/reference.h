/*
 * reference.h - policies to compare with: what everybody knows, and what nobody can beat.
 */
#ifndef SIM_REFERENCE_H
#define SIM_REFERENCE_H

#include "sim/trace.h"

struct tally lru_run(const struct trace *t, uint64_t capacity);

/* S3-FIFO as published (Yang et al., SOSP 2023): small queue a tenth, to the main queue from two
 * hits on, counters of two bits, ghosts for 0.9 of the bytes; what is larger than the small queue
 * stays out. */
struct tally s3fifo_run(const struct trace *t, uint64_t capacity);

/* Belady's MIN, knowing the future: who is asked for again last leaves, or does not come in. The
 * best there is when all sizes are equal, and close to the best in bytes otherwise. */
struct tally belady_run(const struct trace *t, uint64_t capacity);
/* The same by distance times size, of a sample of 64: close to the best in objects. */
struct tally belady_size_run(const struct trace *t, uint64_t capacity);

/* Not a policy but bounds which no policy can beat, whatever it knows (Berger et al., "Practical
 * Bounds on Optimal Caching with Variable Object Sizes", 2018, PFOO-L): to keep an object until it
 * is asked for again costs its bytes times that distance, and there are capacity times requests of
 * these; the cheapest are kept. `misses` and `miss_bytes` are of two different choices. */
struct tally bound_run(const struct trace *t, uint64_t capacity);

#endif
