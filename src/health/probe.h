/*
 * probe.h - one look at whether a service answers: connect, TLS, a request, its response, once.
 *
 * A probe goes to the address that it is given, or, without one, to the host of its URL; Host, SNI
 * and the certificate are those of the URL in both cases, as for the people who come there. TLS is
 * always shaken anew: a session that goes on would not show a certificate that has expired since.
 * The time limit is for all of it.
 *
 * PROBE_BLIND is no verdict: what is missing is ours (no route to the address, no more files), so
 * it says nothing about the other side.
 *
 * A struct health_probe is configuration, immutable, any thread (probe_conf.h reads it). A struct
 * probe runs on one worker's thread.
 */
#ifndef HEALTH_PROBE_H
#define HEALTH_PROBE_H

#include "base/clock.h"
#include "health/response.h"
#include "http/method.h"
#include "loop/deadline.h"
#include "net/addr.h"
#include "net/connect.h"
#include "net/stream.h"
#include "net/tls_client.h"

enum health_kind {
    HEALTH_TCP,  /* that it takes a connection */
    HEALTH_HTTP, /* that it answers a request well */
};

struct health_probe {
    enum health_kind kind;
    struct span label; /* host:port, or "port 443"; NUL-terminated */
    unsigned port;
    int64_t every_ms, timeout_ms, rise, fall, jitter_percent;
    /* HEALTH_HTTP */
    enum http_method method;       /* GET or HEAD */
    struct span host;              /* without brackets; NUL-terminated: SNI, certificate */
    struct span authority, target; /* of the request */
    struct response_wish wish;
    struct tls_client *tls; /* owns; NULL: plain */
};

enum probe_end { PROBE_GOOD, PROBE_BAD, PROBE_BLIND };

enum { PROBE_SAID_MAX = 200 };

struct probe_result {
    enum probe_end end;
    int status;       /* of an HTTP response that came; 0: none */
    const char *said; /* "200", "status 503", "connection refused" */
    int64_t took_us;
    const struct response *response; /* HEALTH_HTTP: what came; borrowed, gone after done() */
};

enum probe_state { PROBE_IDLE, PROBE_CONNECTING, PROBE_SHAKING, PROBE_TALKING };

struct probe {
    enum probe_state state;
    /* private */
    const struct health_probe *what; /* borrowed */
    struct worker *worker;           /* borrowed */
    struct addr addr;                /* where; none: the URL's host */
    struct connect *connect;         /* PROBE_CONNECTING: owns */
    struct stream stream;            /* SHAKING, TALKING */
    struct tls_sessions sessions;    /* thrown away with the connection */
    struct deadline deadline;
    struct buf out; /* owns: the request; `sent` of it are */
    size_t sent;
    struct response response;
    mono_us began_us;
    char said[PROBE_SAID_MAX];
    void (*done)(struct probe *p, const struct probe_result *result);
};

struct resolver;

void probe_init(struct probe *p, struct worker *w, const struct health_probe *what,
    const struct addr *addr, void (*done)(struct probe *p, const struct probe_result *result));
/* One that is idle. Exactly one done() comes, later, from the loop; it is idle again then. */
void probe_start(struct probe *p, struct resolver *r);
/* No call comes. Harmless when idle. */
void probe_cancel(struct probe *p);

#endif
