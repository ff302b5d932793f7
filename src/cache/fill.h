/*
 * fill.h - a fetch that is becoming an object, and everybody who reads it meanwhile.
 *
 * The one who starts a fill leads it: its worker runs the fetch and calls fill_*(). Anybody, the
 * leader's own client included, reads through a reader (reader.h), on any worker, at its own
 * pace, from the first byte. The fill belongs to the cache: it outlives the leader's client.
 *
 *   state          entered by        what holds
 *   FILL_WAITING   fill_join         no head yet; readers wait
 *   FILL_PASSING   fill_pass         the answer is the leader's alone; other readers see
 *                                    READ_ALONE and fetch for themselves, all at once
 *   FILL_STREAMING fill_head         the head is published and final; bytes arrive
 *   FILL_DONE      fill_finish       whole; if it was kept, the object can be found
 *   FILL_FAILED    fill_fail         cut short; nothing is stored; readers see READ_CUT
 *
 * Keeping and windows. A kept fill holds all its bytes (they are charged to the memory budget)
 * until it becomes an object; one that is larger than memory keeps in one piece spills to the disk
 * as it comes (spill.h), and readers find there or in memory what they have not read yet, wherever
 * they are. A fill that is not kept (passing, larger than an object may be, or
 * no memory or no disk left for it) has a window: bytes that every reader has passed are freed, and
 * the fill takes no more than FILL_WINDOW_BYTES beyond the slowest reader (FILL_STARVED_BYTES when
 * the budget refuses even that; those come from malloc). When the slowest reader holds up others
 * for longer than FILL_LAGGARD_MS it is cut off (READ_CUT, C_LAGGARDS_CUT). Followers may no longer
 * join a fill once its first byte is gone.
 *
 * Threads: fill_* on the leader's worker only, fill_join on any. Readers on their own worker.
 * Wake-ups cross workers through mailboxes.
 */
#ifndef CACHE_FILL_H
#define CACHE_FILL_H

#include "base/clock.h"
#include "base/span.h"
#include "cache/cache.h"
#include "cache/object.h"

struct worker;
struct fill;

enum {
    FILL_WINDOW_BYTES = 1 << 20,
    FILL_STARVED_BYTES = 128 << 10,
    FILL_LAGGARD_MS = 5000,
    FILL_LOST_MS = 10000, /* bytes of a spilled fill that cannot be read: then the reader is cut */
};

enum fill_state { FILL_WAITING, FILL_PASSING, FILL_STREAMING, FILL_DONE, FILL_FAILED };

enum fill_role {
    FILL_LEAD,   /* *fill is new and yours to run */
    FILL_FOLLOW, /* *fill is somebody's; read it */
    FILL_ALONE,  /* known not to be storable: lead a fill that nobody else can find */
};

/* Who asks, and how. */
struct fill_request {
    const struct cache_key *key;
    /* For the key of a variant: its resource's, under which a fill may have begun before anybody
     * knew that the response varies. Else NULL. */
    const struct cache_key *resource;
    /* Likewise the variant's own of before its like had been answered (vary_key_unlearnt()). */
    const struct cache_key *unlearnt;
    const struct object *seen; /* what cache_find() gave for this key just now; may be NULL */
    struct span site;          /* as in struct object_labels */
    bool collapse;             /* false asks for FILL_ALONE outright */
    struct worker *worker;     /* the caller's */
    void (*on_room)(void *ctx);
    void *ctx;
};

/*
 * For a request that needs the origin. On return *fill is a reference that the caller ends with
 * fill_release(); on FILL_LEAD and FILL_ALONE the caller leads it, and must end it by
 * fill_finish(), fill_fail() or fill_validated() before it releases it.
 *
 * When something else than `seen` has been stored meanwhile (another's fill was finished between
 * cache_find() and this call), that is followed: FILL_FOLLOW of a fill that is FILL_DONE.
 *
 * A fill whose request went out before a purge that names it (by what is known of it) is not
 * followed any more, and not stored: who comes after the purge leads a new one.
 *
 * on_room(ctx) is called on the leader's worker, never from inside a call, when fill_append() took
 * less than all and there is room again, and when the last reader left (see fill_readers()); not
 * after the fill was ended.
 */
MUST_USE enum fill_role fill_join(
    struct cache *c, const struct fill_request *rq, struct fill **fill);
struct fill *fill_ref(struct fill *f);
void fill_release(struct fill **fill);

/* By the leader, each time when the request goes out: the number (cache_purge_seq()) at which what
 * it brings is born. */
uint64_t fill_sent(struct fill *f);

/* The response will be stored when it is whole. Takes over the reference to `obj`, which has
 * head and key but no body yet; `length` is its body length or -1 when not known. False: it will
 * not be stored and has a window, because it is larger than the cache keeps (cache_object_max()),
 * too large for a first request while memory is short (eviction.h) or for the disk (admission.h),
 * or its head found no room. */
bool fill_head(struct fill *f, struct object *obj, int64_t length);
/* The response is not to be stored: `obj` carries its head to the leader's client only. When
 * `remember_ms` > 0 the key is known as not storable for that long (see FILL_ALONE). */
void fill_pass(struct fill *f, struct object *obj, int64_t length, mono_ms remember_ms);

/* Adds body bytes; returns how many it took. Fewer than all: stop reading from the origin until
 * on_room(). A window without readers takes all and drops it. */
MUST_USE size_t fill_append(struct fill *f, struct span data);
/* Trailer fields in wire form ("Name: value\r\n" ...), for those who read the fill to its end; a
 * stored response has none. Copied. Before fill_finish(). */
void fill_trailers(struct fill *f, struct span text);
/* The body is whole. Stores the object if it is to be kept; a body that does not agree with its
 * announced length is treated as fill_fail(). */
void fill_finish(struct fill *f);
/* The fetch failed; `status` is what to answer, `why` static text for the log. Before the head:
 * readers see READ_FAILED and decide for themselves (stale, error). After it: READ_CUT. */
void fill_fail(struct fill *f, int status, const char *why);

/* --- beginnings (beginning.c) ---------------------------------------------------------------- */

/* What came of a kept fill that does not spill is stored as the body of `obj`, which has head and
 * key (another than the fill's) but no body; nothing is copied. Takes over the reference. After it
 * the fill takes no more bytes: fill_fail() must follow. False: there is nothing, or it was not
 * kept; obj is gone. */
bool fill_keep_beginning(struct fill *f, struct object *obj);
/* Whether the body of `obj` can become the beginning of a fill: it is not stored any more, this is
 * the only reference, and nobody reads it. */
MUST_USE bool fill_can_continue(const struct object *obj);
/* Then makes it so, after fill_head() and before any bytes, and leaves `obj` without a body. */
void fill_continue(struct fill *f, struct object *obj);

/* A stored response was validated: readers shall use `obj` (a new reference is taken; whole, and
 * already stored by the caller if it is to be) instead of a body from this fill. Before fill_head()
 * and fill_pass(). Ends the fill as FILL_DONE. */
void fill_validated(struct fill *f, struct object *obj);

enum fill_state fill_state(struct fill *f);
/* Readers attached now. The leader's policy decides what happens when there are none. */
unsigned fill_readers(struct fill *f);
/* Whether it will be stored if it ends whole, as far as is known. */
bool fill_kept(struct fill *f);
/* Body bytes taken so far, and the announced length or -1. */
uint64_t fill_bytes(struct fill *f);
int64_t fill_length(struct fill *f);

#endif
