#include "disk/verify.h"

#include "base/check.h"
#include "disk/checkpoint.h"
#include "disk/disk_impl.h"
#include "disk/recovery.h"
#include "disk/segment.h"

#include <stdio.h>
#include <stdlib.h>

bool verify_ok(const struct verify *v)
{
    return v->superblocks == 2 && v->checkpoint && v->damaged == 0 && v->read_errors == 0 &&
           v->index == v->index_right;
}

static void look_at_superblocks(const struct volume *v, struct verify *out)
{
    void *page = disk_io_memory(DISK_PAGE);
    struct superblock s;

    for (uint64_t i = 0; i < 2; i++)
        out->superblocks += volume_read(v, page, DISK_PAGE, i * DISK_PAGE) &&
                            superblock_parse(page, &s) == SUPERBLOCK_OK;
    free(page);
}

/* The older one may be partly written over by one that was never finished; the newest not. */
static void look_at_checkpoints(struct disk *d, struct verify *out)
{
    struct checkpoint_header h, newest = {0};
    unsigned where = 0;

    out->checkpoint = true;
    for (unsigned area = 0; area < 2; area++) {
        if (!checkpoint_look(d, area, &h))
            continue;
        out->checkpoints++;
        if (h.generation > newest.generation) {
            newest = h;
            where = area;
        }
    }
    if (out->checkpoints == 0)
        return;
    out->checkpoint = checkpoint_load(d, where, &newest, NULL, NULL);
    (void)disk_index_drop_range(d->index, 0, UINT64_MAX);
}

static void look_at_record(struct disk *d, uint64_t seq, const char *segment,
    const struct footer_entry *f, struct verify *out)
{
    uint64_t at = (uint64_t)f->sector * DISK_SECTOR, bytes = (uint64_t)f->sectors * DISK_SECTOR;
    struct record_view r;
    struct disk_entry e;

    if (f->gone != 0)
        return;
    if (!record_parse(d->v->sb.id, seq, segment + at, bytes, &r) || r.h.key_lo != f->hash ||
        !record_body_ok(d->v->sb.id, &r)) {
        out->damaged++;
        return;
    }
    out->records++;
    out->record_bytes += bytes;
    out->index_right += disk_index_find(d->index, f->hash, &e) &&
                        e.loc == volume_segment_at(d->v, seq) / DISK_SECTOR + f->sector;
}

static void look_at_segment(struct disk *d, uint64_t seq, char *segment, struct verify *out)
{
    struct segment_header h;
    const struct footer_entry *v;
    bool scanned = false;
    void *memory = NULL;
    uint32_t n = 0;

    out->used++;
    if (!volume_read(d->v, segment, d->v->sb.segment_bytes, volume_segment_at(d->v, seq))) {
        disk_failed(d, false);
        return;
    }
    if (!segment_header_parse(d->v->sb.id, segment, &h) || h.seq != seq) {
        out->absent++;
        return;
    }
    v = segment_list(d, seq, &n, &memory, &scanned);
    out->unclosed += scanned;
    for (uint32_t i = 0; i < n; i++)
        look_at_record(d, seq, segment, &v[i], out);
    free(memory);
}

static bool look_at_segments(struct disk *d, struct verify *out,
    bool (*progress)(void *ctx, uint64_t done, uint64_t of), void *ctx)
{
    uint64_t head = atomic_load(&d->ring.head), tail = atomic_load(&d->ring.tail);
    char *segment = disk_io_memory(d->v->sb.segment_bytes);
    bool on = true;

    for (uint64_t seq = tail; seq <= head && on; seq++) {
        look_at_segment(d, seq, segment, out);
        on = progress == NULL || progress(ctx, seq + 1 - tail, head + 1 - tail);
    }
    free(segment);
    return on;
}

bool volume_verify(const char *path, struct verify *out,
    bool (*progress)(void *ctx, uint64_t done, uint64_t of), void *ctx, char err[VOLUME_ERR_MAX])
{
    struct volume *v = volume_open_dry(path, err);
    struct disk_conf conf = {0};
    struct disk *d;
    bool ok;

    if (v == NULL || (d = disk_new(&v, &conf, err)) == NULL)
        return false;
    *out = (struct verify){
        .bytes = d->v->sb.bytes, .journal = d->v->sb.journal, .segments = d->v->sb.segments};
    look_at_superblocks(d->v, out);
    look_at_checkpoints(d, out);
    ok = recover(d);
    out->clean = d->clean;
    out->index = disk_index_count(d->index);
    ok = ok && look_at_segments(d, out, progress, ctx);
    out->read_errors = atomic_load(&d->counts.read_errors);
    if (!ok)
        snprintf(err, VOLUME_ERR_MAX, "%s: given up", path);
    disk_free(&d);
    return ok;
}
