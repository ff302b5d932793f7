/*
 * A request head: it means the same however it is cut into pieces, and when it is written and
 * read again.
 */
#include "fuzz_h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum h1_result parse(const struct h1_limits *l, struct span in, struct arena *a,
    struct h1_scan *s, struct http_request *req)
{
    h1_scan_init(s, l);
    return h1_request_parse(s, in, a, req);
}

static void pieces_check(struct span in, struct arena *a, enum h1_result whole,
    const struct h1_scan *scan, const struct http_request *req)
{
    struct h1_scan s;
    struct http_request other;
    enum h1_result result = H1_MORE;
    size_t n = 0;

    h1_scan_init(&s, &limits);
    while (result == H1_MORE && n < in.n) {
        struct span piece;

        n = n + step_of(in.n) < in.n ? n + step_of(in.n) : in.n;
        piece = exact_copy(span_make(in.p, n));
        result = h1_request_parse(&s, piece, a, &other);
        if (result == H1_OK) {
            check(s.used == scan->used && other.minor == req->minor);
            check(span_eq(other.target, req->target) && span_eq(other.authority, req->authority));
            check(other.body == req->body && other.content_length == req->content_length);
            fields_check(&other.fields, &req->fields);
        }
        free((char *)piece.p);
    }
    check(in.n == 0 || result == whole);
}

static void rewrite_check(struct arena *a, const struct http_request *req)
{
    struct http_request again;
    struct h1_scan s;
    struct buf b;

    buf_init(&b, 1 << 20);
    check(h1_request_write(&b, req));
    check(parse(&wide, buf_span(&b), a, &s, &again) == H1_OK && s.used == b.n);
    check(span_eq(again.method_text, req->method_text) && span_eq(again.target, req->target));
    check(again.form == req->form && span_eq(again.path, req->path));
    check(again.has_query == req->has_query && span_eq(again.query, req->query));
    check(span_eq(again.authority, req->authority) && again.port == req->port);
    check(again.keep_alive == req->keep_alive);
    check(again.content_length == req->content_length);
    check(again.body == req->body || (req->body == BODY_NONE && again.content_length == 0));
    fields_check(&again.fields, &req->fields);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span in = span_make((const char *)data, n);
    struct http_request req;
    struct h1_scan s;
    struct arena a;
    enum h1_result result;

    arena_init(&a);
    result = parse(&limits, in, &a, &s, &req);
    pieces_check(in, &a, result, &s, &req);
    if (result == H1_OK) {
        check(s.used <= n && s.used >= 2 && req.fields.n <= limits.fields);
        /* Without a host it cannot be said in HTTP/1.1; expectations are new to a 1.0 request. */
        if (req.authority.n != 0 && req.minor == 1)
            rewrite_check(&a, &req);
    }
    if (result == H1_BAD)
        check(s.status >= 400 && s.status <= 505 && s.why != NULL);
    arena_free(&a);
    return 0;
}
