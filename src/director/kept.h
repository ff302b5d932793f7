/*
 * kept.h - places that keep signatures: written seldom, read by all workers without a lock.
 *
 * A place is a sequence lock over words that are atomic one by one. A reader who meets a writer
 * finds nothing, and makes the signature himself; a writer who meets another one lets him. A table
 * of places is found through by 128 bits of hash, which are all that is compared: they are seeded
 * per process, so nobody can aim for two things with the same.
 */
#ifndef DIRECTOR_KEPT_H
#define DIRECTOR_KEPT_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/hash.h"
#include "dns/dnskey.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Good in inception <= now < expiration. */
struct kept {
    uint32_t inception, expiration;
    uint8_t signature[DNSKEY_SIGNATURE_LEN];
};

enum { KEPT_WORDS = sizeof(struct kept) / 8, KEPT_WAYS = 4 };

struct kept_place {
    _Atomic uint64_t sequence; /* odd: being written; 0: nothing was yet */
    _Atomic uint64_t key[2];
    _Atomic uint64_t words[KEPT_WORDS];
};

/* False: nothing is there, or somebody writes just now. */
MUST_USE bool kept_read(const struct kept_place *p, struct hash128 *key, struct kept *out);
void kept_write(struct kept_place *p, struct hash128 key, const struct kept *k);

/* Any number of threads each. A set of KEPT_WAYS places that is full loses what ends first. */
struct kept_table {
    struct kept_place *places; /* owns */
    size_t n;                  /* a power of two */
};

void kept_table_init(struct kept_table *t, size_t n);
void kept_table_free(struct kept_table *t);
MUST_USE bool kept_find(const struct kept_table *t, struct hash128 key, struct kept *out);
void kept_put(struct kept_table *t, struct hash128 key, const struct kept *k);

#endif
