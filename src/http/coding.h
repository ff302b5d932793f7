/*
 * coding.h - the content codings that we know (RFC 9110 §8.4.1, RFC 7932, RFC 8878).
 *
 * "deflate" is not one of them: half the world sends it raw, the other half in a zlib wrapper.
 * Pure; any thread.
 */
#ifndef HTTP_CODING_H
#define HTTP_CODING_H

#include "http/fields.h"

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_BR, CODING_ZSTD, CODING_KINDS };

/* "identity", "gzip", "br", "zstd". */
struct span coding_name(enum coding coding);
/* A token in any case; x-gzip is gzip (§8.4.1.3). False: one that we do not know. */
MUST_USE bool coding_of(struct span token, enum coding *out);

/* The one coding that a response has by its Content-Encoding; "identity" in the list counts as
 * nothing. False: several, or one that we do not know: nothing that we can undo. */
MUST_USE bool coding_of_content(const struct fields *response, enum coding *out);

/* Sets of codings, a bit for each. */
static inline unsigned coding_bit(enum coding coding)
{
    return 1u << coding;
}

#endif
