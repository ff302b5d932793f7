#include "health/response.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

static const struct h1_limits limits = {
    .line_bytes = 8192, .head_bytes = RESPONSE_HEAD_BYTES, .fields = 100};

void response_init(struct response *r, const struct response_wish *wish, enum http_method asked)
{
    *r = (struct response){.wish = wish, .asked = asked};
    arena_init(&r->arena);
    /* A head that is not whole within its limit is refused by its reader; behind it one piece of
     * what was received with it. */
    buf_init(&r->in, RESPONSE_HEAD_BYTES + RESPONSE_BODY_BYTES);
    buf_init(&r->body, RESPONSE_BODY_BYTES);
    h1_scan_init(&r->scan, &limits);
}

void response_free(struct response *r)
{
    buf_free(&r->in);
    buf_free(&r->body);
    arena_free(&r->arena);
}

bool response_statuses_have(const struct response_statuses *s, int status)
{
    for (unsigned i = 0; i < s->n; i++) {
        if (status >= s->v[i].first && status <= s->v[i].last)
            return true;
    }
    return false;
}

static enum response_end bad(struct response *r, const char *why)
{
    snprintf(r->why, sizeof(r->why), "%s", why);
    return RESPONSE_BAD;
}

/* All the content that is looked at is there. */
static enum response_end judge(struct response *r)
{
    struct span text = r->wish->contains;

    if (text.n == 0 || (r->body.n > 0 && memmem(r->body.p, r->body.n, text.p, text.n) != NULL))
        return RESPONSE_GOOD;
    return bad(r, "the text looked for is not in the answer");
}

/* False: there is as much as is looked at. */
static bool keep(struct response *r, struct span data)
{
    size_t room = RESPONSE_BODY_BYTES - r->body.n;

    check(buf_append(&r->body, span_make(data.p, data.n < room ? data.n : room)));
    return r->body.n < RESPONSE_BODY_BYTES;
}

static enum response_end take_chunks(struct response *r, struct span in)
{
    struct span data;

    for (;;) {
        switch (chunked_next(&r->chunked, &in, &data)) {
        case CHUNKED_MORE:
            return RESPONSE_MORE;
        case CHUNKED_DATA:
            if (!keep(r, data))
                return judge(r);
            break;
        case CHUNKED_END:
            return judge(r);
        case CHUNKED_BAD:
            return bad(r, r->chunked.why);
        }
    }
}

static enum response_end take_body(struct response *r, struct span in)
{
    switch (r->framing) {
    case BODY_NONE:
        return judge(r);
    case BODY_LENGTH:
        if (in.n > r->left)
            in.n = (size_t)r->left;
        r->left -= in.n;
        return !keep(r, in) || r->left == 0 ? judge(r) : RESPONSE_MORE;
    case BODY_CHUNKED:
        return take_chunks(r, in);
    case BODY_UNTIL_CLOSE:
        return keep(r, in) ? RESPONSE_MORE : judge(r);
    }
    return RESPONSE_MORE;
}

static enum response_end take_final(struct response *r, const struct http_response *resp)
{
    r->status = resp->status;
    if (!response_statuses_have(&r->wish->statuses, resp->status)) {
        snprintf(r->why, sizeof(r->why), "status %d", resp->status);
        return RESPONSE_BAD;
    }
    r->framing = resp->body;
    r->left = resp->body == BODY_LENGTH ? resp->content_length : 0;
    if (r->framing == BODY_CHUNKED)
        chunked_init(&r->chunked, &limits, &r->arena);
    return take_body(r, span_from(buf_span(&r->in), r->scan.used));
}

/* As long as there are heads in `in`. */
static enum response_end take_head(struct response *r)
{
    struct http_response resp;

    for (;;) {
        switch (h1_response_parse(&r->scan, buf_span(&r->in), r->asked, &r->arena, &resp)) {
        case H1_MORE:
            return RESPONSE_MORE;
        case H1_BAD:
            return bad(r, r->scan.why);
        case H1_OK:
            break;
        }
        if (resp.status >= 200)
            return take_final(r, &resp);
        if (resp.status == 101)
            return bad(r, "101 without being asked");
        if (++r->interims > RESPONSE_INTERIM_MAX)
            return bad(r, "too many interim responses");
        buf_consume(&r->in, r->scan.used);
        h1_scan_init(&r->scan, &limits);
    }
}

enum response_end response_take(struct response *r, struct span bytes)
{
    if (r->status != 0)
        return take_body(r, bytes);
    while (bytes.n > 0) {
        size_t room = r->in.limit - r->in.n;
        struct span part = span_make(bytes.p, bytes.n < room ? bytes.n : room);
        enum response_end end;

        check(room > 0); /* a head that grows beyond its limit is bad */
        check(buf_append(&r->in, part));
        bytes = span_from(bytes, part.n);
        end = take_head(r);
        if (end != RESPONSE_MORE)
            return end;
        if (r->status != 0)
            return bytes.n > 0 ? take_body(r, bytes) : RESPONSE_MORE;
    }
    return RESPONSE_MORE;
}

enum response_end response_finish(struct response *r)
{
    if (r->status == 0)
        return bad(r, r->in.n == 0 ? "the connection was closed without an answer"
                                   : "the answer ends within its head");
    if (r->framing == BODY_UNTIL_CLOSE)
        return judge(r);
    return bad(r, "the answer ends within its content");
}
