/*
 * pace.h - whether a client takes its response at least as fast as it must: a byte in send-timeout,
 * and on the average send-rate.
 *
 * What was handed to the kernel is not what the client took: megabytes may lie in the socket's
 * buffer, and an event that it has room again comes late for those who are slow. So what is still
 * there is asked for (SIOCOUTQ) and the rest, which the client has acknowledged, counts.
 *
 * Patience is a time: what is left of it shrinks while we wait, grows by every byte taken, and is
 * never more than twice send-timeout: who takes much at first may not be silent for hours.
 *
 * Embedded in what sends. Thread: the connection's worker.
 */
#ifndef SESSION_PACE_H
#define SESSION_PACE_H

#include "base/attrs.h"
#include "net/stream.h"
#include "session/conf.h"

#include <stdbool.h>
#include <stdint.h>

struct pace {
    uint64_t handed;   /* bytes to the kernel; the owner adds what it sends */
    uint64_t taken;    /* of them by the client, when last looked at */
    mono_ms left_ms;   /* of patience */
    mono_ms looked_ms; /* when, while waiting; 0: not waiting */
    mono_ms moved_ms;  /* when the client was last seen to have taken something */
};

/* A response begins. */
void pace_begin(struct pace *p, const struct session_conf *conf);

static inline void pace_handed(struct pace *p, size_t bytes)
{
    p->handed += bytes;
    p->looked_ms = 0;
}

/* The socket takes no more: for how long to wait before pace_is_kept() is asked. Once for each
 * wait. */
mono_ms pace_wait(struct pace *p, const struct session_conf *conf, const struct stream *s);
/* That time is over: 0 when the client is too slow, else how much longer to wait. */
MUST_USE mono_ms pace_goes_on(
    struct pace *p, const struct session_conf *conf, const struct stream *s);

#endif
