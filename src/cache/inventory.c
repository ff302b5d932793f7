#include "cache/inventory.h"

#include "cache/disk_tier_impl.h"
#include "cache/image.h"
#include "cache/object.h"
#include "cache/purge_impl.h"
#include "cache/spec.h"

enum { DISK_STEP = 64 /* records: each may be a read */ };

struct visit {
    struct cache *cache;
    const struct inventory_filter *filter;
    uint64_t site, tag, tag_no_case; /* labels of what the filter says; 0: any */
    const char *volume;
    void (*each)(void *ctx, const struct inventory_object *o);
    void *ctx;
};

static bool has_tag(const struct visit *v, const uint64_t *tags, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t tag = tags[i] & ~(uint64_t)LABEL_FIELD_MASK;

        if (tag == v->tag || tag == v->tag_no_case)
            return true;
    }
    return false;
}

static bool passes(
    const struct visit *v, struct span key, uint64_t site, const uint64_t *tags, unsigned tags_n)
{
    return key.n > 0 && key.p[0] != '\n' && span_starts(label_key_url(key), v->filter->prefix) &&
           (v->site == 0 || v->site == site) && (v->tag == 0 || has_tag(v, tags, tags_n));
}

/* --- memory --- */

static void visit_object(struct visit *v, struct object *o)
{
    enum purged purged;

    if (object_is_spec(o) || !passes(v, o->key, o->site, object_tags(o), o->tags_n))
        return;
    purged = purges_ask(v->cache->purges, o);
    if (purged == PURGED_HARD)
        return;
    v->each(v->ctx, &(struct inventory_object){
                        .key = o->key,
                        .status = o->status,
                        .id = o->id,
                        .length = object_length(o),
                        .slice_bytes = o->slice_bytes,
                        .tags_n = o->tags_n,
                        .soft_purged = purged == PURGED_SOFT,
                        .fresh = &o->fresh,
                    });
}

static bool walk_memory(struct visit *v, struct inventory_place *at)
{
    struct object *objects[MEMORY_WALK_MAX];
    unsigned n;
    bool more = memory_walk(v->cache->memory, &at->memory, objects, &n);

    for (unsigned i = 0; i < n; i++) {
        visit_object(v, objects[i]);
        object_release(&objects[i]);
    }
    return more;
}

/* --- the volumes --- */

static void visit_image(struct visit *v, const struct disk_seen *seen, struct arena *a)
{
    struct image image;
    enum purged purged;

    if (!image_read(seen->head, a, &image) || image.head.status == 0 ||
        !passes(v, image.key, image.site, image.tags, image.tags_n))
        return;
    purged = purges_ask_tagged(
        v->cache->purges, image.key, image.site, image.born, image.tags, image.tags_n);
    if (purged == PURGED_HARD)
        return;
    v->each(v->ctx, &(struct inventory_object){
                        .volume = v->volume,
                        .key = image.key,
                        .status = image.head.status,
                        .id = image.id,
                        .length = image.slice_bytes != 0 ? image.sliced_bytes : seen->body_n,
                        .slice_bytes = image.slice_bytes,
                        .tags_n = image.tags_n,
                        .soft_purged = image.soft_purged || purged == PURGED_SOFT,
                        .fresh = &image.fresh,
                    });
}

static bool visit_record(void *ctx, const struct disk_seen *seen)
{
    struct arena a;

    if (seen->damaged || seen->meta.kind == DISK_SLICE)
        return true;
    arena_init(&a);
    visit_image(ctx, seen, &a);
    arena_free(&a);
    return true;
}

/* What is not known yet, or cannot be read, is passed over. */
static bool walk_volume(struct visit *v, struct disk *d, struct inventory_place *at)
{
    v->volume = disk_volume(d)->path;
    return disk_state(d) != DISK_RECOVERING &&
           disk_walk(d, &at->disk, DISK_STEP, false, visit_record, v);
}

bool inventory_walk(struct cache *c, struct inventory_place *at, const struct inventory_filter *f,
    void (*each)(void *ctx, const struct inventory_object *o), void *ctx)
{
    unsigned volumes_n = c->disk != NULL && f->disk ? c->disk->volumes_n : 0;
    uint64_t seed = c->purges->seed;
    struct visit v = {.cache = c, .filter = f, .each = each, .ctx = ctx};
    bool more;

    if (f->site.n > 0)
        v.site = label_of(seed, LABEL_SITE, f->site);
    if (f->tag.n > 0) {
        v.tag = label_of(seed, LABEL_TAG, f->tag);
        v.tag_no_case = label_of(seed, LABEL_TAG_NO_CASE, f->tag);
    }
    if (at->stage > volumes_n)
        return false;
    if (at->stage == 0)
        more = f->memory && walk_memory(&v, at);
    else
        more = walk_volume(&v, c->disk->volumes[at->stage - 1], at);
    if (!more)
        *at = (struct inventory_place){.stage = at->stage + 1};
    return at->stage <= volumes_n;
}
