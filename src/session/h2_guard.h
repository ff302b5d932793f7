/*
 * h2_guard.h - what a client of HTTP/2 may send beside requests, and how much of it.
 *
 * Frames that cost us more than them (RFC 9113 §10.5) are counted by kind, against a rate and a
 * burst for each connection, in h2_guard.tbl. The guard reads frame headers by itself from what
 * comes in, before the framing layer sees it: so also those frames count that are thrown away
 * there. Over a limit the connection is to end with ENHANCE_YOUR_CALM. Times are microseconds of
 * one clock. Pure; thread: the owner's.
 */
#ifndef SESSION_H2_GUARD_H
#define SESSION_H2_GUARD_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"

enum h2_kind {
#define KIND(name, word, burst, per_second) H2_##name,
#include "session/h2_guard.tbl"
#undef KIND
    H2_KINDS,
    H2_CALM = H2_KINDS, /* nothing is over its limit */
};

struct h2_guard {
    /* private */
    mono_us due[H2_KINDS]; /* when all that came will have been forgotten */
    uint32_t updates;      /* of windows that may come for data that was sent */
    unsigned char head[9]; /* of the frame that is coming */
    unsigned head_n;       /* bytes of it that are there */
    uint32_t left;         /* bytes of the frame's payload still to come */
    unsigned heads;        /* header blocks that have begun */
    bool in_head;          /* and the last of them has not ended */
};

/* Behind the client's preface. */
void h2_guard_init(struct h2_guard *g);
/* The next bytes that came. H2_CALM, or the kind of frames there were too many of. */
MUST_USE enum h2_kind h2_guard_bytes(struct h2_guard *g, struct span bytes, mono_us now);
/* One more of a kind that the owner has seen by itself. False: that was too many. */
MUST_USE bool h2_guard_count(struct h2_guard *g, enum h2_kind kind, mono_us now);
/* We sent a frame of data: the client may answer it with updates of windows. */
void h2_guard_sent_data(struct h2_guard *g);
/* The number of the head that has begun to come and is not there yet; 0: none. */
unsigned h2_guard_head(const struct h2_guard *g);
/* "resets" and the like; "" for H2_CALM. */
const char *h2_kind_word(enum h2_kind kind);

#endif
