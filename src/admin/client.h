/*
 * client.h - one question to a control socket, and the whole answer.
 *
 * For selvagectl: it blocks, but not longer than the caller allows. Any thread without a loop.
 */
#ifndef ADMIN_CLIENT_H
#define ADMIN_CLIENT_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/span.h"
#include "http/method.h"

enum { ADMIN_REPLY_MAX = 16 << 20 }; /* bytes of a reply; a longer one is ADMIN_GARBLED */

struct admin_question {
    const char *socket; /* path */
    enum http_method method;
    const char *path;   /* "/stats"; checked by nobody, so not from strangers */
    mono_ms timeout_ms; /* for all of it */
};

struct admin_reply {
    int status;
    struct buf body; /* owns */
};

enum admin_asked {
    ADMIN_ANSWERED,    /* with any status */
    ADMIN_UNREACHABLE, /* nobody listens there, or we may not connect */
    ADMIN_SILENT,      /* the time is over */
    ADMIN_GARBLED,     /* what came is no whole HTTP response */
};

/* Unless ADMIN_ANSWERED, `why` is a sentence. Free *reply in every case. */
MUST_USE enum admin_asked admin_ask(
    const struct admin_question *q, struct admin_reply *reply, char *why, size_t why_cap);
void admin_reply_free(struct admin_reply *reply);

#endif
