/* NSEC for one name: the types as RFC 4034 §4.3 has them, and the name that comes next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "dns/denial.h"
#include "dns/name.h"
#include "dns/types.h"

#include <stdlib.h>
#include <string.h>

static struct dns_name name_of(const char *text)
{
    struct dns_name n;

    assert_null(dns_name_parse(span_of(text), NULL, &n));
    return n;
}

#define OF(of, zone, is_cut)                                                                       \
    (&(struct denial_name){.name = (of).wire,                                                      \
        .name_n = (of).n,                                                                          \
        .apex = (zone).wire,                                                                       \
        .apex_n = (zone).n,                                                                        \
        .cut = (is_cut)})

static void types_as_bytes(void **state)
{
    static const uint8_t want[] = {0, 6, 0x40, 1, 0, 0, 0, 3, 4, 0x1b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20};
    struct dns_name name = name_of("alfa.example.com."), apex = name_of("example.com.");
    uint8_t out[DENIAL_RDATA_MAX];
    struct denial_types t;
    size_t n;

    (void)state;
    denial_types_init(&t);
    denial_types_add(&t, 1234);
    denial_types_add(&t, DNS_MX);
    denial_types_add(&t, DNS_A);
    denial_types_add(&t, DNS_MX);
    n = denial_put(OF(name, apex, false), &t, out);
    assert_int_equal(n, name.n + 2 + sizeof(want));
    assert_memory_equal(out, "\1\0", 2);
    assert_memory_equal(out + 2, name.wire, name.n);
    assert_memory_equal(out + 2 + name.n, want, sizeof(want));
}

static void a_name_that_does_not_exist(void **state)
{
    /* RRSIG 46, NSEC 47, NXNAME 128 */
    static const uint8_t want[] = {0, 17, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80};
    struct dns_name name = name_of("a.example.com."), apex = name_of("example.com.");
    uint8_t out[DENIAL_RDATA_MAX];
    struct denial_types t;
    size_t n;

    (void)state;
    denial_types_init(&t);
    denial_types_add(&t, DNS_NXNAME);
    n = denial_put(OF(name, apex, false), &t, out);
    assert_int_equal(n, name.n + 2 + sizeof(want));
    assert_memory_equal(out + 2 + name.n, want, sizeof(want));
}

/* All windows at once stay within DENIAL_RDATA_MAX. */
static void as_many_types_as_there_may_be(void **state)
{
    struct dns_name name = name_of("a.example.com."), apex = name_of("example.com.");
    uint8_t out[DENIAL_RDATA_MAX];
    struct denial_types t;

    (void)state;
    denial_types_init(&t);
    for (unsigned i = 0; i < 2 * DENIAL_TYPES_MAX; i++)
        denial_types_add(&t, (uint16_t)(0xffff - 256 * i));
    assert_int_equal(t.n, DENIAL_TYPES_MAX + 2);
    assert_true(denial_put(OF(name, apex, false), &t, out) <= sizeof(out));
}

/* `n` bytes of wire in all: a first label of `first` bytes of `c`, then others to fill up. */
static struct dns_name long_name(size_t n, size_t first, int c, const struct dns_name *apex)
{
    struct dns_name out = {0};
    uint8_t *p = out.wire;
    size_t left = n - 1 - first - apex->n;

    *p++ = (uint8_t)first;
    memset(p, c, first);
    p += first;
    while (left > 0) {
        size_t label = left > 64 ? left > 65 ? 63 : 62 : left - 1;

        *p++ = (uint8_t)label;
        memset(p, 'x', label);
        p += label;
        left -= 1 + label;
    }
    memcpy(p, apex->wire, apex->n);
    out.n = (uint8_t)n;
    assert_int_equal(dns_name_scan(out.wire, n), n);
    return out;
}

static void names_of_full_length(void **state)
{
    struct dns_name apex = name_of("example."), n, want;
    uint8_t out[DNS_NAME_MAX];

    (void)state;
    /* 253: the label below still fits */
    n = long_name(253, 10, 'a', &apex);
    assert_int_equal(denial_next(OF(n, apex, false), out), 255);
    assert_memory_equal(out, "\1\0", 2);
    /* 254: the label grows, if it may */
    n = long_name(254, 10, 'a', &apex);
    assert_int_equal(denial_next(OF(n, apex, false), out), 255);
    assert_memory_equal(out, "\013aaaaaaaaaa\0", 12);
    n = long_name(254, 63, 'a', &apex);
    want = n;
    want.wire[63] = 'b';
    assert_int_equal(denial_next(OF(n, apex, false), out), 254);
    assert_memory_equal(out, want.wire, 254);
    /* 255: counted up, over the capital letters */
    n = long_name(255, 10, '@', &apex);
    assert_int_equal(denial_next(OF(n, apex, false), out), 255);
    assert_memory_equal(out, "\012@@@@@@@@@[", 11);
    n = long_name(255, 10, 0xff, &apex);
    n.wire[3] = 'c';
    assert_int_equal(denial_next(OF(n, apex, false), out), 248);
    assert_memory_equal(out,
        "\3\xff\xff"
        "d",
        4);
    /* the first label cannot: its parent is next */
    n = long_name(255, 10, 0xff, &apex);
    assert_int_equal(denial_next(OF(n, apex, false), out), 244);
    assert_int_equal(out[out[0]], 'y');
    /* nothing comes behind: the apex */
    memset(n.wire, 0xff, 255u - apex.n);
    for (unsigned at = 0; at < 255u - apex.n; at += n.wire[at] + 1u)
        n.wire[at] = 255u - apex.n - at > 64 ? 62 : (uint8_t)(254u - apex.n - at);
    assert_int_equal(dns_name_scan(n.wire, 255), 255);
    assert_int_equal(denial_next(OF(n, apex, false), out), apex.n);
    assert_memory_equal(out, apex.wire, apex.n);
    /* an apex that is as long */
    assert_int_equal(denial_next(OF(n, n, false), out), 255);
    assert_memory_equal(out, n.wire, 255);
}

/* Nothing is said of what is below. */
static void delegations(void **state)
{
    struct dns_name apex = name_of("example."), sub = name_of("sub.example."), below, n;
    uint8_t out[DNS_NAME_MAX];

    (void)state;
    assert_int_equal(denial_next(OF(sub, apex, true), out), sub.n + 1);
    assert_memory_equal(out, "\4sub\0\7example", 14);
    below = name_of("zzz.sub.example.");
    assert_true(dns_name_compare(sub.wire, out) < 0 && dns_name_compare(below.wire, out) < 0);
    n = long_name(200, 63, 'a', &apex);
    assert_int_equal(denial_next(OF(n, apex, true), out), 200);
    assert_int_equal(out[63], 'b');
}

static struct dns_name any_name(unsigned short seed[3], const struct dns_name *apex)
{
    static const uint8_t bytes[] = {0, 1, '@', '[', '`', 'a', 'z', 0xfe, 0xff};
    struct dns_name out = *apex;

    while (nrand48(seed) % 8 != 0 || out.n == apex->n) {
        unsigned label = nrand48(seed) % 4 != 0 ? (unsigned)(nrand48(seed) % 3) + 1 : 63;

        if (out.n + label + 1 > 255)
            label = 254u - out.n;
        if (label == 0 || out.n + label + 1 > 255 || label > 63)
            break;
        memmove(out.wire + label + 1, out.wire, out.n);
        out.wire[0] = (uint8_t)label;
        for (unsigned i = 1; i <= label; i++)
            out.wire[i] = bytes[(unsigned long)nrand48(seed) % sizeof(bytes)];
        out.n = (uint8_t)(out.n + label + 1);
    }
    return out;
}

/* Of two names, the later one is never before what follows the earlier one. */
static void nothing_in_between(void **state)
{
    struct dns_name apex = name_of("example.");
    unsigned short seed[3] = {1, 2, 3};

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        struct dns_name a = any_name(seed, &apex), b = any_name(seed, &apex);
        uint8_t next[DNS_NAME_MAX];
        size_t n = denial_next(OF(a, apex, false), next);

        if (i % 2 != 0) { /* a neighbour of the first one */
            b = a;
            b.wire[1 + (unsigned long)nrand48(seed) % b.wire[0]] ^= (uint8_t)(nrand48(seed) & 1);
        }
        dns_name_lower(b.wire, b.wire, b.n);
        assert_int_equal(dns_name_scan(next, n), n);
        assert_true(dns_name_below(next, n, apex.wire, apex.n) >= 0);
        if (n == apex.n)
            assert_true(dns_name_compare(b.wire, a.wire) <= 0);
        else {
            assert_true(dns_name_compare(a.wire, next) < 0);
            assert_false(
                dns_name_compare(a.wire, b.wire) < 0 && dns_name_compare(b.wire, next) < 0);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_as_bytes),
        cmocka_unit_test(a_name_that_does_not_exist),
        cmocka_unit_test(as_many_types_as_there_may_be),
        cmocka_unit_test(names_of_full_length),
        cmocka_unit_test(delegations),
        cmocka_unit_test(nothing_in_between),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
