#include "edge/forward.h"

#include "http/date.h"
#include "http/forwarded.h"
#include "http/hop.h"

/* Set by proxies; some origins believe them more than the request line. Never in the key. */
static const char *const unkeyed[] = {
    "X-Forwarded-Host", "X-Forwarded-Path", "X-Forwarded-Port", "X-Forwarded-Prefix",
    "X-Forwarded-Protocol", "X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Ssl",
    "X-Forwarded-Uri", "X-Host", "X-HTTP-Host-Override", "X-Original-URL", "X-Original-Host",
    "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Url-Scheme",
    "Front-End-Https", "Proxy", /* becomes HTTP_PROXY where requests become environment variables */
};

static const enum field_id conditions[] = {
    FIELD_IF_MATCH,
    FIELD_IF_NONE_MATCH,
    FIELD_IF_MODIFIED_SINCE,
    FIELD_IF_UNMODIFIED_SINCE,
    FIELD_IF_RANGE,
    FIELD_RANGE,
};

static bool is_unkeyed(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(unkeyed); i++) {
        if (span_ieq(name, span_of(unkeyed[i])))
            return true;
    }
    return false;
}

static struct span with_hyphens(struct span name, struct arena *a)
{
    char *text;

    if (span_find(name, '_') == name.n)
        return name;
    text = arena_alloc(a, name.n);
    for (size_t i = 0; i < name.n; i++)
        text[i] = name.p[i] == '_' ? '-' : name.p[i];
    return span_make(text, name.n);
}

/* Where fields become environment variables (RFC 3875 §4.1.18) '_' and '-' are one: X_Forwarded_For
 * would be taken for ours, Content_Length for framing. */
static bool deceives(const struct field *line, struct arena *a)
{
    struct span name = with_hyphens(line->name, a);

    return is_unkeyed(name) || (line->id == FIELD_OTHER && field_id_of(name) != FIELD_OTHER);
}

static void drop_deceiving(struct fields *f, struct arena *a)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < f->n; i++) {
        if (!deceives(&f->v[i], a))
            f->v[kept++] = f->v[i];
    }
    f->n = kept;
}

/* Adds a member to a list-valued field, behind what is there. */
static void append_member(struct fields *f, struct arena *a, enum field_id id, struct span member)
{
    struct span had = fields_join(f, a, id);

    if (had.n > 0)
        member = arena_join(a, arena_join(a, had, SPAN(", ")), member);
    fields_set(f, a, id, member);
}

static void say_who_asks(struct fields *f, const struct forward_from *from, struct arena *a)
{
    struct buf b;

    append_member(f, a, FIELD_X_FORWARDED_FOR, from->client);
    fields_set(f, a, FIELD_X_FORWARDED_PROTO, from->proto);
    fields_set(f, a, FIELD_X_FORWARDED_HOST, from->host);
    buf_init(&b, 1024);
    if (forwarded_write(&b,
            &(struct forwarded){.for_ = from->client, .host = from->host, .proto = from->proto}))
        fields_set(f, a, FIELD_FORWARDED, arena_dup(a, buf_span(&b)));
    else
        fields_remove(f, FIELD_FORWARDED);
    buf_free(&b);
}

struct fields forward_request(const struct fields *fields, const struct forward_from *from,
    const struct setup *setup, bool whole, struct arena *a)
{
    struct fields f = fields_copy(fields, a);

    hop_remove(&f);
    fields_remove(&f, FIELD_HOST);
    fields_remove(&f, FIELD_CONTENT_LENGTH);
    fields_remove(&f, FIELD_EXPECT);
    fields_remove(&f, FIELD_TRAILER);
    drop_deceiving(&f, a);
    if (!whole) {
        for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
            fields_remove(&f, conditions[i]);
    }
    say_who_asks(&f, from, a);
    append_member(&f, a, FIELD_VIA,
        from->h2           ? setup->via_20
        : from->minor == 0 ? setup->via_10
                           : setup->via_11);
    append_member(&f, a, FIELD_CDN_LOOP, setup->loop_id);
    return f;
}

struct fields forward_interim(const struct fields *fields, struct arena *a)
{
    struct fields f = fields_copy(fields, a);

    hop_remove(&f);
    fields_remove(&f, FIELD_TRAILER);
    fields_remove(&f, FIELD_CONTENT_LENGTH);
    return f;
}

void forward_response(struct http_response *head, const struct setup *setup, bool stored,
    bool keep_length, wall_s now, struct arena *a)
{
    struct fields *f = &head->fields;
    char date[HTTP_DATE_LEN];

    hop_remove(f);
    fields_remove(f, FIELD_TRAILER);
    if (!keep_length)
        fields_remove(f, FIELD_CONTENT_LENGTH);
    if (stored)
        fields_remove(f, FIELD_AGE);
    if (!fields_has(f, FIELD_DATE)) {
        http_date_format(now, date);
        fields_add(f, a, FIELD_DATE, arena_dup(a, span_make(date, HTTP_DATE_LEN)));
    }
    append_member(f, a, FIELD_VIA, head->minor == 0 ? setup->via_10 : setup->via_11);
}
