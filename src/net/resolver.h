/*
 * resolver.h - names to addresses without waiting: c-ares on a worker's loop, and a cache.
 *
 * One per worker. /etc/hosts comes before DNS. An answer lives as long as its TTL says (1 s to
 * 1 h) and is asked for again, in the background, when it is used shortly before that. When DNS
 * fails, the last good answer stays in use for up to an hour (RFC 8767); "no such name" is an
 * answer, not a failure. Lookups of one name at one time are one question. A and AAAA are asked
 * for at once; a slow AAAA holds up an A by 50 ms at most (RFC 8305 section 3).
 */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

#include "base/list.h"
#include "loop/worker.h"
#include "net/addr.h"

struct resolver;

struct resolver_options {
    struct addr
        server;     /* a DNS server; no address: those of /etc/resolv.conf, with its search list */
    int timeout_ms; /* of the first try; the next ones wait longer. 0: RESOLVER_TIMEOUT_MS */
    int tries;      /* 0: RESOLVER_TRIES */
};
enum { RESOLVER_TIMEOUT_MS = 1000, RESOLVER_TRIES = 3 };

enum { RESOLVER_ADDRS_MAX = 16 };

struct resolver_answer {
    struct addr addrs[RESOLVER_ADDRS_MAX]; /* port 0; IPv6 before IPv4 */
    unsigned n;                            /* 0: there is none, and `why` says so */
    bool stale;                            /* DNS fails; this is what it said before */
    const char *why;                       /* "no such name", a phrase; static */
};

/* Embedded in whoever waits. */
struct resolver_query {
    struct list node; /* private; self-linked when not waiting */
    void (*done)(struct resolver_query *q, const struct resolver_answer *answer);
};

/* On the worker's thread, or before it starts. NULL options: all defaults. Aborts when c-ares
 * cannot start (no memory). */
MUST_USE struct resolver *resolver_new(struct worker *w, const struct resolver_options *options);
/* Queries that wait are forgotten: no call comes. Not from inside done(). */
void resolver_free(struct resolver **r);

/* True: *answer is there already (a literal, the cache, /etc/hosts) and `done` is not called.
 * False: `done` will be called, unless resolver_cancel() comes first. `host` is copied. */
MUST_USE bool resolver_lookup(struct resolver *r, struct span host, struct resolver_query *q,
    void (*done)(struct resolver_query *q, const struct resolver_answer *answer),
    struct resolver_answer *answer);
/* Harmless when q does not wait (any more), if it was ever given to resolver_lookup(). */
void resolver_cancel(struct resolver_query *q);

#endif
