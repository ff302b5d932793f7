/*
 * A chunked body gives the same bytes however it is cut into pieces, and when it is coded again.
 */
#include "base/buf.h"
#include "base/check.h"
#include "http/chunked.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct h1_limits limits = {256, 512, 8};

struct outcome {
    enum chunked_result result;
    struct buf body;
    size_t used;
    struct fields trailers;
};

static void decode(struct span in, size_t step, struct arena *a, struct outcome *out)
{
    struct chunked c;
    enum chunked_result result = CHUNKED_MORE;
    size_t at = 0;

    chunked_init(&c, &limits, a);
    buf_init(&out->body, 1 << 20);
    while (at < in.n && result == CHUNKED_MORE) {
        size_t n = step < in.n - at ? step : in.n - at;
        char *copy = malloc(n);
        struct span piece = span_make(copy, n), data;

        check(copy != NULL);
        memcpy(copy, in.p + at, n);
        while ((result = chunked_next(&c, &piece, &data)) == CHUNKED_DATA)
            check(data.n != 0 && buf_append(&out->body, data));
        at += n - piece.n;
        free(copy);
    }
    check(result != CHUNKED_MORE || at == in.n);
    check(result != CHUNKED_BAD || c.why != NULL);
    out->result = result;
    out->used = at;
    out->trailers = c.trailers;
}

/* One chunk of all, and the trailers again. */
static void recode_check(struct arena *a, struct outcome *first)
{
    struct outcome again;
    struct buf b;
    char head[CHUNK_HEAD_MAX];

    buf_init(&b, 1 << 21);
    if (first->body.n != 0) {
        check(buf_append(&b, span_make(head, chunk_head(head, first->body.n))));
        check(buf_append(&b, buf_span(&first->body)) && buf_append(&b, CHUNK_TAIL));
    }
    check(chunked_end_write(&b, &first->trailers));
    decode(buf_span(&b), b.n, a, &again);
    check(again.result == CHUNKED_END && again.used == b.n);
    check(span_eq(buf_span(&again.body), buf_span(&first->body)));
    check(again.trailers.n == first->trailers.n);
    buf_free(&again.body);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span in = span_make((const char *)data, n);
    struct outcome whole, pieces;
    struct arena a;

    if (n == 0)
        return 0;
    arena_init(&a);
    decode(in, n, &a, &whole);
    decode(in, n % 5 + 1, &a, &pieces);
    check(whole.result == pieces.result);
    check(span_eq(buf_span(&whole.body), buf_span(&pieces.body)));
    if (whole.result == CHUNKED_END) {
        check(whole.used == pieces.used && whole.trailers.n == pieces.trailers.n);
        /* The trailer section may be longer as we write it ("a:b" becomes "a: b"). */
        if (whole.trailers.n == 0)
            recode_check(&a, &whole);
    }
    buf_free(&whole.body);
    buf_free(&pieces.body);
    arena_free(&a);
    return 0;
}
