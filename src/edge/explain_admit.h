/*
 * explain_admit.h - explain's part about admit.h: whether the request would be let in, and what
 * would count it. Nothing is counted by asking. Private to explain.
 */
#ifndef EDGE_EXPLAIN_ADMIT_H
#define EDGE_EXPLAIN_ADMIT_H

#include "edge/admit.h"
#include "edge/conf.h"

#include <jansson.h>

struct admission {
    bool has_client; /* the question says who asks */
    struct addr client;
    struct geo_place place;
    const struct access_rule *refusal; /* of allow and deny; NULL: none, or nobody knows */
    enum signature_end signature;
};

/* `client` is an address or empty. False: it is something else. For a route that was found. */
MUST_USE bool admission_find(struct admission *out, const struct edge_conf *conf,
    const struct route *route, const struct http_request *req, struct span client, wall_s now,
    struct arena *a);
/* The status with which it would be refused and the sentence why, or 0. */
int admission_refusal(const struct admission *x, struct arena *a, struct span *why);
/* null when the policy says nothing of it. */
json_t *admission_json(const struct admission *x, const struct policy *p, struct arena *a);

#endif
