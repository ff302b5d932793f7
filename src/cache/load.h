/*
 * load.h - something that is stored on the disk, on its way into memory.
 *
 * Thread: the worker that began it, all calls.
 */
#ifndef CACHE_LOAD_H
#define CACHE_LOAD_H

#include "base/attrs.h"
#include "cache/cache.h"

struct cache_load;
struct object;
struct worker;

/*
 * Brings what is stored under this key into memory. ready(ctx) is called once, from the worker's
 * loop, when it is there (cache_peek() finds it; to load it was its first use), could not be read,
 * or takes too long: then it still comes into memory, later. The load is gone with that call. NULL:
 * the disk has nothing of that key, or cannot be asked now.
 */
MUST_USE struct cache_load *cache_load(struct cache *c, const struct cache_key *key,
    struct worker *w, void (*ready)(void *ctx), void *ctx);

/* The same at once, for what the kernel still has of the volume in its page cache: it takes no
 * waiting. The object with a reference for the caller, or NULL: cache_load() may have it. It comes
 * into memory when it is asked for so again before long; purges were asked as cache_find() asks
 * them. */
MUST_USE struct object *cache_load_now(struct cache *c, const struct cache_key *key);

/* ready() is not called any more. Sets *l to NULL, which it may be already. */
void cache_load_cancel(struct cache_load **l);

#endif
