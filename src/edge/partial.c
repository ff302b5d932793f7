/*
 * partial.c - ranges of a stored or filling object (RFC 9110 §14): one, or several as
 * multipart/byteranges, in the order in which they were asked for.
 *
 * Beginnings (edge/incomplete.h) answer what lies in them (RFC 9111 §3.4).
 *
 * Abuse: overlapping and adjoining ranges are joined and there are at most RANGES_MAX of them
 * (http/range.h), and an answer is never larger than the representation: then that is sent.
 */
#include "base/counters.h"
#include "base/hash.h"
#include "edge/deliver.h"
#include "edge/incomplete.h"
#include "edge/slices.h"
#include "http/multipart.h"
#include "http/range.h"

/* --- one range ------------------------------------------------------------------------------ */

static void add_content_range(struct request *r, struct fields *f, const struct content_range *cr)
{
    char text[CONTENT_RANGE_MAX];
    struct arena *a = &r->txn->arena;

    fields_set(
        f, a, FIELD_CONTENT_RANGE, arena_dup(a, span_make(text, content_range_format(cr, text))));
}

static void unsatisfiable(struct request *r, struct object *obj, uint64_t length)
{
    struct fields *f = deliver_few_fields(r, obj);
    struct txn_response resp = {.status = 416, .fields = f, .more = deliver_own_lines(r, obj)};

    add_content_range(r, f, &(struct content_range){.has_length = true, .length = length});
    deliver_respond(r, &resp);
}

static void single(struct request *r, struct object *obj, struct byte_range range, uint64_t length)
{
    struct content_range cr = {
        .satisfied = true, .has_length = true, .range = range, .length = length};
    struct fields *f = deliver_all_fields(r, obj);
    struct txn_response resp = {
        .status = 206,
        .fields = f,
        .more = deliver_own_lines(r, obj),
        .length = (int64_t)(range.last - range.first + 1),
    };

    add_content_range(r, f, &cr);
    deliver_range(r, obj, range.first, (uint64_t)resp.length);
    resp.reader = r->reader;
    deliver_respond(r, &resp);
}

/* --- several -------------------------------------------------------------------------------- */

/* A multipart body on its way. In the request's arena. */
struct several {
    struct request *r;
    struct reader *base; /* owns; of the whole body: others are made of it */
    struct object *obj;  /* borrowed from that */
    struct multipart text;
    struct range_set set;
    unsigned at; /* parts given: head, range, head, range, ..., end */
};

static enum part_state next_part(void *ctx, struct reader *self, struct reader_part *out)
{
    struct several *s = ctx;
    unsigned i = s->at / 2;
    uint64_t first, n;

    if (i == s->set.n) {
        if (s->at++ % 2 != 0)
            return PART_END;
        out->text = s->text.end;
        return PART_READY;
    }
    if (s->at++ % 2 == 0) {
        out->text = s->text.heads[i];
        return PART_READY;
    }
    first = s->set.v[i].first;
    n = s->set.v[i].last - first + 1;
    if (s->obj->sliced_bytes != 0) {
        out->reader = slices_reader(s->r, s->obj, first, n, reader_parts_ready, self);
        return PART_READY;
    }
    out->reader = reader_again(s->base, reader_parts_ready, self);
    if (out->reader == NULL)
        return PART_CUT; /* memory was short, and its first bytes are gone */
    reader_range(out->reader, first, n);
    return PART_READY;
}

static void close_parts(void *ctx)
{
    struct several *s = ctx;

    reader_close(&s->base);
}

static const struct part_source multipart_source = {.next = next_part, .close = close_parts};

static void on_parts(void *ctx)
{
    txn_wake(((struct request *)ctx)->txn);
}

/* False: the whole is less. */
static bool multipart(
    struct request *r, struct object *obj, const struct range_set *set, uint64_t length)
{
    struct arena *a = &r->txn->arena;
    uint64_t random[2] = {random_u64(), random_u64()};
    struct several *s = arena_zalloc(a, sizeof(*s));
    struct txn_response resp = {.status = 206};
    struct fields *f;

    s->r = r;
    s->obj = obj;
    s->set = *set;
    if (!multipart_make(&s->text, set, length, object_get(obj, FIELD_CONTENT_TYPE), random, a) ||
        s->text.length > length) {
        count(C_RANGES_LARGE);
        return false;
    }
    f = deliver_all_fields(r, obj);
    fields_set(f, a, FIELD_CONTENT_TYPE, s->text.content_type);
    fields_remove(f, FIELD_CONTENT_RANGE); /* of a beginning */
    s->base = r->reader;
    reader_range(s->base, 0, 0); /* holds up nobody */
    r->reader = reader_of_parts(
        obj, &multipart_source, s, (int64_t)s->text.length, r->txn->worker, on_parts, r);
    resp.fields = f;
    resp.more = deliver_own_lines(r, obj);
    resp.length = (int64_t)s->text.length;
    resp.reader = r->reader;
    deliver_respond(r, &resp);
    return true;
}

/* --- from a fill that goes on --------------------------------------------------------------- */

static uint64_t bytes_of(const struct range_set *set)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < set->n; i++)
        n += set->v[i].last - set->v[i].first + 1;
    return n;
}

/*
 * Whether the ranges had better be asked of the origin, alone: others' fill is too far from them,
 * and they are fewer bytes than would have to come first; or it is not kept, so that it cannot go
 * back for the second of several. Only of an origin that says that it has ranges.
 */
static bool better_alone(struct request *r, const struct object *obj, const struct range_set *set)
{
    uint64_t come = reader_come(r->reader), first = set->v[0].first;
    uint64_t ahead = first > come ? first - come : 0;
    bool far = ahead > r->route.policy->range_wait_bytes && bytes_of(set) <= ahead;
    struct fields f;

    if (r->leads || r->ranges_wait || (!far && (set->n == 1 || reader_stays(r->reader))))
        return false;
    f = object_fields(obj, &r->txn->arena);
    return fields_list_has(&f, FIELD_ACCEPT_RANGES, SPAN("bytes"));
}

/* --- which ---------------------------------------------------------------------------------- */

static bool ranges_asked(struct request *r, const struct validators *v, struct range_request *asked)
{
    const struct http_request *req = &r->txn->request;
    struct span range = fields_get(&req->fields, FIELD_RANGE);

    if (range.p == NULL || req->method != METHOD_GET)
        return false;
    if (!range_parse(range, asked)) {
        if (asked->too_many)
            count(C_RANGES_MANY);
        return false;
    }
    return conditional_range_applies(req, v, worker_wall_s(r->txn->worker));
}

bool deliver_partial(
    struct request *r, struct object *obj, int64_t length, const struct validators *v)
{
    struct range_request asked;
    struct range_set set;

    if (length < 0 || !ranges_asked(r, v, &asked))
        return false;
    if (!range_resolve(&asked, (uint64_t)length, &set)) {
        unsatisfiable(r, obj, (uint64_t)length);
        return true;
    }
    for (unsigned i = 1; obj->sliced_bytes != 0 && i < set.n; i++) {
        if (!slices_there(r, obj, set.v[i].first, set.v[i].last - set.v[i].first + 1))
            return true;
    }
    if (!deliver_ready(r, obj, set.v[0].first, set.v[0].last - set.v[0].first + 1))
        return true;
    if (obj->sliced_bytes == 0 && better_alone(r, obj, &set)) {
        request_fetch_ranges(r);
        return true;
    }
    if (set.n == 1) {
        single(r, obj, set.v[0], (uint64_t)length);
        return true;
    }
    return reader_stays(r->reader) && multipart(r, obj, &set, (uint64_t)length);
}

/* --- from a beginning ------------------------------------------------------------------------- */

static bool within(const struct range_set *set, uint64_t have)
{
    for (unsigned i = 0; i < set->n; i++) {
        if (set->v[i].last >= have)
            return false;
    }
    return true;
}

/* Fresh, and what is asked for lies in it. */
static bool answers_ranges(struct request *r, struct object *obj, struct range_set *set)
{
    wall_s now = worker_wall_s(r->txn->worker);
    struct validators v = validators_of(deliver_all_fields(r, obj), now);
    struct range_request asked;
    uint64_t length;

    return ranges_asked(r, &v, &asked) && incomplete_length(obj, &length) &&
           fresh_judge(&obj->fresh, &r->ask, now, obj->soft_purged) == FRESH_USE &&
           conditional_evaluate(&r->txn->request, &v, CONDITIONAL_CACHE, now) ==
               CONDITIONAL_PROCEED &&
           range_resolve(&asked, length, set) && within(set, obj->body_bytes);
}

bool request_deliver_beginning(struct request *r)
{
    struct object *obj;
    struct range_set set;
    uint64_t length;
    bool done = false;

    if (!fields_has(&r->txn->request.fields, FIELD_RANGE))
        return false;
    obj = incomplete_find(r->edge->cache, &r->variant, &r->txn->arena);
    if (obj != NULL && answers_ranges(r, obj, &set) && incomplete_length(obj, &length)) {
        enum cache_word word = r->word;
        struct cache_status cs = r->cs;

        r->reader = reader_of_object(obj);
        r->word = CACHE_HIT;
        r->cs.hit = true;
        r->cs.has_ttl = true;
        r->cs.ttl_s = fresh_ttl(&obj->fresh, worker_wall_s(r->txn->worker));
        r->cs.detail = SPAN("incomplete");
        done = set.n == 1;
        if (done)
            single(r, obj, set.v[0], length);
        else
            done = multipart(r, obj, &set, length);
        if (!done) {
            reader_close(&r->reader);
            r->word = word;
            r->cs = cs;
        }
    }
    object_release(&obj);
    return done;
}
