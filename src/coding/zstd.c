/* zstd (RFC 8878) by libzstd. */
#include "coding/coder_impl.h"

#include <stdlib.h>
#include <zstd.h>

enum {
    WINDOW_MOST = 20,         /* encoder: more costs memory at every level */
    WINDOW_MOST_DECODED = 23, /* RFC 9659 §3: 8 MiB */
};

struct zstd {
    struct coder coder;
    ZSTD_CCtx *encoder;
    ZSTD_DCtx *decoder;
    bool between; /* decoder: a frame has ended and no other has begun */
    bool inside;  /* decoder: a frame has begun and not ended */
    bool more;    /* decoder: has output that there was no room for */
};

static struct zstd *zstd_new(const struct coder_kind *kind)
{
    struct zstd *z = calloc(1, sizeof(*z));

    if (z != NULL)
        z->coder = (struct coder){.kind = kind};
    return z;
}

/* --- encoder ------------------------------------------------------------------------------ */

static enum coder_state encode(
    struct coder *c, struct span *in, char *out, size_t cap, enum coder_flush flush, size_t *made)
{
    static const ZSTD_EndDirective how[] = {
        [CODER_GATHER] = ZSTD_e_continue, [CODER_SYNC] = ZSTD_e_flush, [CODER_END] = ZSTD_e_end};
    ZSTD_inBuffer from = {.src = in->p, .size = in->n};
    ZSTD_outBuffer to = {.dst = out, .size = cap};
    size_t left = ZSTD_compressStream2(((struct zstd *)c)->encoder, &to, &from, how[flush]);

    *in = span_from(*in, from.pos);
    *made = to.pos;
    if (ZSTD_isError(left))
        return CODER_FAILED;
    switch (flush) {
    case CODER_GATHER: /* `left` is advice then */
        return in->n > 0 || to.pos == to.size ? CODER_NEEDS_ROOM : CODER_NEEDS_INPUT;
    case CODER_SYNC:
        return left > 0 ? CODER_NEEDS_ROOM : CODER_NEEDS_INPUT;
    case CODER_END:
        return left > 0 ? CODER_NEEDS_ROOM : CODER_DONE;
    }
    return CODER_FAILED;
}

static size_t encoder_memory(const struct coder *c)
{
    return ZSTD_sizeof_CCtx(((const struct zstd *)c)->encoder);
}

static void encoder_close(struct coder *c)
{
    ZSTD_freeCCtx(((struct zstd *)c)->encoder);
    free(c);
}

static bool set(ZSTD_CCtx *e, ZSTD_cParameter which, int value)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(e, which, value));
}

static bool tune(ZSTD_CCtx *e, int level, int64_t size)
{
    if (!set(e, ZSTD_c_compressionLevel, level))
        return false;
    if (size >= 0 && ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(e, (unsigned long long)size)))
        return false;
    return (size >= 0 && size <= 1 << WINDOW_MOST) || set(e, ZSTD_c_windowLog, WINDOW_MOST);
}

struct coder *zstd_encoder(int level, int64_t size)
{
    static const struct coder_kind kind = {encode, encoder_memory, encoder_close};
    struct zstd *z = zstd_new(&kind);

    if (z == NULL)
        return NULL;
    z->encoder = ZSTD_createCCtx();
    if (z->encoder != NULL && tune(z->encoder, level, size))
        return &z->coder;
    encoder_close(&z->coder);
    return NULL;
}

/* --- decoder ------------------------------------------------------------------------------ */

/*
 * A frame begins with 28 b5 2f fd, a skippable one with 5x 2a 4d 18 (RFC 8878 §3.1). The library
 * may also know formats of before the RFC, which differ in the first byte; nobody sends those but
 * to attack.
 */
static bool frame_begins(struct span in)
{
    return in.p[0] == 0x28 || (in.p[0] & 0xf0) == 0x50;
}

/* RFC 8878 §3: content is a series of frames. False: bad. Stops where input or room do. */
static bool decode_frames(struct zstd *z, ZSTD_inBuffer *from, ZSTD_outBuffer *to)
{
    size_t left;

    while (from->pos < from->size || z->more) {
        if (!z->inside && !frame_begins(span_make((const char *)from->src + from->pos, 1)))
            return false;
        left = ZSTD_decompressStream(z->decoder, to, from);
        if (ZSTD_isError(left))
            return false;
        z->between = left == 0;
        z->inside = left != 0;
        z->more = z->inside && to->pos == to->size;
        if (to->pos == to->size)
            break;
    }
    return true;
}

static enum coder_state decode(
    struct coder *c, struct span *in, char *out, size_t cap, enum coder_flush flush, size_t *made)
{
    struct zstd *z = (struct zstd *)c;
    ZSTD_inBuffer from = {.src = in->p, .size = in->n};
    ZSTD_outBuffer to = {.dst = out, .size = cap};
    bool ok = decode_frames(z, &from, &to);

    *in = span_from(*in, from.pos);
    *made = to.pos;
    if (!ok)
        return CODER_FAILED;
    if (z->more || in->n > 0)
        return CODER_NEEDS_ROOM;
    if (flush != CODER_END)
        return CODER_NEEDS_INPUT;
    return z->between ? CODER_DONE : CODER_FAILED;
}

static size_t decoder_memory(const struct coder *c)
{
    return ZSTD_sizeof_DCtx(((const struct zstd *)c)->decoder);
}

static void decoder_close(struct coder *c)
{
    ZSTD_freeDCtx(((struct zstd *)c)->decoder);
    free(c);
}

struct coder *zstd_decoder(void)
{
    static const struct coder_kind kind = {decode, decoder_memory, decoder_close};
    struct zstd *z = zstd_new(&kind);

    if (z == NULL)
        return NULL;
    z->decoder = ZSTD_createDCtx();
    if (z->decoder != NULL &&
        !ZSTD_isError(ZSTD_DCtx_setParameter(z->decoder, ZSTD_d_windowLogMax, WINDOW_MOST_DECODED)))
        return &z->coder;
    decoder_close(&z->coder);
    return NULL;
}
