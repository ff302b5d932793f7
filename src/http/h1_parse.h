/*
 * h1_parse.h - heads of HTTP/1 messages (RFC 9112): bytes to structs, strictly.
 *
 * Nothing ambiguous is guessed at: it is H1_BAD with the status to answer, and the connection must
 * be closed after that answer. Lines end in CRLF; bare CR or LF, NUL, folded lines, space before
 * the colon, more than one of Host / Content-Length / Transfer-Encoding, both of the latter two,
 * and transfer codings other than "chunked" are refused: nothing here decodes them, and what they
 * wrap must not pass for the content (RFC 9112 §7); but a response with a word there that names no
 * coding at all has not been wrapped, and ends with its connection (§6.3). Up to two empty lines
 * before a request are skipped.
 *
 * Use: h1_scan_init() once per message; then call parse with *all* bytes received since, as often
 * as more arrive. The buffer may move between calls; no byte is scanned twice, so one byte at a
 * time costs O(n). On H1_OK all spans of the message point into `in` as given to that call (or into
 * static text), and the field array is in the arena. Thread: the owner's.
 */
#ifndef HTTP_H1_PARSE_H
#define HTTP_H1_PARSE_H

#include "base/arena.h"
#include "base/attrs.h"
#include "http/message.h"

struct h1_limits {
    unsigned line_bytes; /* request line or status line, CRLF included */
    unsigned head_bytes; /* the whole head, empty line included; also a trailer section */
    unsigned fields;     /* field lines */
};

#define H1_LIMITS_DEFAULT ((struct h1_limits){8192, 65536, 100})

enum h1_result {
    H1_OK,   /* the message is filled in; `used` bytes of the input were its head */
    H1_MORE, /* the head is not complete yet */
    H1_BAD,  /* answer `status` (requests) or treat as 502 (responses), and close */
};

struct h1_scan {
    const struct h1_limits *limits; /* borrowed */
    size_t used;                    /* H1_OK: bytes of the head, skipped empty lines included */
    int status;                     /* H1_BAD: 400, 414, 417, 431, 501 or 505; responses: 502 */
    const char *why;                /* H1_BAD: a static sentence for the log */
    /* private */
    bool started;     /* a byte of the start line has come */
    bool checked;     /* the start line was checked before the head was complete */
    unsigned lines;   /* complete ones, the start line included */
    size_t start;     /* of the start line */
    size_t start_end; /* behind its CRLF */
    size_t line;      /* of the line being scanned */
    size_t at;        /* first byte not scanned yet */
};

void h1_scan_init(struct h1_scan *s, const struct h1_limits *limits);

/* A byte of the request line has come: the client has begun (timeouts, idle or not). */
static inline bool h1_scan_begun(const struct h1_scan *s)
{
    return s->started;
}

/* After H1_BAD, of *req only method, method_text and target are filled in, as far as they were
 * understood; after H1_MORE it means nothing. */
MUST_USE enum h1_result h1_request_parse(
    struct h1_scan *s, struct span in, struct arena *a, struct http_request *req);

/* `asked` is the method that this answers; it decides on framing (RFC 9112 §6.3). An interim (1xx)
 * response is H1_OK like any other: init the scan again for the next. A 2xx to CONNECT is
 * BODY_UNTIL_CLOSE (a tunnel). */
MUST_USE enum h1_result h1_response_parse(struct h1_scan *s, struct span in, enum http_method asked,
    struct arena *a, struct http_response *resp);

/* A whole trailer section: field lines and the empty line that ends them. On false *why is a
 * static sentence. */
MUST_USE bool h1_fields_parse(struct span in, const struct h1_limits *limits, struct arena *a,
    struct fields *fields, const char **why);

#endif
