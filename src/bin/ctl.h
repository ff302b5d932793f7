/*
 * ctl.h - what the files of selvagectl share. One thread; exit statuses are 0 and 1.
 */
#ifndef BIN_CTL_H
#define BIN_CTL_H

#include "admin/client.h"
#include "base/buf.h"
#include "edge/explain.h"

#include <jansson.h>

struct ctl {
    const char *socket;
    const char *daemon; /* whose it is, for messages */
    int64_t timeout_ms; /* for an answer */
    bool json;          /* as it came */
    bool colour;        /* standard output is a terminal that wants it */
    char **args;        /* behind the command, NULL at the end */
    /* of explain */
    const char *config; /* explain this file; or NULL */
    struct explain_question question;
    /* of purge */
    bool hard, wait;
    const char *site; /* or NULL */
    /* of cache ls and export; site, too */
    const char *prefix, *tag, *tier;                     /* or NULL */
    const char *min_size, *max_size, *min_age, *max_age; /* or NULL */
    unsigned long limit;
    /* of sign; prefix, too */
    const char *key, *id, *expires; /* or NULL */
    const char *client;             /* or NULL; of explain, too */
    /* of volume init */
    const char *size; /* or NULL */
    bool force;
    /* of reload */
    bool diff;
    /* of steer */
    const char *name, *steer; /* or NULL */
    /* of dnssec */
    const char *dir; /* or NULL */
    bool zsk;
};

typedef bool ctl_report_fn(const json_t *answer, bool colour, struct buf *out);

/* Asks, and writes the answer as a table or as it came. What is answered with 500 and JSON has
 * happened, but not as it should: it is written all the same, with exit status 1. */
int ctl_show(
    const struct ctl *ctl, enum http_method method, const char *path, ctl_report_fn *report);
/* The answer to a GET; NULL: a sentence is on standard error. */
MUST_USE json_t *ctl_ask(const struct ctl *ctl, const char *path);
/* The status of the answer to a GET, whatever it is, with its body; 0: a sentence is on standard
 * error. Free *reply in any case. */
MUST_USE int ctl_get(const struct ctl *ctl, const char *path, struct admin_reply *reply);
/* Writes an answer that did not come from a daemon. */
int ctl_show_json(const struct ctl *ctl, const json_t *answer, ctl_report_fn *report);
/* The value of a query parameter, percent-encoded. False: the buffer's limit does not allow. */
MUST_USE bool ctl_put_value(struct buf *out, struct span value);
int ctl_wrong_usage(const char *what, const char *which);

/* ctl_acme.c */
int ctl_acme(const struct ctl *ctl);
/* ctl_cache.c */
int ctl_cache(const struct ctl *ctl);
/* Calls each() for each part of what is stored, as the options narrow it, until *enough. False: it
 * did, or a sentence is on standard error. */
MUST_USE bool ctl_cache_parts(
    const struct ctl *ctl, bool (*each)(void *ctx, const json_t *part, bool *enough), void *ctx);
/* ctl_dnssec.c */
int ctl_dnssec(const struct ctl *ctl);
/* ctl_export.c; `path` may be NULL */
int ctl_export(const struct ctl *ctl, const char *path);
/* ctl_certificates.c */
int ctl_certificates(const struct ctl *ctl);
/* ctl_map.c */
int ctl_map(const struct ctl *ctl);
/* ctl_pops.c */
int ctl_pops(const struct ctl *ctl);
int ctl_pop(const struct ctl *ctl);
/* ctl_purge.c */
int ctl_purge(const struct ctl *ctl);
/* ctl_reload.c */
int ctl_reload(const struct ctl *ctl);
/* ctl_sign.c */
int ctl_sign(const struct ctl *ctl);
/* ctl_steer.c */
int ctl_steer(const struct ctl *ctl);
/* ctl_volume.c */
int ctl_volume(const struct ctl *ctl);

#endif
