/*
 * Input: a byte of mode, a byte of level, a byte of step sizes; then bytes to decode, or to encode
 * and decode again. What must hold: a step never takes or makes more than there is, always gets
 * somewhere, memory stays bounded, what was encoded comes back as it was however it is cut, and
 * what a decoder takes in steps it takes in one piece, with the same result.
 */
#include "base/check.h"
#include "coding/coder.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { OUTPUT_MAX = 256 << 10, ROOM_MAX = 4096 };

struct output {
    enum coder_state state; /* CODER_NEEDS_ROOM: gave up at OUTPUT_MAX */
    char *p;
    size_t n;
};

/* Step sizes, of which the input says how they come. */
static size_t next(uint32_t *seed, size_t least, size_t most)
{
    *seed = *seed * 1664525 + 1013904223;
    return least + (*seed >> 8) % (most - least + 1);
}

/* All of `in`; seed 0: in as few steps as may be. Syncs now and then when `sync`. */
static struct output run(
    struct coder *c, struct span in, uint32_t seed, bool sync, size_t memory_max)
{
    struct output o = {.state = CODER_NEEDS_INPUT, .p = malloc(OUTPUT_MAX)};
    enum coder_flush flush = CODER_GATHER;
    struct span piece = SPAN_EMPTY;
    unsigned idle = 0;

    while (o.state != CODER_DONE && o.state != CODER_FAILED) {
        size_t room = seed ? next(&seed, CODER_ROOM_MIN, ROOM_MAX) : OUTPUT_MAX, made, had;

        if (room > OUTPUT_MAX - o.n)
            room = OUTPUT_MAX - o.n;
        if (room < CODER_ROOM_MIN)
            break;
        if (o.state == CODER_NEEDS_INPUT) {
            check(piece.n == 0 && flush != CODER_END);
            piece = span_make(in.p, seed && in.n > 0 ? next(&seed, 0, in.n) : in.n);
            in = span_from(in, piece.n);
            flush = in.n == 0                                ? CODER_END
                    : sync && seed && next(&seed, 0, 3) == 0 ? CODER_SYNC
                                                             : CODER_GATHER;
        }
        had = piece.n;
        o.state = coder_step(c, &piece, o.p + o.n, room, flush, &made);
        check(made <= room && piece.n <= had && coder_memory(c) <= memory_max);
        o.n += made;
        idle = o.state == CODER_NEEDS_ROOM && made == 0 && piece.n == had ? idle + 1 : 0;
        check(idle < 3);
    }
    coder_free(&c);
    return o;
}

static void decode_check(enum coding coding, struct span in, uint32_t seed)
{
    struct output a = run(coder_decoder(coding), in, seed, false, CODER_DECODE_MAX);
    struct output b = run(coder_decoder(coding), in, 0, false, CODER_DECODE_MAX);

    if (a.state != CODER_NEEDS_ROOM && b.state != CODER_NEEDS_ROOM) {
        check(a.state == b.state);
        if (a.state == CODER_DONE)
            check(span_eq(span_make(a.p, a.n), span_make(b.p, b.n)));
    }
    free(a.p);
    free(b.p);
}

static void round_check(enum coding coding, uint8_t level, struct span in, uint32_t seed)
{
    const struct coder_levels *levels = coder_levels(coding);
    /* The slowest levels are the unit test's. */
    int at = levels->min + level % (levels->stored - levels->min + 1);
    int64_t size = level & 0xe0 ? (int64_t)in.n : -1;
    struct output packed = run(coder_encoder(coding, at, size), in, seed, true, CODER_ENCODE_MAX);
    struct output plain = run(coder_decoder(coding), span_make(packed.p, packed.n),
        seed ? seed + 1 : 0, false, CODER_DECODE_MAX);

    check(packed.state == CODER_DONE && plain.state == CODER_DONE);
    check(span_eq(span_make(plain.p, plain.n), in));
    free(packed.p);
    free(plain.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    enum { HEAD = 3, IN_MAX = 32 << 10 };
    static const enum coding codings[] = {CODING_GZIP, CODING_BR, CODING_ZSTD};
    enum coding coding;
    struct span in;

    if (n < HEAD || n > HEAD + IN_MAX)
        return 0;
    coding = codings[data[0] % ARRAY_LEN(codings)];
    in = span_make((const char *)data + HEAD, n - HEAD);
    if (data[0] & 0x80)
        round_check(coding, data[1], in, data[2]);
    else
        decode_check(coding, in, data[2]);
    return 0;
}
