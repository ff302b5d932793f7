/* br (RFC 7932) by libbrotlienc and libbrotlidec. */
#include "coding/coder_impl.h"

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <stdlib.h>

/* What the slowest levels need grows with the window, many times over. */
enum { WINDOW_MOST = 20 };

struct brotli {
    struct coder coder;
    BrotliEncoderState *encoder;
    BrotliDecoderState *decoder;
    bool ended; /* decoder: the stream is whole */
};

static struct brotli *brotli_new(const struct coder_kind *kind, size_t held_max)
{
    struct brotli *b = calloc(1, sizeof(*b));

    if (b != NULL)
        b->coder = (struct coder){.kind = kind, .held_max = held_max};
    return b;
}

/* --- encoder ------------------------------------------------------------------------------ */

static enum coder_state encode(
    struct coder *c, struct span *in, char *out, size_t cap, enum coder_flush flush, size_t *made)
{
    static const BrotliEncoderOperation how[] = {[CODER_GATHER] = BROTLI_OPERATION_PROCESS,
        [CODER_SYNC] = BROTLI_OPERATION_FLUSH,
        [CODER_END] = BROTLI_OPERATION_FINISH};
    BrotliEncoderState *e = ((struct brotli *)c)->encoder;
    const uint8_t *next_in = (const uint8_t *)in->p;
    uint8_t *next_out = (uint8_t *)out;
    size_t room = cap, left = in->n;
    bool ok = BrotliEncoderCompressStream(e, how[flush], &left, &next_in, &room, &next_out, NULL);

    *in = span_from(*in, in->n - left);
    *made = cap - room;
    if (!ok)
        return CODER_FAILED;
    if (BrotliEncoderIsFinished(e))
        return CODER_DONE;
    return left > 0 || flush == CODER_END || BrotliEncoderHasMoreOutput(e) ? CODER_NEEDS_ROOM
                                                                           : CODER_NEEDS_INPUT;
}

static void encoder_close(struct coder *c)
{
    BrotliEncoderDestroyInstance(((struct brotli *)c)->encoder);
    free(c);
}

static bool tune(BrotliEncoderState *e, int level, int64_t size)
{
    int window = coder_window(size, BROTLI_MIN_WINDOW_BITS, WINDOW_MOST);
    uint32_t hint = size < 0 || size > UINT32_MAX ? 0 : (uint32_t)size;

    return BrotliEncoderSetParameter(e, BROTLI_PARAM_QUALITY, (uint32_t)level) &&
           BrotliEncoderSetParameter(e, BROTLI_PARAM_LGWIN, (uint32_t)window) &&
           BrotliEncoderSetParameter(e, BROTLI_PARAM_SIZE_HINT, hint);
}

struct coder *brotli_encoder(int level, int64_t size)
{
    static const struct coder_kind kind = {encode, coder_held, encoder_close};
    struct brotli *b = brotli_new(&kind, CODER_ENCODE_MAX);

    if (b == NULL)
        return NULL;
    b->encoder = BrotliEncoderCreateInstance(coder_alloc, coder_release, &b->coder);
    if (b->encoder != NULL && tune(b->encoder, level, size))
        return &b->coder;
    encoder_close(&b->coder);
    return NULL;
}

/* --- decoder ------------------------------------------------------------------------------ */

static enum coder_state decode(
    struct coder *c, struct span *in, char *out, size_t cap, enum coder_flush flush, size_t *made)
{
    struct brotli *b = (struct brotli *)c;
    const uint8_t *next_in = (const uint8_t *)in->p;
    uint8_t *next_out = (uint8_t *)out;
    size_t room = cap, left = in->n;
    BrotliDecoderResult result = BROTLI_DECODER_RESULT_SUCCESS;

    if (!b->ended)
        result = BrotliDecoderDecompressStream(b->decoder, &left, &next_in, &room, &next_out, NULL);
    *in = span_from(*in, in->n - left);
    *made = cap - room;
    switch (result) {
    case BROTLI_DECODER_RESULT_SUCCESS:
        b->ended = true;
        if (left > 0)
            return CODER_FAILED;
        return flush == CODER_END ? CODER_DONE : CODER_NEEDS_INPUT;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT: /* which may be said with output still there */
        if (BrotliDecoderHasMoreOutput(b->decoder))
            return CODER_NEEDS_ROOM;
        return flush == CODER_END ? CODER_FAILED : CODER_NEEDS_INPUT;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
        return CODER_NEEDS_ROOM;
    case BROTLI_DECODER_RESULT_ERROR:
        break;
    }
    return CODER_FAILED;
}

static void decoder_close(struct coder *c)
{
    BrotliDecoderDestroyInstance(((struct brotli *)c)->decoder);
    free(c);
}

struct coder *brotli_decoder(void)
{
    static const struct coder_kind kind = {decode, coder_held, decoder_close};
    struct brotli *b = brotli_new(&kind, CODER_DECODE_MAX);

    if (b == NULL)
        return NULL;
    b->decoder = BrotliDecoderCreateInstance(coder_alloc, coder_release, &b->coder);
    if (b->decoder != NULL)
        return &b->coder;
    free(b);
    return NULL;
}
