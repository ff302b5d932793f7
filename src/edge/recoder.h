/*
 * recoder.h - recodes one body: a reader of the response as it is, a fill of what is made of it.
 *
 * A recoder leads a fill (cache/fill.h) under a key of its own, so those who want the same coding
 * meanwhile follow it, streaming and pace are the fill's, and what is whole is an object. It
 * belongs to its worker, not to the request that caused it, and ends itself.
 *
 * Bodies of up to RECODER_INLINE_BYTES are recoded at once on the loop, unless the level is a slow
 * one; everything else on the coding pool, one step of at most RECODER_STEP_BYTES at a time, in
 * which it reads and writes buffers of its own only. What has come of a slow origin is made
 * readable for the client when nothing more came for RECODER_FLUSH_MS.
 *
 * Bounds: RECODERS_MAX on a worker, each with two buffers and what coding/coder.h says; whoever
 * comes then gets the coding that there is. A decoder has its head only when its first step went
 * well: so what is broken from the beginning is answered with an error and not cut.
 *
 * Thread: the worker that started it; the steps on a pool.
 */
#ifndef EDGE_RECODER_H
#define EDGE_RECODER_H

#include "base/attrs.h"
#include "cache/fill.h"
#include "edge/coding_options.h"
#include "edge/worker.h"

struct reader;

enum {
    RECODERS_MAX = 32,
    RECODER_STEP_BYTES = 64 << 10,
    RECODER_INLINE_BYTES = 16 << 10,
    RECODER_FLUSH_MS = 5,
};

/* object.wanted of what recoder_improve() made; before, it counts how often it was delivered. */
enum { RECODER_IMPROVED = UINT8_MAX };

struct recoder_job {
    struct object *base;                  /* what is recoded; a reference is taken */
    enum coding to;                       /* CODING_IDENTITY: decoded */
    const struct coding_options *options; /* of the configuration */
};

/*
 * A reader of the body in the other coding, from somebody's fill or one that is begun for it, under
 * the rules of reader_of_fill(): its head is not there before it is READ_READY, and READ_FAILED
 * says that there will be none. `source` reads the base from its first byte; it is borrowed, and
 * for the caller to fall back to. NULL: it cannot be had now.
 */
MUST_USE struct reader *recoder_read(struct edge_worker *e, const struct recoder_job *job,
    struct reader *source, void (*wake)(void *ctx), void *ctx);

/* Makes what is stored (job->base is whole) anew at the level for that, in the background, in the
 * place of what was made first. One at a time on a worker; false: not now. */
MUST_USE bool recoder_improve(struct edge_worker *e, const struct recoder_job *job);

/* Nothing that this worker recodes goes on (at exit). */
void recoders_stop(struct edge_worker *e);

#endif
