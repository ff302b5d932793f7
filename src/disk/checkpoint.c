#include "disk/checkpoint.h"

#include "base/check.h"
#include "disk/crew.h"
#include "disk/writer.h"

#include <stdlib.h>

_Static_assert((int)CHECKPOINT_SHARDS == (int)INDEX_SHARDS, "a checkpoint is the whole index");

static uint64_t shard_at(const struct disk *d, unsigned area, unsigned shard)
{
    return d->v->sb.checkpoint_at[area] + DISK_PAGE +
           shard * checkpoint_shard_bytes(disk_index_shard_bytes(d->index));
}

void checkpoint_begin(struct disk *d, struct checkpoint *c, bool clean)
{
    *c = (struct checkpoint){
        .h =
            {
                .generation = ++d->generation,
                .head = atomic_load(&d->ring.head),
                .tail = atomic_load(&d->ring.tail),
                .shard_bytes = disk_index_shard_bytes(d->index),
                .entries = disk_index_count(d->index),
                .clean = clean,
            },
        .page = disk_io_memory(checkpoint_shard_bytes(disk_index_shard_bytes(d->index))),
    };
    /* What it says of segments before the head is on the disk then, and in their footers. */
    if (!clean)
        writer_flush(d->writer);
}

void checkpoint_drop(struct checkpoint *c)
{
    free(c->page);
    c->page = NULL;
}

static bool synced(struct disk *d)
{
    return d->v->io->sync(d->v->io, d->v->fd) == 0;
}

static bool write_shard(struct disk *d, struct checkpoint *c)
{
    uint64_t bytes = checkpoint_shard_bytes(c->h.shard_bytes);

    disk_index_dump(d->index, c->next, c->page + sizeof(struct checkpoint_shard));
    checkpoint_shard_write(d->v->sb.id, c->h.generation, c->next, c->h.shard_bytes, c->page);
    if (!volume_write(d->v, c->page, bytes, shard_at(d, c->h.generation % 2, c->next)))
        return false;
    disk_count(&d->counts.written_bytes, bytes);
    c->next++;
    return true;
}

/* The shards first, and the records that they speak of; then what makes them count. */
static bool write_header(struct disk *d, const struct checkpoint_header *h, unsigned area)
{
    void *page;
    bool ok;

    if (!synced(d))
        return false;
    page = disk_io_memory(DISK_PAGE);
    checkpoint_header_write(d->v->sb.id, h, page);
    ok = volume_write(d->v, page, DISK_PAGE, d->v->sb.checkpoint_at[area]) && synced(d);
    free(page);
    return ok;
}

/* What was emptied while the shards were written is not what they speak of: their later entries may
 * be of what is to stand there next, and has not been written. */
static void set_tail(struct disk *d, struct checkpoint_header *h)
{
    uint64_t tail = atomic_load(&d->ring.tail);

    h->tail = tail <= h->head ? tail : h->head + 1;
}

enum checkpoint_step checkpoint_step(struct disk *d, struct checkpoint *c)
{
    bool last = c->next == CHECKPOINT_SHARDS;

    if (last)
        set_tail(d, &c->h);
    if (!last && write_shard(d, c))
        return CHECKPOINT_MORE;
    if (last && write_header(d, &c->h, c->h.generation % 2)) {
        checkpoint_drop(c);
        disk_count(&d->counts.checkpoints, 1);
        return CHECKPOINT_DONE;
    }
    disk_failed(d, true);
    checkpoint_drop(c);
    return CHECKPOINT_FAILED;
}

/* --- reading --- */

bool checkpoint_look(struct disk *d, unsigned area, struct checkpoint_header *out)
{
    void *page = disk_io_memory(DISK_PAGE);
    bool ok = volume_read(d->v, page, DISK_PAGE, d->v->sb.checkpoint_at[area]) &&
              checkpoint_header_parse(d->v->sb.id, disk_index_shard_bytes(d->index), page, out) &&
              out->generation % 2 == area && out->head + 1 - out->tail <= d->v->sb.segments;

    free(page);
    return ok;
}

struct load {
    struct disk *d;
    unsigned area;
    const struct checkpoint_header *h;
    bool (*keep)(void *ctx, const struct disk_entry *e);
    void *ctx;
    _Atomic unsigned wrong;
};

static void load_shard(void *ctx, uint64_t i)
{
    struct load *l = ctx;
    struct disk *d = l->d;
    uint64_t bytes = checkpoint_shard_bytes(l->h->shard_bytes);
    void *page = disk_io_memory(bytes);
    const void *shard = NULL;

    if (volume_read(d->v, page, bytes, shard_at(d, l->area, (unsigned)i)))
        shard = checkpoint_shard_parse(
            d->v->sb.id, l->h->generation, (uint32_t)i, l->h->shard_bytes, page);
    if (shard != NULL)
        (void)disk_index_load(d->index, (unsigned)i, shard, l->keep, l->ctx);
    else
        atomic_fetch_add(&l->wrong, 1);
    free(page);
}

bool checkpoint_load(struct disk *d, unsigned area, const struct checkpoint_header *h,
    bool (*keep)(void *ctx, const struct disk_entry *e), void *ctx)
{
    struct load l = {.d = d, .area = area, .h = h, .keep = keep, .ctx = ctx};

    crew_run(d->conf.readers, CHECKPOINT_SHARDS, load_shard, &l);
    if (atomic_load(&l.wrong) == 0)
        return true;
    (void)disk_index_drop_range(d->index, 0, UINT64_MAX);
    return false;
}

bool checkpoint_unclean(struct disk *d, unsigned area, struct checkpoint_header *h)
{
    h->clean = 0;
    return write_header(d, h, area);
}
