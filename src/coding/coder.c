#include "coding/coder_impl.h"

#include "base/check.h"

#include <stdlib.h>

/*
 * Measured by bench/codings on 700 KB of C as one stream of known size (zlib 1.2.13, Brotli 1.0.9,
 * Zstandard 1.5.4). `first` gives most of the gain at 60 MB/s and more; `stored` is the last level
 * before time or memory grow faster than the gain.
 *
 *            ratio   MB/s   MiB             ratio   MB/s   MiB              ratio   MB/s   MiB
 *   gzip 1    3.22     85   0.3     br 1     2.86    149   0.1     zstd 1    3.41    234   1.3
 *      > 4    3.79     62   0.3        2     3.67     84   2.7        > 3    3.79    163   2.2
 *      > 6    4.01     30   0.3      > 3     3.76     73   2.7          6    4.23     60   4.4
 *        9    4.04     12   0.3        5     4.26     25   5.8        > 9    4.34     37  13.4
 *                                    > 7     4.45     18  12.8         12    4.40     21  13.4
 *                                      9     4.53      9  38.7         16    4.72      4  17.6
 *                                     11     4.96    0.4  15.1         19    4.82      2  18.2
 *
 * Of zstd, levels from 10 on take up to 83 MiB when the size is not known.
 */
static const struct coder_levels levels[CODING_KINDS] = {
    [CODING_GZIP] = {.min = 1, .max = 9, .first = 4, .stored = 6},
    [CODING_BR] = {.min = 0, .max = 11, .first = 3, .stored = 7},
    [CODING_ZSTD] = {.min = 1, .max = 19, .first = 3, .stored = 9},
};

const struct coder_levels *coder_levels(enum coding coding)
{
    check(coding != CODING_IDENTITY && coding < CODING_KINDS);
    return &levels[coding];
}

struct coder *coder_encoder(enum coding coding, int level, int64_t size)
{
    const struct coder_levels *known = coder_levels(coding);

    check(level >= known->min && level <= known->max && size >= -1);
    switch (coding) {
    case CODING_GZIP:
        return gzip_encoder(level, size);
    case CODING_BR:
        return brotli_encoder(level, size);
    case CODING_ZSTD:
        return zstd_encoder(level, size);
    case CODING_IDENTITY:
    case CODING_KINDS:
        break;
    }
    return NULL;
}

struct coder *coder_decoder(enum coding coding)
{
    switch (coding) {
    case CODING_GZIP:
        return gzip_decoder();
    case CODING_BR:
        return brotli_decoder();
    case CODING_ZSTD:
        return zstd_decoder();
    case CODING_IDENTITY:
    case CODING_KINDS:
        break;
    }
    check(!"a coding that needs a decoder");
    return NULL;
}

void coder_free(struct coder **c)
{
    if (*c != NULL)
        (*c)->kind->close(*c);
    *c = NULL;
}

enum coder_state coder_step(
    struct coder *c, struct span *in, char *out, size_t cap, enum coder_flush flush, size_t *made)
{
    check(cap >= CODER_ROOM_MIN && cap <= CODER_STEP_MAX && in->n <= CODER_STEP_MAX);
    return c->kind->step(c, in, out, cap, flush, made);
}

size_t coder_memory(const struct coder *c)
{
    return c->kind->memory(c);
}

/* --- for the libraries -------------------------------------------------------------------- */

/* Stands before each piece, which stays aligned for anything. */
struct piece {
    _Alignas(max_align_t) size_t n;
};

void *coder_alloc(void *coder, size_t n)
{
    struct coder *c = coder;
    struct piece *p;

    if (n > c->held_max - c->held)
        return NULL;
    p = malloc(sizeof(*p) + n);
    if (p == NULL)
        return NULL;
    p->n = n;
    c->held += n;
    return p + 1;
}

void coder_release(void *coder, void *p)
{
    struct coder *c = coder;
    struct piece *piece = p;

    if (p == NULL)
        return;
    piece--;
    c->held -= piece->n;
    free(piece);
}

size_t coder_held(const struct coder *c)
{
    return c->held;
}

int coder_window(int64_t size, int least, int most)
{
    int log = least;

    if (size < 0)
        return most;
    while (log < most && (int64_t)1 << log < size)
        log++;
    return log;
}
