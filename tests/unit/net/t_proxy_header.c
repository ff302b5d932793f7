/* PROXY headers: both versions, whole and in pieces, and all that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "net/proxy_header.h"

#include <stdlib.h>

#define V2           "\r\n\r\n\0\r\nQUIT\n"
#define V4_ADDRESSES "\xc0\x00\x02\x01\xc6\x33\x64\x02\x04\xd2\x01\xbb"

struct row {
    struct span in;
    const char *client, *local; /* NULL: the connection's own */
    size_t used;
};

static const struct row good[] = {
    {SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\r\n"), "192.0.2.1:1234", "198.51.100.2:443",
        44},
    {SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\r\nGET / HTTP/1.1\r\n"), "192.0.2.1:1234",
        "198.51.100.2:443", 44},
    {SPAN("PROXY TCP6 2001:db8::1 ::2 65535 0\r\n"), "[2001:db8::1]:65535", "[::2]:0", 36},
    {SPAN("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", 104},
    {SPAN("PROXY UNKNOWN\r\n"), NULL, NULL, 15},
    {SPAN("PROXY UNKNOWN ffff::1 anything at all\r\nx"), NULL, NULL, 39},
    {SPAN(V2 "\x21\x11\x00\x0c" V4_ADDRESSES), "192.0.2.1:1234", "198.51.100.2:443", 28},
    {SPAN(V2 "\x21\x11\x00\x0c" V4_ADDRESSES "\x16\x03\x01"), "192.0.2.1:1234", "198.51.100.2:443",
        28},
    {SPAN(V2 "\x21\x11\x00\x13" V4_ADDRESSES "\x02\x00\x04"
             "abcd"),
        "192.0.2.1:1234", "198.51.100.2:443", 35},
    {SPAN(V2 "\x21\x11\x00\x0f" V4_ADDRESSES "\x04\x00\x00"), "192.0.2.1:1234", "198.51.100.2:443",
        31},
    {SPAN(V2 "\x20\x00\x00\x00"), NULL, NULL, 16},
    {SPAN(V2 "\x20\x11\x00\x0c" V4_ADDRESSES), NULL, NULL, 28},
    {SPAN(V2 "\x20\x77\x00\x02"
             "zz"),
        NULL, NULL, 18}, /* LOCAL: whatever it says beside */
    {SPAN(V2 "\x21\x00\x00\x03"
             "zzz"),
        NULL, NULL, 19},
    {SPAN(V2 "\x21\x12\x00\x0c" V4_ADDRESSES), NULL, NULL, 28}, /* datagrams */
};

/* Each from memory of exactly its size, so that a sanitizer sees a read past its end. */
static enum proxy_parsed parse(struct span in, size_t n, struct proxy_header *h, const char **why)
{
    char *copy = malloc(n > 0 ? n : 1);
    enum proxy_parsed got;

    assert_non_null(copy);
    memcpy(copy, in.p, n);
    got = proxy_header_parse(span_make(copy, n), h, why);
    free(copy);
    return got;
}

static void right_ones(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
        const struct row *r = &good[i];
        struct proxy_header h;
        char text[ADDR_TEXT];
        const char *why;

        for (size_t n = 0; n < r->used; n++) {
            if (parse(r->in, n, &h, &why) != PROXY_MORE)
                fail_msg("row %u: %zu bytes are a beginning", i, n);
        }
        for (size_t n = r->used; n <= r->in.n; n++) {
            if (parse(r->in, n, &h, &why) != PROXY_OK)
                fail_msg("row %u of %zu bytes: %s", i, n, why);
            assert_int_equal(h.used, r->used);
        }
        assert_int_equal(h.own, r->client == NULL);
        if (r->client != NULL) {
            assert_string_equal(addr_text(&h.client, text), r->client);
            assert_string_equal(addr_text(&h.local, text), r->local);
        }
    }
}

static void wrong_ones(void **state)
{
    static const struct span rows[] = {
        SPAN("GET / HTTP/1.1\r\n"),
        SPAN("\x16\x03\x01\x02"),
        SPAN("\n"),
        SPAN("PROXY\tTCP4"),
        SPAN("proxy TCP4 192.0.2.1 198.51.100.2 1234 443\r\n"),
        SPAN("PROXY \r\n"),
        SPAN("PROXY TCP4\r\n"),
        SPAN("PROXY UNKNOWNX\r\n"),
        SPAN("PROXY UDP4 192.0.2.1 198.51.100.2 1234 443\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1234\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1234 443 \r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1234 443 1\r\n"),
        SPAN("PROXY TCP4  192.0.2.1 198.51.100.2 1234 443\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 01234 443\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 +1 443\r\n"),
        SPAN("PROXY TCP4 192.0.2.1 198.51.100.2  443\r\n"),
        SPAN("PROXY TCP4 192.0.2 198.51.100.2 1234 443\r\n"),
        SPAN("PROXY TCP4 192.0.2.256 198.51.100.2 1234 443\r\n"),
        SPAN("PROXY TCP4 192.0.02.1 198.51.100.2 1234 443\r\n"),
        SPAN("PROXY TCP4 192.0.2.1\0 198.51.100.2 1234 443\r\n"),
        SPAN("PROXY TCP4 2001:db8::1 ::2 1234 443\r\n"),
        SPAN("PROXY TCP6 192.0.2.1 198.51.100.2 1234 443\r\n"),
        SPAN("PROXY TCP6 [2001:db8::1] ::2 1234 443\r\n"),
        SPAN("PROXY TCP6 fe80::1%eth0 ::2 1234 443\r\n"),
        SPAN("PROXY TCP6 fffff:: ::2 1234 443\r\n"),
        SPAN("\r\n\r\n\0\r\nQUIX\n"),
        SPAN(V2 "\x11\x11\x00\x0c" V4_ADDRESSES), /* version 1, binary */
        SPAN(V2 "\x31\x11\x00\x0c" V4_ADDRESSES), /* version 3 */
        SPAN(V2 "\x22\x11\x00\x0c" V4_ADDRESSES), /* no such command */
        SPAN(V2 "\x21\x41\x00\x0c" V4_ADDRESSES), /* no such family */
        SPAN(V2 "\x21\x13\x00\x0c" V4_ADDRESSES), /* no such protocol */
        SPAN(V2 "\x21\x10\x00\x0c" V4_ADDRESSES), /* a family without one */
        SPAN(V2 "\x21\x01\x00\x00"),              /* a protocol without a family */
        SPAN(V2 "\x21\x11\x00\x0b\xc0\x00\x02\x01\xc6\x33\x64\x02\x04\xd2\x01"), /* too short */
        SPAN(V2 "\x21\x21\x00\x0c" V4_ADDRESSES),                /* too short for IPv6 */
        SPAN(V2 "\x21\x11\x00\x0d" V4_ADDRESSES "\x02"),         /* half of a TLV's head */
        SPAN(V2 "\x21\x11\x00\x0f" V4_ADDRESSES "\x02\x00\x01"), /* a TLV past the end */
        SPAN(V2 "\x21\x11\x00\x0f" V4_ADDRESSES "\x02\xff\xff"),
        SPAN(V2 "\x21\x11\x00\x11" V4_ADDRESSES "\x03\x00\x02zz"),   /* a checksum of two bytes */
        SPAN(V2 "\x21\x11\x00\x13" V4_ADDRESSES "\x03\x00\x04zzzz"), /* a wrong one */
        SPAN(V2 "\x21\x11\x10\x01"),                                 /* 4097 bytes */
        SPAN(V2 "\x20\x00\xff\xff"),
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct proxy_header h;
        const char *why = NULL;

        if (parse(rows[i], rows[i].n, &h, &why) != PROXY_BAD)
            fail_msg("row %u is not refused", i);
        assert_non_null(why);
        for (size_t n = 0; n < rows[i].n; n++)
            assert_int_not_equal(parse(rows[i], n, &h, &why), PROXY_OK);
    }
}

/* The checksum counts itself as zeros. */
static void checksum(void **state)
{
    char in[] = V2 "\x21\x11\x00\x17" V4_ADDRESSES "\x02\x00\x01x\x03\x00\x04\x00\x00\x00\x00";
    const size_t n = sizeof(in) - 1;
    struct proxy_header h;
    uint32_t crc = 0xffffffff;
    const char *why;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)in[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
    }
    crc = ~crc;
    for (unsigned i = 0; i < 4; i++)
        in[n - 4 + i] = (char)(crc >> (24 - 8 * i));
    assert_int_equal(parse(span_make(in, n), n, &h, &why), PROXY_OK);
    for (size_t i = 16; i < n; i++) {
        if (i == n - 7)
            continue; /* then it is no checksum any more, but another TLV */
        in[i] ^= 1;
        assert_int_equal(parse(span_make(in, n), n, &h, &why), PROXY_BAD);
        in[i] ^= 1;
    }
}

static void lengths(void **state)
{
    char line[200], large[PROXY_HEADER_MAX + 1] = V2 "\x20\x00\x10\x00";
    struct proxy_header h;
    const char *why;

    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY UNKNOWN ", 14);
    memcpy(line + 105, "\r\n", 2);
    assert_int_equal(parse(span_make(line, 200), 107, &h, &why), PROXY_OK);
    assert_int_equal(h.used, 107);
    line[105] = 'x';
    memcpy(line + 106, "\r\n", 2);
    assert_int_equal(parse(span_make(line, 200), 106, &h, &why), PROXY_MORE);
    assert_int_equal(parse(span_make(line, 200), 107, &h, &why), PROXY_BAD);
    assert_int_equal(parse(span_make(line, 200), 108, &h, &why), PROXY_BAD);

    assert_int_equal(
        parse(span_make(large, sizeof(large)), PROXY_HEADER_MAX - 1, &h, &why), PROXY_MORE);
    assert_int_equal(parse(span_make(large, sizeof(large)), PROXY_HEADER_MAX, &h, &why), PROXY_OK);
    assert_int_equal(h.used, PROXY_HEADER_MAX);
}

static void unix_sockets(void **state)
{
    unsigned char in[16 + 216] = V2 "\x21\x31\x00\xd8";
    struct proxy_header h;
    char text[ADDR_TEXT];
    const char *why;

    (void)state;
    assert_int_equal(parse(span_make((char *)in, sizeof(in)), sizeof(in), &h, &why), PROXY_OK);
    assert_false(h.own);
    assert_string_equal(addr_text(&h.client, text), "unix:");
    memcpy(in + 16, "/run/client", 11);
    assert_int_equal(parse(span_make((char *)in, sizeof(in)), sizeof(in), &h, &why), PROXY_OK);
    assert_string_equal(addr_text(&h.client, text), "unix:/run/client");
    memset(in + 16, 'x', 108); /* without an end */
    assert_int_equal(parse(span_make((char *)in, sizeof(in)), sizeof(in), &h, &why), PROXY_BAD);
}

/* In front of a datagram there is all of it, and what it names counts. */
static void datagrams(void **state)
{
    static const struct {
        struct span in;
        enum proxy_parsed parsed;
        const char *client; /* NULL: the datagram's own */
        size_t used;
    } rows[] = {
        {SPAN(V2 "\x21\x12\x00\x0c" V4_ADDRESSES "question"), PROXY_OK, "192.0.2.1:1234", 28},
        {SPAN(V2 "\x21\x11\x00\x0c" V4_ADDRESSES "question"), PROXY_OK, "192.0.2.1:1234", 28},
        {SPAN(V2 "\x21\x12\x00\x0f" V4_ADDRESSES "\x04\x00\x00?"), PROXY_OK, "192.0.2.1:1234", 31},
        {SPAN(V2 "\x20\x00\x00\x00question"), PROXY_OK, NULL, 16},
        {SPAN(V2 "\x21\x00\x00\x03zzz?"), PROXY_OK, NULL, 19},
        {SPAN(V2 "\x21\x12\x00\x0c\xc0\x00\x02"), PROXY_BAD, NULL, 0},
        {SPAN(V2 "\x21\x12"), PROXY_BAD, NULL, 0},
        {SPAN(V2), PROXY_BAD, NULL, 0},
        {SPAN(""), PROXY_BAD, NULL, 0},
        {SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\r\n?"), PROXY_BAD, NULL, 0},
        {SPAN("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"), PROXY_BAD, NULL, 0},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const char *why = NULL;
        struct proxy_header h;
        char text[ADDR_TEXT];

        if (proxy_header_parse_datagram(rows[i].in, &h, &why) != rows[i].parsed)
            fail_msg("row %u: %s", i, why != NULL ? why : "is taken");
        if (rows[i].parsed == PROXY_BAD) {
            assert_non_null(why);
            continue;
        }
        assert_int_equal(h.used, rows[i].used);
        assert_int_equal(h.own, rows[i].client == NULL);
        if (rows[i].client != NULL)
            assert_string_equal(addr_text(&h.client, text), rows[i].client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_ones),
        cmocka_unit_test(wrong_ones),
        cmocka_unit_test(checksum),
        cmocka_unit_test(lengths),
        cmocka_unit_test(unix_sockets),
        cmocka_unit_test(datagrams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
