/*
 * coder_impl.h - what the three libraries have in common for us. Private to coding/; see coder.h.
 */
#ifndef CODING_CODER_IMPL_H
#define CODING_CODER_IMPL_H

#include "coding/coder.h"

/* Of each library, one for each direction. */
struct coder_kind {
    enum coder_state (*step)(struct coder *c, struct span *in, char *out, size_t cap,
        enum coder_flush flush, size_t *made);
    size_t (*memory)(const struct coder *c);
    void (*close)(struct coder *c); /* frees `c`, too */
};

/* The first member of each library's own struct. */
struct coder {
    const struct coder_kind *kind;
    size_t held, held_max; /* by coder_alloc() */
};

/* For libraries that let us choose where memory comes from: counted, and refused past held_max.
 * `coder` is a struct coder. */
void *coder_alloc(void *coder, size_t n);
void coder_release(void *coder, void *p);
size_t coder_held(const struct coder *c);

/* The window, as a power of two, that a whole input of `size` bytes fits in, from `least` to
 * `most`; `most` when the size is not known. */
int coder_window(int64_t size, int least, int most);

/* NULL: no memory. `level` and `size` as in coder_encoder(). */
struct coder *gzip_encoder(int level, int64_t size);
struct coder *gzip_decoder(void);
struct coder *brotli_encoder(int level, int64_t size);
struct coder *brotli_decoder(void);
struct coder *zstd_encoder(int level, int64_t size);
struct coder *zstd_decoder(void);

#endif
