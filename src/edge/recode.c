#include "edge/recode.h"

#include "http/accept_encoding.h"
#include "http/cache_control.h"
#include "http/etag.h"
#include "http/media_type.h"

#include <string.h>

static const struct {
    const char *token, *sentence;
} whys[RECODE_WHYS] = {
    [RECODE_CHOSEN] = {"chosen", "the client likes it best of what there is and can be made"},
    [RECODE_OFF] = {"off", "the configuration does not ask for it"},
    [RECODE_METHOD] = {"method", "only GET and HEAD get another coding"},
    [RECODE_STATUS] = {"status", "responses of that status are left alone"},
    [RECODE_PART] = {"part", "it is a part of something"},
    [RECODE_NO_TRANSFORM] = {"no-transform", "the response says no-transform"},
    [RECODE_TYPE] = {"type", "its Content-Type is not in encode-types"},
    [RECODE_SMALL] = {"small", "it is smaller than encode-min"},
    [RECODE_LARGE] = {"large", "it is larger than the cache keeps in one piece"},
    [RECODE_UNKNOWN] = {"unknown", "its coding is none that can be undone"},
    [RECODE_ASKED_NOT_TO] = {"request", "the request says no-transform"},
    [RECODE_BYTES] = {"bytes", "Range and If-Match are about the bytes as the origin made them"},
};

/* What is true of the body in one coding only. */
static const char *const of_the_bytes[] = {
    "Content-Digest", "Content-MD5", "Digest", "Repr-Digest"};

struct span recode_why_token(enum recode_why why)
{
    return span_of(whys[why].token);
}

struct span recode_why_sentence(enum recode_why why)
{
    return span_of(whys[why].sentence);
}

/* --- what may be done ------------------------------------------------------------------------- */

/* Either field forbids it: that CDN-Cache-Control speaks to us alone does not make the other one
 * say yes. */
static bool forbidden(const struct fields *f, struct arena *a)
{
    struct cache_control cc;

    cache_control_parse(f, a, &cc);
    if (cc.no_transform)
        return true;
    return cache_control_targeted(f, FIELD_CDN_CACHE_CONTROL, a, &cc) && cc.no_transform;
}

static enum recode_why why_not_encode(
    const struct coding_options *o, const struct fields *f, int64_t length)
{
    if (o->encode_n == 0)
        return RECODE_OFF;
    if (!media_type_in(fields_get(f, FIELD_CONTENT_TYPE), o->types, o->types_n))
        return RECODE_TYPE;
    if (length >= 0 && (uint64_t)length < o->min_bytes)
        return RECODE_SMALL;
    return RECODE_CHOSEN;
}

unsigned recode_judge(const struct coding_options *o, const struct http_response *head,
    int64_t length, uint64_t most, struct arena *a, enum recode_why *why)
{
    const struct fields *f = &head->fields;
    enum coding has;

    *why = RECODE_CHOSEN;
    if (head->status != 200 && head->status != 203 && head->status != 403 && head->status != 404)
        *why = RECODE_STATUS;
    else if (fields_has(f, FIELD_CONTENT_RANGE))
        *why = RECODE_PART;
    else if (length >= 0 && (uint64_t)length > most)
        *why = RECODE_LARGE;
    else if (forbidden(f, a))
        *why = RECODE_NO_TRANSFORM;
    else if (!coding_of_content(f, &has))
        *why = RECODE_UNKNOWN;
    else if (has == CODING_IDENTITY)
        *why = why_not_encode(o, f, length);
    else if (!o->decode)
        *why = RECODE_OFF;
    if (*why != RECODE_CHOSEN)
        return RECODE_NOT;
    return RECODE_FROM + has;
}

#define OURS     SPAN("Accept-Encoding")
#define OUR_NEXT SPAN(", Accept-Encoding")

/* False: it says so already. */
static bool say_vary(struct fields *f, struct arena *a)
{
    struct span had = fields_join(f, a, FIELD_VARY);

    if (fields_list_has(f, FIELD_VARY, OURS) || fields_list_has(f, FIELD_VARY, SPAN("*")))
        return false;
    fields_set(f, a, FIELD_VARY, had.n > 0 ? arena_join(a, had, OUR_NEXT) : OURS);
    return true;
}

void recode_unmark(const struct object *obj, struct fields *f, struct arena *a)
{
    struct span vary = fields_get(f, FIELD_VARY);

    if ((obj->recode & RECODE_SAYS) == 0)
        return;
    if (vary.n > OUR_NEXT.n)
        fields_set(f, a, FIELD_VARY, span_make(vary.p, vary.n - OUR_NEXT.n));
    else
        fields_remove(f, FIELD_VARY);
}

unsigned recode_mark(const struct coding_options *o, struct http_response *head, int64_t length,
    uint64_t most, struct arena *a)
{
    enum recode_why why;
    unsigned may;

    if (o->encode_n == 0 && !fields_has(&head->fields, FIELD_CONTENT_ENCODING))
        return RECODE_NOT;
    may = recode_judge(o, head, length, most, a, &why);
    if (may != RECODE_NOT && say_vary(&head->fields, a))
        may |= RECODE_SAYS;
    return may;
}

/* --- what a client gets ----------------------------------------------------------------------- */

/* Whether the request is about the bytes that there are, and these are what its client would get
 * without any encoding here. */
static bool needs_the_bytes(
    const struct http_request *req, const struct accept_encoding *accepted, enum coding has)
{
    const enum coding available[] = {has, CODING_IDENTITY};

    if (!fields_has(&req->fields, FIELD_RANGE) && !fields_has(&req->fields, FIELD_IF_MATCH))
        return false;
    return accept_encoding_takes(accepted, has) &&
           accept_encoding_best(accepted, available, ARRAY_LEN(available)) == has;
}

static struct recode_choice as_it_is(enum coding has, enum recode_why why)
{
    return (struct recode_choice){.coding = has, .why = why};
}

struct recode_choice recode_choose(const struct coding_options *o, const struct http_request *req,
    const struct object *obj, int64_t length)
{
    enum coding has = recode_has(obj);
    enum coding available[CODING_KINDS], best;
    struct accept_encoding accepted;
    unsigned n = 0;

    if (req->method != METHOD_GET && req->method != METHOD_HEAD)
        return as_it_is(has, RECODE_METHOD);
    if (fields_list_has(&req->fields, FIELD_CACHE_CONTROL, SPAN("no-transform")))
        return as_it_is(has, RECODE_ASKED_NOT_TO);
    if (has == CODING_IDENTITY && length >= 0 && (uint64_t)length < o->min_bytes)
        return as_it_is(has, RECODE_SMALL);
    accepted = accept_encoding_of(&req->fields);
    if (needs_the_bytes(req, &accepted, has))
        return as_it_is(has, RECODE_BYTES);
    if (has == CODING_IDENTITY) {
        for (; n < o->encode_n; n++)
            available[n] = o->encode[n];
    } else {
        available[n++] = has;
    }
    available[n++] = CODING_IDENTITY;
    best = accept_encoding_best(&accepted, available, n);
    return (struct recode_choice){.other = best != has, .coding = best, .why = RECODE_CHOSEN};
}

/* --- heads ------------------------------------------------------------------------------------ */

void recode_weaken(struct fields *f, struct arena *a)
{
    struct span etag = fields_get(f, FIELD_ETAG);

    if (etag.n > 0 && !span_starts(etag, SPAN("W/")))
        fields_set(f, a, FIELD_ETAG, arena_join(a, SPAN("W/"), etag));
}

void recode_not_modified(struct fields *f, const struct fields *request, struct arena *a)
{
    struct etag tag;

    if (etag_parse(fields_get(f, FIELD_ETAG), &tag) &&
        etag_list_match(request, FIELD_IF_NONE_MATCH, &tag, true) == ETAG_NONE)
        recode_weaken(f, a);
}

void recode_fields(struct fields *f, enum coding to, struct arena *a)
{
    if (to == CODING_IDENTITY)
        fields_remove(f, FIELD_CONTENT_ENCODING);
    else
        fields_set(f, a, FIELD_CONTENT_ENCODING, coding_name(to));
    fields_remove(f, FIELD_CONTENT_LENGTH);
    fields_remove(f, FIELD_ACCEPT_RANGES);
    for (size_t i = 0; i < ARRAY_LEN(of_the_bytes); i++)
        fields_remove_named(f, span_of(of_the_bytes[i]));
    recode_weaken(f, a);
}

#define KEY_START SPAN("\ncoded ")
enum { ID_DIGITS = 16 };

/* Every hit that is recoded asks for it, so it is put together by hand. */
struct cache_key recode_key(const struct object *obj, enum coding to, struct arena *a)
{
    struct span name = coding_name(to);
    size_t n = KEY_START.n + ID_DIGITS + 1 + name.n;
    char *text = arena_alloc(a, n), *p = text + KEY_START.n;
    uint64_t id = obj->id;

    memcpy(text, KEY_START.p, KEY_START.n);
    for (unsigned i = 0; i < ID_DIGITS; i++, id <<= 4)
        *p++ = "0123456789abcdef"[id >> 60];
    *p++ = ' ';
    memcpy(p, name.p, name.n);
    return cache_key_of(span_make(text, n));
}
