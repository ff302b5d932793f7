/*
 * purge.h - what operators take out of the cache, without looking for it: "born before".
 *
 * Every purge has a sequence number, one more than the last. A stored response remembers the number
 * at which its request went to the origin (`born`), and what it may be purged by (its labels). It
 * is purged when a purge that names one of them is younger than it. So a purge costs the same
 * however much is stored, covers both tiers and what is being filled just now, and nothing is
 * searched.
 *
 *   what names an object   where it stands
 *   everything, a site     one number each: the floors
 *   a URL, a tag           a table from the label's hash to a number
 *   a prefix               a short list; each object is compared once with what is new in it
 *
 * Who finds an object compares one number: the last purge against the last one that the object was
 * held against. Only when they differ is the table asked. Both table and list are bounded; what
 * falls out of them raises the floor of everything, so that too much is purged, never too little.
 *
 * A soft purge makes stale: validated before the next use, and used without that only when the
 * origin fails. A hard purge makes it gone.
 *
 * Any thread. A purge holds for every look-up that begins after cache_purge() has returned. With a
 * journal (cache_conf.journal) it also holds after a restart or a crash, once cache_purge_sync()
 * has returned.
 */
#ifndef CACHE_PURGE_H
#define CACHE_PURGE_H

#include "base/attrs.h"
#include "base/span.h"
#include "cache/cache.h"

#include <stdbool.h>
#include <stdint.h>

enum purge_scope { PURGE_URL, PURGE_PREFIX, PURGE_TAG, PURGE_SITE, PURGE_ALL };

enum { PURGE_TEXT_MAX = 8 << 10 };

struct purge {
    enum purge_scope scope;
    bool hard;
    /* PURGE_URL: host and target in normal form, as the first line of a key has them (key.h): all
     * variants. PURGE_PREFIX: their beginning, the whole host at least. PURGE_TAG: the tag.
     * PURGE_SITE: the site's name. PURGE_ALL: empty. */
    struct span text;
    struct span site; /* PURGE_TAG: only what belongs to that site; n == 0: to any */
};

/* The purge's sequence number, from 1; it holds from now on. 0: the text is empty, or longer than
 * PURGE_TEXT_MAX. */
MUST_USE uint64_t cache_purge(struct cache *c, const struct purge *p);
/* Blocks until the purges up to `seq` are on the disk, for the threads of a pool; many may wait for
 * one write. False: the journal could not be written, and the purge may not outlive the process. At
 * once true without a journal. */
MUST_USE bool cache_purge_sync(struct cache *c, uint64_t seq);
/* The number of the last purge: what an object is born at whose request goes out now. */
uint64_t cache_purge_seq(const struct cache *c);

enum purged { PURGED_NOT, PURGED_SOFT, PURGED_HARD };

/* What has become of an object that somebody holds. What cache_find() gives was not purged hard,
 * but may be so by now. */
enum purged cache_purged(struct cache *c, struct object *obj);

#endif
