#include "http/h1_write.h"

#include "base/check.h"
#include "http/chars.h"
#include "http/status.h"

enum { U64_DIGITS = 20 };

static struct span u64_text(uint64_t v, char out[static U64_DIGITS])
{
    size_t at = U64_DIGITS;

    do
        out[--at] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    return span_make(out + at, U64_DIGITS - at);
}

/* After buf_reserve() made room. */
static void put(struct buf *b, struct span s)
{
    if (s.n != 0)
        memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
}

bool h1_field_write(struct buf *b, struct span name, struct span value)
{
    check(token_valid(name));
    check(text_is_line(value));
    if (!buf_reserve(b, name.n + value.n + 4))
        return false;
    put(b, name);
    put(b, SPAN(": "));
    put(b, value);
    put(b, SPAN("\r\n"));
    return true;
}

bool h1_status_write(struct buf *b, int status, struct span reason)
{
    char digits[U64_DIGITS];

    check(status >= 100 && status <= 999);
    if (reason.n == 0)
        reason = http_status_reason(status);
    check(text_is_line(reason));
    if (!buf_reserve(b, reason.n + 15))
        return false;
    put(b, SPAN("HTTP/1.1 "));
    put(b, u64_text((uint64_t)status, digits));
    put(b, SPAN(" "));
    put(b, reason);
    put(b, SPAN("\r\n"));
    return true;
}

/* Written from the struct, never from `fields`. */
static bool is_framing(enum field_id id)
{
    return id == FIELD_CONTENT_LENGTH || id == FIELD_TRANSFER_ENCODING || id == FIELD_CONNECTION ||
           id == FIELD_KEEP_ALIVE || id == FIELD_PROXY_CONNECTION;
}

static bool fields_write(struct buf *b, const struct fields *f, bool without_host)
{
    fields_each (line, f) {
        if (is_framing(line->id) || (without_host && line->id == FIELD_HOST))
            continue;
        if (!h1_field_write(b, line->name, line->value))
            return false;
    }
    return true;
}

static bool length_write(struct buf *b, uint64_t length)
{
    char digits[U64_DIGITS];

    return h1_field_write(b, SPAN("Content-Length"), u64_text(length, digits));
}

static bool body_write(struct buf *b, enum http_body body, uint64_t length)
{
    switch (body) {
    case BODY_LENGTH:
        return length_write(b, length);
    case BODY_CHUNKED:
        return h1_field_write(b, SPAN("Transfer-Encoding"), SPAN("chunked"));
    case BODY_NONE:
    case BODY_UNTIL_CLOSE:
        break;
    }
    return true;
}

bool h1_request_write(struct buf *b, const struct http_request *req)
{
    struct span host =
        req->authority.n != 0 ? req->authority : fields_get(&req->fields, FIELD_HOST);
    bool expects_body =
        req->method == METHOD_POST || req->method == METHOD_PUT || req->method == METHOD_PATCH;

    check(token_valid(req->method_text) && span_all(req->target, CHAR_TARGET));
    check(req->body != BODY_UNTIL_CLOSE);
    if (!buf_reserve(b, req->method_text.n + req->target.n + 12))
        return false;
    put(b, req->method_text);
    put(b, SPAN(" "));
    put(b, req->target);
    put(b, SPAN(" HTTP/1.1\r\n"));
    if (!h1_field_write(b, SPAN("Host"), host) || !fields_write(b, &req->fields, true) ||
        !body_write(b, req->body, req->content_length))
        return false;
    if (req->body == BODY_NONE && expects_body && !length_write(b, 0))
        return false;
    if (req->upgrade.n != 0 && (!h1_field_write(b, SPAN("Connection"), SPAN("Upgrade")) ||
                                   !h1_field_write(b, SPAN("Upgrade"), req->upgrade)))
        return false;
    if (req->upgrade.n == 0 && !req->keep_alive &&
        !h1_field_write(b, SPAN("Connection"), SPAN("close")))
        return false;
    return buf_append(b, SPAN("\r\n"));
}

bool h1_response_end(struct buf *b, const struct http_response *framing, int client_minor)
{
    bool interim = framing->status < 200;

    check(framing->body != BODY_CHUNKED || client_minor > 0);
    check(framing->body != BODY_UNTIL_CLOSE || !framing->keep_alive);
    check(framing->body == BODY_NONE || !http_status_bodyless(framing->status));
    if (!body_write(b, framing->body, framing->content_length))
        return false;
    if (framing->body == BODY_NONE && framing->has_content_length && !interim &&
        framing->status != 204 && !length_write(b, framing->content_length))
        return false;
    if (!interim && !framing->keep_alive && !h1_field_write(b, SPAN("Connection"), SPAN("close")))
        return false;
    if (!interim && framing->keep_alive && client_minor == 0 &&
        !h1_field_write(b, SPAN("Connection"), SPAN("keep-alive")))
        return false;
    return buf_append(b, SPAN("\r\n"));
}

bool h1_response_write(struct buf *b, const struct http_response *resp, int client_minor)
{
    return h1_status_write(b, resp->status, resp->reason) &&
           fields_write(b, &resp->fields, false) && h1_response_end(b, resp, client_minor);
}
