#include "cache/image.h"

#include "base/check.h"
#include "cache/object.h"
#include "cache/spec.h"
#include "cache/tags.h"

#include <string.h>

struct fixed {
    uint32_t version;
    uint32_t bytes; /* of all of it */
    uint32_t key_n, reason_n, fields_n;
    uint16_t status, tags_n, tags_dropped, soft_purged;
    uint32_t slice_bytes, recode;
    uint32_t unused; /* 0 */
    uint64_t sliced_bytes, id, head_id, born, site;
    struct freshness fresh;
};

struct field_size {
    uint32_t name_n, value_n;
};

/* Who changes the record of freshness changes what is on disks. */
_Static_assert(IMAGE_VERSION != 1 || sizeof(struct freshness) == 48, "another IMAGE_VERSION");
_Static_assert(sizeof(struct fixed) % sizeof(uint64_t) == 0, "labels are aligned");

/* The reason phrase in "HTTP/1.1 200 OK\r\n". */
static struct span reason_of(const struct object *o)
{
    const size_t at = sizeof("HTTP/1.1 200 ") - 1;

    return span_make(o->head_text.p + at, span_find(o->head_text, '\r') - at);
}

/* The variants that a specification lists (spec.h) go by this process's hashes. */
static struct span value_of(const struct object *o, unsigned i)
{
    return object_is_spec(o) && i > 0 ? SPAN_EMPTY : object_field_value(o, i);
}

size_t image_bytes(const struct object *o)
{
    size_t n = sizeof(struct fixed) + o->tags_n * sizeof(uint64_t) + o->key.n + reason_of(o).n;

    for (unsigned i = 0; i < o->fields_n; i++)
        n += sizeof(struct field_size) + o->fields[i].name_n + value_of(o, i).n;
    return n;
}

static char *put(char *to, const void *from, size_t n)
{
    if (n > 0)
        memcpy(to, from, n);
    return to + n;
}

static char *put_fields(const struct object *o, char *to)
{
    for (unsigned i = 0; i < o->fields_n; i++) {
        const struct field_size size = {o->fields[i].name_n, (uint32_t)value_of(o, i).n};

        to = put(to, &size, sizeof(size));
    }
    for (unsigned i = 0; i < o->fields_n; i++) {
        struct span name = object_field_name(o, i), value = value_of(o, i);

        to = put(put(to, name.p, name.n), value.p, value.n);
    }
    return to;
}

void image_write(const struct object *o, uint32_t slice_bytes, char *to)
{
    struct span reason = reason_of(o);
    struct fixed f;

    memset(&f, 0, sizeof(f)); /* padding, too: what is on a disk shall be ours */
    f.version = IMAGE_VERSION;
    f.bytes = (uint32_t)image_bytes(o);
    f.key_n = (uint32_t)o->key.n;
    f.reason_n = (uint32_t)reason.n;
    f.fields_n = o->fields_n;
    f.status = o->status;
    f.tags_n = o->tags_n;
    f.tags_dropped = o->tags_dropped;
    f.soft_purged = atomic_load(&o->soft_purged);
    f.slice_bytes = slice_bytes;
    f.sliced_bytes = slice_bytes != 0 ? object_length(o) : 0;
    f.id = o->id;
    f.head_id = o->head_id;
    f.recode = o->recode;
    f.born = o->born;
    f.site = o->site;
    f.fresh = o->fresh;
    to = put(to, &f, sizeof(f));
    to = put(to, object_tags(o), o->tags_n * sizeof(uint64_t));
    to = put(to, o->key.p, o->key.n);
    to = put(to, reason.p, reason.n);
    put_fields(o, to);
}

static struct span cut(const char **at, size_t n)
{
    struct span s = span_make(*at, n);

    *at += n;
    return s;
}

/* The sizes and the texts of all fields; `left` is what there is of them. */
static bool read_fields(struct span bytes, unsigned fields_n, struct arena *a, struct fields *out)
{
    const char *sizes = bytes.p, *at;
    uint64_t left = bytes.n;

    if ((uint64_t)fields_n * sizeof(struct field_size) > left)
        return false;
    left -= (uint64_t)fields_n * sizeof(struct field_size);
    at = bytes.p + fields_n * sizeof(struct field_size);
    for (unsigned i = 0; i < fields_n; i++) {
        struct field_size size;
        struct span name;

        memcpy(&size, sizes + i * sizeof(size), sizeof(size));
        if (size.name_n == 0 || (uint64_t)size.name_n + size.value_n > left)
            return false;
        left -= (uint64_t)size.name_n + size.value_n;
        name = cut(&at, size.name_n);
        fields_add_named(out, a, name, cut(&at, size.value_n));
    }
    return left == 0;
}

bool image_read(struct span bytes, struct arena *a, struct image *out)
{
    struct fixed f;
    uint64_t *tags;
    const char *at;
    uint64_t before;

    if (bytes.n < sizeof(f))
        return false;
    memcpy(&f, bytes.p, sizeof(f));
    before = sizeof(f) + f.tags_n * sizeof(uint64_t) + (uint64_t)f.key_n + f.reason_n;
    if (f.version != IMAGE_VERSION || f.bytes > bytes.n || before > f.bytes || f.key_n == 0 ||
        f.tags_n > TAGS_MAX || f.recode > UINT8_MAX || f.status > 999 ||
        (f.slice_bytes == 0) != (f.sliced_bytes == 0))
        return false;
    at = bytes.p + sizeof(f);
    tags = arena_alloc(a, f.tags_n * sizeof(uint64_t) + 1);
    memcpy(tags, cut(&at, f.tags_n * sizeof(uint64_t)).p, f.tags_n * sizeof(uint64_t));
    *out = (struct image){
        .key = cut(&at, f.key_n),
        .head = {.status = f.status, .minor = 1, .reason = cut(&at, f.reason_n)},
        .fresh = f.fresh,
        .id = f.id,
        .head_id = f.head_id,
        .recode = (uint8_t)f.recode,
        .born = f.born,
        .site = f.site,
        .tags = tags,
        .tags_n = f.tags_n,
        .tags_dropped = f.tags_dropped,
        .soft_purged = f.soft_purged != 0,
        .sliced_bytes = f.sliced_bytes,
        .slice_bytes = f.slice_bytes,
    };
    return read_fields(span_make(at, (size_t)(f.bytes - before)), f.fields_n, a, &out->head.fields);
}
