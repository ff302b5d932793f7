/* Networks: how they are written, and who is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include "net/network.h"

static void writing(void **state)
{
    static const struct {
        const char *text;
        enum network_parsed parsed;
    } rows[] = {
        {"192.0.2.1", NETWORK_OK},
        {"192.0.2.1/32", NETWORK_OK},
        {"192.0.2.0/24", NETWORK_OK},
        {"10.0.0.0/8", NETWORK_OK},
        {"0.0.0.0/0", NETWORK_OK},
        {"128.0.0.0/1", NETWORK_OK},
        {"::1", NETWORK_OK},
        {"[::1]", NETWORK_OK},
        {"2001:db8::/32", NETWORK_OK},
        {"[2001:db8::]/32", NETWORK_OK},
        {"2001:db8::/33", NETWORK_OK},
        {"::/0", NETWORK_OK},
        {"::1/128", NETWORK_OK},
        {"", NETWORK_NO_ADDRESS},
        {"/8", NETWORK_NO_ADDRESS},
        {"10/8", NETWORK_NO_ADDRESS},
        {"10.0.0/24", NETWORK_NO_ADDRESS},
        {"localhost", NETWORK_NO_ADDRESS},
        {"localhost/8", NETWORK_NO_ADDRESS},
        {"192.0.2.1:80", NETWORK_NO_ADDRESS},
        {"unix:/s", NETWORK_NO_ADDRESS},
        {"10.0.0.0/", NETWORK_NO_BITS},
        {"10.0.0.0/33", NETWORK_NO_BITS},
        {"10.0.0.0/-1", NETWORK_NO_BITS},
        {"10.0.0.0/+8", NETWORK_NO_BITS},
        {"10.0.0.0/8 ", NETWORK_NO_BITS},
        {"10.0.0.0/8/8", NETWORK_NO_BITS},
        {"10.0.0.0/255.0.0.0", NETWORK_NO_BITS},
        {"10.0.0.0/18446744073709551624", NETWORK_NO_BITS},
        {"::/129", NETWORK_NO_BITS},
        {"192.0.2.1/24", NETWORK_HOST_BITS},
        {"10.0.0.1/31", NETWORK_HOST_BITS},
        {"1.0.0.0/0", NETWORK_HOST_BITS},
        {"2001:db8::1/64", NETWORK_HOST_BITS},
        {"2001:db8:8000::/32", NETWORK_HOST_BITS},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct network n = {.bits = 777};
        enum network_parsed got = network_parse(span_of(rows[i].text), &n);

        if (got != rows[i].parsed)
            fail_msg("%s: %d", rows[i].text, (int)got);
        if (got != NETWORK_OK)
            assert_int_equal(n.bits, 777);
    }
}

static void membership(void **state)
{
    static const struct {
        const char *network, *address;
        bool in;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.0", false},
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.0/25", "192.0.2.127", true},
        {"192.0.2.0/25", "192.0.2.128", false},
        {"192.0.2.4/31", "192.0.2.5", true},
        {"192.0.2.4/31", "192.0.2.6", false},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"0.0.0.0/0", "::", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "203.0.113.9", false},
        {"::/0", "::ffff:203.0.113.9", false},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/32", "2001:db9::1", false},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"::1", "::1", true},
        {"::1", "::2", false},
        {"::1", "0.0.0.1", false},
        /* The same client on a socket for both families. */
        {"192.0.2.0/24", "::ffff:192.0.2.7", true},
        {"192.0.2.0/24", "::ffff:192.0.3.7", false},
        {"::ffff:192.0.2.0/120", "192.0.2.7", true},
        {"::ffff:192.0.2.0/120", "192.0.3.7", false},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct network n;
        struct addr a;

        assert_int_equal(network_parse(span_of(rows[i].network), &n), NETWORK_OK);
        assert_true(addr_parse_ip(span_of(rows[i].address), 80, &a));
        if (network_has(&n, &a) != rows[i].in)
            fail_msg("%s in %s", rows[i].address, rows[i].network);
    }
}

static void others_are_in_none(void **state)
{
    struct addr unix_addr, none = {.len = 0};
    struct network n;

    (void)state;
    assert_true(addr_parse(SPAN("unix:/s"), &unix_addr));
    assert_int_equal(network_parse(SPAN("0.0.0.0/0"), &n), NETWORK_OK);
    assert_false(network_has(&n, &unix_addr));
    assert_false(network_has(&n, &none));
    assert_int_equal(network_parse(SPAN("::/0"), &n), NETWORK_OK);
    assert_false(network_has(&n, &unix_addr));
    assert_false(network_has(&n, &none));
}

static void lists(void **state)
{
    struct network v[2];
    struct network_list l = {.v = v, .n = 2};
    struct addr a;

    (void)state;
    assert_int_equal(network_parse(SPAN("10.0.0.0/8"), &v[0]), NETWORK_OK);
    assert_int_equal(network_parse(SPAN("::1"), &v[1]), NETWORK_OK);
    assert_true(addr_parse_ip(SPAN("10.1.2.3"), 80, &a));
    assert_true(network_list_has(&l, &a));
    l.n = 0;
    assert_false(network_list_has(&l, &a));
    l.n = 2;
    assert_true(addr_parse_ip(SPAN("::1"), 80, &a));
    assert_true(network_list_has(&l, &a));
    assert_true(addr_parse_ip(SPAN("::2"), 80, &a));
    assert_false(network_list_has(&l, &a));
}

/* Every length, at the first bit that it has and the first that it has not. */
static void every_length(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        unsigned most = v6 ? 128 : 32;

        for (unsigned bits = 0; bits <= most; bits++) {
            struct network n = {.bits = 128 - most + bits};
            struct addr a = {.len = sizeof(a.in)};
            unsigned char *ip = (unsigned char *)&a.in.sin_addr;

            if (v6) {
                a.len = sizeof(a.in6);
                ip = a.in6.sin6_addr.s6_addr;
            } else {
                n.bytes[10] = n.bytes[11] = 0xff;
            }
            a.sa.sa_family = v6 ? AF_INET6 : AF_INET;
            ip[0] = 0x20;
            if (bits > 2) /* the bit that is set above */
                n.bytes[v6 ? 0 : 12] = 0x20;
            assert_true(network_has(&n, &a));
            if (bits < most) {
                ip[bits / 8] ^= (unsigned char)(0x80 >> bits % 8);
                assert_true(network_has(&n, &a));
                ip[bits / 8] ^= (unsigned char)(0x80 >> bits % 8);
            }
            if (bits > 0) {
                ip[(bits - 1) / 8] ^= (unsigned char)(0x80 >> (bits - 1) % 8);
                assert_false(network_has(&n, &a));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing),
        cmocka_unit_test(membership),
        cmocka_unit_test(others_are_in_none),
        cmocka_unit_test(lists),
        cmocka_unit_test(every_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
