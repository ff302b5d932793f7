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
    uint32_t stage;
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

struct inventory_filter inventory_all(wall_s now)
{
    return (struct inventory_filter){
        .memory = true,
        .disk = true,
        .size_max = UINT64_MAX,
        .age_min_s = INT64_MIN,
        .age_max_s = INT64_MAX,
        .now = now,
    };
}

static void tell(const struct visit *v, const struct inventory_object *o)
{
    const struct inventory_filter *f = v->filter;
    int64_t age = fresh_age(o->fresh, f->now);

    if (o->length >= f->size_min && o->length <= f->size_max && age >= f->age_min_s &&
        age <= f->age_max_s)
        v->each(v->ctx, o);
}

/* --- memory --- */

/* False: it is purged. */
static bool of_object(struct cache *c, struct object *o, struct inventory_object *out)
{
    enum purged purged = purges_ask(c->purges, o);

    *out = (struct inventory_object){
        .object = o,
        .handle = {0, o->hash},
        .key = o->key,
        .status = o->status,
        .id = o->id,
        .length = object_length(o),
        .slice_bytes = o->slice_bytes,
        .tags_n = o->tags_n,
        .soft_purged = purged == PURGED_SOFT,
        .fresh = &o->fresh,
    };
    return purged != PURGED_HARD;
}

static void visit_object(struct visit *v, struct object *o)
{
    struct inventory_object out;

    if (!object_is_spec(o) && passes(v, o->key, o->site, object_tags(o), o->tags_n) &&
        of_object(v->cache, o, &out))
        tell(v, &out);
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

/* False: it is purged. */
static bool of_image(struct visit *v, const struct image *i, const struct disk_seen *seen,
    struct inventory_object *out)
{
    enum purged purged =
        purges_ask_tagged(v->cache->purges, i->key, i->site, i->born, i->tags, i->tags_n);

    *out = (struct inventory_object){
        .volume = v->volume,
        .record = seen,
        .image = i,
        .handle = {v->stage, seen->key},
        .key = i->key,
        .status = i->head.status,
        .id = i->id,
        .length = i->slice_bytes != 0 ? i->sliced_bytes : seen->body_n,
        .slice_bytes = i->slice_bytes,
        .tags_n = i->tags_n,
        .soft_purged = i->soft_purged || purged == PURGED_SOFT,
        .fresh = &i->fresh,
    };
    return purged != PURGED_HARD;
}

static void visit_image(struct visit *v, const struct disk_seen *seen, struct arena *a)
{
    struct inventory_object out;
    struct image image;

    if (image_read(seen->head, a, &image) && image.head.status != 0 &&
        passes(v, image.key, image.site, image.tags, image.tags_n) &&
        of_image(v, &image, seen, &out))
        tell(v, &out);
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
    v->stage = at->stage;
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

/* --- one key --- */

struct looked {
    struct visit v;
    struct span key;
};

static void see_record(void *ctx, const struct disk_seen *seen)
{
    struct looked *l = ctx;
    struct inventory_object out;
    struct image image;
    struct arena a;

    if (seen->meta.kind == DISK_SLICE)
        return;
    arena_init(&a);
    if (image_read(seen->head, &a, &image) && span_eq(image.key, l->key) &&
        of_image(&l->v, &image, seen, &out))
        l->v.each(l->v.ctx, &out);
    arena_free(&a);
}

void inventory_look(struct cache *c, const struct cache_key *key,
    void (*each)(void *ctx, const struct inventory_object *o), void *ctx)
{
    struct looked l = {.v = {.cache = c, .each = each, .ctx = ctx}, .key = key->text};
    struct object *o = memory_find(c->memory, key, false);
    struct inventory_object out;
    struct disk *d;

    if (o != NULL && of_object(c, o, &out))
        each(ctx, &out);
    object_release(&o);
    if (c->disk == NULL || !disk_tier_has(c->disk, key->text))
        return;
    l.v.stage = disk_tier_place(c->disk, key->text) + 1;
    d = c->disk->volumes[l.v.stage - 1];
    l.v.volume = disk_volume(d)->path;
    (void)!disk_look(d, disk_key(d, key->text), false, see_record, &l);
}
