/*
 * incomplete.h - the beginning of a representation, kept until the rest is asked for (RFC 9111
 * §3.3, §3.4).
 *
 * A 206 that holds bytes 0 to n of something storable is put beside its resource, under a key of
 * its own, where no request finds it. The next fill of the resource asks for the rest only; if what
 * comes has the same strong validator, both together are the whole, else it is asked for again
 * from the beginning. Any thread; fills that are made here are led by the caller's worker.
 */
#ifndef EDGE_INCOMPLETE_H
#define EDGE_INCOMPLETE_H

#include "base/arena.h"
#include "base/attrs.h"
#include "cache/cache.h"
#include "cache/fresh.h"
#include "http/message.h"

struct fill;
struct object;
struct worker;

enum { INCOMPLETE_BYTES_MAX = 1 << 20 };

/* Whether this 206 is the beginning of a representation, framed as it says, and small enough. */
bool incomplete_is_beginning(const struct http_response *head);

/* Keeps `body`, all of what `head` (with the fields as they are stored) has. */
void incomplete_put(struct cache *c, struct worker *w, const struct cache_key *resource,
    const struct http_response *head, const struct freshness *fresh, struct span body,
    struct arena *a);
/* What is kept for a resource, as a reference, or NULL. */
MUST_USE struct object *incomplete_find(
    struct cache *c, const struct cache_key *resource, struct arena *a);
void incomplete_remove(struct cache *c, const struct cache_key *resource, struct arena *a);

/* Asks for what is missing: Range, and If-Range with a strong validator. */
void incomplete_ask(const struct object *beginning, struct fields *request, struct arena *a);
/* Whether a 206 has all that is missing, of the same representation. */
bool incomplete_is_rest(const struct object *beginning, const struct http_response *head);
/* The head of the whole (RFC 9111 §3.4), and its length. */
struct http_response incomplete_whole_head(const struct object *beginning,
    const struct http_response *rest, wall_s now, uint64_t *length, struct arena *a);
/* Adds the beginning's bytes to a fill that has none yet. */
void incomplete_give(struct object *beginning, struct fill *fill);

#endif
