/* The text of multipart/byteranges (RFC 9110 §14.6), octet for octet. */
#include "table.h"

#include "http/multipart.h"

static void octets(void **state)
{
    static const uint64_t random[2] = {0xfedcba9876543210, 1};
    struct range_set set = {.n = 2, .v = {{7000, 7999}, {500, 999}}};
    struct multipart m;
    struct arena a;

    (void)state;
    arena_init(&a);
    assert_true(multipart_make(&m, &set, 8000, SPAN("application/pdf"), random, &a));
    assert_true(span_eq(
        m.content_type, SPAN("multipart/byteranges; boundary=fedcba98765432100000000000000001")));
    assert_int_equal(m.n, 2);
    assert_true(span_eq(m.heads[0], SPAN("--fedcba98765432100000000000000001\r\n"
                                         "Content-Type: application/pdf\r\n"
                                         "Content-Range: bytes 7000-7999/8000\r\n\r\n")));
    assert_true(span_eq(m.heads[1], SPAN("\r\n--fedcba98765432100000000000000001\r\n"
                                         "Content-Type: application/pdf\r\n"
                                         "Content-Range: bytes 500-999/8000\r\n\r\n")));
    assert_true(span_eq(m.end, SPAN("\r\n--fedcba98765432100000000000000001--\r\n")));
    assert_int_equal(m.length, m.heads[0].n + 1000 + m.heads[1].n + 500 + m.end.n);
    assert_true(multipart_make(&m, &set, 8000, SPAN_EMPTY, random, &a));
    assert_true(span_eq(m.heads[0], SPAN("--fedcba98765432100000000000000001\r\n"
                                         "Content-Range: bytes 7000-7999/8000\r\n\r\n")));
    arena_free(&a);
}

static void too_long(void **state)
{
    static const uint64_t random[2];
    struct range_set set = {.n = 2, .v = {{0, 1}, {3, UINT64_MAX - 1}}};
    struct multipart m;
    struct arena a;

    (void)state;
    arena_init(&a);
    assert_false(multipart_make(&m, &set, UINT64_MAX, SPAN_EMPTY, random, &a));
    set.v[1].last = INT64_MAX - 10;
    assert_false(multipart_make(&m, &set, UINT64_MAX, SPAN_EMPTY, random, &a));
    set.v[1].last = INT64_MAX - 1000;
    assert_true(multipart_make(&m, &set, UINT64_MAX, SPAN_EMPTY, random, &a));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets),
        cmocka_unit_test(too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
