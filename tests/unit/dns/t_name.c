/* Names: the wire (RFC 1035 §3.1, §4.1.4), text (§5.1), case (RFC 4343), order (RFC 4034 §6.1). */
#include "table.h"

static size_t scan(const char *hex)
{
    uint8_t bytes[600];
    size_t n = unhex(hex, bytes, sizeof(bytes));
    uint8_t *copy = exact(bytes, n);
    size_t got = dns_name_scan(copy, n);

    free(copy);
    return got;
}

static void wire(void **state)
{
    static const struct {
        const char *hex;
        size_t n;
    } rows[] = {
        {"00", 1},
        {"0161 00", 3},
        {"0161 00 ff", 3},
        {"0377777707 6578616d706c65 03636f6d 00", 17},
        {"0100 00", 3},
        {"", 0},
        {"01", 0},
        {"0161", 0},
        {"0361 00", 0},
        {"c000", 0},
        {"0161 c000", 0},
        {"40", 0},
        {"8000", 0},
        {"ff", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        row_check(rows[i].hex, scan(rows[i].hex) == rows[i].n);
}

/* Four labels of `last` and three of 63 bytes: 255 bytes with last == 61. */
static size_t long_name(uint8_t *p, unsigned last)
{
    size_t n = 0;

    for (unsigned i = 0; i < 4; i++) {
        unsigned label = i == 3 ? last : 63;

        p[n++] = (uint8_t)label;
        memset(p + n, 'a', label);
        n += label;
    }
    p[n++] = 0;
    return n;
}

static void longest(void **state)
{
    uint8_t p[300];
    struct dns_name name;
    size_t at = 0;

    (void)state;
    assert_int_equal(long_name(p, 61), 255);
    assert_int_equal(dns_name_scan(p, 255), 255);
    assert_true(dns_name_read(p, 255, &at, &name) && at == 255 && name.n == 255);
    assert_int_equal(long_name(p, 62), 256);
    assert_int_equal(dns_name_scan(p, 256), 0);
    assert_int_equal(dns_name_skip(p, 256, 0), 0);
    at = 0;
    assert_false(dns_name_read(p, 256, &at, &name));
}

static void compressed(void **state)
{
    static const struct {
        const char *hex;
        size_t at;
        const char *text; /* NULL: none */
        size_t behind;
    } rows[] = {
        {"0161 0162 00  c000", 5, "a.b.", 7},
        {"0161 0162 00  c002", 5, "b.", 7},
        {"0161 0162 00  0163 c002", 5, "c.b.", 9},
        {"0161 00 0162 c000 0163 c003", 7, "c.b.a.", 11},
        {"0161 00 c004", 3, NULL, 0}, /* forward */
        {"0161 00 c003", 3, NULL, 0}, /* to itself */
        {"0161 c000", 0, NULL, 0},    /* to its own start: a loop */
        {"0161 c000", 2, NULL, 0},    /* the same by way of one */
        {"c002 c000", 2, NULL, 0},    /* to and fro */
        {"0161 00 0162 c003", 3, NULL, 0},
        {"0161 00 c0", 3, NULL, 0}, /* cut */
        {"0161 00 4000", 3, NULL, 0},
        {"0161 00 8000", 3, NULL, 0},
        {"0161 00", 3, NULL, 0},
        {"0161 00 c000", 9, NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[64], *copy;
        size_t n = unhex(rows[i].hex, bytes, sizeof(bytes)), at = rows[i].at;
        char text[DNS_NAME_TEXT];
        struct dns_name name;
        bool good;

        copy = exact(bytes, n);
        good = dns_name_read(copy, n, &at, &name);
        row_check(rows[i].hex, good == (rows[i].text != NULL));
        if (good) {
            row_check(rows[i].hex, at == rows[i].behind);
            row_check(rows[i].hex, dns_name_skip(copy, n, rows[i].at) == rows[i].behind);
            row_string(rows[i].hex, dns_name_text(name.wire, text), rows[i].text);
        }
        free(copy);
    }
}

/* Pointers may make a short message say a name that is too long. */
static void compressed_too_long(void **state)
{
    uint8_t p[300];
    size_t n = long_name(p, 60), at = n;
    struct dns_name name;

    (void)state;
    memcpy(p + n, "\1a\xc0\0", 4); /* 2 + 254 */
    assert_false(dns_name_read(p, n + 4, &at, &name));
    memcpy(p + n, "\0", 1);
    n = long_name(p, 59);
    at = n;
    memcpy(p + n, "\1a\xc0\0", 4);
    assert_true(dns_name_read(p, n + 4, &at, &name) && name.n == 255 && at == n + 4);
}

static void from_text(void **state)
{
    static const struct {
        const char *text, *origin;
        const char *hex, *wrong;
    } rows[] = {
        {".", "x.", "00", NULL},
        {"@", "x.", "017800", NULL},
        {"a", "x.", "0161017800", NULL},
        {"a.", "x.", "016100", NULL},
        {"A.b", ".", "0141016200", NULL},
        {"*", "x.", "012a017800", NULL},
        {"_443._tcp", ".", "045f343433045f74637000", NULL},
        {"a\\.b.", ".", "03612e6200", NULL},
        {"a\\046b.", ".", "03612e6200", NULL},
        {"\\000.", ".", "010000", NULL},
        {"\\255.", ".", "01ff00", NULL},
        {"a\\\\.", ".", "02615c00", NULL},
        {"a\\@b.", ".", "0361406200", NULL},
        {"", "x.", NULL, "is empty"},
        {"..", "x.", NULL, "has an empty label"},
        {".a", "x.", NULL, "has an empty label"},
        {"a..", "x.", NULL, "has an empty label"},
        {"a..b", "x.", NULL, "has an empty label"},
        {"a\\", "x.", NULL, "ends in a backslash"},
        {"\\25", "x.", NULL, "has an escape of less than three digits"},
        {"\\2a5", "x.", NULL, "has an escape of less than three digits"},
        {"\\256", "x.", NULL, "has an escape above \\255"},
        {"a b", "x.", NULL, "has a space or control byte, which is written as \\DDD"},
        {"m@x", "x.", NULL, "has an \"@\": a mailbox is written with a dot there"},
        {"b\303\274cher", "x.", NULL, "has letters outside ASCII: write its A-labels (xn--...)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_name origin = name_of(rows[i].origin), name, again;
        const char *wrong = dns_name_parse(span_of(rows[i].text), &origin, &name);
        char hex[600], text[DNS_NAME_TEXT];

        if (rows[i].wrong != NULL) {
            row_string(rows[i].text, wrong != NULL ? wrong : "", rows[i].wrong);
            continue;
        }
        row_string(rows[i].text, wrong != NULL ? wrong : "", "");
        row_string(rows[i].text, tohex(name.wire, name.n, hex, sizeof(hex)), rows[i].hex);
        again = name_of(dns_name_text(name.wire, text));
        row_check(rows[i].text, again.n == name.n && memcmp(again.wire, name.wire, name.n) == 0);
    }
}

static void text_limits(void **state)
{
    char text[400];
    struct dns_name name;
    struct dns_name origin = name_of("abc.");

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_null(dns_name_parse(span_make(text, 63), NULL, &name));
    assert_int_equal(name.n, 65);
    assert_string_equal(
        dns_name_parse(span_make(text, 64), NULL, &name), "has a label of more than 63 bytes");
    text[63] = text[127] = text[191] = '.';
    /* 63 + 63 + 63 + 61 with lengths and root: 255 */
    assert_null(dns_name_parse(span_make(text, 253), NULL, &name));
    assert_int_equal(name.n, 255);
    assert_string_equal(
        dns_name_parse(span_make(text, 254), NULL, &name), "is longer than 255 bytes");
    assert_string_equal(
        dns_name_parse(span_make(text, 253), &origin, &name), "is longer than 255 bytes");
    assert_null(dns_name_parse(span_make(text, 249), &origin, &name));
    assert_int_equal(name.n, 255);
}

/* All bytes, at all lengths and places within words of eight, in place and beside. */
static void lower_case(void **state)
{
    uint8_t in[256], out[256], want[256];

    (void)state;
    for (unsigned c = 0; c < 256; c++)
        in[c] = (uint8_t)c;
    for (size_t from = 0; from < 256; from++) {
        for (size_t n = 0; n <= 40 && from + n <= 256; n++) {
            uint8_t *copy = exact(in + from, n);

            for (size_t i = 0; i < n; i++)
                want[i] = (uint8_t)ascii_lower((char)in[from + i]);
            dns_name_lower(out, copy, n);
            assert_memory_equal(out, want, n);
            dns_name_lower(copy, copy, n);
            assert_memory_equal(copy, want, n);
            assert_true(dns_name_eq(copy, n, in + from, n));
            for (size_t i = 0; i < n; i++) {
                copy[i] ^= 0x80;
                assert_false(dns_name_eq(copy, n, in + from, n));
                copy[i] ^= 0x80;
            }
            free(copy);
        }
    }
}

static void below(void **state)
{
    static const struct {
        const char *name, *zone;
        int at;
    } rows[] = {
        {"www.Example.com.", "eXample.com.", 4},
        {"example.com.", "example.com.", 0},
        {"a.b.example.com.", "example.com.", 4},
        {"example.com.", ".", 12},
        {".", ".", 0},
        {"com.", "example.com.", -1},
        {"badexample.com.", "example.com.", -1},
        {"a.example.org.", "example.com.", -1},
        /* The same bytes, but not at a label's start. */
        {"a\\003com.", "com.", -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_name name = name_of(rows[i].name), zone = name_of(rows[i].zone);

        row_check(rows[i].name, dns_name_below(name.wire, name.n, zone.wire, zone.n) == rows[i].at);
        row_check(rows[i].name, dns_name_bytes(name.wire) == name.n);
    }
    assert_int_equal(dns_name_labels(name_of(".").wire), 0);
    assert_int_equal(dns_name_labels(name_of("a.b.c.").wire), 3);
    assert_true(dns_name_is_wildcard(name_of("*.a.").wire));
    assert_false(dns_name_is_wildcard(name_of("**.a.").wire));
    assert_false(dns_name_is_wildcard(name_of("a.*.").wire));
}

/* The example of RFC 4034 §6.1, with the root before it. */
static void order(void **state)
{
    static const char *const sorted[] = {".", "example.", "a.example.", "yljkjljk.a.example.",
        "Z.a.example.", "zABC.a.EXAMPLE.", "z.example.", "\\001.z.example.", "*.z.example.",
        "\\200.z.example."};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sorted); i++) {
        for (size_t k = 0; k < ARRAY_LEN(sorted); k++) {
            struct dns_name a = name_of(sorted[i]), b = name_of(sorted[k]);
            int d = dns_name_compare(a.wire, b.wire);

            row_check(sorted[i], (d < 0) == (i < k) && (d > 0) == (i > k));
        }
    }
    assert_int_equal(dns_name_compare(name_of("A.b.").wire, name_of("a.B.").wire), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wire),
        cmocka_unit_test(longest),
        cmocka_unit_test(compressed),
        cmocka_unit_test(compressed_too_long),
        cmocka_unit_test(from_text),
        cmocka_unit_test(text_limits),
        cmocka_unit_test(lower_case),
        cmocka_unit_test(below),
        cmocka_unit_test(order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
