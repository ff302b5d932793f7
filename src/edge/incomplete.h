/*
 * incomplete.h - the beginning of a representation, kept until the rest is asked for (RFC 9111
 * §3.3, §3.4).
 *
 * What a fill had when it ended short, or a 206 that holds bytes 0 to n of something storable, is
 * put beside its resource, under a key of its own, as a 206. Ranges that lie wholly in it are
 * answered from it while it is fresh (partial.c). The next fill of the resource asks for the rest
 * only; if what comes has the same strong validator, both together are the whole, else it is asked
 * for again from the beginning. Any thread; fills are the caller's worker's.
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
struct object_labels;
struct worker;

/* Whether the rest of what has this head can be asked for later: a 200 with a strong validator from
 * an origin that does not refuse ranges. */
bool incomplete_can_be(const struct fields *head);

/* Whether this 206 is the beginning of a representation, framed as it says. */
bool incomplete_is_beginning(const struct http_response *head);
/* A fill for the body of such a one, which is kept when it is whole; the caller leads it. `head`
 * has the fields as they are stored. */
MUST_USE struct fill *incomplete_fill(struct cache *c, struct worker *w,
    const struct cache_key *resource, const struct http_response *head,
    const struct freshness *fresh, const struct object_labels *labels, struct arena *a);

/* Keeps what has come of a fill that is about to fail, if incomplete_can_be(); `head` is its
 * object, `length` what it should have had. */
void incomplete_keep(
    struct cache *c, struct fill *f, const struct object *head, uint64_t length, struct arena *a);

/* What is kept for a resource, as a reference, or NULL. */
MUST_USE struct object *incomplete_find(
    struct cache *c, const struct cache_key *resource, struct arena *a);
void incomplete_remove(struct cache *c, const struct cache_key *resource, struct arena *a);
/* The length of the whole. False: it is no such object. */
MUST_USE bool incomplete_length(const struct object *beginning, uint64_t *length);

/* Asks for what is missing behind `have` bytes: Range, and If-Range with the validator. */
void incomplete_ask(
    uint64_t have, const struct object *head, struct fields *request, struct arena *a);
/* Whether a 206 has all that is missing behind `have` of `length` bytes, of the same representation
 * as `head`. */
bool incomplete_is_rest(
    uint64_t have, uint64_t length, const struct object *head, const struct http_response *rest);
/* The head of the whole (RFC 9111 §3.4). */
struct http_response incomplete_whole_head(
    const struct object *beginning, const struct http_response *rest, wall_s now, struct arena *a);

#endif
