/* Addresses: what is one, and the same text back. */
#include "net_test.h"

#include <unistd.h>

static void literals(void **state)
{
    static const struct {
        const char *in, *text, *ip; /* text NULL: refused */
        int family;
        unsigned port;
    } rows[] = {
        {"127.0.0.1:80", "127.0.0.1:80", "127.0.0.1", AF_INET, 80},
        {"0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", AF_INET, 0},
        {":8080", "0.0.0.0:8080", "0.0.0.0", AF_INET, 8080},
        {"255.255.255.255:65535", "255.255.255.255:65535", "255.255.255.255", AF_INET, 65535},
        {"[::1]:443", "[::1]:443", "::1", AF_INET6, 443},
        {"[2001:DB8:0:0::A]:1", "[2001:db8::a]:1", "2001:db8::a", AF_INET6, 1},
        {"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.1]:1", "::ffff:192.0.2.1", AF_INET6, 1},
        {"unix:/run/selvage.sock", "unix:/run/selvage.sock", "unix:/run/selvage.sock", AF_UNIX, 0},
        {"unix:s", "unix:s", "unix:s", AF_UNIX, 0},
        {"", NULL},
        {":", NULL},
        {"127.0.0.1", NULL},
        {"127.0.0.1:", NULL},
        {"127.0.0.1:65536", NULL},
        {"127.0.0.1:99999999999999999999", NULL},
        {"127.0.0.1:-1", NULL},
        {"127.0.0.1:+1", NULL},
        {"127.0.0.1: 1", NULL},
        {"127.0.0.1:80x", NULL},
        {"127.1:80", NULL}, /* no short, octal or hexadecimal forms */
        {"127.0.0.01:80", NULL},
        {"0x7f.0.0.1:80", NULL},
        {"2130706433:80", NULL},
        {"256.0.0.1:80", NULL},
        {"::1:80", NULL}, /* brackets are needed */
        {"[::1]", NULL},
        {"[::1:80", NULL},
        {"::1]:80", NULL},
        {"[]:80", NULL},
        {"[127.0.0.1]:80", NULL},
        {"[::1%lo]:80", NULL},
        {"[1:2:3:4:5:6:7:8:9]:80", NULL},
        {"localhost:80", NULL}, /* no names */
        {"unix:", NULL},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct addr a = {.len = 77}, again;
        char text[ADDR_TEXT];

        if (rows[i].text == NULL) {
            if (addr_parse(span_of(rows[i].in), &a))
                fail_msg("\"%s\" was taken for an address", rows[i].in);
            assert_int_equal(a.len, 77);
            continue;
        }
        if (!addr_parse(span_of(rows[i].in), &a))
            fail_msg("\"%s\" was not taken for an address", rows[i].in);
        assert_string_equal(addr_text(&a, text), rows[i].text);
        assert_int_equal(addr_family(&a), rows[i].family);
        assert_int_equal(addr_port(&a), rows[i].port);
        assert_true(addr_parse(span_of(text), &again));
        assert_true(addr_eq(&a, &again));
        assert_string_equal(addr_ip_text(&a, text), rows[i].ip);
    }
}

static void parts_and_terminators(void **state)
{
    struct addr a;

    (void)state;
    /* A span is not terminated, and a NUL inside is no end. */
    assert_true(addr_parse(span_make("127.0.0.1:8012", 12), &a));
    assert_int_equal(addr_port(&a), 80);
    assert_false(addr_parse(span_make("127.0.0.1\0:80", 13), &a));
    assert_false(addr_parse(span_make("unix:/a\0b", 9), &a));
}

static void ips_without_port(void **state)
{
    struct addr a, b;
    char text[ADDR_TEXT];

    (void)state;
    assert_true(addr_parse_ip(SPAN("192.0.2.7"), 53, &a));
    assert_string_equal(addr_text(&a, text), "192.0.2.7:53");
    assert_true(addr_parse_ip(SPAN("::1"), 53, &a));
    assert_true(addr_parse_ip(SPAN("[::1]"), 53, &b));
    assert_true(addr_eq(&a, &b));
    addr_set_port(&b, 54);
    assert_int_equal(addr_port(&b), 54);
    assert_false(addr_eq(&a, &b));
    assert_false(addr_parse_ip(SPAN("192.0.2.7:53"), 53, &a));
    assert_false(addr_parse_ip(SPAN("app"), 53, &a));
    assert_false(addr_parse_ip(SPAN(""), 53, &a));
    assert_false(addr_parse_ip(SPAN("::1"), 65536, &a));
}

static void paths_have_a_limit(void **state)
{
    enum { MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };
    char long_text[5 + MAX + 2], text[ADDR_TEXT];
    struct addr a;

    (void)state;
    memset(long_text, 'x', sizeof(long_text));
    memcpy(long_text, "unix:", 5);
    assert_true(addr_parse(span_make(long_text, 5 + MAX), &a));
    assert_int_equal(strlen(addr_text(&a, text)), 5 + MAX);
    assert_memory_equal(text, long_text, 5 + MAX);
    assert_false(addr_parse(span_make(long_text, 5 + MAX + 1), &a));
}

static void what_the_system_gives(void **state)
{
    int fds[2];
    struct addr a, none = {.len = 0}, other;
    struct sockaddr_un abstract = {.sun_family = AF_UNIX, .sun_path = "\0name"};
    struct sockaddr odd = {.sa_family = AF_PACKET};
    char text[ADDR_TEXT];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    a = addr_local(fds[0]);
    assert_int_equal(addr_family(&a), AF_UNIX);
    assert_string_equal(addr_text(&a, text), "unix:");
    close(fds[0]);
    close(fds[1]);
    a = addr_make((struct sockaddr *)&abstract, sizeof(sa_family_t) + 5);
    assert_string_equal(addr_text(&a, text), "unix:@name");
    a = addr_make(&odd, sizeof(odd));
    assert_int_equal(addr_family(&a), AF_UNSPEC);
    assert_string_equal(addr_text(&a, text), "-");
    assert_true(addr_eq(&a, &none));
    a = addr_local(-1);
    assert_int_equal(a.len, 0);
    /* Cut short by somebody: no address rather than a wrong one. */
    other = addr_of("127.0.0.1:1");
    a = addr_make(&other.sa, 4);
    assert_int_equal(a.len, 0);
}

static void comparing(void **state)
{
    static const char *const all[] = {"127.0.0.1:80", "127.0.0.1:81", "127.0.0.2:80", "[::1]:80",
        "[::]:80", "unix:/a", "unix:/ab"};
    struct addr any = addr_of(":80");

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        for (unsigned k = 0; k < ARRAY_LEN(all); k++) {
            struct addr a = addr_of(all[i]), b = addr_of(all[k]);

            assert_int_equal(addr_eq(&a, &b), i == k);
        }
    }
    assert_true(addr_is_any(&any));
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        struct addr a = addr_of(all[i]);

        assert_int_equal(addr_is_any(&a), strcmp(all[i], "[::]:80") == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals),
        cmocka_unit_test(parts_and_terminators),
        cmocka_unit_test(ips_without_port),
        cmocka_unit_test(paths_have_a_limit),
        cmocka_unit_test(what_the_system_gives),
        cmocka_unit_test(comparing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
