/*
 * fetch_kind.h - what the two kinds of fetch share: exchange.c (a server) and files.c (a
 * directory). Private to origin/.
 *
 * A kind embeds struct fetch as its first member and does its work in run(), which is only ever
 * called from the loop; fetch_kick() makes it come soon. run() ends the fetch by fetch_finish().
 * A handler may cancel the fetch it is called for: run() looks at `cancelled` after each call of
 * one, and returns when it is set.
 */
#ifndef ORIGIN_FETCH_KIND_H
#define ORIGIN_FETCH_KIND_H

#include "base/arena.h"
#include "origin/fetch.h"

struct fetch_kind {
    void (*run)(struct fetch *f);
    void (*body_ready)(struct fetch *f);
    /* Lets go of everything; false: something is still on its way, and when that has come the kind
     * calls fetch_free() itself. Always true for a fetch that has finished. */
    bool (*release)(struct fetch *f);
};

struct fetch {
    const struct fetch_kind *kind;
    struct fetcher *fetcher;               /* borrowed */
    struct origin *origin;                 /* borrowed */
    void *keeper;                          /* for handlers->gone() */
    const struct fetch_handlers *handlers; /* borrowed */
    void *ctx;                             /* the handlers' */
    ssize_t (*pull)(void *ctx, void *dst, size_t n);
    struct fetch_info info;
    mono_ms started_ms;
    struct arena arena;     /* owns; text of heads */
    struct span pending;    /* what the consumer did not take yet of the body */
    struct ev_prepare kick; /* fed, never started */
    bool paused;            /* the consumer has no room */
    bool resumed;           /* ... but said that it has again */
    bool running;           /* run() is on the stack */
    bool cancelled;         /* nobody is called any more */
    bool finished;
    enum fetch_end why;              /* finished */
    char detail[FETCH_DETAIL_BYTES]; /* for end(); see fetch_explain() */
};

/* Sets the members above; `kind` is run from the loop, soon. */
void fetch_init(struct fetch *f, const struct fetch_kind *kind, struct fetcher *fr,
    struct origin *o, const struct fetch_request *req, const struct fetch_handlers *handlers,
    void *ctx);
void fetch_kick(struct fetch *f);
/* Runs it now: for the kinds' own events. `f` may be gone afterwards. */
void fetch_run(struct fetch *f);

/* Gives `pending` to the consumer. False: it took not all (paused), or cancelled. */
MUST_USE bool fetch_deliver(struct fetch *f);

/* "origin app (127.0.0.1:8000): what happened", as the detail of the end. */
void fetch_explain(struct fetch *f, const char *fmt, ...) PRINTF(2, 3);
/* From within run(), which then returns: the fetch is released, end() called, and all freed. */
void fetch_finish(struct fetch *f, enum fetch_end why);
void fetch_free(struct fetch *f);

/* Of exchange.c and files.c; as fetch_start(). */
struct fetch *exchange_start(struct fetcher *fr, struct origin *o, const struct fetch_request *req,
    const struct fetch_handlers *handlers, void *ctx);
struct fetch *files_start(struct fetcher *fr, struct origin *o, const struct fetch_request *req,
    const struct fetch_handlers *handlers, void *ctx);

#endif
