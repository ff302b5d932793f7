/*
 * secure.h - what a site asks of the connection that a request comes by, and what it tells of it.
 *
 * - https-redirect sends plain requests to the same URL over TLS; hsts tells browsers to go there
 *   by themselves (RFC 6797).
 * - client-ca: only by connections that were opened for a site of the same authorities (RFC 9110
 *   §15.5.20); client-subject tells the origin whose certificate it was.
 * - The origin is told how the client came (X-Forwarded-Proto), and may answer by it: so what it is
 *   told, and who the client is, stand in the cache key.
 *
 * Thread: the worker of the request; the configuration's parts are immutable.
 */
#ifndef EDGE_SECURE_H
#define EDGE_SECURE_H

#include "conf/directive.h"
#include "net/tls_conf.h"

struct fields;
struct policy;
struct request;
struct route;
struct site;

enum secure_proto { PROTO_ACTUAL, PROTO_HTTP, PROTO_HTTPS };

/* Of a site. */
struct secure {
    struct tls_site tls;
    int redirect_status;       /* 0: plain requests are served */
    int proto;                 /* enum secure_proto: what the origin is told */
    struct span subject_field; /* p == NULL: the client's subject is not passed on */
};

extern const struct directive secure_directives[]; /* of struct secure, in a site */
/* hsts DURATION [subdomains] [preload] */
void secure_set_hsts(struct conf_load *l, void *policy, const struct conf_node *node);
/* The policy, of the site or of a path in it, gets what it has to have in its key. */
void secure_judge(struct conf_load *l, const struct site *site, struct policy *p);

/* What the origin is told of the client's way: "http" or "https". */
struct span secure_told(const struct route *r);

/* The field line that browsers are told to come over TLS by; empty: none. */
struct span secure_hsts(const struct request *r);

/* Takes what the origin says of it out of a response's fields, if we say it (RFC 6797 §8.1 has
 * browsers believe the first one). */
void secure_strip(const struct policy *p, struct fields *f);

/* The step of a request whose site is known. True: it was answered. */
MUST_USE bool request_secure(struct request *r);

#endif
