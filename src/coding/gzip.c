/* gzip (RFC 1952) by zlib. */
#include "coding/coder_impl.h"

#include <stdlib.h>
#include <zlib.h>

/* zlib.h: 16 more than the window says gzip and nothing else. */
enum { GZIP_ONLY = 16, WINDOW_MIN = 9, WINDOW_MAX = 15 };

struct gzip {
    struct coder coder;
    z_stream z;
    bool between; /* decoder: a member has ended and no other has begun */
};

static void *alloc(void *coder, unsigned n, unsigned size)
{
    return coder_alloc(coder, (size_t)n * size);
}

static struct gzip *gzip_new(const struct coder_kind *kind, size_t held_max)
{
    struct gzip *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return NULL;
    g->coder = (struct coder){.kind = kind, .held_max = held_max};
    g->z.zalloc = alloc;
    g->z.zfree = coder_release;
    g->z.opaque = &g->coder;
    return g;
}

/* A step's buffers, into zlib's struct and out of it. */
static void give(z_stream *z, struct span in, char *out, size_t cap)
{
    z->next_in = (Bytef *)in.p;
    z->avail_in = (uInt)in.n;
    z->next_out = (Bytef *)out;
    z->avail_out = (uInt)cap;
}

static void take(const z_stream *z, struct span *in, size_t cap, size_t *made)
{
    *in = span_from(*in, in->n - z->avail_in);
    *made = cap - z->avail_out;
}

/* --- encoder ------------------------------------------------------------------------------ */

static enum coder_state encode(
    struct coder *c, struct span *in, char *out, size_t cap, enum coder_flush flush, size_t *made)
{
    static const int how[] = {
        [CODER_GATHER] = Z_NO_FLUSH, [CODER_SYNC] = Z_SYNC_FLUSH, [CODER_END] = Z_FINISH};
    z_stream *z = &((struct gzip *)c)->z;
    int result;

    give(z, *in, out, cap);
    result = deflate(z, how[flush]);
    take(z, in, cap, made);
    if (result == Z_STREAM_END)
        return CODER_DONE;
    if (result != Z_OK && result != Z_BUF_ERROR) /* the latter: there was nothing to do */
        return CODER_FAILED;
    return z->avail_out == 0 ? CODER_NEEDS_ROOM : CODER_NEEDS_INPUT;
}

static void encoder_close(struct coder *c)
{
    deflateEnd(&((struct gzip *)c)->z);
    free(c);
}

struct coder *gzip_encoder(int level, int64_t size)
{
    static const struct coder_kind kind = {encode, coder_held, encoder_close};
    int window = coder_window(size, WINDOW_MIN, WINDOW_MAX);
    struct gzip *g = gzip_new(&kind, CODER_ENCODE_MAX);

    if (g == NULL)
        return NULL;
    /* Of "memory level", 8 goes with the largest window and less with a smaller one. */
    if (deflateInit2(
            &g->z, level, Z_DEFLATED, window + GZIP_ONLY, window - 7, Z_DEFAULT_STRATEGY) == Z_OK)
        return &g->coder;
    free(g);
    return NULL;
}

/* --- decoder ------------------------------------------------------------------------------ */

/* RFC 1952 §2.2: a file is a series of members. */
static enum coder_state inflate_members(struct gzip *g, enum coder_flush flush)
{
    z_stream *z = &g->z;
    int result;

    for (;;) {
        if (g->between) {
            if (z->avail_in == 0)
                return flush == CODER_END ? CODER_DONE : CODER_NEEDS_INPUT;
            if (inflateReset(z) != Z_OK)
                return CODER_FAILED;
            g->between = false;
        }
        result = inflate(z, Z_NO_FLUSH);
        g->between = result == Z_STREAM_END;
        if (g->between)
            continue;
        if (result != Z_OK && result != Z_BUF_ERROR)
            return CODER_FAILED;
        if (z->avail_out == 0)
            return CODER_NEEDS_ROOM;
        if (z->avail_in == 0)
            return flush == CODER_END ? CODER_FAILED : CODER_NEEDS_INPUT;
    }
}

static enum coder_state decode(
    struct coder *c, struct span *in, char *out, size_t cap, enum coder_flush flush, size_t *made)
{
    struct gzip *g = (struct gzip *)c;
    enum coder_state state;

    give(&g->z, *in, out, cap);
    state = inflate_members(g, flush);
    take(&g->z, in, cap, made);
    return state;
}

static void decoder_close(struct coder *c)
{
    inflateEnd(&((struct gzip *)c)->z);
    free(c);
}

struct coder *gzip_decoder(void)
{
    static const struct coder_kind kind = {decode, coder_held, decoder_close};
    struct gzip *g = gzip_new(&kind, CODER_DECODE_MAX);

    if (g == NULL)
        return NULL;
    if (inflateInit2(&g->z, WINDOW_MAX + GZIP_ONLY) == Z_OK)
        return &g->coder;
    free(g);
    return NULL;
}
