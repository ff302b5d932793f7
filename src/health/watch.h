/*
 * watch.h - one place looked at again and again: probes on a timer, and the standing that follows.
 *
 * The next probe starts every_ms after the last one did (up to jitter_percent of that earlier, so
 * that many watches spread out), or when that one has ended, if it took longer. While a bad probe
 * leaves it in doubt the next follows in WATCH_DOUBT_MS: whoever is down is to be known soon, and
 * who merely lost a packet, too.
 *
 * On one worker's thread.
 */
#ifndef HEALTH_WATCH_H
#define HEALTH_WATCH_H

#include "health/probe.h"
#include "health/standing.h"

enum { WATCH_DOUBT_MS = 100, WATCH_SPREAD_MS = 200 /* first probes come within */ };

struct watch {
    struct standing standing; /* may be set between init and start, from what was known before */
    mono_ms probed_ms;        /* when the last probe ended; 0: none has */
    int64_t took_us;
    bool blind;                /* that one could not tell */
    char said[PROBE_SAID_MAX]; /* what it said */
    /* private */
    const struct health_probe *what; /* borrowed */
    struct resolver *resolver;       /* borrowed */
    struct probe probe;
    struct deadline next;
    mono_ms began_ms;
    void (*told)(struct watch *w, const struct probe_result *result, bool changed);
};

/* `addr`: NULL for the URL's host. told() comes after each probe; `changed`: standing.up has. It
 * may stop the watch. */
void watch_init(struct watch *w, const struct health_probe *what, const struct addr *addr,
    struct worker *worker, struct resolver *r,
    void (*told)(struct watch *w, const struct probe_result *result, bool changed));
void watch_start(struct watch *w);
/* Harmless when it is not running. */
void watch_stop(struct watch *w);

#endif
