#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "session/h2_guard.h"

#include <string.h>

enum { SECOND_US = 1000000, NOW_US = 5 * SECOND_US };

/* A frame's bytes, payload of zeros. */
static size_t put_frame(char *at, uint32_t length, unsigned type, unsigned flags)
{
    memset(at, 0, 9 + length);
    at[0] = (char)(length >> 16);
    at[1] = (char)(length >> 8);
    at[2] = (char)length;
    at[3] = (char)type;
    at[4] = (char)flags;
    return 9 + length;
}

static enum h2_kind give(
    struct h2_guard *g, uint32_t length, unsigned type, unsigned flags, mono_us now)
{
    char bytes[1024];

    return h2_guard_bytes(g, span_make(bytes, put_frame(bytes, length, type, flags)), now);
}

/* How many of a frame are borne at once; `most` when there is no end to it by then. */
static unsigned borne(uint32_t length, unsigned type, unsigned flags, unsigned most)
{
    struct h2_guard g;
    unsigned n = 0;

    h2_guard_init(&g);
    while (n < most && give(&g, length, type, flags, NOW_US) == H2_CALM)
        n++;
    return n;
}

static void test_kinds(void **state)
{
    static const struct {
        const char *what;
        uint32_t length;
        unsigned type, flags;
        enum h2_kind kind;
    } rows[] = {
        {"RST_STREAM", 4, 3, 0, H2_RESETS},
        {"PING", 8, 6, 0, H2_PINGS},
        {"answer to PING", 8, 6, 1, H2_OTHERS},
        {"SETTINGS", 0, 4, 0, H2_SETTINGS},
        {"answer to SETTINGS", 0, 4, 1, H2_OTHERS},
        {"PRIORITY", 5, 2, 0, H2_PRIORITIES},
        {"PRIORITY_UPDATE", 7, 16, 0, H2_PRIORITIES},
        {"WINDOW_UPDATE", 4, 8, 0, H2_WINDOWS},
        {"CONTINUATION", 5, 9, 0, H2_CONTINUATIONS},
        {"empty DATA", 0, 0, 0, H2_EMPTY},
        {"DATA of padding", 100, 0, 8, H2_EMPTY},
        {"HEADERS of nothing", 0, 1, 0, H2_EMPTY},
        {"GOAWAY", 8, 7, 0, H2_OTHERS},
        {"unknown", 3, 200, 255, H2_OTHERS},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct h2_guard g;
        enum h2_kind kind = H2_CALM;

        h2_guard_init(&g);
        for (int n = 0; n < 2000 && kind == H2_CALM; n++)
            kind = give(&g, rows[i].length, rows[i].type, rows[i].flags, NOW_US);
        if (kind != rows[i].kind)
            fail_msg("%s counts as %s", rows[i].what, h2_kind_word(kind));
    }
}

static void test_what_does_not_count(void **state)
{
    (void)state;
    assert_int_equal(borne(10, 0, 0, 10000), 10000); /* DATA */
    assert_int_equal(borne(0, 0, 1, 10000), 10000);  /* the end of a stream */
    assert_int_equal(borne(10, 1, 5, 10000), 10000); /* HEADERS, whole */
}

static void test_bursts(void **state)
{
    (void)state;
    assert_int_equal(borne(4, 3, 0, 10000), 300);
    assert_int_equal(borne(8, 6, 0, 10000), 100);
    assert_int_equal(borne(0, 4, 0, 10000), 30);
}

static void test_rate(void **state)
{
    struct h2_guard g;
    mono_us now = NOW_US;

    (void)state;
    h2_guard_init(&g);
    for (int i = 0; i < 10000; i++, now += SECOND_US / 10)
        assert_int_equal(give(&g, 8, 6, 0, now), H2_CALM); /* ten in a second, for ever */
    for (int i = 0; i < 99; i++)
        assert_int_equal(give(&g, 8, 6, 0, now), H2_CALM); /* and the burst is still there */
    assert_int_equal(give(&g, 8, 6, 0, now), H2_CALM);
    assert_int_equal(give(&g, 8, 6, 0, now), H2_PINGS);
    assert_int_equal(give(&g, 8, 6, 0, now + 10 * SECOND_US), H2_CALM);
}

static void test_data_earns_updates(void **state)
{
    struct h2_guard g;

    (void)state;
    h2_guard_init(&g);
    for (int i = 0; i < 100000; i++) {
        h2_guard_sent_data(&g);
        assert_int_equal(give(&g, 4, 8, 0, NOW_US), H2_CALM);
        assert_int_equal(give(&g, 4, 8, 0, NOW_US), H2_CALM);
    }
    /* Much may be sent before the client comes to its updates. */
    for (int i = 0; i < 5000; i++)
        h2_guard_sent_data(&g);
    for (int i = 0; i < 5000 * 2 + 1000; i++)
        assert_int_equal(give(&g, 4, 8, 0, NOW_US), H2_CALM);
    assert_int_equal(give(&g, 4, 8, 0, NOW_US), H2_WINDOWS);
}

/* However the bytes are cut, it is the same frames. */
static void test_pieces(void **state)
{
    char bytes[4096];
    size_t n = 0;

    (void)state;
    n += put_frame(bytes + n, 300, 0, 0);
    n += put_frame(bytes + n, 0, 0, 1);
    for (int i = 0; i < 31; i++)
        n += put_frame(bytes + n, 12, 4, 0);
    for (size_t cut = 1; cut < 40; cut++) {
        struct h2_guard g;
        enum h2_kind kind = H2_CALM;
        size_t at = 0;

        h2_guard_init(&g);
        while (at < n && kind == H2_CALM) {
            size_t piece = cut < n - at ? cut : n - at;

            kind = h2_guard_bytes(&g, span_make(bytes + at, piece), NOW_US);
            at += piece;
        }
        assert_int_equal(kind, H2_SETTINGS);
        assert_true(at + 12 + cut > n);
    }
}

static void test_heads(void **state)
{
    char bytes[64];
    struct h2_guard g;
    size_t n = put_frame(bytes, 10, 1, 4);
    unsigned head;

    (void)state;
    h2_guard_init(&g);
    assert_int_equal(h2_guard_head(&g), 0);
    assert_int_equal(h2_guard_bytes(&g, span_make(bytes, n - 1), NOW_US), H2_CALM);
    head = h2_guard_head(&g);
    assert_int_not_equal(head, 0); /* a byte of it is missing */
    assert_int_equal(h2_guard_bytes(&g, span_make(bytes + n - 1, 1), NOW_US), H2_CALM);
    assert_int_equal(h2_guard_head(&g), 0);
    assert_int_equal(give(&g, 10, 1, 0, NOW_US), H2_CALM); /* CONTINUATION is to follow */
    assert_int_not_equal(h2_guard_head(&g), 0);
    assert_int_not_equal(h2_guard_head(&g), head);
    assert_int_equal(give(&g, 0, 9, 4, NOW_US), H2_CALM);
    assert_int_equal(h2_guard_head(&g), 0);
}

static void test_counts_of_the_owner(void **state)
{
    struct h2_guard g;

    (void)state;
    h2_guard_init(&g);
    for (int i = 0; i < 200; i++)
        assert_true(h2_guard_count(&g, H2_REFUSALS, NOW_US));
    assert_false(h2_guard_count(&g, H2_REFUSALS, NOW_US));
    assert_string_equal(h2_kind_word(H2_REFUSALS), "refusals");
    assert_string_equal(h2_kind_word(H2_CALM), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_what_does_not_count),
        cmocka_unit_test(test_bursts),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_data_earns_updates),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_counts_of_the_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
