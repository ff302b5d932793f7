/*
 * response.h - the answer to an HTTP probe, read as strictly as any origin's, and judged.
 *
 * It is good when its status is one of those expected, and the first RESPONSE_BODY_BYTES of its
 * content (or all of it, if that is less) have come unbroken and hold the text looked for. Interim
 * responses are skipped, a few of them. What may come is bounded: RESPONSE_HEAD_BYTES of head, and
 * no more content than that is kept. Whatever codings the content has, it is looked at as it came:
 * probes do not ask for any.
 *
 * Pure: bytes in, a verdict out. The owner's thread.
 */
#ifndef HEALTH_RESPONSE_H
#define HEALTH_RESPONSE_H

#include "base/arena.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "http/chunked.h"
#include "http/h1_parse.h"

enum {
    RESPONSE_HEAD_BYTES = 16384,
    RESPONSE_BODY_BYTES = 16384,
    RESPONSE_INTERIM_MAX = 8,
    RESPONSE_STATUSES_MAX = 16,
    RESPONSE_TEXT_MAX = 256, /* bytes of `contains` */
};

struct response_statuses {
    struct {
        uint16_t first, last;
    } v[RESPONSE_STATUSES_MAX];
    unsigned n;
};

/* What is asked of it; borrowed for as long as a response is read. */
struct response_wish {
    struct response_statuses statuses;
    struct span contains; /* n == 0: any content */
};

enum response_end {
    RESPONSE_MORE, /* than this is needed to tell */
    RESPONSE_GOOD,
    RESPONSE_BAD, /* `why` says it */
};

struct response {
    int status;      /* of the final response; 0 before its head is there */
    struct buf body; /* owns: content so far, RESPONSE_BODY_BYTES at most */
    char why[128];   /* RESPONSE_BAD: a phrase */
    /* private */
    const struct response_wish *wish;
    enum http_method asked;
    struct arena arena;
    struct buf in;
    struct h1_scan scan;
    struct chunked chunked;
    enum http_body framing;
    uint64_t left;
    unsigned interims;
};

void response_init(struct response *r, const struct response_wish *wish, enum http_method asked);
/* Safe on zeroed memory. */
void response_free(struct response *r);
/* More bytes of it. After GOOD or BAD it must not be called again. */
MUST_USE enum response_end response_take(struct response *r, struct span bytes);
/* The peer has ended its sending: GOOD or BAD. */
MUST_USE enum response_end response_finish(struct response *r);

bool response_statuses_have(const struct response_statuses *s, int status) PURE;

#endif
