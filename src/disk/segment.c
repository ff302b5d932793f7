#include "disk/segment.h"

#include "base/check.h"

#include <stdlib.h>

bool segment_run(struct disk *d, uint64_t seq, uint32_t *run)
{
    void *page = disk_io_memory(DISK_PAGE);
    struct segment_header h = {0};
    bool ok = volume_read(d->v, page, DISK_PAGE, volume_segment_at(d->v, seq));

    if (!ok)
        disk_failed(d, false);
    ok = ok && segment_header_parse(d->v->sb.id, page, &h) && h.seq == seq;
    *run = h.run;
    free(page);
    return ok;
}

const struct footer_entry *segment_footer(struct disk *d, uint64_t seq, uint32_t *n, void **memory)
{
    enum { FIRST = 128 << 10 }; /* what most footers are smaller than */
    uint64_t segment_bytes = d->v->sb.segment_bytes, id = d->v->sb.id;
    uint64_t end = volume_segment_at(d->v, seq) + segment_bytes, bytes = FIRST;
    char *p = disk_io_memory(bytes);
    const struct footer_entry *v = NULL;
    uint32_t run;

    *memory = p;
    if (!segment_run(d, seq, &run))
        return NULL;
    if (!volume_read(d->v, p, bytes, end - bytes)) {
        disk_failed(d, false);
        return NULL;
    }
    if (!footer_tail_parse(id, seq, run, d->v->sb.segment_bytes, p + bytes - DISK_PAGE, n))
        return NULL;
    if (footer_bytes(*n) <= bytes) {
        v = footer_parse(id, seq, run, d->v->sb.segment_bytes, p + bytes - footer_bytes(*n), *n);
    } else {
        free(p);
        bytes = footer_bytes(*n);
        *memory = p = disk_io_memory(bytes);
        if (volume_read(d->v, p, bytes, end - bytes))
            v = footer_parse(id, seq, run, d->v->sb.segment_bytes, p, *n);
        else
            disk_failed(d, false);
    }
    return v;
}

static struct footer_entry entry_of(const struct record_header *h, uint64_t at)
{
    return (struct footer_entry){
        .hash = h->key_lo,
        .born = h->born,
        .site = h->site,
        .expires = h->expires,
        .sector = (uint32_t)(at / DISK_SECTOR),
        .sectors = (uint16_t)h->sectors,
        .kind = h->kind,
        .flags = h->flags,
    };
}

/* The entries of the records that stand in a segment, in memory that the caller frees. A torn
 * record is passed over; a footer's room is left at the end. */
static struct footer_entry *look_through(
    struct disk *d, uint64_t seq, const char *segment, uint32_t *n)
{
    uint64_t bytes = d->v->sb.segment_bytes;
    struct footer_entry *v = NULL;
    struct segment_header h;
    uint32_t cap = 0;

    *n = 0;
    if (!segment_header_parse(d->v->sb.id, segment, &h))
        return NULL;
    for (uint64_t at = DISK_PAGE; at + footer_bytes(*n + 1) < bytes;) {
        struct record_view r;

        if (!record_parse(d->v->sb.id, seq, segment + at, bytes - at, &r) || r.h.run != h.run ||
            !record_body_ok(d->v->sb.id, &r)) {
            at += DISK_SECTOR;
            continue;
        }
        if (at + (uint64_t)r.h.sectors * DISK_SECTOR + footer_bytes(*n + 1) > bytes)
            break;
        if (*n == cap) {
            cap = cap != 0 ? 2 * cap : 64;
            v = xrealloc(v, cap * sizeof(*v));
        }
        v[(*n)++] = entry_of(&r.h, at);
        at += (uint64_t)r.h.sectors * DISK_SECTOR;
    }
    return v;
}

struct footer_entry *segment_scan(struct disk *d, uint64_t seq, uint32_t *n)
{
    uint64_t bytes = d->v->sb.segment_bytes;
    void *segment = disk_io_memory(bytes);
    struct footer_entry *v = NULL;

    *n = 0;
    if (volume_read(d->v, segment, bytes, volume_segment_at(d->v, seq)))
        v = look_through(d, seq, segment, n);
    else
        disk_failed(d, false);
    free(segment);
    return v;
}

const struct footer_entry *segment_list(
    struct disk *d, uint64_t seq, uint32_t *n, void **memory, bool *scanned)
{
    const struct footer_entry *v = segment_footer(d, seq, n, memory);

    *scanned = v == NULL;
    if (!*scanned)
        return v;
    free(*memory);
    return *memory = segment_scan(d, seq, n);
}
