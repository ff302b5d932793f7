/*
 * admit.h - whether a request may be answered at all, by what its policy says of access, signed
 * URLs and limits.
 *
 * Before the cache is asked; for serving (request.c), and the signature for explain. Thread: the
 * worker of the connection.
 */
#ifndef EDGE_ADMIT_H
#define EDGE_ADMIT_H

#include "edge/route.h"

struct request;

/* Whether the policy says anything of it: only then is there something to ask. */
static inline bool admit_is_needed(const struct policy *p)
{
    return unlikely(p->guarded);
}

/* False: it was answered with 403 or 429. */
MUST_USE bool request_admit(struct request *r);

/* Of a route whose policy wants signatures. */
MUST_USE enum signature_end admit_signature(const struct route *route,
    const struct http_request *req, const struct addr *client, wall_s now, struct arena *a);

#endif
