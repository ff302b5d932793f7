/*
 * connect.h - a connected socket to a name or an address, by whichever of its addresses answers.
 *
 * Addresses are tried in the order of RFC 8305: IPv6 first, families in turn; when one has not
 * answered after 250 ms the next is tried beside it, when one fails the next at once. The first
 * to connect wins, the others are closed. On the worker's thread.
 */
#ifndef NET_CONNECT_H
#define NET_CONNECT_H

#include "loop/worker.h"
#include "net/addr.h"

struct connect;
struct resolver;

enum { CONNECT_ATTEMPT_DELAY_MS = 250 };

struct connect_to {
    struct worker *worker;     /* borrowed */
    struct resolver *resolver; /* borrowed; outlives the connect. For names */
    struct span host;          /* a name or a literal; copied as needed. Empty: `addr` */
    unsigned port;             /* with host */
    struct addr addr;          /* without host; a Unix socket's too */
    mono_ms timeout_ms;        /* for all of it, the lookup included */
};

enum connect_end {
    CONNECT_DONE,       /* `fd` is connected */
    CONNECT_UNRESOLVED, /* the name has no address, or DNS failed */
    CONNECT_FAILED,     /* every address failed; `error` is the errno of the last */
    CONNECT_TIMEOUT,    /* the time was up */
};

struct connect_result {
    enum connect_end end;
    int fd;           /* non-blocking, TCP_NODELAY; the callee owns it. -1 unless CONNECT_DONE */
    struct addr addr; /* connected, or the last that was tried; none when none was */
    int error;        /* errno; 0 for none */
    const char *why;  /* "192.0.2.1:80: connection refused"; "" for CONNECT_DONE */
};

/* Never NULL. Exactly one done() comes, later, from the loop; the connect is gone when it comes. */
MUST_USE struct connect *connect_start(const struct connect_to *to,
    void (*done)(void *ctx, const struct connect_result *result), void *ctx);
/* No call comes. Sets *c to NULL. */
void connect_cancel(struct connect **c);

#endif
