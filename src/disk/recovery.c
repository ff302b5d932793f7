#include "disk/recovery.h"

#include "base/check.h"
#include "disk/checkpoint.h"
#include "disk/crew.h"
#include "disk/segment.h"

#include <stdlib.h>

enum { THREADS = 16 /* that wait for the disk at the same time */ };

struct recovery {
    struct disk *d;
    uint64_t *seqs; /* owns; what the header of each segment says */
    uint64_t head;  /* the newest of them */
    uint64_t floor; /* the checkpoint has what is in segments before this one, */
    uint64_t from;  /* and from this one on */
    uint64_t first; /* of those that are read again */
};

/* --- one segment --- */

/* A place in the log, and whether what stands at another was written before it. */
struct written {
    const struct ring *ring;
    uint64_t seq, loc;
};

static bool written_before(void *ctx, uint64_t loc)
{
    const struct written *w = ctx;
    uint64_t seq = ring_seq(w->ring, loc);

    return seq < w->seq || (seq == w->seq && loc < w->loc);
}

/* Segments are read again several at a time: the later record has the key, whichever comes last. */
static void index_entry(struct disk *d, uint64_t seq, const struct footer_entry *f)
{
    struct disk_entry e = {
        .loc = volume_segment_at(d->v, seq) / DISK_SECTOR + f->sector,
        .sectors = f->sectors,
        .born = f->born,
        .site = (uint16_t)f->site,
        .kind = f->kind % DISK_KINDS,
    };

    struct written w = {&d->ring, seq, e.loc};

    if (f->gone == 0 && disk_index_put_newer(d->index, f->hash, &e, written_before, &w))
        disk_count(&d->counts.dropped_full, 1);
}

/* A segment without a footer, because the process ended before it was full. It gets one. */
static void replay_open_segment(struct disk *d, uint64_t seq)
{
    uint64_t at = volume_segment_at(d->v, seq), bytes = d->v->sb.segment_bytes;
    uint32_t n, run;
    struct footer_entry *v = segment_scan(d, seq, &n);
    void *footer;

    for (uint32_t i = 0; i < n; i++)
        index_entry(d, seq, &v[i]);
    if (!segment_run(d, seq, &run)) {
        free(v);
        return;
    }
    footer = disk_io_memory(footer_bytes(n));
    footer_write(d->v->sb.id, seq, run, v, n, footer);
    if (!volume_write(d->v, footer, footer_bytes(n), at + bytes - footer_bytes(n)))
        disk_failed(d, true);
    free(footer);
    free(v);
}

static void replay(void *ctx, uint64_t i)
{
    struct recovery *rc = ctx;
    uint64_t seq = rc->first + i;
    const struct footer_entry *v;
    void *memory;
    uint32_t n;

    if (rc->seqs[(seq - 1) % rc->d->v->sb.segments] != seq)
        return;
    v = segment_footer(rc->d, seq, &n, &memory);
    if (v != NULL)
        for (uint32_t k = 0; k < n; k++)
            index_entry(rc->d, seq, &v[k]);
    else
        replay_open_segment(rc->d, seq);
    free(memory);
}

/* --- all of them --- */

/* The sequence number of a segment; 0: it has none. */
static uint64_t read_header(struct disk *d, uint64_t segment)
{
    void *page = disk_io_memory(DISK_PAGE);
    struct segment_header h;
    uint64_t seq = 0;

    if (!volume_read(d->v, page, DISK_PAGE, volume_segment_at(d->v, segment + 1)))
        disk_failed(d, false);
    else if (segment_header_parse(d->v->sb.id, page, &h) &&
             (h.seq - 1) % d->v->sb.segments == segment)
        seq = h.seq;
    free(page);
    return seq;
}

static void note_header(void *ctx, uint64_t segment)
{
    struct recovery *rc = ctx;

    rc->seqs[segment] = read_header(rc->d, segment);
}

/* What a segment with that header has is in use: it is where the circle is now. */
static bool in_use(const struct recovery *rc, uint64_t segment)
{
    uint64_t seq = rc->seqs[segment];

    return seq != 0 && seq <= rc->head && seq + rc->d->v->sb.segments > rc->head;
}

static bool keep(void *ctx, const struct disk_entry *e)
{
    const struct recovery *rc = ctx;
    const struct superblock *sb = &rc->d->v->sb;
    uint64_t at = e->loc * DISK_SECTOR, segment;

    if (at < sb->segments_at)
        return false;
    segment = (at - sb->segments_at) / sb->segment_bytes;
    return segment < sb->segments && in_use(rc, segment) && rc->seqs[segment] >= rc->from &&
           rc->seqs[segment] < rc->floor;
}

struct candidate {
    struct checkpoint_header h;
    unsigned area;
};

/* The checkpoints that there are, the newer one first. */
static unsigned candidates(struct disk *d, struct candidate out[2])
{
    unsigned n = 0;

    for (unsigned area = 0; area < 2; area++)
        if (checkpoint_look(d, area, &out[n].h))
            out[n++].area = area;
    if (n == 2 && out[0].h.generation < out[1].h.generation) {
        struct candidate first = out[1];

        out[1] = out[0];
        out[0] = first;
    }
    d->generation = n != 0 ? out[0].h.generation : 0;
    return n;
}

/* Nothing was written after it: the newest segment is the one that it says, and not yet the next.
 */
static bool is_clean(struct disk *d, const struct checkpoint_header *h)
{
    uint64_t n = d->v->sb.segments;

    return h->clean != 0 && (h->head == 0 || read_header(d, (h->head - 1) % n) == h->head) &&
           read_header(d, h->head % n) != h->head + 1;
}

static bool recover_clean(struct disk *d, struct candidate *c)
{
    if (!is_clean(d, &c->h) || !checkpoint_load(d, c->area, &c->h, NULL, NULL))
        return false;
    ring_set(&d->ring, c->h.head, c->h.tail);
    d->clean = true;
    return true;
}

static void recover_log(struct disk *d, const struct candidate *c, unsigned n)
{
    struct recovery rc = {.d = d, .seqs = xcalloc(d->v->sb.segments, sizeof(uint64_t))};
    uint64_t tail;

    crew_run(THREADS, d->v->sb.segments, note_header, &rc);
    for (unsigned i = 0; i < n; i++)
        if (c[i].h.head > rc.head)
            rc.head = c[i].h.head;
    for (uint64_t i = 0; i < d->v->sb.segments; i++)
        if (rc.seqs[i] > rc.head)
            rc.head = rc.seqs[i];
    tail = rc.head > d->v->sb.segments ? rc.head - d->v->sb.segments + 1 : 1;
    ring_set(&d->ring, rc.head, tail);
    for (unsigned i = 0; i < n; i++) {
        rc.floor = c[i].h.head;
        rc.from = c[i].h.tail;
        if (checkpoint_load(d, c[i].area, &c[i].h, keep, &rc))
            break;
        rc.floor = 0;
    }
    rc.first = rc.floor > tail ? rc.floor : tail;
    crew_run(THREADS, rc.head + 1 - rc.first, replay, &rc);
    free(rc.seqs);
}

bool recover(struct disk *d)
{
    struct candidate c[2];
    unsigned n = candidates(d, c);

    if (n == 0 || !recover_clean(d, &c[0]))
        recover_log(d, c, n);
    atomic_store(&d->counts.recovered, disk_index_count(d->index));
    if (n != 0 && c[0].h.clean != 0 && !checkpoint_unclean(d, c[0].area, &c[0].h)) {
        disk_failed(d, true);
        return false;
    }
    return true;
}
