/*
 * probe_conf.h - probes out of configuration text.
 *
 *   health GET https://www.example.com/healthz every 2s timeout 1s status 200 204 contains "ok";
 *   health TCP 443 every 5s rise 2 fall 3;
 *
 * main's thread, while a configuration is built. A probe's texts are in its arena, its TLS is not:
 * health_probe_free().
 */
#ifndef HEALTH_PROBE_CONF_H
#define HEALTH_PROBE_CONF_H

#include "conf/directive.h"
#include "health/probe.h"

/* What is so where the text says nothing. */
struct health_defaults {
    int64_t every_ms, timeout_ms, rise, fall, jitter_percent;
    struct response_statuses statuses;
};

enum { HEALTH_EVERY_MIN_MS = 100, HEALTH_EVERY_MAX_MS = 3600000 };
enum { HEALTH_TIMEOUT_MIN_MS = 10, HEALTH_TIMEOUT_MAX_MS = 60000 };
enum { HEALTH_RUN_MAX = 100, HEALTH_JITTER_MAX_PERCENT = 50 };

/* The arguments of a directive, for its usage. */
#define HEALTH_HTTP_WORDS                                                                          \
    "[every TIME] [timeout TIME] [rise N] [fall N] [jitter PERCENT] [status CODE...] "             \
    "[contains TEXT] [ca FILE] [insecure]"

/* The URL of an HTTP probe may stand for a host that is looked up; whether it is used is up to
 * whoever starts the probe. False: something is wrong, which is reported. *out is to be freed in
 * both cases. */
MUST_USE bool health_probe_read(struct conf_load *l, const struct conf_node *node,
    const struct health_defaults *defaults, struct health_probe *out);
/* Safe on zeroed memory. */
void health_probe_free(struct health_probe *p);

#endif
