/*
 * warc.h - a file of web responses as archives keep them: WARC 1.1 (ISO 28500:2017).
 *
 * Records go out one after another, each whole before the next; nothing is kept. Compressed, each
 * record is a gzip member of its own (Annex D), so that readers may begin at any of them. For
 * selvagectl: it blocks. One thread.
 */
#ifndef ADMIN_WARC_H
#define ADMIN_WARC_H

#include "base/attrs.h"
#include "base/clock.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct warc;

struct warc_record {
    const char *type;         /* WARC-Type */
    struct span uri;          /* WARC-Target-URI; n == 0: none. Without bytes <= ' ' */
    wall_s date;              /* WARC-Date */
    const char *content_type; /* of the block */
    uint64_t length;          /* of the block */
};

/* Writes to `fd`, which stays the caller's. */
MUST_USE struct warc *warc_new(int fd, bool gzip);
/* What is not whole stays as it is. */
void warc_free(struct warc **w);

/* Then exactly `length` bytes follow, then warc_end(). All of them: false with errno. */
MUST_USE bool warc_begin(struct warc *w, const struct warc_record *r);
MUST_USE bool warc_write(struct warc *w, struct span bytes);
MUST_USE bool warc_end(struct warc *w);

#endif
