/*
 * acme.h - certificates that are obtained and renewed by themselves (ACME, RFC 8555).
 *
 * The protocol is left to uacme(1), a client that is kept well elsewhere: a thread of ours runs it
 * for each site with `acme on`, now and then again, and puts what it obtained (chain and key, one
 * file for each site) into DIR/live, where certificates are found like any other. When the
 * authority wants proof of a name, uacme calls a hook, that hook the control socket (acme_serve()),
 * and workers answer what is then asked for (challenges.h).
 *
 * What fails is tried again after ten seconds, then after six times as long each time, up to half a
 * day; never in the way of anything that is served. Opened and closed by main.
 */
#ifndef EDGE_ACME_H
#define EDGE_ACME_H

#include "admin/route.h"
#include "base/clock.h"
#include "conf/directive.h"
#include "edge/challenges.h"

struct edge_conf;

enum { ACME_NAMES_MAX = 100 }; /* of one certificate, as Let's Encrypt has it */

struct acme_conf {
    bool on; /* there is such a block */
    struct conf_place at;
    struct span directory;    /* where accounts, keys and certificates are kept */
    struct span url;          /* of the authority's directory; empty: Let's Encrypt's */
    struct span email;        /* where it writes to; empty: nowhere */
    struct span client, hook; /* programs */
    int type;                 /* enum challenge_type: how names are proved */
    int64_t check_ms;         /* how often certificates are looked at */
    int64_t renew_days;       /* those with fewer days left are renewed */
};

extern const struct conf_context acme_context;

/* Whether what a site says makes sense here. Errors go to l->errors. main's close(). */
void acme_conf_judge(struct conf_load *l, const struct edge_conf *c);
/* A glob for the certificates that were obtained, in `a`. */
struct span acme_live_files(const struct acme_conf *c, struct arena *a);

/* "http-01" */
const char *acme_type_name(enum challenge_type type);

/* Makes its directories. False: a sentence is in the log. */
MUST_USE bool acme_prepare(const struct acme_conf *c);

struct acme;

/* When the control socket answers. NULL: nothing is to be obtained. */
MUST_USE struct acme *acme_start(const struct edge_conf *c);
/* Ends a client that runs. Sets *a to NULL, which it may be already. */
void acme_stop(struct acme **a);

/* POST /acme on the control socket: what the hook was called with. */
void acme_serve(struct admin_call *call);

#endif
