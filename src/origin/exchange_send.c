#include "origin/exchange.h"

#include "base/check.h"
#include "base/counters.h"
#include "http/h1_write.h"

enum { BODY_SEND = 32 * 1024 };

void exchange_write_head(struct exchange *x, const struct fetch_request *req)
{
    const struct origin_options *o = &x->fetch.origin->options;
    struct http_request head = {
        .method = req->method_id,
        .method_text = req->method,
        .target = req->target,
        .authority = o->host.n > 0 ? o->host : req->host,
        .fields = *req->fields,
        .body = req->body,
        .content_length = req->content_length,
        .keep_alive = o->keepalive_ms > 0,
        .upgrade = req->upgrade,
    };

    if (!h1_request_write(&x->head, &head))
        x->head.n = 0;
}

/* The next piece of the body into x->out, in its framing. False: not now, or failed. */
static bool pull_body(struct exchange *x)
{
    size_t n = BODY_SEND;
    char *data;
    ssize_t got;

    if (x->kind == BODY_LENGTH && n > x->content_length - x->pulled)
        n = (size_t)(x->content_length - x->pulled);
    if (n == 0) {
        x->sending = SENDING_LAST;
        return true;
    }
    if (x->body == NULL)
        x->body = xmalloc(CHUNK_HEAD_MAX + BODY_SEND + CHUNK_TAIL.n);
    data = x->body + CHUNK_HEAD_MAX;
    got = x->fetch.pull(x->fetch.ctx, data, n);
    if (x->fetch.cancelled)
        return false;
    if (got == STREAM_AGAIN) {
        x->starved = true;
        return false;
    }
    if (got < 0 || (got == 0 && x->kind == BODY_LENGTH)) {
        exchange_finish(x, FETCH_CLIENT_GONE, "the request's body ended early");
        return false;
    }
    x->pulled += (uint64_t)got;
    x->out = span_make(data, (size_t)got);
    if (x->kind == BODY_UNTIL_CLOSE && got == 0) {
        stream_shutdown_write(&x->conn->stream);
        x->sending = SENDING_DONE;
    } else if (x->kind == BODY_CHUNKED && got == 0) {
        x->sending = SENDING_LAST;
        x->out = CHUNK_END;
    } else if (x->kind == BODY_CHUNKED) {
        char text[CHUNK_HEAD_MAX];
        size_t text_n = chunk_head(text, (uint64_t)got);

        memcpy(data - text_n, text, text_n);
        memcpy(data + got, CHUNK_TAIL.p, CHUNK_TAIL.n);
        x->out = span_make(data - text_n, text_n + (size_t)got + CHUNK_TAIL.n);
    }
    return true;
}

/* False: the socket takes no more, now or ever. */
static bool write_out(struct exchange *x)
{
    struct iovec v = {(void *)(uintptr_t)x->out.p, x->out.n};
    ssize_t n = stream_writev(&x->conn->stream, &v, 1, false);

    if (n == STREAM_AGAIN) {
        x->blocked = true;
        return false;
    }
    if (n < 0) {
        x->sending = SENDING_LOST; /* what the origin said before it closed can still be read */
        return false;
    }
    count_add(C_ORIGIN_BYTES_OUT, (uint64_t)n);
    x->progress = true;
    x->out = span_from(x->out, (size_t)n);
    return true;
}

void exchange_send(struct exchange *x)
{
    for (unsigned writes = 0; !x->blocked;) {
        if (x->sending == SENDING_DONE || x->sending == SENDING_LOST)
            return;
        if (x->out.n > 0) {
            if (writes++ == EXCHANGE_TURN)
                x->blocked = true; /* goes on when the loop comes round */
            else if (!write_out(x))
                return;
            continue;
        }
        switch (x->sending) {
        case SENDING_HEAD:
            x->sending = x->kind == BODY_NONE ? SENDING_LAST : SENDING_BODY;
            break;
        case SENDING_BODY:
            if (x->starved || !pull_body(x))
                return;
            break;
        case SENDING_LAST:
            x->sending = SENDING_DONE;
            break;
        case SENDING_DONE:
        case SENDING_LOST:
            return;
        }
    }
}
