#include "edge/slice_fill.h"

#include "base/counters.h"
#include "base/log.h"
#include "cache/object.h"
#include "cache/policy.h"
#include "cache/slice.h"
#include "cache/spec.h"
#include "edge/filler_impl.h"
#include "edge/incomplete.h"
#include "edge/server.h"
#include "edge/slices.h"
#include "edge/tagging.h"
#include "edge/unsliced.h"
#include "http/etag.h"

/* --- what is asked -------------------------------------------------------------------------- */

/* The size of a slice by the rules; 0: nothing is sliced. */
static uint32_t slice_bytes(const struct filler *f)
{
    uint64_t max = cache_whole_max(f->edge->cache), bytes = f->policy->slice_bytes;

    return (uint32_t)(bytes < max ? bytes : max);
}

/* What is larger is sliced, and what is no larger than one slice never is. */
static uint64_t slice_from(const struct filler *f)
{
    uint64_t from = f->policy->slice_from == SLICE_FROM_TOO_BIG ? cache_whole_max(f->edge->cache)
                                                                : f->policy->slice_from;

    return from > slice_bytes(f) ? from : slice_bytes(f);
}

/* Only what others may find is worth slices. */
static bool may_slice(const struct filler *f)
{
    return !f->whole && !f->alone && !f->slice.given_up && f->request.method == METHOD_GET &&
           slice_bytes(f) > 0 &&
           !unsliced_has(f->edge->edge->unsliced, f->key.hash, worker_wall_s(f->edge->worker));
}

/* `total`: length of the whole, 0 if it is not known. */
static void want(struct filler *f, uint32_t bytes, uint64_t total)
{
    f->slice.bytes = bytes;
    f->slice.n = slice_wanted(fields_get(&f->request.fields, FIELD_RANGE), total, bytes);
}

void slice_want_by_rule(struct filler *f, bool large)
{
    const struct object *stale = f->validate;

    if (!may_slice(f))
        return;
    if (stale != NULL && stale->sliced_bytes != 0 && !slice_can_be_asked(stale))
        return; /* it was stored as it came, and so it will be again */
    if (stale != NULL && stale->sliced_bytes != 0)
        want(f, stale->slice_bytes, stale->sliced_bytes);
    else if (stale == NULL && (large || f->policy->slice_from == SLICE_FROM_ALWAYS))
        want(f, slice_bytes(f), 0);
}

void slice_ask(struct filler *f, struct fields *request)
{
    struct byte_range range = slice_range_asked(f->slice.bytes, f->slice.n);

    if (f->slice.head != NULL)
        range = slice_range(f->slice.head->sliced_bytes, f->slice.bytes, f->slice.n);
    fields_set(request, &f->arena, FIELD_RANGE,
        arena_printf(&f->arena, "bytes=%llu-%llu", (unsigned long long)range.first,
            (unsigned long long)range.last));
}

/* The same as a whole. */
static void ask_for_whole(struct filler *f, bool remember)
{
    f->slice.bytes = 0;
    f->slice.given_up = true;
    if (remember)
        unsliced_put(f->edge->edge->unsliced, f->key.hash, worker_wall_s(f->edge->worker));
    filler_ask_again(f);
}

/* --- what comes ----------------------------------------------------------------------------- */

static bool strong(struct span field, struct etag *tag)
{
    return field.n > 0 && etag_parse(field, tag) && !tag->weak;
}

bool slice_can_be_asked(const struct object *head)
{
    struct etag tag;

    return strong(object_get(head, FIELD_ETAG), &tag) &&
           !span_ieq(object_get(head, FIELD_ACCEPT_RANGES), SPAN("none"));
}

static bool strong_etag(const struct fields *f, struct etag *tag)
{
    return fields_count(f, FIELD_ETAG) == 1 && strong(fields_get(f, FIELD_ETAG), tag);
}

static bool same_version(const struct object *head, const struct fields *fields)
{
    struct etag ours, theirs;

    return strong(object_get(head, FIELD_ETAG), &ours) && strong_etag(fields, &theirs) &&
           etag_strong_eq(ours, theirs);
}

/* A 206 with one range of a known length, framed as it says. */
static bool is_part(const struct http_response *in, struct content_range *cr)
{
    return in->status == 206 && fields_count(&in->fields, FIELD_CONTENT_RANGE) == 1 &&
           content_range_parse(fields_get(&in->fields, FIELD_CONTENT_RANGE), cr) && cr->satisfied &&
           cr->has_length &&
           (in->body != BODY_LENGTH || in->content_length == cr->range.last - cr->range.first + 1);
}

static bool is_range(const struct byte_range *r, struct byte_range wanted)
{
    return r->first == wanted.first && r->last == wanted.last;
}

/* The slice's own fill gets its head. A response that may not be stored is for its client alone. */
static void begin_slice(struct filler *f, bool store)
{
    static const struct http_response nothing = {.status = 206, .minor = 1};
    const struct object *head = f->slice.head;
    struct byte_range range = slice_range(head->sliced_bytes, head->slice_bytes, f->slice.n);
    int64_t length = (int64_t)(range.last - range.first + 1);
    char text[SLICE_KEY_MAX];
    struct cache_key key = slice_key(head->id, f->slice.n, text);
    struct object *obj = object_new(f->edge->cache, &key, &nothing, NULL, NULL);

    if (store)
        (void)fill_head(f->fill, obj, length);
    else
        fill_pass(f->fill, obj, length, 0);
}

/* The head of the whole that a 206 is part of. */
static struct http_response head_of_whole(struct filler *f, const struct http_response *part)
{
    struct http_response head = *part;

    head.status = 200;
    head.reason = SPAN_EMPTY;
    head.fields = fields_dup(&part->fields, &f->arena);
    fields_remove(&head.fields, FIELD_CONTENT_RANGE);
    fields_remove(&head.fields, FIELD_CONTENT_LENGTH);
    return head;
}

/* --- a slice of a known version ------------------------------------------------------------- */

static void version_over(struct filler *f, const struct http_response *in)
{
    struct object *head = f->slice.head;

    count(C_SLICE_VERSIONS_LOST);
    log_peer("%.*s%.*s is another version than its slices are of (the origin answered %d); they "
             "are not used any more",
        SPAN_ARG(f->from.host), SPAN_ARG(f->target), in->status);
    if (in->status == 200 && same_version(head, &in->fields))
        unsliced_put(f->edge->edge->unsliced, f->key.hash, worker_wall_s(f->edge->worker));
    cache_remove_object(f->edge->cache, head);
    filler_fail(f, SLICE_LOST, "slice-changed");
}

void slice_arrived(struct filler *f, const struct http_response *in)
{
    struct object *head = f->slice.head;
    struct http_response whole;
    struct content_range cr;
    struct verdict v;

    if (is_part(in, &cr) && cr.length == head->sliced_bytes &&
        is_range(&cr.range, slice_range(cr.length, f->slice.bytes, f->slice.n)) &&
        same_version(head, &in->fields)) {
        whole = head_of_whole(f, in);
        filler_judge(f, METHOD_GET, &whole, &v);
        begin_slice(f, v.store);
        return;
    }
    switch (in->status) {
    case 200:
    case 206:
    case 404:
    case 410:
    case 412:
    case 416:
        version_over(f, in);
        return;
    default: /* of this request, or of the moment */
        filler_fail(f, 502, "origin-error");
        return;
    }
}

/* --- looking for a version ------------------------------------------------------------------ */

/* The head object of what a 206 is part of. NULL: it may not be stored. */
static struct object *make_head(struct filler *f, const struct http_response *part,
    const struct content_range *cr, struct cache_key *key)
{
    struct http_response head = head_of_whole(f, part);
    struct object_labels labels;
    struct object *obj;
    struct verdict v;

    fields_remove_named(&head.fields, SPAN("Content-Digest")); /* of the part (RFC 9530 §2) */
    fields_remove_named(&head.fields, SPAN("Content-MD5"));

    filler_judge(f, METHOD_GET, &head, &v);
    if (!v.store || !filler_place(f, &head, key))
        return NULL;
    policy_omit(&v, &head.fields);
    labels = tagging_take(f, &head);
    forward_response(&head, f->setup, true, false, worker_wall_s(f->edge->worker), &f->arena);
    obj = object_new(f->edge->cache, key, &head, &v.fresh, &labels);
    obj->sliced_bytes = cr->length;
    obj->slice_bytes = f->slice.bytes;
    /* The origin does not know conditions, but it is still the same: so are the slices. */
    if (f->validate != NULL && f->validate->sliced_bytes == cr->length &&
        f->validate->slice_bytes == f->slice.bytes && same_version(f->validate, &part->fields))
        obj->id = f->validate->id;
    return obj;
}

/* The fill of the resource becomes the head object. */
static void publish_head(struct filler *f, struct object *head, const struct cache_key *key)
{
    bool stored = fill_head(f->fill, object_ref(head), 0);

    fill_finish(f->fill);
    if (stored && !hash128_eq(key->hash, f->key.hash))
        spec_add_variant(
            f->edge->cache, &f->key, key, (unsigned)f->policy->cache.variants_max, &f->arena);
    if (f->client != NULL)
        f->client->cs.stored = stored;
}

/* The response goes on as the fill of its slice, which is there before anybody can ask for it. The
 * client reads it from the beginning on, so that a window is not gone before it comes. */
static void go_on_as_slice(struct filler *f, struct object *head, const struct cache_key *key)
{
    struct fill *slice;
    bool lead;

    f->slice.head = head;
    lead = filler_lead_slice(f, &slice);
    publish_head(f, head, key);
    fill_release(&f->fill);
    f->fill = slice;
    if (!lead) { /* the same version, and somebody has or fetches the slice */
        filler_end(f);
        return;
    }
    begin_slice(f, true);
    count(C_SLICES_FETCHED);
    if (f->client != NULL)
        slices_begun(f->client, head, f->slice.n, slice);
}

/* A 206 that has all there is. False: it may not be stored. */
static bool take_whole(struct filler *f, const struct http_response *in, uint64_t length)
{
    struct http_response head = head_of_whole(f, in);
    struct cache_key key;
    struct verdict v;

    filler_judge(f, METHOD_GET, &head, &v);
    if (!v.store || !filler_place(f, &head, &key))
        return false;
    f->slice.bytes = 0; /* if it is cut, its rest is asked for */
    filler_keep(f, &head, &v, &key, (int64_t)length);
    return true;
}

/* True: it was made use of. */
static bool take_part(struct filler *f, const struct http_response *in, bool *unable)
{
    struct content_range cr;
    struct cache_key key;
    struct object *head;
    struct etag tag;

    *unable = true;
    if (!is_part(in, &cr))
        return false;
    if (cr.range.first == 0 && cr.range.last + 1 == cr.length) {
        *unable = false;
        return take_whole(f, in, cr.length);
    }
    if (!strong_etag(&in->fields, &tag) || !slice_possible(cr.length, f->slice.bytes) ||
        cr.range.first / f->slice.bytes != f->slice.n ||
        !is_range(&cr.range, slice_range(cr.length, f->slice.bytes, f->slice.n)))
        return false;
    *unable = false;
    if (cr.length <= slice_from(f))
        return false;
    head = make_head(f, in, &cr, &key);
    if (head == NULL)
        return false;
    go_on_as_slice(f, head, &key);
    return true;
}

bool slice_version_arrived(struct filler *f, const struct http_response *in)
{
    bool unable = false;

    switch (in->status) {
    case 206:
        if (!take_part(f, in, &unable))
            ask_for_whole(f, unable);
        return true;
    case 416: /* it is shorter than the client thought, or empty */
        if (f->slice.n > 0) {
            f->slice.n = 0;
            filler_ask_again(f);
        } else {
            ask_for_whole(f, true);
        }
        return true;
    case 200: /* all of something short is a good answer, too */
        if (in->body != BODY_LENGTH || in->content_length > f->slice.bytes)
            unsliced_put(f->edge->edge->unsliced, f->key.hash, worker_wall_s(f->edge->worker));
        f->slice.bytes = 0;
        return false;
    default:
        f->slice.bytes = 0;
        return false;
    }
}

bool slice_instead(struct filler *f, const struct http_response *in)
{
    struct etag tag;
    struct verdict v;

    if (in->status != 200 || in->body != BODY_LENGTH || in->content_length <= slice_from(f) ||
        !may_slice(f) || !strong_etag(&in->fields, &tag) ||
        !slice_possible(in->content_length, slice_bytes(f)) ||
        fields_list_has(&in->fields, FIELD_ACCEPT_RANGES, SPAN("none")))
        return false;
    filler_judge(f, METHOD_GET, in, &v);
    if (!v.store)
        return false;
    if (f->incomplete != NULL)
        incomplete_remove(f->edge->cache, &f->variant, &f->arena);
    object_release(&f->incomplete);
    want(f, slice_bytes(f), in->content_length);
    filler_ask_again(f);
    return true;
}
