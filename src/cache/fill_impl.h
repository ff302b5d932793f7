/*
 * fill_impl.h - the inside of fills and readers, for fill.c (its life), fill_window.c (its
 * bytes), beginning.c, spill.c, reader.c, reader_parts.c, reader_slices.c and flights.c.
 *
 * A fill's lock guards what stands below it, and its readers' fields likewise. Bytes are written
 * into the last chunk without the lock, by the leader only, and count when chunk.n is raised under
 * it. Order: flights' lock, then memory's; a fill's lock, then memory's or an inbox.
 */
#ifndef CACHE_FILL_IMPL_H
#define CACHE_FILL_IMPL_H

#include "base/list.h"
#include "cache/chunk.h"
#include "cache/fill.h"
#include "cache/flights.h"
#include "cache/reader.h"
#include "loop/deadline.h"
#include "loop/worker.h"

#include <pthread.h>
#include <stdatomic.h>

struct fill {
    _Atomic uint32_t refs;
    _Atomic bool doomed;           /* its key was removed meanwhile: not to be stored */
    _Atomic uint64_t born;         /* see fill_sent() */
    uint64_t site;                 /* its label; 0: of none */
    struct cache *cache;           /* borrowed */
    struct hash128 hash;           /* of key */
    struct span key;               /* in this allocation */
    struct flight_embedded flight; /* under the flights' lock */

    /* The leader's, on its worker only. */
    struct worker *worker; /* borrowed */
    void (*on_room)(void *ctx);
    void *ctx;
    struct deadline laggard;
    mono_ms stalled_ms;     /* since when the window is shut */
    struct chunk *previous; /* borrowed from `first`'s chain: the one before `last`; when kept */

    pthread_mutex_t lock;
    enum fill_state state;
    bool passing; /* what was FILL_PASSING before it ended */
    bool keep;    /* will be stored */
    bool starved; /* the budget refused memory for the window */
    bool gone;    /* the first byte is not here any more, or nobody may join for another reason */
    bool shut;    /* fill_append() took less than all, and waits for room */
    bool room_posted;
    int status;
    const char *why;       /* static */
    struct object *object; /* counted */
    struct span trailers;  /* owns; set before the fill has ended */
    int64_t length;
    uint64_t bytes;
    uint32_t slice_bytes;    /* not 0: it spills, or may come to; set with the head */
    struct spill *spill;     /* owns; NULL: it never has. The leader's */
    struct chunk *first;     /* counted; NULL: no bytes yet, or gone, or all of them cut off */
    struct chunk *last;      /* counted */
    struct chunk *untrimmed; /* counted; what was `last`, for readers that have pieces of it */
    struct list readers;     /* struct reader.link */
    unsigned readers_n;
    struct message room; /* holds a reference while posted */
};

struct place;

struct reader {
    struct fill *fill; /* counted; NULL for a stored object */
    union {
        struct object *object; /* counted; of a stored object, or of the head of parts */
        struct place *place;   /* owns; of a fill that may spill (reader_slices.c), or NULL */
    };
    struct parts *parts;   /* owns; of a reader made of parts, else NULL */
    struct worker *worker; /* borrowed */
    void (*wake)(void *ctx);
    void *ctx;

    struct list link; /* in fill.readers */
    struct message posted_wake;
    struct chunk *chunk; /* counted; where pos is, or before it */
    uint64_t pos;        /* next byte of the body to be sent */
    uint64_t end;        /* first byte behind the range */
    uint64_t total;      /* local: bytes that there are */

    bool leader;
    bool followed; /* was counted in C_FOLLOWS */
    bool local;    /* the chain is final: nothing needs the lock any more */
    bool posted;
    bool closed; /* reader_close() came while posted: freed by the message */
    bool hungry; /* wants to be woken when there is more */
    bool cut;    /* for being slow */
};
/* There is one for each answer: the C library's calloc() is quickest up to here. */
_Static_assert(sizeof(struct reader) <= 120, "a reader is small");

struct reader *reader_new(struct worker *w, void (*wake)(void *ctx), void *ctx);
/* Whether the next `bytes` bytes are the last of its range or of its whole body. */
bool reader_covers(struct reader *r, size_t bytes);

/* reader_slices.c: where a reader of a fill in slices stands. For others place_at() is what the
 * chunk says, and place_end() has no bound. Under the fill's lock while it has not ended. */
enum place_found {
    PLACE_HERE,  /* r->chunk has what comes next, if it has come yet */
    PLACE_AHEAD, /* it has not come yet */
    PLACE_AWAY,  /* it is not here: place_fetch() */
};
/* Puts r->chunk where pos is. */
enum place_found place_find(struct reader *r);
/* Brings what it looks for, or what comes after that, into memory; then it is woken, or cut off
 * when that is in vain. Not under the lock. */
void place_fetch(struct reader *r, enum place_found found);
/* Position of a chunk's first byte in the body. */
uint64_t place_at(const struct reader *r, const struct chunk *c);
/* The first byte behind what it may give out of its chunks at once. */
uint64_t place_end(const struct reader *r);
void place_leave(struct reader *r);
/* Before the reader is freed, on its worker. */
void place_free(struct reader *r);

/* reader_parts.c: the functions of reader.h, for a reader that has `parts`. */
void parts_close(struct reader *r);
enum read_state parts_state(struct reader *r);
int64_t parts_length(struct reader *r);
int parts_pieces(struct reader *r, struct piece *out, int max, size_t bytes);
void parts_consume(struct reader *r, size_t bytes, bool by_file);
bool parts_at_end(struct reader *r);
bool parts_cover(struct reader *r, size_t bytes);

/* Any thread. */
void fill_doom(struct fill *f);
/* Nobody may join it any more. The leader's worker, without the lock. */
void fill_unlist(struct fill *f);

/* All under the fill's lock. fill_ended(): nothing changes any more, so no lock is needed. */
bool fill_ended(const struct fill *f);
void fill_attach(struct fill *f, struct reader *r);
void fill_detach(struct fill *f, struct reader *r);
/* Wakes those who wait for bytes, or all. */
void fill_wake(struct fill *f, bool all);
/* A kept fill that becomes a window. Not under the lock; the leader's worker. */
void fill_stop_keeping(struct fill *f);
/* A reader moved on: opens the window if there is room now. */
void fill_readers_moved(struct fill *f);
void reader_post(struct reader *r);

/* fill_window.c: on the leader's worker, when there is room, and when the window was shut too long.
 */
void fill_room_run(struct message *m, struct worker *w);
void fill_laggard_fire(struct deadline *d);

#endif
