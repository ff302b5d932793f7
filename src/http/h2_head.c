#include "http/h2_head.h"

#include "http/chars.h"
#include "http/uri.h"

enum {
    METHOD_BYTES_MAX = 32, /* as in h1_parse.c */
    FIELD_BYTES = 32,      /* what a field counts for beside its texts, RFC 9113 §6.5.2 */
    FLOOD_TIMES = 4,       /* the limit: no client that heard it sends that much */
};

/* --- fields -------------------------------------------------------------------------------- */

static bool name_is_valid(struct span name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!char_is(name.p[i], CHAR_TOKEN) || (name.p[i] >= 'A' && name.p[i] <= 'Z'))
            return false;
    }
    return name.n > 0;
}

/* RFC 9113 §8.2.1: as in HTTP/1, and no white space around it. */
static bool value_is_valid(struct span value)
{
    if (value.n == 0)
        return true;
    return value_end(value.p, value.p + value.n) == value.p + value.n &&
           span_trim(value).n == value.n;
}

static struct span *pseudo_of(struct h2_head *h, struct span name)
{
    if (span_eq(name, SPAN(":method")))
        return &h->method;
    if (span_eq(name, SPAN(":path")))
        return &h->path;
    if (span_eq(name, SPAN(":scheme")))
        return &h->scheme;
    if (span_eq(name, SPAN(":authority")))
        return &h->authority;
    if (span_eq(name, SPAN(":protocol")))
        return &h->protocol;
    return NULL;
}

static bool pseudo_add(struct h2_head *h, struct arena *a, struct span name, struct span value)
{
    struct span *to = pseudo_of(h, name);

    if (to == NULL || to->p != NULL || h->regular || !value_is_valid(value))
        return false;
    *to = arena_dup(a, value);
    return true;
}

/* What may not be there at all (RFC 9113 §8.2.2). */
static bool is_of_connection(enum field_id id, struct span value)
{
    switch ((int)id) {
    case FIELD_CONNECTION:
    case FIELD_KEEP_ALIVE:
    case FIELD_PROXY_CONNECTION:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_UPGRADE:
        return true;
    case FIELD_TE:
        return !span_ieq(value, SPAN("trailers"));
    default:
        return false;
    }
}

static bool field_add(struct h2_head *h, struct arena *a, struct span name, struct span value)
{
    enum field_id id = field_id_of(name);

    h->regular = true;
    if (!name_is_valid(name) || !value_is_valid(value) || is_of_connection(id, value))
        return false;
    h->crumbs_n += id == FIELD_COOKIE;
    if (id != FIELD_OTHER)
        fields_add(&h->fields, a, id, arena_dup(a, value));
    else
        fields_add_named(&h->fields, a, arena_dup(a, name), arena_dup(a, value));
    return true;
}

/* Lines as HTTP/1 would have them. */
static size_t lines(const struct h2_head *h)
{
    return h->fields.n - h->crumbs_n + (h->crumbs_n > 0);
}

enum h2_field h2_head_add(struct h2_head *h, struct arena *a, const struct h1_limits *limits,
    struct span name, struct span value)
{
    h->bytes += name.n + value.n + FIELD_BYTES;
    if (h->bytes > (size_t)limits->head_bytes * FLOOD_TIMES)
        return H2_FIELD_FLOOD;
    if (h->bytes > limits->head_bytes || lines(h) > limits->fields)
        h->large = true;
    if (h->large)
        return H2_FIELD_FINE;
    if (name.n > 0 && name.p[0] == ':')
        return pseudo_add(h, a, name, value) ? H2_FIELD_FINE : H2_FIELD_MALFORMED;
    return field_add(h, a, name, value) ? H2_FIELD_FINE : H2_FIELD_MALFORMED;
}

/* --- the request --------------------------------------------------------------------------- */

static int refuse(int status, const char *sentence, const char **why)
{
    *why = sentence;
    return status;
}

/* One line in the place of the first (RFC 9113 §8.2.3). */
static void join_crumbs(struct h2_head *h, struct arena *a)
{
    struct fields *f = &h->fields;
    size_t bytes = 0;
    unsigned kept = 0;
    char *text, *at;

    if (h->crumbs_n < 2)
        return;
    fields_each_named (crumb, f, FIELD_COOKIE)
        bytes += crumb->value.n + 2;
    text = at = arena_alloc(a, bytes);
    for (unsigned i = 0; i < f->n; i++) {
        const struct field line = f->v[i];

        if (line.id != FIELD_COOKIE || at == text)
            f->v[kept++] = line;
        if (line.id != FIELD_COOKIE)
            continue;
        memcpy(at, line.value.p, line.value.n);
        memcpy(at + line.value.n, "; ", 2);
        at += line.value.n + 2;
    }
    f->n = kept;
    h->crumbs_n = 1;
    fields_find(f, FIELD_COOKIE)->value = span_make(text, bytes - 2);
}

/* To the other protocol, as HTTP/1 asks for it (RFC 8441 §5). */
static bool switches(const struct h2_head *h, struct http_request *req)
{
    if (req->method != METHOD_CONNECT || !token_valid(h->protocol) || h->authority.p == NULL)
        return false;
    req->method = METHOD_GET;
    req->method_text = SPAN("GET");
    req->upgrade = h->protocol;
    return true;
}

/* RFC 9113 §8.3.1, §8.5: what h1_parse reads from the request line. */
static int target(const struct h2_head *h, const struct h1_limits *limits, struct http_request *req,
    const char **why)
{
    bool connect, extended = h->protocol.p != NULL;

    req->method_text = h->method;
    if (!token_valid(h->method))
        return refuse(400, "bad method", why);
    if (h->method.n > METHOD_BYTES_MAX)
        return refuse(501, "method name too long", why);
    req->method = method_parse(h->method);
    connect = req->method == METHOD_CONNECT && !extended;
    if (extended && !switches(h, req))
        return refuse(400, "bad extended CONNECT", why);
    if (connect ? h->scheme.p != NULL || h->path.p != NULL
                : uri_default_port(h->scheme) == 0 || h->path.p == NULL)
        return refuse(400, "bad request target", why);
    req->target = connect ? h->authority : h->path;
    if (h->method.n + req->target.n + sizeof("  HTTP/1.1\r\n") - 1 > limits->line_bytes)
        return refuse(414, "start line too long", why);
    /* In a :path there is no absolute-form. */
    if (!connect && !span_starts(h->path, SPAN("/")) && !span_eq(h->path, SPAN("*")))
        return refuse(400, "bad request target", why);
    if (!uri_target_parse(req->target, req))
        return refuse(400, "bad request target", why);
    return 0;
}

/* :authority, or Host where that is missing; both must say the same. */
static int authority(
    const struct h2_head *h, struct arena *a, struct http_request *req, const char **why)
{
    struct field *host = fields_find(&req->fields, FIELD_HOST);

    if (host != NULL && fields_next(&req->fields, host) != NULL)
        return refuse(400, "more than one Host", why);
    if (host != NULL && h->authority.p != NULL && !span_ieq(host->value, h->authority))
        return refuse(400, "Host is not :authority", why);
    if (host == NULL && h->authority.p == NULL)
        return refuse(400, "no Host", why);
    req->authority = h->authority.p != NULL ? h->authority : host->value;
    if (!uri_authority_parse(req->authority, &req->host, &req->port))
        return refuse(400, "bad Host", why);
    if (host == NULL)
        fields_add(&req->fields, a, FIELD_HOST, req->authority);
    return 0;
}

static int body(bool ended, struct http_request *req, const char **why)
{
    const struct field *length = fields_find(&req->fields, FIELD_CONTENT_LENGTH);

    req->body = ended ? BODY_NONE : BODY_CHUNKED;
    if (req->upgrade.n > 0) {
        req->body = BODY_NONE; /* what comes is of the other protocol */
        return ended || length != NULL ? refuse(400, "bad extended CONNECT", why) : 0;
    }
    if (length == NULL)
        return 0;
    if (fields_next(&req->fields, length) != NULL)
        return refuse(400, "more than one Content-Length", why);
    if (!span_u64(length->value, &req->content_length) || req->content_length > INT64_MAX ||
        (ended && req->content_length != 0))
        return refuse(400, "bad Content-Length", why);
    req->body = BODY_LENGTH;
    return 0;
}

/* RFC 9110 §10.1.1 */
static int expect(struct http_request *req, const char **why)
{
    struct field_list it = field_list_of(&req->fields, FIELD_EXPECT);
    struct span member;

    while (field_list_next(&it, &member)) {
        if (!span_ieq(member, SPAN("100-continue")))
            return refuse(417, "unknown expectation", why);
        req->expect_continue = req->body != BODY_NONE;
    }
    return 0;
}

int h2_head_finish(struct h2_head *h, struct arena *a, const struct h1_limits *limits, bool ended,
    struct http_request *req, const char **why)
{
    int status;

    *req = (struct http_request){.minor = 1, .h2 = true, .keep_alive = true};
    status = target(h, limits, req, why);
    if (h->large || lines(h) > limits->fields)
        return refuse(431, "head too long, or too many fields", why);
    if (status != 0)
        return status;
    join_crumbs(h, a);
    req->fields = h->fields;
    status = authority(h, a, req, why);
    if (status == 0)
        status = body(ended, req, why);
    return status != 0 ? status : expect(req, why);
}
