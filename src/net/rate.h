/*
 * rate.h - how often something may happen, for very many keys: a token bucket for each, over all
 * workers.
 *
 * The generic cell rate algorithm (ITU-T I.371 Annex A), which is a token bucket kept as one time:
 * when the bucket will be full again. A bucket that is full needs no memory, so its place is
 * anyone's: forgetting it loses nothing.
 *
 * The table has a fixed size. A key has eight places that it can stand in. When all of them are
 * taken by buckets that are not full, the fullest makes room and is forgotten, so a flood of keys
 * pushes out those that have asked for little. A bucket that is empty (its key is being refused) is
 * never pushed out; where eight of them stand, another key passes without being counted.
 *
 * Exact for a key that has its place, however many threads ask: a bucket is one word and changes by
 * compare and swap. The error is one request for each thread that was asking while a place changed
 * hands, and a bucket's content when it was pushed out.
 *
 * Any thread; no allocation and, but for a key that is new, no lock.
 */
#ifndef NET_RATE_H
#define NET_RATE_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct rate {
    uint64_t interval_ns;  /* a token comes every so often; > 0 */
    uint64_t tolerance_ns; /* (burst - 1) intervals */
};

/* `count` in `period_ms`, and `burst` at once, all of them > 0 and so that an interval is at least
 * a nanosecond. */
struct rate rate_of(uint64_t count, uint64_t period_ms, uint64_t burst);

struct rate_table;

enum { RATES_MAX = 65535, RATE_PLACE_BYTES = 16 };

/* For n rates, which are copied, with `bytes` for all keys together (rounded up to a power of two).
 */
struct rate_table *rate_table_new(const struct rate *rates, unsigned n, uint64_t bytes);
/* NULL is fine, and *t is set to NULL. */
void rate_table_free(struct rate_table **t);

enum rate_word {
    RATE_TAKEN,   /* there was a token */
    RATE_EMPTY,   /* there is none */
    RATE_UNKNOWN, /* the table has no room for this key: not counted, so let it pass */
};

/* Takes a token of the key's bucket by rate number `which`. `now` must come from one clock for all
 * threads; it may be a little behind. With RATE_EMPTY *wait_us is how long it takes until there is
 * one. */
MUST_USE enum rate_word rate_take(
    struct rate_table *t, unsigned which, struct span key, mono_us now, mono_us *wait_us);

#endif
