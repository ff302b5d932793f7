#include "admin/warc.h"

#include "base/check.h"
#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum {
    OUT_BYTES = 64 << 10,
    GZIP_WINDOW = 15 + 16, /* deflateInit2(): with a gzip header */
    GZIP_LEVEL = 6,
    GZIP_MEMORY = 8,
};

struct warc {
    int fd;
    bool gzip;
    uint64_t left; /* of the block */
    z_stream z;
    unsigned char out[OUT_BYTES];
};

struct warc *warc_new(int fd, bool gzip)
{
    struct warc *w = xcalloc(1, sizeof(*w));

    w->fd = fd;
    w->gzip = gzip;
    if (gzip)
        check(deflateInit2(&w->z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                  Z_DEFAULT_STRATEGY) == Z_OK);
    return w;
}

void warc_free(struct warc **wp)
{
    struct warc *w = *wp;

    *wp = NULL;
    if (w->gzip)
        deflateEnd(&w->z);
    free(w);
}

static bool write_all(struct warc *w, const void *bytes, size_t n)
{
    const char *p = bytes;

    while (n > 0) {
        ssize_t did = write(w->fd, p, n);

        if (did < 0 && errno == EINTR)
            continue;
        if (did < 0)
            return false;
        p += did;
        n -= (size_t)did;
    }
    return true;
}

static bool deflate_all(struct warc *w, int flush)
{
    do {
        w->z.next_out = w->out;
        w->z.avail_out = OUT_BYTES;
        check(deflate(&w->z, flush) != Z_STREAM_ERROR);
        if (!write_all(w, w->out, OUT_BYTES - w->z.avail_out))
            return false;
    } while (w->z.avail_out == 0);
    return true;
}

static bool put(struct warc *w, struct span bytes)
{
    if (!w->gzip)
        return write_all(w, bytes.p, bytes.n);
    while (bytes.n > 0) {
        size_t n = bytes.n < UINT32_MAX ? bytes.n : UINT32_MAX;

        w->z.next_in = (z_const unsigned char *)(uintptr_t)bytes.p;
        w->z.avail_in = (unsigned)n;
        if (!deflate_all(w, Z_NO_FLUSH))
            return false;
        bytes = span_from(bytes, n);
    }
    return true;
}

static bool put_line(struct warc *w, const char *name, struct span value)
{
    return put(w, span_of(name)) && put(w, SPAN(": ")) && put(w, value) && put(w, SPAN("\r\n"));
}

/* A random UUID (RFC 9562 §5.4) as a URN. */
static bool put_id(struct warc *w)
{
    uint64_t a = random_u64(), b = random_u64();
    char text[64];

    snprintf(text, sizeof(text),
        "<urn:uuid:%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64 ">",
        a >> 32, a >> 16 & 0xffff, a & 0xfff, (b >> 48 & 0x3fff) | 0x8000, b & 0xffffffffffff);
    return put_line(w, "WARC-Record-ID", span_of(text));
}

static bool put_date(struct warc *w, wall_s at)
{
    time_t t = (time_t)at;
    struct tm tm;
    char text[40];

    if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        errno = EOVERFLOW;
        return false;
    }
    return put_line(w, "WARC-Date", span_of(text));
}

bool warc_begin(struct warc *w, const struct warc_record *r)
{
    char length[24];

    check(w->left == 0);
    w->left = r->length;
    snprintf(length, sizeof(length), "%" PRIu64, r->length);
    return put(w, SPAN("WARC/1.1\r\n")) && put_line(w, "WARC-Type", span_of(r->type)) &&
           put_id(w) && put_date(w, r->date) &&
           (r->uri.n == 0 || put_line(w, "WARC-Target-URI", r->uri)) &&
           put_line(w, "Content-Type", span_of(r->content_type)) &&
           put_line(w, "Content-Length", span_of(length)) && put(w, SPAN("\r\n"));
}

bool warc_write(struct warc *w, struct span bytes)
{
    check(bytes.n <= w->left);
    w->left -= bytes.n;
    return put(w, bytes);
}

bool warc_end(struct warc *w)
{
    check(w->left == 0);
    if (!put(w, SPAN("\r\n\r\n")))
        return false;
    return !w->gzip || (deflate_all(w, Z_FINISH) && deflateReset(&w->z) == Z_OK);
}
