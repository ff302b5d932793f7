/*
 * certs.h - the certificates that there are, by the names that they are for.
 *
 * A set is built from what the configuration names, and never changes: when files do, a new set is
 * built beside it, which shares those that nobody touched, and takes its place. A name costs one
 * look-up, or two where only a wildcard fits (one label, RFC 6125 §6.4.3). For each name there may
 * be an ECDSA and an RSA certificate. Of several of a kind the site's own is taken, then one that
 * is valid, then the one that is valid longest.
 *
 * Built by one thread; any may look.
 */
#ifndef NET_CERTS_H
#define NET_CERTS_H

#include "conf/errors.h"
#include "net/cert.h"

/* Where to look, in the configuration's arena. */
struct certs_source {
    struct span file;         /* of one certificate, or a glob; NUL-terminated, as all here */
    struct span key;          /* n == 0: beside it as .key, or in the same file */
    bool many;                /* `file` is a glob */
    bool fallback;            /* for clients that name nobody we know */
    const struct span *hosts; /* of a site: for these, and not for others; else NULL */
    unsigned hosts_n;
    struct conf_place at;
    struct certs_source *next;
};

struct certs;

/* The certificates for a name, of each kind one or NULL. */
struct cert_pair {
    struct cert *of[CERT_KINDS];
};

/* `old` (or NULL) gives what has not changed. NULL: what is wrong is in `errors`. What is merely
 * odd (soon over, a site's host that is not among the names) is logged. */
MUST_USE struct certs *certs_load(const struct certs_source *sources, const struct certs *old,
    wall_s now, struct conf_errors *errors);
/* Of two sets out of the same sources: no file changed, came or went between them. */
bool certs_same(const struct certs *a, const struct certs *b);
void certs_free(struct certs **c);

/* `name` in lower case. Borrowed from the set; NULL: no certificate is for that name. */
const struct cert_pair *certs_find(const struct certs *c, struct span name);
/* For clients that name nobody we know; NULL: none is to be shown to them. */
const struct cert_pair *certs_fallback(const struct certs *c);

/* 0 .. certs_count() - 1 */
struct cert *certs_at(const struct certs *c, unsigned i);
unsigned certs_count(const struct certs *c);
unsigned certs_names(const struct certs *c);
/* The one whose time is over first, or NULL. */
const struct cert *certs_soonest(const struct certs *c);

#endif
