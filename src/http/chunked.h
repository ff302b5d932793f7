/*
 * chunked.h - the chunked transfer coding (RFC 9112 §7.1), both ways.
 *
 * The decoder is a state machine that takes bytes as they come and never keeps body bytes; it
 * refuses everything that two readers could understand differently: other line ends than CRLF,
 * anything between the size and CRLF that is no chunk extension, sizes above 2^63-1. Extensions
 * are checked and dropped; their bytes in a body and those of the trailer section are limited.
 * The body is whole at CHUNKED_END and only then.
 */
#ifndef HTTP_CHUNKED_H
#define HTTP_CHUNKED_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "http/fields.h"
#include "http/h1_parse.h"

enum {
    CHUNK_EXT_BYTES = 16384,    /* of all chunk extensions in one body */
    CHUNK_TRAILER_BYTES = 8192, /* of the trailer section, or limits->head_bytes if that is less */
    CHUNK_HEAD_MAX = 18,        /* 16 digits and CRLF */
};

enum chunked_result {
    CHUNKED_MORE, /* all input is used */
    CHUNKED_DATA, /* *data is a piece of the body, never empty */
    CHUNKED_END,  /* the body is whole; what is left of *in is not part of it */
    CHUNKED_BAD,  /* `why` says it; close the connection */
};

struct chunked {
    const struct h1_limits *limits; /* borrowed */
    struct arena *arena;            /* borrowed; for trailers */
    struct fields trailers;         /* at CHUNKED_END: those that may be used as such */
    const char *why;                /* CHUNKED_BAD: a static sentence */
    /* private */
    uint8_t state;  /* enum chunked_state */
    uint8_t digits; /* of the size */
    uint64_t left;  /* of the chunk */
    unsigned ext;   /* extension bytes so far */
    char *trailer;  /* in the arena: the trailer section so far */
    size_t trailer_n, trailer_cap;
    size_t trailer_line; /* where its last line starts */
};

void chunked_init(struct chunked *c, const struct h1_limits *limits, struct arena *a);

/* Call until it does not return CHUNKED_DATA. *in moves past what was used; *data points into it.
 * After CHUNKED_END or CHUNKED_BAD it must not be called again. The trailers' text is in the
 * arena. Field names that RFC 9110 §6.5.1 forbids in trailers are dropped. */
MUST_USE enum chunked_result chunked_next(struct chunked *c, struct span *in, struct span *data);

/* Whether a field may be sent and taken in a trailer section (RFC 9110 §6.5.1). */
bool trailer_allowed(enum field_id id) PURE;

/* "1f40\r\n" for a chunk of `bytes` > 0; returns its length. After the chunk's data follows
 * CHUNK_TAIL, after the last chunk chunked_end_write(). */
size_t chunk_head(char out[static CHUNK_HEAD_MAX], uint64_t bytes);
#define CHUNK_TAIL SPAN("\r\n")
#define CHUNK_END  SPAN("0\r\n\r\n") /* the last chunk, without trailers */

/* The last chunk and a trailer section of those fields that may stand in one. */
MUST_USE bool chunked_end_write(struct buf *b, const struct fields *trailers);

#endif
