#include "cache/object.h"
#include "edge/explain.h"
#include "edge/listing_impl.h"

#include <inttypes.h>
#include <stdio.h>

/* As enum disk_kind of cache/disk_tier_impl.h; slices are not listed. */
static const char *kind_name(const struct inventory_object *o)
{
    if (o->status == 0)
        return "variants";
    return o->slice_bytes != 0 ? "sliced" : "whole";
}

static json_t *record_json(const struct disk_seen *seen, const struct inventory_object *o)
{
    if (seen == NULL)
        return json_null();
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:i}", "kind", kind_name(o), "segment",
        (json_int_t)seen->seq, "bytes", (json_int_t)seen->bytes, "head_bytes",
        (json_int_t)seen->head.n, "born", (json_int_t)seen->meta.born, "expires",
        seen->meta.expires != 0 ? json_integer((json_int_t)seen->meta.expires) : json_null(),
        "used", (int)seen->used);
}

json_t *listing_json(const struct inventory_object *o, wall_s now)
{
    size_t url_n = span_find(o->key, '\n');
    char id[20], handle[64];

    snprintf(id, sizeof(id), "%016" PRIx64, o->id);
    snprintf(handle, sizeof(handle), "%" PRIu32 ".%016" PRIx64 ".%016" PRIx64, o->handle.stage,
        o->handle.hash.hi, o->handle.hash.lo);
    return json_pack("{s:s, s:o, s:o, s:o, s:i, s:I, s:I, s:I, s:I, s:i, s:b, s:s, s:s, s:o}",
        "tier", o->volume != NULL ? "disk" : "memory", "volume",
        o->volume != NULL ? admin_json_text(span_of(o->volume)) : json_null(), "url",
        admin_json_text(span_make(o->key.p, url_n)), "lines",
        explain_key_lines(span_from(o->key, url_n)), "status", o->status, "body_bytes",
        (json_int_t)o->length, "slice_bytes", (json_int_t)o->slice_bytes, "age_s",
        (json_int_t)fresh_age(o->fresh, now), "ttl_s", (json_int_t)fresh_ttl(o->fresh, now), "tags",
        (int)o->tags_n, "soft_purged", (int)o->soft_purged, "id", id, "handle", handle, "record",
        record_json(o->record, o));
}
