/*
 * notstored.h - the last response of a key that was not stored, and why; for explain.
 *
 * A table of fixed size (NOTSTORED_MAX entries) in which newer ones replace the oldest of those
 * whose keys fall together, so an entry is a hint, not a record. Keys are known by their hash, of
 * 128 bits with a secret seed. A lock that is held for some comparisons. Any thread.
 */
#ifndef EDGE_NOTSTORED_H
#define EDGE_NOTSTORED_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/hash.h"
#include "cache/policy.h"

struct notstored_table;

enum { NOTSTORED_MAX = 4096 };

struct notstored {
    enum nostore_reason reason;
    int status; /* of the response */
    wall_s at_s;
};

MUST_USE struct notstored_table *notstored_new(void);
/* NULL inside is fine. Sets *t to NULL. */
void notstored_free(struct notstored_table **t);

/* Replaces what was known of that key. */
void notstored_put(struct notstored_table *t, struct hash128 key, const struct notstored *what);
/* False: nothing is known. */
MUST_USE bool notstored_get(struct notstored_table *t, struct hash128 key, struct notstored *out);

#endif
