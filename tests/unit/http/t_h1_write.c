/* Heads as they go out. */
#include "table.h"

#include "base/buf.h"
#include "http/h1_write.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void requests(void **state)
{
    struct http_request req = {.method = METHOD_GET,
        .method_text = SPAN("GET"),
        .target = SPAN("/a?b"),
        .authority = SPAN("a.example"),
        .keep_alive = true,
        .fields = fields_of(&arena,
            "X: 1\nHost: other\nConnection: y\nTransfer-Encoding: z\nContent-Length: 9\nY: 2")};
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    assert_true(h1_request_write(&b, &req));
    row_text("framing comes from the struct", buf_span(&b),
        "GET /a?b HTTP/1.1\r\nHost: a.example\r\nX: 1\r\nY: 2\r\n\r\n");
    b.n = 0;
    req.keep_alive = false;
    req.body = BODY_LENGTH;
    req.content_length = UINT64_MAX;
    req.authority = SPAN_EMPTY;
    assert_true(h1_request_write(&b, &req));
    row_text("length", buf_span(&b),
        "GET /a?b HTTP/1.1\r\nHost: other\r\nX: 1\r\nY: 2\r\n"
        "Content-Length: 18446744073709551615\r\nConnection: close\r\n\r\n");
    b.n = 0;
    req.keep_alive = true;
    req.body = BODY_NONE;
    req.fields.n = 0;
    req.method = METHOD_POST;
    req.method_text = SPAN("POST");
    assert_true(h1_request_write(&b, &req));
    row_text(
        "9110 §8.6", buf_span(&b), "POST /a?b HTTP/1.1\r\nHost: \r\nContent-Length: 0\r\n\r\n");
    b.n = 0;
    req.body = BODY_CHUNKED;
    assert_true(h1_request_write(&b, &req));
    row_text("chunked", buf_span(&b),
        "POST /a?b HTTP/1.1\r\nHost: \r\nTransfer-Encoding: chunked\r\n\r\n");
    buf_free(&b);
}

static void responses(void **state)
{
    static const struct {
        const char *why;
        struct http_response resp;
        int client_minor;
        const char *head;
    } rows[] = {
        {"length", {.status = 200, .body = BODY_LENGTH, .content_length = 10, .keep_alive = true},
            1, "HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 10\r\n\r\n"},
        {"chunked", {.status = 200, .body = BODY_CHUNKED, .keep_alive = true}, 1,
            "HTTP/1.1 200 OK\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"until close", {.status = 200, .body = BODY_UNTIL_CLOSE}, 0,
            "HTTP/1.1 200 OK\r\nX: 1\r\nConnection: close\r\n\r\n"},
        {"keep-alive with 1.0",
            {.status = 404, .body = BODY_LENGTH, .content_length = 0, .keep_alive = true}, 0,
            "HTTP/1.1 404 Not Found\r\nX: 1\r\nContent-Length: 0\r\nConnection: "
            "keep-alive\r\n\r\n"},
        {"9110 §8.6 HEAD says the length",
            {.status = 200, .has_content_length = true, .content_length = 7, .keep_alive = true}, 1,
            "HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 7\r\n\r\n"},
        {"9110 §8.6 no length with 204",
            {.status = 204, .has_content_length = true, .content_length = 7, .keep_alive = true}, 1,
            "HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n"},
        {"9110 §15.2 interim", {.status = 103, .has_content_length = true}, 1,
            "HTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\n"},
        {"own reason", {.status = 299, .reason = {"Very OK", 7}, .keep_alive = true}, 1,
            "HTTP/1.1 299 Very OK\r\nX: 1\r\n\r\n"},
        {"no reason known", {.status = 599, .keep_alive = true}, 1,
            "HTTP/1.1 599 Unknown\r\nX: 1\r\n\r\n"},
    };
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_response resp = rows[i].resp;

        b.n = 0;
        resp.fields = fields_of(&arena, "X: 1\nContent-Length: 99\nKeep-Alive: 3\nConnection: q");
        row_check(rows[i].why, h1_response_write(&b, &resp, rows[i].client_minor));
        row_text(rows[i].why, buf_span(&b), rows[i].head);
    }
    buf_free(&b);
}

static void full(void **state)
{
    struct http_response resp = {.status = 200, .keep_alive = true};
    struct buf b;

    (void)state;
    for (size_t limit = 0; limit < 19; limit++) {
        buf_init(&b, limit);
        assert_false(h1_response_write(&b, &resp, 1));
        buf_free(&b);
    }
    buf_init(&b, 19);
    assert_true(h1_response_write(&b, &resp, 1));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(responses),
        cmocka_unit_test(full),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
