#include "disk/walk.h"

#include "base/check.h"
#include "disk/disk_impl.h"
#include "disk/segment.h"
#include "disk/writer.h"

#include <stdlib.h>

enum { BEGINNING = 16 << 10 }; /* of a record: has the head of most */

struct walker {
    struct disk *d;
    bool bodies;
    char *memory; /* owns; for a record and the pages around it */
    bool (*each)(void *ctx, const struct disk_seen *seen);
    void *ctx;
};

/* The record, or as much of it as is asked for, from the disk. */
static bool read_record(struct walker *w, uint64_t seq, uint64_t loc, uint32_t sectors, bool whole,
    struct record_view *r)
{
    const struct volume *v = w->d->v;
    uint64_t at = loc * DISK_SECTOR, from = at / DISK_PAGE * DISK_PAGE;
    uint64_t bytes = (uint64_t)sectors * DISK_SECTOR;
    uint64_t n = whole || bytes < BEGINNING ? bytes : BEGINNING;

    if (bytes > w->d->record_max)
        return false;
    if (!volume_read(v, w->memory, round_up(at + n, DISK_PAGE) - from, from)) {
        disk_failed(w->d, false);
        return false;
    }
    if (whole || n == bytes)
        return record_parse(v->sb.id, seq, w->memory + (at - from), n, r) &&
               (!whole || record_body_ok(v->sb.id, r));
    return record_head_parse(v->sb.id, seq, w->memory + (at - from), n, r) ||
           read_record(w, seq, loc, sectors, true, r);
}

static struct disk_seen seen_of(uint64_t seq, const struct disk_entry *e,
    const struct record_header *h, struct span head, struct span body)
{
    return (struct disk_seen){
        .key = {h->key_lo, h->key_hi},
        .meta =
            {
                .born = h->born,
                .site = h->site,
                .expires = h->expires,
                .kind = h->kind,
                .flags = h->flags,
            },
        .head = head,
        .body = body,
        .body_n = h->body_n,
        .bytes = (uint64_t)h->sectors * DISK_SECTOR,
        .seq = seq,
        .used = e->used,
    };
}

static bool show(struct walker *w, uint64_t seq, const struct disk_entry *e,
    const struct record_header *h, struct span head, struct span body)
{
    struct disk_seen seen = seen_of(seq, e, h, head, w->bodies ? body : SPAN_EMPTY);

    return w->each(w->ctx, &seen);
}

static bool show_damaged(struct walker *w, uint64_t seq, const struct footer_entry *f)
{
    struct disk_seen seen = {.key = {f->hash, 0},
        .bytes = (uint64_t)f->sectors * DISK_SECTOR,
        .seq = seq,
        .damaged = true};

    disk_count(&w->d->counts.corrupt, 1);
    return w->each(w->ctx, &seen);
}

/* One line of a footer; false: stop. */
static bool visit(struct walker *w, uint64_t seq, const struct footer_entry *f)
{
    struct disk *d = w->d;
    uint64_t loc = volume_segment_at(d->v, seq) / DISK_SECTOR + f->sector;
    struct writer_view view;
    struct record_view r;
    struct disk_entry e;
    uint64_t entered;
    bool go_on = true;

    if (!disk_index_find(d->index, f->hash, &e) || e.loc != loc)
        return true;
    if (writer_view(d->writer, f->hash, loc, &view)) {
        go_on = show(w, seq, &e, &view.h, view.head, view.body);
        writer_view_end(d->writer, &view);
        return go_on;
    }
    entered = ring_enter(&d->ring, loc);
    if (entered != seq) {
        if (entered != 0)
            ring_leave(&d->ring, entered);
        return true;
    }
    if (read_record(w, seq, loc, f->sectors, w->bodies, &r) && r.h.key_lo == f->hash)
        go_on = show(w, seq, &e, &r.h, r.head, r.body);
    else if (disk_index_drop(d->index, f->hash, loc))
        go_on = show_damaged(w, seq, f);
    ring_leave(&d->ring, seq);
    return go_on;
}

bool disk_walk(struct disk *d, struct disk_walk *walk, unsigned max, bool bodies,
    bool (*each)(void *ctx, const struct disk_seen *seen), void *ctx)
{
    struct walker w = {.d = d, .bodies = bodies, .each = each, .ctx = ctx};
    uint64_t tail = atomic_load(&d->ring.tail);
    const struct footer_entry *v;
    bool go_on = true, scanned;
    void *memory;
    uint32_t n;

    if (disk_wait(d) == DISK_OFFLINE)
        return false;
    if (walk->seq < tail)
        *walk = (struct disk_walk){.seq = tail};
    if (walk->seq > atomic_load(&d->ring.head))
        return false;
    v = writer_footer(d->writer, walk->seq, &n, &memory);
    if (memory == NULL)
        v = segment_list(d, walk->seq, &n, &memory, &scanned);
    w.memory = disk_io_memory(d->record_max + 2 * DISK_PAGE);
    for (; go_on && max > 0 && walk->entry < n; max--)
        go_on = visit(&w, walk->seq, &v[walk->entry++]);
    if (walk->entry >= n)
        *walk = (struct disk_walk){.seq = walk->seq + 1};
    free(w.memory);
    free(memory);
    return walk->seq <= atomic_load(&d->ring.head);
}

/* --- one record --- */

/* What the index says of its length is at least what it has. */
static bool look_on_disk(struct walker *w, uint64_t seq, const struct disk_entry *e,
    struct hash128 key, struct record_view *r)
{
    struct disk *d = w->d;
    uint64_t end = volume_segment_at(d->v, seq) + d->v->sb.segment_bytes;
    uint64_t most = (end - e->loc * DISK_SECTOR) / DISK_SECTOR;
    uint64_t sectors = e->sectors < most ? e->sectors : most;

    if (sectors * DISK_SECTOR > d->record_max)
        sectors = d->record_max / DISK_SECTOR;
    return read_record(w, seq, e->loc, (uint32_t)sectors, w->bodies, r) && r->h.key_lo == key.lo &&
           r->h.key_hi == key.hi;
}

bool disk_look(struct disk *d, struct hash128 key, bool body,
    void (*see)(void *ctx, const struct disk_seen *seen), void *ctx)
{
    struct walker w = {.d = d, .bodies = body};
    struct writer_view view;
    struct record_view r;
    struct disk_seen seen;
    struct disk_entry e;
    uint64_t seq;
    bool found;

    if (disk_state(d) == DISK_OFFLINE || !disk_peek(d, key, &e))
        return false;
    if (writer_view(d->writer, key.lo, e.loc, &view)) {
        found = view.h.key_hi == key.hi;
        seen = seen_of(view.h.seq, &e, &view.h, view.head, view.body);
        if (found)
            see(ctx, &seen);
        writer_view_end(d->writer, &view);
        return found;
    }
    seq = ring_enter(&d->ring, e.loc);
    if (seq == 0)
        return false;
    w.memory = disk_io_memory(d->record_max + 2 * DISK_PAGE);
    found = look_on_disk(&w, seq, &e, key, &r);
    if (found) {
        seen = seen_of(seq, &e, &r.h, r.head, body ? r.body : SPAN_EMPTY);
        see(ctx, &seen);
    }
    ring_leave(&d->ring, seq);
    free(w.memory);
    return found;
}
