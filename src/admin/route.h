/*
 * route.h - what the control socket answers: one row per question.
 *
 * A row's `serve` answers exactly once, by one of the admin_answer_*(), before it returns or later.
 * It runs on the worker that was given to admin_start() and must not block; a later answer comes
 * from the same worker.
 *
 *   the call is      until                                then
 *   served           serve() returns: answered, or not    it is pending
 *   pending          admin_answer_*()                     it is answered, and not to be touched
 *                    the client has left, admin_stop()    gone() is called, and no answer any more
 *
 * Who answers later sets gone() before serve() returns. Arguments come in the query; a body is not
 * read.
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
    void *pending; /* what a row that answers later wants to find again in gone() */
    void (*gone)(struct admin_call *call);
    bool answered; /* private to admin/ */
};

enum admin_door { ADMIN_CONTROL = 1, ADMIN_METRICS = 2 };

struct admin_route {
    enum http_method method; /* a GET row answers HEAD too */
    const char *path;
    unsigned doors; /* of enum admin_door: who may ask */
    void (*serve)(struct admin_call *call);
    const char *about; /* the sentence for a wrong path's answer and for manuals */
};

/* Each of them: the last to be done with the call. Takes over `body`; NULL (memory is out) is
 * answered with 500. */
void admin_answer_json(struct admin_call *call, int status, json_t *body);
/* `body` must live in the txn's arena or be static. */
void admin_answer_text(
    struct admin_call *call, int status, struct span content_type, struct span body);

struct tls_server_state;

/* What GET /certificates answers; an empty object for NULL. */
json_t *admin_certificates_json(const struct tls_server_state *s);

/* JSON is UTF-8; what a stranger named need not be: then bytes that are not ASCII become '?'. */
json_t *admin_json_text(struct span s);

#endif
