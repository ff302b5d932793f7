/*
 * answer.h - what the files of admin/ answer with, beyond route.h. Private to admin/.
 */
#ifndef ADMIN_ANSWER_H
#define ADMIN_ANSWER_H

#include "admin/admin.h"
#include "admin/route.h"

#define ADMIN_PLAIN SPAN("text/plain; charset=utf-8")

/* As admin_answer_text(), with an Allow field unless `allow` is empty. */
void admin_answer_allow(struct admin_call *call, int status, struct span content_type,
    struct span body, struct span allow);

/* The facts as they are now. */
struct admin_facts admin_facts_now(struct admin_call *call);
int64_t admin_uptime_s(const struct admin_call *call, const struct admin_facts *facts);

/* routes.c */
extern const struct admin_route admin_routes[];

/* metrics.c */
void admin_serve_metrics(struct admin_call *call);

/* certificates.c */
void admin_serve_certificates(struct admin_call *call);

/* volumes.c */
void admin_serve_volumes(struct admin_call *call);
json_t *admin_volumes_json(const struct cache_volumes *v);

#endif
