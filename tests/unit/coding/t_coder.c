/* Content codings as streams: whole, in steps, broken, and how much memory. */
#include "../http/table.h"

#include "base/check.h"
#include "coding/coder.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum { TEXT = 300000, ROOM = 4096 };

static char text[TEXT];

/* Words that come again, numbers that do not. */
static int setup(void **state)
{
    uint32_t seed = 1;
    size_t n = 0;

    (void)state;
    while (n < TEXT) {
        char line[64];
        int w;

        seed = seed * 1664525 + 1013904223;
        w = snprintf(line, sizeof(line), "<li class=\"%s\">%u</li>\n",
            seed >> 30 ? "common" : "seldom", seed >> 20);
        memcpy(text + n, line, (size_t)w < TEXT - n ? (size_t)w : TEXT - n);
        n += (size_t)w < TEXT - n ? (size_t)w : TEXT - n;
    }
    return 0;
}

static const enum coding codings[] = {CODING_GZIP, CODING_BR, CODING_ZSTD};

struct result {
    enum coder_state state;
    char *p;
    size_t n, memory;
};

/* All of `in` in pieces of `step` bytes with `cap` bytes of room, until it ends or needs more than
 * there is. */
static struct result run(struct coder *c, struct span in, size_t step, size_t cap, bool end)
{
    struct result r = {.state = CODER_NEEDS_INPUT};
    size_t room = 0, made, n = 0;

    while (r.state != CODER_DONE && r.state != CODER_FAILED) {
        struct span piece;

        if (r.state == CODER_NEEDS_INPUT) {
            if (in.n == 0 && !end)
                break;
            n = in.n < step ? in.n : step;
        }
        piece = span_make(in.p, n);
        if (room - r.n < cap) {
            room = (room + cap) * 2;
            r.p = xrealloc(r.p, room);
        }
        r.state = coder_step(
            c, &piece, r.p + r.n, cap, end && n == in.n ? CODER_END : CODER_GATHER, &made);
        check(made <= cap);
        r.n += made;
        in = span_from(in, n - piece.n);
        n = piece.n;
        if (coder_memory(c) > r.memory)
            r.memory = coder_memory(c);
    }
    return r;
}

static struct result encoded(
    enum coding coding, int level, int64_t size, struct span in, size_t step, size_t cap)
{
    struct coder *c = coder_encoder(coding, level, size);
    struct result r;

    assert_non_null(c);
    r = run(c, in, step, cap, true);
    coder_free(&c);
    assert_null(c);
    return r;
}

static struct result decoded(enum coding coding, struct span in, size_t step, size_t cap)
{
    struct coder *c = coder_decoder(coding);
    struct result r;

    assert_non_null(c);
    r = run(c, in, step, cap, true);
    coder_free(&c);
    return r;
}

static void decodes_to(const char *row, enum coding coding, struct span in, struct span want)
{
    static const size_t steps[] = {1, 7, 1000, 1 << 20};

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct result r = decoded(coding, in, steps[i], i % 2 ? CODER_ROOM_MIN : ROOM);

        row_check(row, r.state == CODER_DONE);
        row_check(row, span_eq(span_make(r.p, r.n), want));
        row_check(row, r.memory <= CODER_DECODE_MAX);
        free(r.p);
    }
}

static void fails(const char *row, enum coding coding, struct span in)
{
    static const size_t steps[] = {1, 7, 1 << 20};

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct result r = decoded(coding, in, steps[i], ROOM);

        row_check(row, r.state == CODER_FAILED);
        free(r.p);
    }
}

/* ------------------------------------------------------------------------------------------ */

static void there_and_back(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 5000, TEXT};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(codings); k++) {
        const struct coder_levels *levels = coder_levels(codings[k]);

        for (int level = levels->min; level <= levels->max; level++) {
            for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                struct span in = span_make(text, sizes[i]);
                int64_t size = level % 2 ? (int64_t)in.n : -1;
                struct result r = encoded(codings[k], level, size, in, 4096, ROOM);
                const char *row = coding_name(codings[k]).p;
                struct result back;

                row_check(row, r.state == CODER_DONE && r.memory <= CODER_ENCODE_MAX);
                row_check(row, sizes[i] < TEXT || r.n < TEXT / 3);
                back = decoded(codings[k], span_make(r.p, r.n), 4096, ROOM);
                row_check(row, back.state == CODER_DONE);
                row_check(row, span_eq(span_make(back.p, back.n), in));
                free(r.p);
                free(back.p);
            }
        }
    }
}

/* However it is cut. */
static void in_small_steps(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(codings); k++) {
        int level = coder_levels(codings[k])->first;
        struct span in = span_make(text, 20000);
        struct result r = encoded(codings[k], level, -1, in, 3, CODER_ROOM_MIN);

        assert_int_equal(r.state, CODER_DONE);
        decodes_to(coding_name(codings[k]).p, codings[k], span_make(r.p, r.n), in);
        free(r.p);
    }
}

/* What goes in before CODER_SYNC can be read before anything else goes in. */
static void synced(void **state)
{
    char out[ROOM], back[ROOM];

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(codings); k++) {
        struct coder *e = coder_encoder(codings[k], coder_levels(codings[k])->first, -1);
        struct coder *d = coder_decoder(codings[k]);

        for (size_t at = 0; at < 1000; at += 100) {
            struct span in = span_make(text + at, 100), packed;
            size_t made, n = 0, got = 0;

            while (coder_step(e, &in, out + n, CODER_ROOM_MIN, CODER_SYNC, &made) !=
                   CODER_NEEDS_INPUT) {
                n += made;
                assert_true(n < sizeof(out) - CODER_ROOM_MIN);
            }
            n += made;
            assert_int_equal(in.n, 0);
            packed = span_make(out, n);
            while (coder_step(d, &packed, back + got, 50, CODER_GATHER, &made) == CODER_NEEDS_ROOM)
                got += made;
            got += made;
            assert_int_equal(got, 100);
            assert_memory_equal(back, text + at, 100);
        }
        coder_free(&e);
        coder_free(&d);
    }
}

static void broken(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(codings); k++) {
        const char *row = coding_name(codings[k]).p;
        struct span in = span_make(text, 3000);
        struct result r = encoded(codings[k], coder_levels(codings[k])->first, -1, in, 4096, ROOM);
        char *longer = malloc(r.n + 1);

        fails(row, codings[k], SPAN(""));
        for (size_t n = 1; n < r.n; n++) {
            struct result cut = decoded(codings[k], span_make(r.p, n), 1 << 20, ROOM);

            row_check(row, cut.state == CODER_FAILED);
            free(cut.p);
        }
        memcpy(longer, r.p, r.n);
        longer[r.n] = 0;
        fails(row, codings[k], span_make(longer, r.n + 1));
        fails(row, codings[k], span_make(text, 100));
        free(longer);
        free(r.p);
    }
}

static void gzip_members(void **state)
{
    static const char empty[] = "\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
    struct result a = encoded(CODING_GZIP, 6, -1, SPAN("hello "), 10, ROOM);
    struct result b = encoded(CODING_GZIP, 6, -1, SPAN("world"), 10, ROOM);
    struct arena arena;
    struct span both;

    (void)state;
    arena_init(&arena);
    both = arena_join(&arena, span_make(a.p, a.n), span_make(b.p, b.n));
    decodes_to("RFC 1952 §2.2", CODING_GZIP, both, SPAN("hello world"));
    decodes_to(
        "an empty one", CODING_GZIP, arena_join(&arena, SPAN(empty), both), SPAN("hello world"));
    fails("half a second one", CODING_GZIP, span_make(both.p, both.n - 3));
    fails("zeros behind", CODING_GZIP, arena_join(&arena, both, SPAN("\0\0\0\0")));

    b.p[b.n - 8] ^= 1;
    fails("RFC 1952 §2.3.1 CRC32", CODING_GZIP, span_make(b.p, b.n));
    b.p[b.n - 8] ^= 1;
    b.p[b.n - 4] ^= 1;
    fails("RFC 1952 §2.3.1 ISIZE", CODING_GZIP, span_make(b.p, b.n));
    b.p[b.n - 4] ^= 1;
    b.p[3] = (char)0x80;
    fails("RFC 1952 §2.3.1.2 reserved flag", CODING_GZIP, span_make(b.p, b.n));
    free(a.p);
    free(b.p);
    arena_free(&arena);
}

/* The "deflate" of others is not gzip. */
static void gzip_only(void **state)
{
    Bytef out[100];
    uLongf n = sizeof(out);

    (void)state;
    assert_int_equal(compress(out, &n, (const Bytef *)"hello", 5), Z_OK);
    fails("zlib's wrapper", CODING_GZIP, span_make((char *)out, n));
}

static void zstd_frames(void **state)
{
    /* RFC 8878 §3.1.2: eight bytes of which nobody takes notice */
    struct span skippable = SPAN("\x5a\x2a\x4d\x18\x08\0\0\0whatever");
    struct result a = encoded(CODING_ZSTD, 3, 6, SPAN("hello "), 10, ROOM);
    struct result b = encoded(CODING_ZSTD, 3, -1, SPAN("world"), 10, ROOM);
    struct arena arena;
    struct span both;

    (void)state;
    arena_init(&arena);
    both = arena_join(&arena, span_make(a.p, a.n), span_make(b.p, b.n));
    decodes_to("RFC 8878 §3", CODING_ZSTD, both, SPAN("hello world"));
    decodes_to("skipped", CODING_ZSTD, arena_join(&arena, both, skippable), SPAN("hello world"));
    decodes_to(
        "skipped first", CODING_ZSTD, arena_join(&arena, skippable, both), SPAN("hello world"));
    fails("half a skipped one", CODING_ZSTD, span_make(skippable.p, skippable.n - 1));
    /* A window descriptor of 8 MiB (exponent 13) passes, one of 8 MiB and an eighth does not;
     * then an empty last raw block. */
    decodes_to(
        "RFC 9659 §3 largest", CODING_ZSTD, SPAN("\x28\xb5\x2f\xfd\0\x68\x01\0\0"), SPAN(""));
    fails("RFC 9659 §3 too large", CODING_ZSTD, SPAN("\x28\xb5\x2f\xfd\0\x69\x01\0\0"));
    fails("a format of before the RFC", CODING_ZSTD, SPAN("\x27\xb5\x2f\xfd\0\x68\x01\0\0"));
    /* A content checksum (flag 4): wrong. */
    fails("RFC 8878 §3.1.1 checksum", CODING_ZSTD,
        SPAN("\x28\xb5\x2f\xfd\x04\x50\x01\0\0\x01\x02\x03\x04"));
    free(a.p);
    free(b.p);
    arena_free(&arena);
}

/* A bomb costs time, not memory: each step gives what there was room for. */
static void bombs(void **state)
{
    enum { ZEROS = 64 << 20 };
    char *zeros = calloc(1, ZEROS);

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(codings); k++) {
        struct result r = encoded(codings[k], coder_levels(codings[k])->first, ZEROS,
            span_make(zeros, ZEROS), 1 << 20, ROOM);
        struct coder *d = coder_decoder(codings[k]);
        struct span in = span_make(r.p, r.n);
        enum coder_state s = CODER_NEEDS_ROOM;
        size_t made, total = 0;
        char out[ROOM];

        while (s == CODER_NEEDS_ROOM) {
            s = coder_step(d, &in, out, sizeof(out), CODER_END, &made);
            assert_true(coder_memory(d) <= CODER_DECODE_MAX);
            total += made;
        }
        assert_int_equal(s, CODER_DONE);
        assert_int_equal(total, ZEROS);
        coder_free(&d);
        free(r.p);
    }
    free(zeros);
}

static void freed_early(void **state)
{
    struct coder *none = NULL;

    (void)state;
    coder_free(&none);
    for (size_t k = 0; k < ARRAY_LEN(codings); k++) {
        struct coder *c = coder_encoder(codings[k], coder_levels(codings[k])->max, -1);
        struct result r = run(c, span_make(text, 100), 100, ROOM, false);

        assert_int_equal(r.state, CODER_NEEDS_INPUT);
        coder_free(&c);
        free(r.p);
        c = coder_decoder(codings[k]);
        coder_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(in_small_steps),
        cmocka_unit_test(synced),
        cmocka_unit_test(broken),
        cmocka_unit_test(gzip_members),
        cmocka_unit_test(gzip_only),
        cmocka_unit_test(zstd_frames),
        cmocka_unit_test(bombs),
        cmocka_unit_test(freed_early),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
