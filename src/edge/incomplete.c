#include "edge/incomplete.h"

#include "base/check.h"
#include "cache/fill.h"
#include "cache/object.h"
#include "cache/update.h"
#include "edge/recode.h"
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

static bool strong_etag(struct span field, struct etag *tag)
{
    return field.n > 0 && etag_parse(field, tag) && !tag->weak;
}

bool incomplete_can_be(const struct fields *head)
{
    struct etag tag;

    return strong_etag(fields_get(head, FIELD_ETAG), &tag) &&
           !fields_list_has(head, FIELD_ACCEPT_RANGES, SPAN("none"));
}

bool incomplete_is_beginning(const struct http_response *head)
{
    struct content_range cr;

    return range_of(head, &cr) && cr.range.first == 0 && cr.range.last + 1 < cr.length;
}

struct fill *incomplete_fill(struct cache *c, struct worker *w, const struct cache_key *resource,
    const struct http_response *head, const struct freshness *fresh,
    const struct object_labels *labels, struct arena *a)
{
    struct cache_key key = key_beside(resource, a);
    struct fill_request rq = {.key = &key, .worker = w};
    struct fill *fill;

    check(fill_join(c, &rq, &fill) == FILL_ALONE);
    /* What does not fit is a window that nobody looks through. */
    (void)fill_head(fill, object_new(c, &key, head, fresh, labels), (int64_t)head->content_length);
    return fill;
}

void incomplete_keep(
    struct cache *c, struct fill *f, const struct object *head, uint64_t length, struct arena *a)
{
    const struct object_labels labels = {.born = head->born, .keep = head};
    struct cache_key resource = {head->key, head->hash}, key = key_beside(&resource, a);
    struct http_response as = {.status = 206, .minor = 1};
    uint64_t have = fill_bytes(f);
    char text[CONTENT_RANGE_MAX];
    struct content_range cr = {
        .satisfied = true, .has_length = true, .range = {0, have - 1}, .length = length};

    as.fields = object_fields(head, a);
    recode_unmark(head, &as.fields, a); /* where the whole belongs is the origin's word */
    if (have == 0 || have >= length || !incomplete_can_be(&as.fields))
        return;
    fields_set(&as.fields, a, FIELD_CONTENT_RANGE,
        arena_dup(a, span_make(text, content_range_format(&cr, text))));
    (void)fill_keep_beginning(f, object_new(c, &key, &as, &head->fresh, &labels));
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

bool incomplete_length(const struct object *beginning, uint64_t *length)
{
    struct content_range cr;

    if (!content_range_parse(object_get(beginning, FIELD_CONTENT_RANGE), &cr))
        return false;
    *length = cr.length;
    return cr.has_length;
}

void incomplete_ask(
    uint64_t have, const struct object *head, struct fields *request, struct arena *a)
{
    struct etag tag;

    fields_set(request, a, FIELD_RANGE, arena_printf(a, "bytes=%llu-", (unsigned long long)have));
    if (strong_etag(object_get(head, FIELD_ETAG), &tag))
        fields_set(request, a, FIELD_IF_RANGE, object_get(head, FIELD_ETAG));
}

static bool same_representation(const struct object *head, const struct http_response *rest)
{
    struct etag ours, theirs;

    return strong_etag(object_get(head, FIELD_ETAG), &ours) &&
           strong_etag(fields_get(&rest->fields, FIELD_ETAG), &theirs) &&
           etag_strong_eq(ours, theirs);
}

bool incomplete_is_rest(
    uint64_t have, uint64_t length, const struct object *head, const struct http_response *rest)
{
    struct content_range cr;

    return range_of(rest, &cr) && cr.length == length && cr.range.first == have &&
           cr.range.last + 1 == length && same_representation(head, rest);
}

struct http_response incomplete_whole_head(
    const struct object *beginning, const struct http_response *rest, wall_s now, struct arena *a)
{
    struct fields stored = object_fields(beginning, a);
    struct http_response head = {.status = 200, .minor = 1};

    head.fields = update_merge(&stored, &rest->fields, now, a);
    fields_remove(&head.fields, FIELD_CONTENT_RANGE);
    fields_remove(&head.fields, FIELD_CONTENT_LENGTH);
    return head;
}
