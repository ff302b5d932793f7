/*
 * conditional.h - preconditions (RFC 9110 §13), evaluated in the order of §13.2.2.
 *
 * Pure: the request's fields and the validators of the selected representation decide.
 */
#ifndef HTTP_CONDITIONAL_H
#define HTTP_CONDITIONAL_H

#include "base/clock.h"
#include "http/message.h"

/* What is known of the representation that would be sent. */
struct validators {
    struct span etag; /* as in the field; empty when there is none */
    bool has_last_modified;
    wall_s last_modified;
    bool has_date; /* when it was made, by the origin's clock */
    wall_s date;
};

/* From the fields of a response; what does not parse is not there. */
struct validators validators_of(const struct fields *f, wall_s now);

enum conditional_role {
    CONDITIONAL_CACHE,  /* If-Match and If-Unmodified-Since are not ours to judge (9111 §4.3.2) */
    CONDITIONAL_ORIGIN, /* all are */
};

enum conditional {
    CONDITIONAL_PROCEED,
    CONDITIONAL_NOT_MODIFIED, /* 304 */
    CONDITIONAL_FAILED,       /* 412 */
};

/*
 * For a request whose answer would be a 2xx with that representation. `v` is NULL when there is no
 * representation (a PUT to something new). If-Modified-Since without Last-Modified falls back to
 * v->date for a cache (RFC 9111 §4.3.2), and does not apply otherwise.
 */
enum conditional conditional_evaluate(const struct http_request *req, const struct validators *v,
    enum conditional_role role, wall_s now);

/* Whether Range may be applied to this representation (v is never NULL): no If-Range, or one that
 * matches strongly (§13.1.5). */
bool conditional_range_applies(
    const struct http_request *req, const struct validators *v, wall_s now);

#endif
