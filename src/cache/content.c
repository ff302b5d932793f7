#include "cache/content.h"

#include "cache/disk_tier_impl.h"
#include "cache/image.h"
#include "cache/object.h"
#include "cache/purge_impl.h"
#include "cache/slice.h"
#include "cache/spec.h"
#include "http/h1_write.h"

#include <inttypes.h>

struct reading {
    struct cache *cache;
    uint64_t id, from;
    struct buf *out;
    enum content_got got;
    /* Of what is cut into slices: */
    uint64_t total;
    uint32_t slice_bytes;
    struct span key; /* of the slice that is being looked for */
};

/* As much of a body's bytes, which begin at `at` of it, as is asked for and belongs into a part. */
static bool put_body(struct reading *r, struct span bytes, uint64_t at)
{
    uint64_t end = r->from + CONTENT_PART_BYTES;
    uint64_t first = r->from > at ? r->from - at : 0;
    uint64_t last = end < at ? 0 : end - at < bytes.n ? end - at : bytes.n;

    return first >= last || buf_append(r->out, span_make(bytes.p + first, (size_t)(last - first)));
}

static bool put_end_of_head(struct reading *r, uint64_t length)
{
    return buf_printf(r->out, "Content-Length: %" PRIu64 "\r\n\r\n", length);
}

/* --- slices --- */

static bool put_chunks(struct reading *r, const struct object *o, uint64_t at)
{
    bool ok = true;

    for (const struct chunk *c = o->body; c != NULL && ok; c = c->next)
        ok = put_body(r, span_make(c->data, c->n), at + c->at);
    return ok;
}

static void see_slice(void *ctx, const struct disk_seen *seen)
{
    struct reading *r = ctx;
    uint64_t at = r->from / r->slice_bytes * r->slice_bytes;
    struct byte_range range = slice_range(r->total, r->slice_bytes, slice_at(at, r->slice_bytes));

    if (seen->meta.kind == DISK_SLICE && span_eq(seen->head, r->key) &&
        seen->body.n == range.last - range.first + 1 && put_body(r, seen->body, at))
        r->got = CONTENT_GOT;
}

/* From the slice in which `from` is, wherever that is. */
static void put_slice(struct reading *r)
{
    struct disk_tier *t = r->cache->disk;
    char text[SLICE_KEY_MAX];
    uint32_t n = slice_at(r->from, r->slice_bytes);
    struct cache_key key = slice_key(r->id, n, text);
    struct object *o = cache_peek(r->cache, &key);
    struct disk *d;

    r->key = key.text;
    r->got = CONTENT_PARTIAL;
    if (o != NULL) {
        if (o->whole && put_chunks(r, o, (uint64_t)n * r->slice_bytes))
            r->got = CONTENT_GOT;
        object_release(&o);
    } else if (t != NULL && disk_tier_has(t, key.text)) {
        d = disk_tier_volume(t, key.text);
        (void)!disk_look(d, disk_key(d, key.text), true, see_slice, r);
    }
}

/* --- from memory --- */

static void put_object(struct reading *r, const struct object *o)
{
    bool ok =
        r->from != 0 || (buf_append(r->out, o->head_text) && put_end_of_head(r, object_length(o)));

    r->total = object_length(o);
    r->slice_bytes = o->sliced_bytes != 0 ? o->slice_bytes : 0;
    if (r->slice_bytes == 0)
        ok = ok && put_chunks(r, o, 0);
    r->got = ok ? CONTENT_GOT : CONTENT_GONE;
}

static void read_memory(struct reading *r, struct hash128 hash)
{
    struct object *o = cache_peek_hash(r->cache, hash);

    if (o != NULL && o->whole && o->id == r->id && !object_is_spec(o))
        put_object(r, o);
    object_release(&o);
}

/* --- from a volume --- */

static bool put_head(struct reading *r, const struct image *i)
{
    bool ok = h1_status_write(r->out, i->head.status, i->head.reason);

    for (uint32_t k = 0; k < i->head.fields.n && ok; k++)
        ok = h1_field_write(r->out, i->head.fields.v[k].name, i->head.fields.v[k].value);
    return ok && put_end_of_head(r, r->total);
}

static void put_image(struct reading *r, const struct image *i, struct span body)
{
    bool ok;

    r->slice_bytes = i->slice_bytes;
    r->total = i->slice_bytes != 0 ? i->sliced_bytes : body.n;
    ok = r->from != 0 || put_head(r, i);
    if (i->slice_bytes == 0)
        ok = ok && put_body(r, body, 0);
    r->got = ok ? CONTENT_GOT : CONTENT_GONE;
}

static void see_record(void *ctx, const struct disk_seen *seen)
{
    struct reading *r = ctx;
    struct image i;
    struct arena a;

    if (seen->meta.kind == DISK_SLICE)
        return;
    arena_init(&a);
    if (image_read(seen->head, &a, &i) && i.id == r->id && i.head.status != 0 &&
        purges_ask_tagged(r->cache->purges, i.key, i.site, i.born, i.tags, i.tags_n) != PURGED_HARD)
        put_image(r, &i, seen->body);
    arena_free(&a);
}

enum content_got content_read(struct cache *c, const struct inventory_handle *handle, uint64_t id,
    uint64_t from, struct buf *out)
{
    struct reading r = {.cache = c, .id = id, .from = from, .out = out, .got = CONTENT_GONE};

    if (handle->stage == 0)
        read_memory(&r, handle->hash);
    else if (c->disk != NULL && handle->stage <= c->disk->volumes_n)
        (void)!disk_look(c->disk->volumes[handle->stage - 1], handle->hash, true, see_record, &r);
    if (r.got == CONTENT_GOT && r.slice_bytes != 0 && from < r.total)
        put_slice(&r);
    return r.got;
}
