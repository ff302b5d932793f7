#include "cache/object.h"

#include "base/check.h"
#include "cache/cache_impl.h"
#include "cache/image.h"
#include "cache/index.h"
#include "cache/purge_impl.h"
#include "cache/slab.h"
#include "http/status.h"

#include <stdio.h>
#include <stdlib.h>

/* An object is one piece: the struct, labels of its tags, its head_field table, the head's text,
 * the key. */

static struct span response_reason(const struct http_response *head)
{
    return head->reason.n != 0 ? head->reason : http_status_reason(head->status);
}

static size_t head_text_bytes(const struct http_response *head)
{
    size_t n = sizeof("HTTP/1.1 200 \r\n") - 1 + response_reason(head).n;

    for (unsigned i = 0; i < head->fields.n; i++)
        n += head->fields.v[i].name.n + head->fields.v[i].value.n + sizeof(": \r\n") - 1;
    return n;
}

static char *put(char *to, struct span s)
{
    if (s.n != 0)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

static void head_write(struct object *o, char *text, const struct http_response *head)
{
    char status[sizeof("HTTP/1.1 200 ")];
    char *p = text;

    snprintf(status, sizeof(status), "HTTP/1.1 %03u ", (unsigned)head->status % 1000);
    p = put(p, span_of(status));
    p = put(put(p, response_reason(head)), SPAN("\r\n"));
    for (unsigned i = 0; i < head->fields.n; i++) {
        const struct field *f = &head->fields.v[i];
        struct head_field *h = &o->fields[i];

        h->id = (uint16_t)f->id;
        h->name_at = (uint32_t)(p - text);
        h->name_n = (uint32_t)f->name.n;
        p = put(put(p, f->name), SPAN(": "));
        h->value_at = (uint32_t)(p - text);
        h->value_n = (uint32_t)f->value.n;
        p = put(put(p, f->value), SPAN("\r\n"));
    }
    o->head_text = span_make(text, (size_t)(p - text));
}

/* --- labels ------------------------------------------------------------------------------- */

struct labels {
    uint64_t born, site;
    uint64_t tags[TAGS_MAX];
    unsigned tags_n, tags_dropped;
};

static void labels_add(struct labels *l, uint64_t tag)
{
    if (l->tags_n < TAGS_MAX)
        l->tags[l->tags_n++] = tag;
    else
        l->tags_dropped++;
}

static void labels_make(struct labels *l, const struct purges *p, const struct object_labels *from)
{
    const struct object *old = from->keep;
    unsigned replaced = from->tags != NULL ? from->tags->fields_in : 0;

    l->born = from->born;
    l->site = from->site.n > 0 ? label_of(p->seed, LABEL_SITE, from->site) : 0;
    l->tags_n = 0;
    l->tags_dropped = from->tags != NULL ? from->tags->dropped : 0;
    for (unsigned i = 0; from->tags != NULL && i < from->tags->n; i++)
        labels_add(l, label_of_tag(p->seed, &from->tags->v[i]));
    if (old == NULL)
        return;
    if (from->site.n == 0)
        l->site = old->site;
    for (unsigned i = 0; i < old->tags_n; i++) {
        if ((replaced >> (object_tags(old)[i] & LABEL_FIELD_MASK) & 1) == 0)
            labels_add(l, object_tags(old)[i]);
    }
    if (replaced == 0)
        l->tags_dropped += old->tags_dropped;
}

/* --- making ------------------------------------------------------------------------------- */

static struct object *object_make(struct cache *c, const struct cache_key *key,
    const struct http_response *head, const struct freshness *fresh, const struct labels *labels)
{
    size_t key_bytes = object_key_room(key->text.n);
    size_t tags_bytes = labels->tags_n * sizeof(labels->tags[0]);
    size_t fields_bytes = head->fields.n * sizeof(struct head_field);
    size_t text_bytes = head_text_bytes(head);
    size_t bytes = sizeof(struct object) + tags_bytes + fields_bytes + text_bytes + key_bytes;
    struct object *o = NULL;
    bool loose;
    char *p;

    /* The parser's limits on heads are far below. */
    check(bytes <= UINT32_MAX);
    if (bytes <= SLAB_PIECE_MAX)
        o = memory_alloc(c->memory, bytes, index_hash(key->hash));
    loose = o == NULL;
    if (loose)
        o = xmalloc(bytes);
    *o = (struct object){
        .refs = 1,
        .loose = loose,
        .hash = key->hash,
        .cache = c,
        .status = (uint16_t)head->status,
        .fields_n = head->fields.n,
        .bytes = (uint32_t)bytes,
        .id = random_u64(),
        .born = labels->born,
        .checked = labels->born,
        .site = labels->site,
        .tags_n = (uint16_t)labels->tags_n,
        .tags_dropped =
            (uint16_t)(labels->tags_dropped < UINT16_MAX ? labels->tags_dropped : UINT16_MAX),
    };
    if (fresh != NULL)
        o->fresh = *fresh;
    list_init(&o->used.link);
    p = (char *)(o + 1);
    o->key = span_make(p, key->text.n);
    put(p, key->text);
    p += key_bytes;
    o->head_id = o->id;
    if (tags_bytes > 0)
        memcpy(p, labels->tags, tags_bytes);
    p += tags_bytes;
    o->fields = (struct head_field *)(void *)p;
    head_write(o, p + fields_bytes, head);
    return o;
}

struct object *object_new(struct cache *c, const struct cache_key *key,
    const struct http_response *head, const struct freshness *fresh,
    const struct object_labels *labels)
{
    const struct object_labels now = {.born = purges_last(c->purges)};
    struct labels l;

    labels_make(&l, c->purges, labels != NULL ? labels : &now);
    return object_make(c, key, head, fresh, &l);
}

struct object *object_with_head(struct object *old, const struct http_response *head,
    const struct freshness *fresh, const struct object_labels *labels)
{
    struct object_labels from = {.born = old->born};
    struct cache_key key = {old->key, old->hash};
    struct object *o;
    struct labels l;

    check(old->whole);
    if (labels != NULL)
        from = *labels;
    from.keep = old;
    labels_make(&l, old->cache->purges, &from);
    o = object_make(old->cache, &key, head, fresh, &l);
    o->id = old->id;
    o->body = chunk_ref(old->body);
    o->body_bytes = old->body_bytes;
    o->sliced_bytes = old->sliced_bytes;
    o->slice_bytes = old->slice_bytes;
    o->whole = true;
    return o;
}

struct object *object_sliced(const struct object *from, uint64_t bytes, uint32_t slice)
{
    struct object *o = memory_alloc(from->cache->memory, from->bytes, index_hash(from->hash));

    if (o == NULL)
        return NULL;
    *o = (struct object){
        .refs = 1,
        .whole = true,
        .status = from->status,
        .hash = from->hash,
        .key = from->key,
        .cache = from->cache,
        .fields_n = from->fields_n,
        .bytes = from->bytes,
        .head_text = from->head_text,
        .fields = from->fields,
        .id = from->id,
        .head_id = from->head_id,
        .sliced_bytes = bytes,
        .slice_bytes = slice,
        .fresh = from->fresh,
        .born = from->born,
        .checked = from->born,
        .site = from->site,
        .tags_n = from->tags_n,
        .tags_dropped = from->tags_dropped,
    };
    memcpy(o + 1, from + 1, from->bytes - sizeof(*o));
    object_rebase(o, from);
    list_init(&o->used.link);
    return o;
}

struct object *object_of_image(
    struct cache *c, const struct cache_key *key, const struct image *image)
{
    struct labels labels = {.born = image->born,
        .site = image->site,
        .tags_n = image->tags_n,
        .tags_dropped = image->tags_dropped};
    struct object *o;

    check(image->tags_n <= TAGS_MAX);
    if (image->tags_n > 0)
        memcpy(labels.tags, image->tags, image->tags_n * sizeof(labels.tags[0]));
    o = object_make(c, key, &image->head, &image->fresh, &labels);
    o->id = image->id;
    o->head_id = image->head_id;
    o->recode = image->recode;
    o->sliced_bytes = image->sliced_bytes;
    o->slice_bytes = image->slice_bytes;
    atomic_store(&o->soft_purged, image->soft_purged);
    return o;
}

struct object *object_ref(struct object *o)
{
    atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
    return o;
}

void object_release(struct object **op)
{
    struct object *o = *op;

    *op = NULL;
    if (o == NULL || atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) != 1)
        return;
    chunk_release(&o->body);
    if (o->loose)
        free(o);
    else
        memory_give(o->cache->memory, o, false);
}

void object_rebase(struct object *o, const struct object *from)
{
    const char *base = (const char *)from;

    o->key.p = (char *)o + (from->key.p - base);
    o->head_text.p = (char *)o + (from->head_text.p - base);
    o->fields = (struct head_field *)(void *)((char *)o + ((const char *)from->fields - base));
}

struct span object_field_name(const struct object *o, unsigned i)
{
    return span_make(o->head_text.p + o->fields[i].name_at, o->fields[i].name_n);
}

struct span object_field_value(const struct object *o, unsigned i)
{
    return span_make(o->head_text.p + o->fields[i].value_at, o->fields[i].value_n);
}

struct span object_get(const struct object *o, enum field_id id)
{
    for (unsigned i = 0; i < o->fields_n; i++)
        if (o->fields[i].id == id)
            return object_field_value(o, i);
    return SPAN_EMPTY;
}

struct fields object_fields(const struct object *o, struct arena *a)
{
    struct fields f = {NULL, 0, 0};

    if (o->fields_n == 0)
        return f;
    f.v = arena_alloc(a, o->fields_n * sizeof(*f.v));
    f.n = f.cap = o->fields_n;
    for (unsigned i = 0; i < o->fields_n; i++)
        f.v[i] = (struct field){
            object_field_name(o, i), object_field_value(o, i), (enum field_id)o->fields[i].id};
    return f;
}
