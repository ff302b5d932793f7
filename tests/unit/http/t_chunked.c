/* Bodies in chunks: whole, cut at every place, and wrong in every way. */
#include "table.h"

#include "base/buf.h"
#include "http/chunked.h"

static const struct h1_limits limits = H1_LIMITS_DEFAULT;

/* Decodes in pieces of at most `step` bytes. *used counts what belongs to the body. */
static enum chunked_result decode(
    struct chunked *c, struct arena *a, struct span in, size_t step, struct buf *body, size_t *used)
{
    enum chunked_result result = CHUNKED_MORE;
    size_t at = 0;

    chunked_init(c, &limits, a);
    buf_init(body, 1 << 20);
    while (at < in.n && (result == CHUNKED_MORE || result == CHUNKED_DATA)) {
        struct span piece = span_from(in, at), data;

        if (piece.n > step)
            piece.n = step;
        at += piece.n;
        while ((result = chunked_next(c, &piece, &data)) == CHUNKED_DATA)
            assert_true(data.n != 0 && buf_append(body, data));
        at -= piece.n;
    }
    *used = at;
    return result;
}

static void bodies(void **state)
{
    static const struct {
        const char *why;
        struct span in;
        enum chunked_result result;
        const char *body, *rest;
    } rows[] = {
#define ROW(why, text, result, body, rest) {why, {text, sizeof(text) - 1}, result, body, rest}
#define GOOD(why, text, body)              ROW(why, text, CHUNKED_END, body, "")
#define BAD(why, text)                     ROW(why, text, CHUNKED_BAD, NULL, NULL)
        GOOD("two chunks", "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", "abc0123456789"),
        GOOD("empty", "0\r\n\r\n", ""),
        GOOD("zeros before", "0003\r\nabc\r\n00\r\n\r\n", "abc"),
        GOOD("9112 §7.1.1 extensions", "3 ;a;b=c ; d = \"e\\\";\t\" ;f\r\nabc\r\n0;g\r\n\r\n",
            "abc"),
        GOOD("9112 §7.1.1 bad white space", "1;a  ;b \t= c;d\t\t=\"\"\r\nx\r\n0\r\n\r\n", "x"),
        ROW("what follows is not ours", "0\r\n\r\nGET", CHUNKED_END, "", "GET"),
        ROW("cut in the data", "5\r\nab", CHUNKED_MORE, "ab", ""),
        ROW("cut before the last chunk", "2\r\nab\r\n", CHUNKED_MORE, "ab", ""),
        ROW("cut before the last line", "2\r\nab\r\n0\r\n", CHUNKED_MORE, "ab", ""),
        BAD("no size", "\r\nabc"),
        BAD("hex prefix", "0x3\r\nabc\r\n0\r\n\r\n"),
        BAD("sign", "+3\r\nabc\r\n0\r\n\r\n"),
        BAD("minus", "-3\r\nabc\r\n0\r\n\r\n"),
        BAD("underscore", "1_0\r\n"),
        BAD("space before the size", " 3\r\nabc\r\n0\r\n\r\n"),
        BAD("space after the size", "3 \r\nabc\r\n0\r\n\r\n"),
        BAD("junk after the size", "3 x\r\nabc\r\n0\r\n\r\n"),
        BAD("letter after the size", "3g\r\nabc\r\n0\r\n\r\n"),
        BAD("bare LF after the size", "3\nabc\r\n0\r\n\r\n"),
        BAD("bare CR after the size", "3\rabc\r\n0\r\n\r\n"),
        BAD("bare LF in an extension", "3;a\nabc\r\n0\r\n\r\n"),
        BAD("LF in a quoted string", "3;a=\"\n\"\r\nabc\r\n0\r\n\r\n"),
        BAD("CR in a quoted string", "3;a=\"\r\n\"\r\nabc\r\n0\r\n\r\n"),
        BAD("NUL in an extension", "3;a\0\r\nabc\r\n0\r\n\r\n"),
        BAD("two names", "3;a b\r\nabc\r\n0\r\n\r\n"),
        BAD("white space at the end", "3;a \r\nabc\r\n0\r\n\r\n"),
        BAD("escaped NUL", "3;a=\"\\\0\"\r\nabc\r\n0\r\n\r\n"),
        BAD("empty extension", "3;\r\nabc\r\n0\r\n\r\n"),
        BAD("empty extension value", "3;a=\r\nabc\r\n0\r\n\r\n"),
        BAD("junk after a quoted string", "3;a=\"b\"c\r\nabc\r\n0\r\n\r\n"),
        BAD("size 2^63", "8000000000000000\r\n"),
        BAD("size 2^64", "10000000000000000\r\n"),
        BAD("17 digits", "00000000000000003\r\n"),
        BAD("longer than said", "3\r\nabcd\r\n0\r\n\r\n"),
        BAD("LF after the data", "3\r\nabc\n0\r\n\r\n"),
        BAD("CR and more after the data", "3\r\nabc\rx\r\n0\r\n\r\n"),
        BAD("LF ends the trailers", "0\r\n\n"),
        BAD("LF after a trailer", "0\r\nA: b\n\r\n"),
        BAD("two bytes that are not the empty line", "0\r\nx\n"),
        BAD("folded trailer", "0\r\nA: b\r\n c\r\n\r\n"),
        BAD("trailer is no field", "0\r\nGET / HTTP/1.1\r\n\r\n"),
        BAD("space before the colon", "0\r\nA : b\r\n\r\n"),
#undef ROW
#undef GOOD
#undef BAD
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *row = rows[i].why;

        for (size_t step = 1; step <= rows[i].in.n; step++) {
            struct arena a;
            struct chunked c;
            struct buf body;
            size_t used;

            arena_init(&a);
            row_check(row, decode(&c, &a, rows[i].in, step, &body, &used) == rows[i].result);
            if (rows[i].body != NULL) {
                row_text(row, buf_span(&body), rows[i].body);
                row_text(row, span_from(rows[i].in, used), rows[i].rest);
            } else {
                row_check(row, c.why != NULL);
            }
            buf_free(&body);
            arena_free(&a);
        }
    }
}

static void trailers(void **state)
{
    struct span in =
        SPAN("0\r\nX-Sum: 1\r\nContent-Length: 5\r\nHost: evil\r\nETag: \"e\"\r\n"
             "Set-Cookie: a\r\nAuthorization: b\r\nTransfer-Encoding: chunked\r\n\r\nX");
    struct arena a;
    struct chunked c;
    struct buf body;
    size_t used;

    (void)state;
    for (size_t step = 1; step <= in.n; step++) {
        arena_init(&a);
        assert_int_equal(decode(&c, &a, in, step, &body, &used), CHUNKED_END);
        assert_int_equal(used, in.n - 1);
        assert_int_equal(c.trailers.n, 2); /* 9110 §6.5.1 */
        row_text("own", fields_get_named(&c.trailers, SPAN("x-sum")), "1");
        row_text("etag", fields_get(&c.trailers, FIELD_ETAG), "\"e\"");
        buf_free(&body);
        arena_free(&a);
    }
}

/* `head`, n times `more`, `tail`, in pieces of 7. */
static enum chunked_result grown(const char *head, unsigned n, const char *more, const char *tail)
{
    struct arena a;
    struct chunked c;
    struct buf in, body;
    size_t used;
    enum chunked_result result;

    arena_init(&a);
    buf_init(&in, 1 << 20);
    assert_true(buf_append(&in, span_of(head)));
    for (unsigned i = 0; i < n; i++)
        assert_true(buf_append(&in, span_of(more)));
    assert_true(buf_append(&in, span_of(tail)));
    result = decode(&c, &a, buf_span(&in), 7, &body, &used);
    assert_true(a.bytes < 8 * CHUNK_TRAILER_BYTES + 65536);
    buf_free(&in);
    buf_free(&body);
    arena_free(&a);
    return result;
}

static void limits_hold(void **state)
{
    (void)state;
    assert_int_equal(grown("0;", CHUNK_EXT_BYTES - 1, "a", "\r\n\r\n"), CHUNKED_END);
    assert_int_equal(grown("0;", CHUNK_EXT_BYTES, "a", "\r\n\r\n"), CHUNKED_BAD);
    /* Also when each chunk has only a few. */
    assert_int_equal(grown("", 3000, "1;abcd\r\nx\r\n", "0\r\n\r\n"), CHUNKED_END);
    assert_int_equal(grown("", 4000, "1;abcd\r\nx\r\n", "0\r\n\r\n"), CHUNKED_BAD);
    assert_int_equal(grown("0\r\nA:", CHUNK_TRAILER_BYTES - 6, "a", "\r\n\r\n"), CHUNKED_END);
    assert_int_equal(grown("0\r\nA:", CHUNK_TRAILER_BYTES - 5, "a", "\r\n\r\n"), CHUNKED_BAD);
    assert_int_equal(grown("0\r\n", 100, "A: b\r\n", "\r\n"), CHUNKED_END);
    assert_int_equal(grown("0\r\n", 101, "A: b\r\n", "\r\n"), CHUNKED_BAD);
}

static void heads(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *head;
    } rows[] = {{1, "1\r\n"}, {16, "10\r\n"}, {0x1f40, "1f40\r\n"}, {255, "ff\r\n"},
        {UINT64_MAX, "ffffffffffffffff\r\n"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[CHUNK_HEAD_MAX];

        row_text(rows[i].head, span_make(out, chunk_head(out, rows[i].bytes)), rows[i].head);
    }
}

static void ends(void **state)
{
    struct arena a;
    struct buf b;
    struct fields f;

    (void)state;
    arena_init(&a);
    buf_init(&b, 1024);
    f = fields_of(&a, "X-Sum: 1\nContent-Length: 5");
    assert_true(chunked_end_write(&b, &f));
    row_text("end", buf_span(&b), "0\r\nX-Sum: 1\r\n\r\n");
    buf_free(&b);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies),
        cmocka_unit_test(trailers),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(heads),
        cmocka_unit_test(ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
