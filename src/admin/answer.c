/*
 * answer.c - an answer of the control socket as a response of the session layer.
 */
#include "admin/answer.h"

#include "base/arena.h"
#include "base/check.h"
#include "http/date.h"

#include <stdlib.h>

void admin_answer_allow(struct admin_call *call, int status, struct span content_type,
    struct span body, struct span allow)
{
    struct txn *t = call->txn;
    struct fields *f = arena_zalloc(&t->arena, sizeof(*f));
    char date[HTTP_DATE_LEN];
    struct txn_response r = {
        .status = status,
        .fields = f,
        .length = (int64_t)body.n,
        .announce_length = true,
        .no_body = t->request.method == METHOD_HEAD,
        .body = body,
    };

    check(!call->answered);
    call->answered = true;
    http_date_format(worker_wall_s(t->worker), date);
    fields_add(f, &t->arena, FIELD_DATE, arena_dup(&t->arena, span_make(date, HTTP_DATE_LEN)));
    fields_add(f, &t->arena, FIELD_CONTENT_TYPE, content_type);
    fields_add(f, &t->arena, FIELD_CACHE_CONTROL, SPAN("no-store"));
    if (allow.n > 0)
        fields_add(f, &t->arena, FIELD_ALLOW, allow);
    txn_respond(t, &r);
}

void admin_answer_text(
    struct admin_call *call, int status, struct span content_type, struct span body)
{
    admin_answer_allow(call, status, content_type, body, SPAN_EMPTY);
}

void admin_answer_json(struct admin_call *call, int status, json_t *body)
{
    char *text = body != NULL ? json_dumps(body, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : NULL;

    json_decref(body);
    if (text == NULL) {
        admin_answer_text(call, 500, ADMIN_PLAIN, SPAN("out of memory\n"));
        return;
    }
    admin_answer_text(call, status, SPAN("application/json"),
        arena_join(&call->txn->arena, span_of(text), SPAN("\n")));
    free(text);
}

json_t *admin_json_text(struct span s)
{
    json_t *json = json_stringn(s.p != NULL ? s.p : "", s.n);
    char *ascii;

    if (json != NULL)
        return json;
    ascii = xmalloc(s.n);
    for (size_t i = 0; i < s.n; i++)
        ascii[i] = (unsigned char)s.p[i] < 0x80 ? s.p[i] : '?';
    json = json_stringn(ascii, s.n);
    free(ascii);
    return json;
}
