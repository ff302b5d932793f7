#include "http/h1_parse.h"

#include "base/check.h"
#include "http/chars.h"
#include "http/status.h"
#include "http/uri.h"

enum {
    EMPTY_LINES_MAX = 2,   /* before a request line (RFC 9112 §2.2) */
    METHOD_BYTES_MAX = 32, /* longer than any that there is: 501 (RFC 9112 §3) */
    NAME_BYTES_MAX = 1024, /* of a field name */
    FIELDS_SPARE = 8,      /* room for what the edge adds to a message */
};

void h1_scan_init(struct h1_scan *s, const struct h1_limits *limits)
{
    *s = (struct h1_scan){.limits = limits};
}

static bool refuse(struct h1_scan *s, int status, const char *why)
{
    s->status = status;
    s->why = why;
    return false;
}

/* --- where the head ends ------------------------------------------------------------------- */

/* Skips empty lines; sets `started` when something else has come. */
static bool scan_start(struct h1_scan *s, struct span in)
{
    while (s->at < in.n && in.p[s->at] == '\r') {
        if (s->at + 1 == in.n)
            return true;
        if (in.p[s->at + 1] != '\n' || s->at >= 2 * EMPTY_LINES_MAX)
            return refuse(s, 400, "not a start line");
        s->at += 2;
    }
    if (s->at == in.n)
        return true;
    /* Says early that this is no HTTP: a TLS hello, for example, has no line ends to wait for. */
    if (!char_is(in.p[s->at], CHAR_TOKEN))
        return refuse(s, 400, "not a start line");
    s->started = true;
    s->start = s->line = s->at;
    return true;
}

static bool scan_limits(struct h1_scan *s, size_t end)
{
    if (s->lines == 0 && end - s->start > s->limits->line_bytes)
        return refuse(s, 414, "start line too long");
    if (end - s->start > s->limits->head_bytes)
        return refuse(s, 431, "head too long");
    if (s->lines > s->limits->fields + 1)
        return refuse(s, 431, "too many fields");
    return true;
}

/* Goes on to the end of the head. Every line is known to end in CRLF after this. */
static enum h1_result scan_head(struct h1_scan *s, struct span in)
{
    if (!s->started && !scan_start(s, in))
        return H1_BAD;
    if (!s->started)
        return H1_MORE;
    for (;;) {
        const char *newline = s->at < in.n ? memchr(in.p + s->at, '\n', in.n - s->at) : NULL;
        size_t end = newline != NULL ? (size_t)(newline - in.p) + 1 : in.n;

        if (!scan_limits(s, end))
            return H1_BAD;
        s->at = end;
        if (newline == NULL)
            return H1_MORE;
        if (newline == in.p + s->line || newline[-1] != '\r') {
            refuse(s, 400, "line does not end in CRLF");
            return H1_BAD;
        }
        if (end - s->line == 2) {
            s->used = end;
            return H1_OK;
        }
        if (s->lines++ == 0)
            s->start_end = end;
        s->line = end;
    }
}

/* The start line without its CRLF. */
static struct span start_line(const struct h1_scan *s, struct span in)
{
    return span_make(in.p + s->start, s->start_end - s->start - 2);
}

/* --- fields -------------------------------------------------------------------------------- */

static const char *name_wrong(const char *name, const char *at)
{
    if (at == name)
        return *at == ' ' || *at == '\t' ? "folded line" : "empty field name";
    return *at == ' ' || *at == '\t' ? "space before the colon" : "bad character in field name";
}

/* Lines from p on up to the empty line, which ends at `end`; all end in CRLF. */
static bool fields_read(struct h1_scan *s, const char *p, const char *end, struct fields *fields)
{
    while (*p != '\r') {
        struct field *line = &fields->v[fields->n];
        const char *name = p, *value;

        check(fields->n < fields->cap);
        while (char_is(*p, CHAR_TOKEN))
            p++;
        if (*p != ':' || p == name)
            return refuse(s, 400, name_wrong(name, p));
        if (p - name > NAME_BYTES_MAX)
            return refuse(s, 431, "field name too long");
        line->name = span_make(name, (size_t)(p - name));
        p++;
        while (*p == ' ' || *p == '\t')
            p++;
        value = p;
        p = value_end(p, end);
        if (p[0] != '\r' || p[1] != '\n')
            return refuse(s, 400, "bad character in field value");
        line->value = span_trim(span_make(value, (size_t)(p - value)));
        line->id = field_id_of(line->name);
        fields->n++;
        p += 2;
    }
    /* A CR that does not start the empty line stands where a name should. */
    return p + 2 == end || refuse(s, 400, "bad character in field name");
}

/* `lines` is how many field lines there are. */
static bool fields_parse(
    struct h1_scan *s, struct span in, unsigned lines, struct arena *a, struct fields *fields)
{
    unsigned cap = lines + FIELDS_SPARE;

    *fields = (struct fields){arena_alloc(a, cap * sizeof(*fields->v)), 0, cap};
    return fields_read(s, in.p, in.p + in.n, fields);
}

static struct span section(const struct h1_scan *s, struct span in)
{
    return span_make(in.p + s->start_end, s->used - s->start_end);
}

bool h1_fields_parse(struct span in, const struct h1_limits *limits, struct arena *a,
    struct fields *fields, const char **why)
{
    struct h1_scan s;
    bool good;

    h1_scan_init(&s, limits);
    s.started = true;
    s.lines = 1; /* as if a start line had been there */
    good = scan_head(&s, in) == H1_OK && s.used == in.n;
    if (good)
        good = fields_parse(&s, in, s.lines - 1, a, fields);
    *why = s.why != NULL ? s.why : "not a whole section";
    return good;
}

/* --- framing ------------------------------------------------------------------------------- */

struct framing {
    bool chunked, has_length;
    bool meaningless; /* a transfer coding that is none */
    uint64_t length;
};

/* Whether the name may stand for something that was done to the content: a coding that is
 * registered (RFC 9110 §18.6), or what may be meant for chunked. */
static bool coding_wraps(struct span name)
{
    static const char *const codings[] = {
        "gzip", "x-gzip", "compress", "x-compress", "deflate", "identity"};

    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        if (span_ieq(name, span_of(codings[i])))
            return true;
    }
    for (size_t i = 0; i < name.n; i++) {
        if (span_istarts(span_from(name, i), SPAN("chunk")))
            return true;
    }
    return !token_valid(name);
}

/* Only "chunked", once, is understood (we never say TE, so no origin may use others either). */
static bool coding_parse(
    struct h1_scan *s, const struct fields *f, const struct field *line, struct framing *framing)
{
    struct span rest = line->value, member, last = SPAN_EMPTY;
    unsigned chunked = 0;

    if (fields_next(f, line) != NULL)
        return refuse(s, 400, "more than one Transfer-Encoding");
    framing->chunked = span_ieq(line->value, SPAN("chunked"));
    if (framing->chunked)
        return true;
    while (list_next(&rest, &member)) {
        chunked += span_ieq(member, SPAN("chunked"));
        last = member;
    }
    if (last.n == 0 || chunked > 1 || (chunked == 1 && !span_ieq(last, SPAN("chunked"))))
        return refuse(s, 400, "bad Transfer-Encoding");
    framing->meaningless = !coding_wraps(line->value);
    return framing->meaningless || refuse(s, 501, "transfer coding other than chunked");
}

/* RFC 9112 §6.1, §6.2, §6.3 */
static bool framing_parse(
    struct h1_scan *s, const struct fields *f, int minor, struct framing *framing)
{
    const struct field *coding = fields_find(f, FIELD_TRANSFER_ENCODING);
    const struct field *length = fields_find(f, FIELD_CONTENT_LENGTH);

    *framing = (struct framing){.has_length = length != NULL};
    if (coding != NULL) {
        if (length != NULL)
            return refuse(s, 400, "both Transfer-Encoding and Content-Length");
        if (minor == 0)
            return refuse(s, 400, "Transfer-Encoding in HTTP/1.0");
        return coding_parse(s, f, coding, framing);
    }
    if (length == NULL)
        return true;
    if (fields_next(f, length) != NULL)
        return refuse(s, 400, "more than one Content-Length");
    if (!span_u64(length->value, &framing->length) || framing->length > INT64_MAX)
        return refuse(s, 400, "bad Content-Length");
    return true;
}

/* RFC 9112 §9.3. The number of options is bounded, so that hop_remove() is. */
static bool connection_parse(struct h1_scan *s, const struct fields *f, int minor, bool *keep_alive)
{
    struct field_list it = field_list_of(f, FIELD_CONNECTION);
    bool closes = false, keeps = minor >= 1;
    struct span option;
    unsigned n = 0;

    while (field_list_next(&it, &option)) {
        if (++n > s->limits->fields)
            return refuse(s, 400, "too many connection options");
        closes |= span_ieq(option, SPAN("close"));
        keeps |= span_ieq(option, SPAN("keep-alive"));
    }
    *keep_alive = keeps && !closes;
    return true;
}

/* "HTTP/1.x" (RFC 9112 §2.3). */
static bool version_parse(struct h1_scan *s, struct span text, int *minor)
{
    if (text.n != 8 || !span_starts(text, SPAN("HTTP/")) || !char_is(text.p[5], CHAR_DIGIT) ||
        text.p[6] != '.' || !char_is(text.p[7], CHAR_DIGIT))
        return refuse(s, 400, "bad start line");
    if (text.p[5] != '1')
        return refuse(s, 505, "HTTP version other than 1.x");
    *minor = text.p[7] == '0' ? 0 : 1;
    return true;
}

/* --- requests ------------------------------------------------------------------------------ */

/* method SP request-target SP HTTP-version (RFC 9112 §3) */
static bool request_line_parse(struct h1_scan *s, struct span line, struct http_request *req)
{
    size_t space = span_find(line, ' ');
    struct span rest = span_from(line, space);

    *req = (struct http_request){0};
    req->method_text = span_make(line.p, space);
    if (!token_valid(req->method_text) || rest.n < 10 || rest.p[rest.n - 9] != ' ')
        return refuse(s, 400, "bad start line");
    if (!version_parse(s, span_from(rest, rest.n - 8), &req->minor))
        return false;
    if (req->method_text.n > METHOD_BYTES_MAX)
        return refuse(s, 501, "method name too long");
    req->method = method_parse(req->method_text);
    if (rest.n == 10)
        return refuse(s, 400, "bad start line");
    req->target = span_make(rest.p + 1, rest.n - 10);
    return uri_target_parse(req->target, req) || refuse(s, 400, "bad request target");
}

/* RFC 9112 §3.2: Host exactly once in HTTP/1.1; the target's authority takes its place. */
static bool host_parse(struct h1_scan *s, struct http_request *req)
{
    struct field *host = fields_find(&req->fields, FIELD_HOST);
    struct span name;
    unsigned port;

    if (host == NULL)
        return req->minor == 0 || refuse(s, 400, "no Host");
    if (fields_next(&req->fields, host) != NULL)
        return refuse(s, 400, "more than one Host");
    if (!uri_authority_parse(host->value, &name, &port))
        return refuse(s, 400, "bad Host");
    if (req->form == TARGET_ABSOLUTE || req->form == TARGET_AUTHORITY) {
        host->value = req->authority;
        return true;
    }
    req->authority = host->value;
    req->host = name;
    req->port = port;
    return true;
}

/* RFC 9110 §10.1.1 */
static bool expect_parse(struct h1_scan *s, struct http_request *req)
{
    struct field_list it = field_list_of(&req->fields, FIELD_EXPECT);
    struct span member;

    req->expect_continue = false;
    if (req->minor == 0)
        return true;
    while (field_list_next(&it, &member)) {
        if (!span_ieq(member, SPAN("100-continue")))
            return refuse(s, 417, "unknown expectation");
        req->expect_continue = req->body != BODY_NONE;
    }
    return true;
}

static bool request_parse(
    struct h1_scan *s, struct span in, struct arena *a, struct http_request *req)
{
    struct framing framing;

    if (!request_line_parse(s, start_line(s, in), req) ||
        !fields_parse(s, section(s, in), s->lines - 1, a, &req->fields) || !host_parse(s, req) ||
        !framing_parse(s, &req->fields, req->minor, &framing) ||
        !connection_parse(s, &req->fields, req->minor, &req->keep_alive))
        return false;
    if (framing.meaningless)
        return refuse(s, 501, "transfer coding other than chunked");
    req->content_length = framing.length;
    req->body = framing.chunked ? BODY_CHUNKED : framing.has_length ? BODY_LENGTH : BODY_NONE;
    return expect_parse(s, req);
}

enum h1_result h1_request_parse(
    struct h1_scan *s, struct span in, struct arena *a, struct http_request *req)
{
    enum h1_result result = scan_head(s, in);

    if (result == H1_OK)
        return request_parse(s, in, a, req) ? H1_OK : H1_BAD;
    /* A bad request line is answered as soon as it is there. */
    if (result == H1_MORE && s->start_end != 0 && !s->checked) {
        s->checked = true;
        if (!request_line_parse(s, start_line(s, in), req))
            return H1_BAD;
    }
    return result;
}

/* --- responses ----------------------------------------------------------------------------- */

/* HTTP-version SP 3DIGIT [ SP reason ] (RFC 9112 §4). The space before an absent reason is often
 * forgotten. */
static bool status_line_parse(struct h1_scan *s, struct span line, struct http_response *resp)
{
    uint64_t status;

    *resp = (struct http_response){0};
    if (line.n < 12 || line.p[8] != ' ')
        return refuse(s, 502, "bad status line");
    if (!version_parse(s, span_make(line.p, 8), &resp->minor))
        return false;
    if (!span_u64(span_make(line.p + 9, 3), &status) || status < 100 || status > 599)
        return refuse(s, 502, "bad status code");
    if (line.n > 12 && line.p[12] != ' ')
        return refuse(s, 502, "bad status line");
    resp->status = (int)status;
    resp->reason = span_from(line, 13);
    if (resp->reason.n != 0 && !span_all(resp->reason, CHAR_VALUE))
        return refuse(s, 502, "bad character in reason phrase");
    return true;
}

/* RFC 9112 §6.3 */
static enum http_body response_body(
    const struct http_response *resp, enum http_method asked, const struct framing *framing)
{
    if (asked == METHOD_HEAD || http_status_bodyless(resp->status))
        return BODY_NONE;
    if (asked == METHOD_CONNECT && resp->status < 300)
        return BODY_UNTIL_CLOSE;
    if (framing->chunked)
        return BODY_CHUNKED;
    if (framing->meaningless)
        return BODY_UNTIL_CLOSE;
    return framing->has_length ? BODY_LENGTH : BODY_UNTIL_CLOSE;
}

static bool response_parse(struct h1_scan *s, struct span in, enum http_method asked,
    struct arena *a, struct http_response *resp)
{
    struct framing framing;

    if (!status_line_parse(s, start_line(s, in), resp) ||
        !fields_parse(s, section(s, in), s->lines - 1, a, &resp->fields) ||
        !framing_parse(s, &resp->fields, resp->minor, &framing) ||
        !connection_parse(s, &resp->fields, resp->minor, &resp->keep_alive))
        return false;
    resp->has_content_length = framing.has_length;
    resp->content_length = framing.length;
    resp->body = response_body(resp, asked, &framing);
    if (resp->body == BODY_UNTIL_CLOSE)
        resp->keep_alive = false;
    return true;
}

enum h1_result h1_response_parse(struct h1_scan *s, struct span in, enum http_method asked,
    struct arena *a, struct http_response *resp)
{
    enum h1_result result;

    /* Empty lines are forgiven before requests only. */
    if (in.n != 0 && in.p[0] == '\r') {
        refuse(s, 502, "not a status line");
        return H1_BAD;
    }
    result = scan_head(s, in);
    if (result == H1_OK && !response_parse(s, in, asked, a, resp))
        result = H1_BAD;
    if (result == H1_MORE && s->start_end != 0 && !s->checked) {
        s->checked = true;
        if (!status_line_parse(s, start_line(s, in), resp))
            result = H1_BAD;
    }
    if (result == H1_BAD)
        s->status = 502;
    return result;
}
