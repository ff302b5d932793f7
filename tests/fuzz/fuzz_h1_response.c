/*
 * A response head; the first byte chooses the method that it answers. It means the same however
 * it is cut into pieces, and when it is written and read again.
 */
#include "fuzz_h1.h"

#include "http/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void same_check(const struct http_response *a, const struct http_response *b)
{
    check(a->status == b->status && a->body == b->body && a->keep_alive == b->keep_alive);
    check(a->body != BODY_LENGTH || a->content_length == b->content_length);
    fields_check(&a->fields, &b->fields);
}

static void pieces_check(struct span in, enum http_method asked, struct arena *a,
    enum h1_result whole, const struct h1_scan *scan, const struct http_response *resp)
{
    struct h1_scan s;
    struct http_response other;
    enum h1_result result = H1_MORE;
    size_t n = 0;

    h1_scan_init(&s, &limits);
    while (result == H1_MORE && n < in.n) {
        struct span piece;

        n = n + step_of(in.n) < in.n ? n + step_of(in.n) : in.n;
        piece = exact_copy(span_make(in.p, n));
        result = h1_response_parse(&s, piece, asked, a, &other);
        if (result == H1_OK) {
            check(s.used == scan->used);
            same_check(&other, resp);
        }
        free((char *)piece.p);
    }
    check(in.n == 0 || result == whole);
}

static void rewrite_check(struct arena *a, enum http_method asked, const struct http_response *resp)
{
    struct http_response again;
    struct h1_scan s;
    struct buf b;

    buf_init(&b, 1 << 20);
    check(h1_response_write(&b, resp, 1));
    h1_scan_init(&s, &wide);
    check(h1_response_parse(&s, buf_span(&b), asked, a, &again) == H1_OK && s.used == b.n);
    /* An interim response says nothing of the connection. */
    if (resp->status < 200)
        again.keep_alive = resp->keep_alive;
    same_check(&again, resp);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span in = span_make((const char *)data, n);
    struct http_response resp;
    struct h1_scan s;
    struct arena a;
    enum h1_result result;
    enum http_method asked;

    if (n == 0)
        return 0;
    asked = (enum http_method)(data[0] % METHOD_OTHER);
    in = span_from(in, 1);
    arena_init(&a);
    h1_scan_init(&s, &limits);
    result = h1_response_parse(&s, in, asked, &a, &resp);
    pieces_check(in, asked, &a, result, &s, &resp);
    if (result == H1_OK) {
        check(resp.status >= 100 && resp.status <= 599);
        check(!http_status_bodyless(resp.status) || resp.body == BODY_NONE);
        check(resp.content_length <= INT64_MAX);
        rewrite_check(&a, asked, &resp);
    }
    if (result == H1_BAD)
        check(s.status == 502 && s.why != NULL);
    arena_free(&a);
    return 0;
}
