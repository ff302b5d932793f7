/*
 * coder.h - content codings as streams: bytes in, bytes out, a step at a time.
 *
 * One interface over zlib (gzip, RFC 1952), Brotli (RFC 7932) and Zstandard (RFC 8878, with the
 * window of RFC 9659), in both directions. A step does no more than its input and its room for
 * output allow, so the caller bounds time by the size of both; it also bounds the total that a
 * decoder makes (a kilobyte may become a megabyte). bench/codings measures what each level costs;
 * more than `first` of coder_levels() does not belong on an event loop.
 *
 * Memory is bounded whatever comes in: CODER_ENCODE_MAX and CODER_DECODE_MAX hold for every level
 * and every input. What is used by which level stands in coder.c; decoders use the window that the
 * stream says, at most 32 KiB (gzip), 8 MiB (zstd), 16 MiB (br), and refuse larger ones.
 *
 * Decoders are strict: a wrong checksum, an early end and anything behind the end are errors.
 * Several gzip members or zstd frames one after another are one stream, as their RFCs say.
 *
 * One thread at a time, any thread.
 */
#ifndef CODING_CODER_H
#define CODING_CODER_H

#include "base/attrs.h"
#include "base/span.h"
#include "http/coding.h"

enum {
    CODER_ENCODE_MAX = 96 << 20,
    CODER_DECODE_MAX = 20 << 20,
    CODER_ROOM_MIN = 16,      /* bytes of room in a step, at least */
    CODER_STEP_MAX = 1 << 30, /* bytes of input, and of room, at most */
};

/* What an encoder may be told. `first` suits answers that somebody waits for, `stored` what is
 * encoded once, in the background, and sent often. */
struct coder_levels {
    int min, max, first, stored;
};

/* For all but CODING_IDENTITY, which needs no coder. */
const struct coder_levels *coder_levels(enum coding coding);

struct coder;

/* `level` is within coder_levels; `size` is that of the whole input, or -1 when it is not known for
 * sure: small inputs need less memory, and an input of another size than was said may fail. NULL:
 * no memory. */
MUST_USE struct coder *coder_encoder(enum coding coding, int level, int64_t size);
MUST_USE struct coder *coder_decoder(enum coding coding);
/* Sets *c to NULL, which it may be already. */
void coder_free(struct coder **c);

enum coder_flush {
    CODER_GATHER, /* more will come; an encoder may keep what it has */
    CODER_SYNC,   /* all of the input so far is to be readable from the output so far */
    CODER_END,    /* the input ends with this */
};

enum coder_state {
    CODER_NEEDS_INPUT, /* all input is used up; after CODER_SYNC all output is made, too */
    CODER_NEEDS_ROOM,  /* there is, or may be, more: go on with fresh room and the rest of *in */
    CODER_DONE,        /* the output is whole; only after CODER_END */
    CODER_FAILED,      /* a decoder: the input is bad; either: no memory. Only to be freed */
};

/*
 * Takes from *in what it can, advancing it, and puts at most `cap` bytes into `out`, *made of them.
 * After CODER_NEEDS_ROOM the next step says the same `flush`. A decoder takes no notice of
 * CODER_SYNC: it gives what it can in any case. The end of nothing at all is bad input to a
 * decoder: an empty body is not a coded empty body.
 */
MUST_USE enum coder_state coder_step(
    struct coder *c, struct span *in, char *out, size_t cap, enum coder_flush flush, size_t *made);

/* Bytes that it holds now. */
size_t coder_memory(const struct coder *c);

#endif
