#include "edge/incomplete.h"

#include "base/check.h"
#include "cache/fill.h"
#include "cache/object.h"
#include "cache/reader.h"
#include "cache/update.h"
#include "http/etag.h"
#include "http/range.h"

static struct cache_key key_beside(const struct cache_key *resource, struct arena *a)
{
    /* No key of a resource has such a line: see cache/key.h. */
    return cache_key_of(arena_join(a, resource->text, SPAN("\nincomplete")));
}

static bool range_of(const struct http_response *head, struct content_range *cr)
{
    return head->status == 206 && fields_count(&head->fields, FIELD_CONTENT_RANGE) == 1 &&
           content_range_parse(fields_get(&head->fields, FIELD_CONTENT_RANGE), cr) &&
           cr->satisfied && cr->has_length && head->body == BODY_LENGTH &&
           head->content_length == cr->range.last - cr->range.first + 1;
}

bool incomplete_is_beginning(const struct http_response *head)
{
    struct content_range cr;

    return range_of(head, &cr) && cr.range.first == 0 && cr.range.last + 1 < cr.length &&
           cr.range.last < INCOMPLETE_BYTES_MAX;
}

void incomplete_put(struct cache *c, struct worker *w, const struct cache_key *resource,
    const struct http_response *head, const struct freshness *fresh, struct span body,
    struct arena *a)
{
    struct cache_key key = key_beside(resource, a);
    struct fill_request rq = {.key = &key, .worker = w};
    struct fill *fill;
    bool whole;

    check(fill_join(c, &rq, &fill) == FILL_ALONE);
    whole = fill_head(fill, object_new(c, &key, head, fresh), (int64_t)body.n) &&
            fill_append(fill, body) == body.n;
    if (whole)
        fill_finish(fill);
    else
        fill_fail(fill, 503, "no-room");
    fill_release(&fill);
}

struct object *incomplete_find(struct cache *c, const struct cache_key *resource, struct arena *a)
{
    struct cache_key key = key_beside(resource, a);

    return cache_peek(c, &key);
}

void incomplete_remove(struct cache *c, const struct cache_key *resource, struct arena *a)
{
    struct cache_key key = key_beside(resource, a);

    cache_remove(c, &key);
}

static bool strong_etag(struct span field, struct etag *tag)
{
    return field.n > 0 && etag_parse(field, tag) && !tag->weak;
}

void incomplete_ask(const struct object *beginning, struct fields *request, struct arena *a)
{
    struct etag tag;

    fields_set(request, a, FIELD_RANGE,
        arena_printf(a, "bytes=%llu-", (unsigned long long)beginning->body_bytes));
    if (strong_etag(object_get(beginning, FIELD_ETAG), &tag))
        fields_set(request, a, FIELD_IF_RANGE, object_get(beginning, FIELD_ETAG));
}

static bool same_representation(const struct object *beginning, const struct http_response *rest)
{
    struct etag ours, theirs;

    return strong_etag(object_get(beginning, FIELD_ETAG), &ours) &&
           strong_etag(fields_get(&rest->fields, FIELD_ETAG), &theirs) &&
           etag_strong_eq(ours, theirs);
}

bool incomplete_is_rest(const struct object *beginning, const struct http_response *head)
{
    struct content_range had, has;

    return content_range_parse(object_get(beginning, FIELD_CONTENT_RANGE), &had) &&
           range_of(head, &has) && has.length == had.length &&
           has.range.first == beginning->body_bytes && has.range.last + 1 == has.length &&
           same_representation(beginning, head);
}

struct http_response incomplete_whole_head(const struct object *beginning,
    const struct http_response *rest, wall_s now, uint64_t *length, struct arena *a)
{
    struct fields stored = object_fields(beginning, a);
    struct http_response head = {.status = 200, .minor = 1};
    struct content_range cr;

    check(range_of(rest, &cr));
    *length = cr.length;
    head.fields = update_merge(&stored, &rest->fields, now, a);
    fields_remove(&head.fields, FIELD_CONTENT_RANGE);
    fields_remove(&head.fields, FIELD_CONTENT_LENGTH);
    return head;
}

void incomplete_give(struct object *beginning, struct fill *fill)
{
    struct reader *r = reader_of_object(beginning);
    struct piece p;

    while (reader_pieces(r, &p, 1, INCOMPLETE_BYTES_MAX) > 0) {
        size_t took = fill_append(fill, p.data);

        reader_consume(r, took, false);
        if (took < p.data.n)
            break; /* a window that nobody reads: the fill will not agree with its length, and fails
                    */
    }
    reader_close(&r);
}
