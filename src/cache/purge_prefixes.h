/*
 * purge_prefixes.h - the prefixes that were purged, the newest last: a short list.
 *
 * Bounded in number and bytes; the caller takes the oldest away before the list is overfull. An
 * object is compared with what is newer than its last comparison, so with each prefix once. One
 * writer at a time (the caller's lock), any number of readers; they share a lock.
 */
#ifndef CACHE_PURGE_PREFIXES_H
#define CACHE_PURGE_PREFIXES_H

#include "base/span.h"
#include "cache/purge_table.h"

#include <pthread.h>

enum { PURGE_PREFIXES_MAX = 1024, PURGE_PREFIX_BYTES_MAX = 512 << 10 };

struct purge_prefix {
    struct span text; /* owns */
    struct purge_mark mark;
};

struct purge_prefixes {
    pthread_rwlock_t lock;
    _Atomic uint64_t last; /* of any of them; so that most readers take no lock */
    unsigned n;
    uint64_t bytes;
    struct purge_prefix v[PURGE_PREFIXES_MAX];
};

void purge_prefixes_init(struct purge_prefixes *p);
void purge_prefixes_destroy(struct purge_prefixes *p);

/* Writers. `by` is newer than what is there. The text is copied. */
void purge_prefixes_raise(struct purge_prefixes *p, struct span text, struct purge_mark by);
/* Whether that one is not there, and there is no room for it. */
bool purge_prefixes_full(const struct purge_prefixes *p, struct span text);
/* The oldest; then takes it away. There is one. */
struct purge_mark purge_prefixes_oldest(const struct purge_prefixes *p);
void purge_prefixes_drop(struct purge_prefixes *p);
void purge_prefixes_clear(struct purge_prefixes *p);

/* Readers: what prefixes of `url` newer than `since` say. */
struct purge_mark purge_prefixes_get(struct purge_prefixes *p, struct span url, uint64_t since);

#endif
