/*
 * message.h - a request and a response, as every layer sees them, whatever version carried them.
 *
 * Filled by h1_parse and h2_head from bytes that were checked; written by h1_write. Spans point
 * into the connection's buffer or the request's arena, as the one who filled them says. Framing is
 * said by `body` and `content_length` alone: the fields Content-Length, Transfer-Encoding and
 * Connection may stand in `fields` as they came, but nobody acts on them after parsing, and
 * h1_write leaves them out and writes its own.
 */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include "base/span.h"
#include "http/fields.h"
#include "http/method.h"

#include <stdint.h>

enum http_body {
    BODY_NONE,        /* no content and no framing of it */
    BODY_LENGTH,      /* content_length bytes follow, perhaps 0 */
    BODY_CHUNKED,     /* chunked coding; HTTP/2: until END_STREAM, length not known */
    BODY_UNTIL_CLOSE, /* responses only: until the connection is closed */
};

/* RFC 9112 §3.2 */
enum target_form {
    TARGET_ORIGIN,    /* /path?query */
    TARGET_ABSOLUTE,  /* http://authority/path?query */
    TARGET_AUTHORITY, /* host:port, with CONNECT only */
    TARGET_ASTERISK,  /* *, with OPTIONS only */
};

struct http_request {
    enum http_method method;
    enum target_form form;
    int minor;               /* of HTTP/1.x: 0, or 1 (higher ones are treated as 1) */
    bool h2;                 /* came by HTTP/2; `minor` is 1 then, for what its client may get */
    struct span method_text; /* as sent */
    struct span target;      /* as sent */
    struct span scheme;      /* "http" or "https" of absolute-form, in any case; empty otherwise */
    struct span authority;   /* host[:port] as sent: of the target, else of Host; may be empty
                                (HTTP/1.0 only) */
    struct span host;        /* its host, valid by uri_authority_parse(); brackets included */
    unsigned port;           /* 0: none given */
    struct span path;        /* "/..." as sent; "*" for TARGET_ASTERISK; empty for CONNECT */
    struct span query;       /* without the '?' */
    bool has_query;          /* "/?" has an empty one */

    struct fields fields; /* Host, if any, is the authority */
    enum http_body body;
    uint64_t content_length; /* BODY_LENGTH */
    bool keep_alive;         /* the client wants to (RFC 9112 §9.3) */
    bool expect_continue;    /* waits for a 100 (RFC 9110 §10.1.1) */
    /* The protocol that the connection is to switch to (RFC 9110 §7.8); empty: none. By h2_head
     * only: in HTTP/1 it stands in Upgrade, and who reads the request sees to that. */
    struct span upgrade;
};

/* As the logs say it. */
static inline const char *http_request_protocol(const struct http_request *req)
{
    if (req->h2)
        return "HTTP/2.0";
    return req->minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

struct http_response {
    int status;
    int minor;
    struct span reason; /* may be empty */
    struct fields fields;
    enum http_body body;     /* BODY_NONE in answer to HEAD, for 1xx, 204, 304 */
    bool has_content_length; /* also when no body follows: HEAD, 304 */
    uint64_t content_length;
    bool keep_alive; /* the connection may be used again once the body is read */
};

#endif
