#include "conf/value.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct number_case {
    const char *text;
    int64_t value;
    const char *why; /* NULL: it is right */
};

static void sizes(void **state)
{
    static const struct number_case cases[] = {
        {"0", 0, NULL},
        {"1B", 1, NULL},
        {"4KiB", 4096, NULL},
        {"256MiB", 256 << 20, NULL},
        {"3GiB", 3LL << 30, NULL},
        {"2TiB", 2LL << 40, NULL},
        {"5KB", 5000, NULL},
        {"5MB", 5000000, NULL},
        {"5GB", 5000000000, NULL},
        {"5TB", 5000000000000, NULL},
        {"0MiB", 0, NULL},
        {"9223372036854775807B", INT64_MAX, NULL},
        {"9223372036854775808B", 0, "\"9223372036854775808B\" is too large"},
        {"8388608TiB", 0, "\"8388608TiB\" is too large"},
        {"99999999999999999999B", 0, "\"99999999999999999999B\" is too large"},
        {"64", 0, "\"64\" has no unit; write 64KiB or 64MiB, for example"},
        {"2G", 0, "\"2G\" is not a size, did you mean 2GiB?"},
        {"2mb", 0, "\"2mb\" is not a size, did you mean 2MiB?"},
        {"7x", 0, "\"7x\" is not a size; the units are B KiB MiB GiB TiB KB MB GB TB"},
        {"", 0, "\"\" is not a size; write a whole number and a unit, as 64MiB"},
        {"-1B", 0, "\"-1B\" is not a size; write a whole number and a unit, as 64MiB"},
        {"1.5GiB", 0, "\"1.5GiB\" is not a size; write a whole number and a unit, as 64MiB"},
        {"MiB", 0, "\"MiB\" is not a size; write a whole number and a unit, as 64MiB"},
        {"1 MiB", 0, "\"1 MiB\" is not a size; the units are B KiB MiB GiB TiB KB MB GB TB"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct value_why why = {""};
        uint64_t got = 77;
        bool ok = value_size(span_of(cases[i].text), &got, &why);

        assert_string_equal(why.text, cases[i].why != NULL ? cases[i].why : "");
        assert_int_equal(ok, cases[i].why == NULL);
        assert_int_equal(got, ok ? cases[i].value : 77);
    }
}

static void durations(void **state)
{
    static const struct number_case cases[] = {
        {"0", 0, NULL},
        {"250ms", 250, NULL},
        {"30s", 30000, NULL},
        {"5m", 300000, NULL},
        {"2h", 7200000, NULL},
        {"1d", 86400000, NULL},
        {"1w", 604800000, NULL},
        {"1y", 31536000000, NULL},
        {"1h30m", 5400000, NULL},
        {"1s5ms", 1005, NULL},
        {"9223372036854775807ms", INT64_MAX, NULL},
        {"9223372036854775808ms", 0, "\"9223372036854775808ms\" is too long"},
        {"292471209y", 0, "\"292471209y\" is too long"},
        {"9223372036854775s808ms", 0, "\"9223372036854775s808ms\" is too long"},
        {"5", 0, "\"5\" has no unit; write 5s or 5ms, for example"},
        {"1h5", 0, "\"1h5\" has no unit; write 1h5s or 1h5ms, for example"},
        {"5sec", 0, "\"5sec\" is not a duration; the units are y w d h m s ms"},
        {"30m1h", 0, "\"30m1h\" is not a duration; write the largest unit first and each once"},
        {"1s1s", 0, "\"1s1s\" is not a duration; write the largest unit first and each once"},
        {"", 0, "\"\" is not a duration; write a whole number and a unit, as 30s or 1h30m"},
        {"-5s", 0, "\"-5s\" is not a duration; write a whole number and a unit, as 30s or 1h30m"},
        {"s", 0, "\"s\" is not a duration; write a whole number and a unit, as 30s or 1h30m"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct value_why why = {""};
        int64_t got = 77;
        bool ok = value_duration(span_of(cases[i].text), &got, &why);

        assert_string_equal(why.text, cases[i].why != NULL ? cases[i].why : "");
        assert_int_equal(ok, cases[i].why == NULL);
        assert_int_equal(got, ok ? cases[i].value : 77);
    }
}

static void integers(void **state)
{
    static const struct number_case cases[] = {
        {"0", 0, NULL},
        {"12", 12, NULL},
        {"-12", -12, NULL},
        {"9223372036854775807", INT64_MAX, NULL},
        {"9223372036854775808", 0, "\"9223372036854775808\" is out of range"},
        {"99999999999999999999", 0, "\"99999999999999999999\" is out of range"},
        {"", 0, "\"\" is not a whole number"},
        {"-", 0, "\"-\" is not a whole number"},
        {"+1", 0, "\"+1\" is not a whole number"},
        {"1k", 0, "\"1k\" is not a whole number"},
        {"0x10", 0, "\"0x10\" is not a whole number"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct value_why why = {""};
        int64_t got = 77;
        bool ok = value_integer(span_of(cases[i].text), &got, &why);

        assert_string_equal(why.text, cases[i].why != NULL ? cases[i].why : "");
        assert_int_equal(ok, cases[i].why == NULL);
        assert_int_equal(got, ok ? cases[i].value : 77);
    }
}

static void flags_and_words(void **state)
{
    static const char *const words[] = {"error", "warn", "info", NULL};
    struct value_why why = {""};
    bool flag = false;
    int index = 77;

    (void)state;
    assert_true(value_flag(SPAN("on"), &flag, &why) && flag);
    assert_true(value_flag(SPAN("off"), &flag, &why) && !flag);
    assert_false(value_flag(SPAN("yes"), &flag, &why));
    assert_string_equal(why.text, "\"yes\" is neither on nor off");
    assert_true(value_word(SPAN("info"), words, &index, &why));
    assert_int_equal(index, 2);
    assert_false(value_word(SPAN("inof"), words, &index, &why));
    assert_string_equal(why.text, "unknown word \"inof\", did you mean \"info\"?");
    assert_false(value_word(SPAN("loud"), words, &index, &why));
    assert_string_equal(why.text, "\"loud\" is not error, warn or info");
    assert_int_equal(index, 2);
}

static void listen_addresses(void **state)
{
    struct value_why why = {""};
    struct value_listen l;
    char text[INET6_ADDRSTRLEN];

    (void)state;
    assert_true(value_listen(SPAN("127.0.0.1:8080"), &l, &why));
    assert_int_equal(l.sa.sa_family, AF_INET);
    assert_int_equal(ntohs(l.in.sin_port), 8080);
    assert_int_equal(ntohl(l.in.sin_addr.s_addr), 0x7f000001);
    assert_int_equal(l.len, sizeof(struct sockaddr_in));

    assert_true(value_listen(SPAN("[2001:db8::1]:0"), &l, &why));
    assert_int_equal(l.sa.sa_family, AF_INET6);
    assert_int_equal(l.in6.sin6_port, 0);
    assert_string_equal(inet_ntop(AF_INET6, &l.in6.sin6_addr, text, sizeof(text)), "2001:db8::1");
    assert_int_equal(l.len, sizeof(struct sockaddr_in6));

    assert_true(value_listen(SPAN("unix:/run/x.sock"), &l, &why));
    assert_int_equal(l.sa.sa_family, AF_UNIX);
    assert_string_equal(l.un.sun_path, "/run/x.sock");
    assert_int_equal(l.len, offsetof(struct sockaddr_un, sun_path) + 12);
}

static void wrong_listen_addresses(void **state)
{
#define NO_ADDRESS " is no address to listen on; write 127.0.0.1:8080, [::1]:8080 or unix:PATH"
#define NO_PORT    " has no good port; that is a number up to 65535"
    static const char *const cases[][2] = {
        {"80", "\"80\" has no address; write 0.0.0.0:80 or [::]:80"},
        {"127.0.0.1", "\"127.0.0.1\" has no port; write 127.0.0.1:8080, for example"},
        {"", "\"\" has no port; write 127.0.0.1:8080, for example"},
        {"localhost:80", "\"localhost:80\"" NO_ADDRESS},
        {":80", "\":80\" has no address; write 0.0.0.0:80 or [::]:80"},
        {"*:80", "\"*:80\" has no address; write 0.0.0.0:80 or [::]:80"},
        {"*:http", "\"*:http\"" NO_ADDRESS},
        {"::1:80", "\"::1:80\"" NO_ADDRESS},
        {"[127.0.0.1]:80", "\"[127.0.0.1]:80\"" NO_ADDRESS},
        {"[]:80", "\"[]:80\"" NO_ADDRESS},
        {"[:80", "\"[:80\"" NO_ADDRESS},
        {"1.2.3:80", "\"1.2.3:80\"" NO_ADDRESS},
        {"1.2.3.4:", "\"1.2.3.4:\"" NO_PORT},
        {"1.2.3.4:65536", "\"1.2.3.4:65536\"" NO_PORT},
        {"1.2.3.4:http", "\"1.2.3.4:http\"" NO_PORT},
        {"unix:", "\"unix:\" names no path; write unix:/run/selvage/http.sock, for example"},
    };
    struct value_listen l = {.len = 77};
    struct value_why why;
    char path[200] = "unix:/";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_false(value_listen(span_of(cases[i][0]), &l, &why));
        assert_string_equal(why.text, cases[i][1]);
    }
    memset(path + 6, 'x', 107);
    assert_false(value_listen(span_of(path), &l, &why));
    assert_non_null(strstr(why.text, "is too long; a socket's path has at most 107 bytes"));
    assert_int_equal(l.len, 77);
    path[5 + 107] = '\0';
    assert_true(value_listen(span_of(path), &l, &why));
}

static void back_to_text(void **state)
{
    char t[VALUE_TEXT];

    (void)state;
    assert_string_equal(value_size_text(0, t), "0");
    assert_string_equal(value_size_text(1023, t), "1023B");
    assert_string_equal(value_size_text(64 << 10, t), "64KiB");
    assert_string_equal(value_size_text(1536 << 20, t), "1536MiB");
    assert_string_equal(value_size_text(1ULL << 40, t), "1TiB");
    assert_string_equal(value_duration_text(0, t), "0");
    assert_string_equal(value_duration_text(1500, t), "1500ms");
    assert_string_equal(value_duration_text(5400000, t), "90m");
    assert_string_equal(value_duration_text(31536000000, t), "1y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(durations),
        cmocka_unit_test(integers),
        cmocka_unit_test(flags_and_words),
        cmocka_unit_test(listen_addresses),
        cmocka_unit_test(wrong_listen_addresses),
        cmocka_unit_test(back_to_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
