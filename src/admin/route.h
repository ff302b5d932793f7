/*
 * route.h - what the control socket answers: one row per question.
 *
 * A row's `serve` answers exactly once, by one of the admin_answer_*(), before it returns. It runs
 * on the worker that was given to admin_start() and must not block.
 */
#ifndef ADMIN_ROUTE_H
#define ADMIN_ROUTE_H

#include "http/method.h"
#include "session/txn.h"

#include <jansson.h>

/* One question on its way. */
struct admin_call {
    struct txn *txn; /* the request; its arena lives until the answer is sent */
    void *app;       /* admin_conf.app */
    const struct admin_conf *conf;
};

enum admin_door { ADMIN_CONTROL = 1, ADMIN_METRICS = 2 };

struct admin_route {
    enum http_method method; /* a GET row answers HEAD too */
    const char *path;
    unsigned doors; /* of enum admin_door: who may ask */
    void (*serve)(struct admin_call *call);
    const char *about; /* the sentence for a wrong path's answer and for manuals */
};

/* Takes over `body`; NULL (memory is out) is answered with 500. */
void admin_answer_json(struct admin_call *call, int status, json_t *body);
/* `body` must live in the txn's arena or be static. */
void admin_answer_text(
    struct admin_call *call, int status, struct span content_type, struct span body);

#endif
