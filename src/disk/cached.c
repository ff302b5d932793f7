#include "disk/cached.h"

#include <string.h>

enum {
    USED_BUFFERED = 1,    /* from so many uses on a record is read through the page cache, */
    USED_CACHED = 2,      /* and from so many on it may be there */
    FIRST = 16 << 10,     /* records up to that many bytes are read by one call, */
    FIRST_PART = 4 << 10, /* and of larger ones that much comes first: it has the head */
};

int cached_fd_for(const struct disk *d, const struct disk_entry *e)
{
    return d->v->cached_fd >= 0 && e->used >= USED_BUFFERED ? d->v->cached_fd : d->v->fd;
}

/* The body, of which the first bytes are in `have`; the rest is read. */
static bool read_body(
    struct disk *d, const struct record_view *r, uint64_t at, struct span have, char *const *pieces)
{
    struct iovec rest[RECORD_PIECES_MAX];
    size_t done = have.n;
    int rest_n = 0;

    for (uint32_t i = 0; i < r->h.pieces; i++) {
        uint32_t n = record_piece_bytes(r->h.body_n, i);
        uint32_t copy = have.n < n ? (uint32_t)have.n : n;

        if (copy > 0)
            memcpy(pieces[i], have.p, copy);
        have = span_from(have, copy);
        if (copy < n)
            rest[rest_n++] = (struct iovec){pieces[i] + copy, n - copy};
    }
    return rest_n == 0 || disk_io_read_cached(d->v->io, d->v->cached_fd, rest, rest_n, at + done);
}

/* A record at byte `at` that has at most `n` bytes. */
static bool read_record(struct disk *d, struct disk_now *now, uint64_t seq, uint64_t at, uint64_t n)
{
    _Alignas(struct record_header) char first[FIRST];
    struct iovec to = {first, n <= FIRST ? n : FIRST_PART};
    uint64_t id = d->v->sb.id;
    char *pieces[RECORD_PIECES_MAX];
    struct disk_meta meta;
    struct record_view r;
    uint64_t before;
    struct span have;

    /* An entry may say an eighth too much, and what is behind the record may not be there. */
    if (!disk_io_resident(d->v->cached_fd, at, n - n / 9) ||
        !disk_io_read_cached(d->v->io, d->v->cached_fd, &to, 1, at) ||
        !record_head_parse(id, seq, first, to.iov_len, &r) || r.h.key_lo != now->key.lo ||
        r.h.key_hi != now->key.hi)
        return false;
    meta = record_meta(&r.h);
    if (!now->begin(now, &meta, r.head, r.h.body_n, pieces))
        return false;
    before = record_head_at(r.h.body_n) + r.h.head_n;
    have = span_make(first + before, to.iov_len - before);
    if (have.n > r.h.body_n)
        have.n = r.h.body_n;
    if (!read_body(d, &r, at + before, have, pieces))
        return false;
    for (uint32_t i = 0; i < r.h.pieces; i++)
        if (!record_piece_ok(id, &r, i, pieces[i]))
            return false;
    return true;
}

bool cached_read(struct disk *d, struct disk_now *now)
{
    struct disk_entry e;
    uint64_t seq, at, n, end;
    bool found;

    if (d->v->cached_fd < 0 || !disk_index_find(d->index, now->key.lo, &e) || e.used < USED_CACHED)
        return false;
    at = e.loc * DISK_SECTOR;
    n = (uint64_t)e.sectors * DISK_SECTOR;
    if (n > DISK_NOW_MAX || (seq = ring_enter(&d->ring, e.loc)) == 0)
        return false;
    end = volume_segment_at(d->v, seq) + d->v->sb.segment_bytes;
    found = read_record(d, now, seq, at, n < end - at ? n : end - at);
    ring_leave(&d->ring, seq);
    if (found)
        (void)disk_index_used(d->index, now->key.lo, e.loc);
    return found;
}
