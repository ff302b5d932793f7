/* The data of records from words: RFC 1035 §5.1, 2782, 3597, 4034, 8659, 9460 and its test vectors
 * (appendix D); canonical form and order (RFC 4034 §6). */
#include "table.h"

#include "dns/rdata.h"

/* Words are parted by '|', so that they may have spaces. */
static bool parse(uint16_t type, const char *text, uint8_t *out, size_t *n, struct dns_why *why)
{
    struct dns_name origin = name_of("Example.com.");
    struct span words[80], rest = span_of(text);
    size_t words_n = 0;

    while (words_n < ARRAY_LEN(words) && span_cut(&rest, '|', &words[words_n]))
        words_n++;
    return dns_rdata_parse(type, words, words_n, &origin, out, n, why);
}

struct row {
    uint16_t type;
    const char *text, *hex;
};

#define EXAMPLE "076578616d706c65 03636f6d 00"
#define ORIGIN  "074578616d706c65 03636f6d 00"

static const struct row good[] = {
    {DNS_A, "192.0.2.1", "c0000201"},
    {DNS_AAAA, "2001:db8::1", "20010db8000000000000000000000001"},
    {DNS_AAAA, "::ffff:192.0.2.1", "00000000000000000000ffffc0000201"},
    {DNS_NS, "ns1", "036e7331" ORIGIN},
    {DNS_NS, "@", ORIGIN},
    {DNS_CNAME, "WWW.other.", "03575757 056f74686572 00"},
    {DNS_PTR, ".", "00"},
    {DNS_SOA, "ns1|host\\.master|7|1h|5m|1w|60",
        "036e7331" ORIGIN "0b686f73742e6d6173746572" ORIGIN
        "00000007 00000e10 0000012c 00093a80 0000003c"},
    {DNS_SOA, ".|.|4294967295|0|1w2d3h4m5s|2147483647|0",
        "00 00 ffffffff 00000000 000c08a5 7fffffff 00000000"},
    {DNS_MX, "10|mail", "000a 046d61696c" ORIGIN},
    {DNS_MX, "0|.", "0000 00"},
    {DNS_TXT, "v=spf1 -all", "0b 763d73706631202d616c6c"},
    {DNS_TXT, "a|b c|", "0161 03622063 00"},
    {DNS_TXT, "", "00"},
    {DNS_TXT, "a\\\\b\\\"\\065\\000", "06 615c62224100"},
    {DNS_SRV, "0|5|443|www.", "0000 0005 01bb 03777777 00"},
    {DNS_CAA, "0|issue|ca.example; a=b", "00 05 6973737565 63612e6578616d706c653b20613d62"},
    {DNS_CAA, "128|iodef|mailto:a@b", "80 05 696f646566 6d61696c746f3a614062"},
    {DNS_CAA, "0|issue|", "00 05 6973737565"},
    {DNS_DS, "60485|5|1|2BB183AF5F22588179A53B0A|98631FAD1A292118",
        "ec45 05 01 2bb183af5f22588179a53b0a98631fad1a292118"},
    {DNS_DS, "1|13|250|00", "0001 0d fa 00"},
    /* RFC 3597 §5 */
    {DNS_A, "\\#|4|0A000001", "0a000001"},
    {731, "\\#|6|abcd|ef012345", "abcdef012345"},
    {731, "\\#|0", ""},
    {DNS_MX, "\\#|4|000a|0161", NULL},
    {DNS_TLSA, "\\#|3|010203", "010203"},
    /* RFC 9460, D.1 and D.2 */
    {DNS_HTTPS, "0|foo.example.com.", "0000 03666f6f" EXAMPLE},
    {DNS_SVCB, "1|.", "0001 00"},
    {DNS_SVCB, "16|foo.example.com.|port=53", "0010 03666f6f" EXAMPLE "0003 0002 0035"},
    {DNS_SVCB, "1|foo.example.com.|key667=hello", "0001 03666f6f" EXAMPLE "029b 0005 68656c6c6f"},
    {DNS_SVCB, "1|foo.example.com.|key667=hello\\210qoo",
        "0001 03666f6f" EXAMPLE "029b 0009 68656c6c6fd2716f6f"},
    {DNS_SVCB, "1|foo.example.com.|ipv6hint=2001:db8::1,2001:db8::53:1",
        "0001 03666f6f" EXAMPLE "0006 0020 20010db8000000000000000000000001"
        "20010db8000000000000000000530001"},
    {DNS_SVCB, "1|example.com.|ipv6hint=2001:db8:122:344::192.0.2.33",
        "0001" EXAMPLE "0006 0010 20010db8012203440000 0000c0000221"},
    {DNS_SVCB, "16|foo.example.org.|alpn=h2,h3-19|mandatory=ipv4hint,alpn|ipv4hint=192.0.2.1",
        "0010 03666f6f 076578616d706c65 036f7267 00"
        "0000 0004 0001 0004 0001 0009 02 6832 05 68332d3139 0004 0004 c0000201"},
    {DNS_SVCB, "16|foo.example.org.|alpn=f\\\\\\092oo\\\\,bar,h2",
        "0010 03666f6f 076578616d706c65 036f7267 00"
        "0001 000c 08 665c6f6f2c626172 02 6832"},
    /* Others of its parameters. */
    {DNS_HTTPS, "1|.|no-default-alpn|alpn=h3", "0001 00 0001 0003 02 6833 0002 0000"},
    {DNS_HTTPS, "1|.|ech=AEX+DQ==", "0001 00 0005 0004 0045fe0d"},
    {DNS_HTTPS, "1|.|dohpath=/dns-query{?dns}",
        "0001 00 0007 0010 2f646e732d71756572797b3f646e737d"},
    {DNS_HTTPS, "1|.|key65000=|key9", "0001 00 0009 0000 fde8 0000"},
    {DNS_HTTPS, "1|.|key3=\\001\\187", "0001 00 0003 0002 01bb"},
};

static void well_written(void **state)
{
    static uint8_t out[DNS_RDATA_MAX], want[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        const struct row *r = &good[i];
        struct dns_why why = {""};
        char got_hex[1200], want_hex[1200];
        size_t n = 0, want_n;
        bool parsed = parse(r->type, r->text, out, &n, &why);
        uint8_t *copy;

        if (r->hex == NULL) {
            row_check(r->text, !parsed && why.text[0] != '\0');
            continue;
        }
        row_string(r->text, why.text, "");
        row_check(r->text, parsed);
        want_n = unhex(r->hex, want, sizeof(want));
        row_string(r->text, tohex(out, n, got_hex, sizeof(got_hex)),
            tohex(want, want_n, want_hex, sizeof(want_hex)));
        copy = exact(out, n);
        row_check(r->text, dns_rdata_check(r->type, copy, n));
        /* Nothing that is shorter, but for what may end anywhere. */
        if (r->type == DNS_SOA || r->type == DNS_MX || r->type == DNS_SRV || r->type == DNS_A) {
            for (size_t cut = 0; cut < n; cut++)
                row_check(r->text, !dns_rdata_check(r->type, copy, cut));
        }
        free(copy);
    }
}

static void badly_written(void **state)
{
    static const struct {
        uint16_t type;
        const char *text, *why;
    } rows[] = {
        {DNS_A, "", "\"\" is no IPv4 address"},
        {DNS_A, "192.0.2.256", "\"192.0.2.256\" is no IPv4 address"},
        {DNS_A, "192.0.2", "\"192.0.2\" is no IPv4 address"},
        {DNS_A, "192.0.2.1|192.0.2.2", "A takes ADDRESS"},
        {DNS_AAAA, "192.0.2.1", "\"192.0.2.1\" is no IPv6 address"},
        {DNS_NS, "a..b", "the name \"a..b\" has an empty label"},
        {DNS_MX, "mail|10", "\"mail\" is no preference, a number from 0 to 65535"},
        {DNS_MX, "mail", "MX takes PREFERENCE NAME"},
        {DNS_MX, "65536|a", "\"65536\" is no preference, a number from 0 to 65535"},
        {DNS_MX, "10|a@b", "the name \"a@b\" has an \"@\": a mailbox is written with a dot there"},
        {DNS_SOA, "a|b|1|1x|1|1|1",
            "\"1x\" is no refresh: seconds up to 2147483647, or with s, m, h, d, w as in 1h30m"},
        {DNS_SOA, "a|b|1|1h30|1|1|1",
            "\"1h30\" is no refresh: seconds up to 2147483647, or with s, m, h, d, w as in 1h30m"},
        {DNS_SOA, "a|b|1|1|1|1|2147483648",
            "\"2147483648\" is no minimum: seconds up to 2147483647, or with s, m, h, d, w as in "
            "1h30m"},
        {DNS_SOA, "a|b|1", "SOA takes SERVER MAILBOX SERIAL REFRESH RETRY EXPIRE MINIMUM"},
        {DNS_TXT, "a\\",
            "\"a\\\" has a backslash that is followed by neither three digits up to 255 nor the "
            "character meant"},
        {DNS_TXT, "\\300",
            "\"\\300\" has a backslash that is followed by neither three digits up to 255 nor the "
            "character meant"},
        {DNS_CAA, "0|is-sue|x", "that is no data of type CAA"},
        {DNS_CAA, "256|issue|x", "\"256\" is no flags, a number from 0 to 255"},
        {DNS_CAA, "0||x", "\"\" is no tag: issue, issuewild, iodef, ..."},
        {DNS_DS, "1|13|2|abcd", "a digest of type 2 has 32 bytes, not 2"},
        {DNS_DS, "1|13|250|abc",
            "\"abc\" is not hexadecimal: two digits for each of at most 32764 bytes"},
        {DNS_DS, "1|13|250|zz", "\"zz\" is not hexadecimal"},
        {DNS_A, "\\#|3|0A0000", "that is no data of type A"},
        {DNS_A, "\\#|4|0A0000", "3 bytes of data where 4 were said to be"},
        {DNS_A, "\\#|40000|00", "\"40000\" is no length, a number from 0 to 32768"},
        {731, "abc", "TYPE731 is written as \\# LENGTH HEX (RFC 3597)"},
        /* RFC 9460, D.3, and others */
        {DNS_SVCB, "1|foo.example.com.|key123=abc|key123=def", "key123 stands there twice"},
        {DNS_SVCB, "1|foo.example.com.|mandatory", "mandatory needs a value"},
        {DNS_SVCB, "1|foo.example.com.|alpn", "alpn needs a value"},
        {DNS_SVCB, "1|foo.example.com.|no-default-alpn=abc", "no-default-alpn takes no value"},
        {DNS_SVCB, "1|foo.example.com.|mandatory=key123",
            "key123 is missing, which another parameter needs"},
        {DNS_SVCB, "1|foo.example.com.|mandatory=mandatory",
            "mandatory has a value that it cannot have"},
        {DNS_SVCB, "1|foo.example.com.|mandatory=key123,key123|key123=abc",
            "mandatory has a value that it cannot have"},
        {DNS_HTTPS, "1|.|no-default-alpn", "alpn is missing, which another parameter needs"},
        {DNS_HTTPS, "0|foo.|alpn=h2", "priority 0 is an alias, which has no parameters"},
        {DNS_HTTPS, "1|.|port=65536", "\"65536\" is no port, a number from 0 to 65535"},
        {DNS_HTTPS, "1|.|key3=abc", "port has a value that it cannot have"},
        {DNS_HTTPS, "1|.|alpn=", "alpn has a protocol of 0 or more than 255 bytes"},
        {DNS_HTTPS, "1|.|alpn=h2,,h3", "alpn has a protocol of 0 or more than 255 bytes"},
        {DNS_HTTPS, "1|.|ipv4hint=::1", "\"::1\" is no IPv4 address"},
        {DNS_HTTPS, "1|.|ipv4hint=", "\"\" is no IPv4 address"},
        {DNS_HTTPS, "1|.|ech=AEX+DQ=", "\"AEX+DQ=\" is not base64"},
        {DNS_HTTPS, "1|.|ech=", "\"\" is not base64"},
        {DNS_HTTPS, "1|.|ech=AB==", "\"AB==\" is not base64"},
        {DNS_HTTPS, "1|.|dohpath=dns-query", "\"dns-query\" is no dohpath: /dns-query{?dns}"},
        {DNS_HTTPS, "1|.|key65535=a",
            "\"key65535\" is no parameter of SVCB: mandatory, alpn, no-default-alpn, port, "
            "ipv4hint, ech, ipv6hint, dohpath or keyNNNNN"},
        {DNS_HTTPS, "1|.|key009=a",
            "\"key009\" is no parameter of SVCB: mandatory, alpn, no-default-alpn, port, "
            "ipv4hint, ech, ipv6hint, dohpath or keyNNNNN"},
        {DNS_HTTPS, "1", "HTTPS takes PRIORITY TARGET PARAMETER..."},
    };
    static uint8_t out[DNS_RDATA_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_why why = {""};
        size_t n;

        row_check(rows[i].text, !parse(rows[i].type, rows[i].text, out, &n, &why));
        row_string(rows[i].text, why.text, rows[i].why);
    }
}

/* A word of any length becomes strings of at most 255 bytes. */
static void long_texts(void **state)
{
    static char text[40000];
    static uint8_t out[DNS_RDATA_MAX];
    struct span word = span_make(text, 255);
    struct dns_why why;
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 26);
    assert_true(dns_rdata_parse(DNS_TXT, &word, 1, NULL, out, &n, &why));
    assert_true(n == 256 && out[0] == 255);
    for (word.n = 256; word.n < 32768 - 130; word.n += 257) {
        size_t at = 0, seen = 0;

        assert_true(dns_rdata_parse(DNS_TXT, &word, 1, NULL, out, &n, &why));
        assert_int_equal(n, word.n + (word.n + 254) / 255);
        for (; at < n; at += 1u + out[at]) {
            assert_memory_equal(out + at + 1, text + seen, out[at]);
            seen += out[at];
        }
        assert_int_equal(seen, word.n);
    }
    word.n = sizeof(text);
    assert_false(dns_rdata_parse(DNS_TXT, &word, 1, NULL, out, &n, &why));
    assert_string_equal(why.text, "a record is at most 32768 bytes long");
}

/* What comes as \# for types that we know must be in order. */
static void forms(void **state)
{
    static const struct {
        uint16_t type;
        const char *hex;
        bool good;
    } rows[] = {
        {DNS_TXT, "", false},
        {DNS_TXT, "0261", false},
        {DNS_TXT, "0161 00", true},
        {DNS_NS, "c00c", false},
        {DNS_NS, "0161 00 00", false},
        {DNS_CAA, "0000", false},
        {DNS_CAA, "00 02 61", false},
        {DNS_SVCB, "0001 00 0003 0001 35", false},
        {DNS_SVCB, "0001 00 0003 0002 0035", true},
        {DNS_SVCB, "0001 00 0003 0002 0035 0003 0002 0035", false},   /* twice */
        {DNS_SVCB, "0001 00 0003 0002 0035 0001 0003 026832", false}, /* in disorder */
        {DNS_SVCB, "0001 00 0003 0003 0035", false},
        {DNS_SVCB, "0001 00 0003 00", false},
        {DNS_SVCB, "0001 00 0001 0001 00", false},
        {DNS_SVCB, "0001 00 0001 0003 036832", false},
        {DNS_SVCB, "0001 00 0000 0002 0001", false}, /* mandatory, missing */
        {DNS_SVCB, "0001 00 0002 0000", false},      /* no-default-alpn without alpn */
        {DNS_SVCB, "0001 00 ffff 0000", false},
        {DNS_RRSIG, "0001 0d 02 0000003c 00000000 00000001 0000 00", false},
        {DNS_RRSIG, "0001 0d 02 0000003c 00000000 00000001 0000 00 ff", true},
        {DNS_DS, "0001 0d 02", false},
        {DNS_NAPTR, "0001 0002 0155 00 0221 21 0141 00", true},
        {DNS_NAPTR, "0001 0002 0155 00 0221", false},
        {DNS_NAPTR, "0001 0002 0155 00 022121", false},
        {DNS_NAPTR, "0001 0002 0155", false},
        {DNS_NAPTR, "0001", false},
        {DNS_MINFO, "0141 00 0142 00", true},
        {DNS_MINFO, "0141 00", false},
        {999, "", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[64];
        size_t n = unhex(rows[i].hex, bytes, sizeof(bytes));
        uint8_t *copy = exact(bytes, n);

        row_check(rows[i].hex, dns_rdata_check(rows[i].type, copy, n) == rows[i].good);
        free(copy);
    }
}

static void canonical(void **state)
{
    static const struct {
        uint16_t type;
        const char *text, *hex;
    } rows[] = {
        {DNS_NS, "NS1", "036e7331" EXAMPLE},
        {DNS_MX, "16705|A.", "4141 0161 00"},
        {DNS_SOA, "A.|B.|1094795585|0|0|0|0",
            "0161 00 0162 00 41414141 00000000 00000000 00000000 00000000"},
        {DNS_SRV, "16705|16705|16705|A.", "4141 4141 4141 0161 00"},
        {DNS_TXT, "ABC", "03 414243"},
        {DNS_HTTPS, "1|A.", "0001 0141 00"}, /* RFC 3597 §7: of an unknown type nothing changes */
        {DNS_NAPTR, "\\#|13|0001000201550002212101|4100", "0001 0002 0155 00 022121 0161 00"},
        {DNS_PX, "\\#|8|4141|0141000142|00", "4141 0161 00 0162 00"},
        {DNS_CAA, "0|issue|CA", "00 05 6973737565 4341"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static uint8_t out[DNS_RDATA_MAX];
        uint8_t want[128];
        size_t n, want_n = unhex(rows[i].hex, want, sizeof(want));
        struct dns_why why;

        row_check(rows[i].text, parse(rows[i].type, rows[i].text, out, &n, &why));
        dns_rdata_canonical(rows[i].type, out, n, out);
        row_check(rows[i].text, n == want_n && memcmp(out, want, n) == 0);
    }
}

static void sets(void **state)
{
    /* Already in the order of RFC 4034 §6.3, with one twice in another case. */
    static const char *const sorted[] = {"a.b.", "B.", "b.", "c.", "aa.", "ab."};
    static uint8_t bytes[6][DNS_RDATA_MAX];
    struct dns_rdata records[6], r;
    struct dns_rrset *set;
    struct arena arena;
    size_t duplicates, at = 0, seen = 0;
    struct dns_why why;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        size_t n;

        assert_true(parse(DNS_NS, sorted[i], bytes[i], &n, &why));
        records[5 - i] = (struct dns_rdata){bytes[i], (uint16_t)n};
    }
    arena_init(&arena);
    set = dns_rrset_make(&arena, DNS_NS, 300, records, 6, &duplicates);
    assert_true(set->n == 5 && duplicates == 1 && set->ttl == 300);
    assert_int_equal(set->rdata_bytes, 5 * 2 + 5 + 3 + 3 + 4 + 4);
    while (dns_rrset_next(set, &at, &r)) {
        static const char *const want[] = {"0161016200", "01", "016300", "02616100", "02616200"};
        char hex[32];

        tohex(r.p, r.n, hex, sizeof(hex));
        assert_memory_equal(hex, want[seen], strlen(want[seen]));
        seen++;
    }
    assert_int_equal(seen, 5);
    arena_free(&arena);
}

static void words(void **state)
{
    static const struct {
        const char *text;
        int type;
    } rows[] = {
        {"A", 1},
        {"aaaa", 28},
        {"https", 65},
        {"TYPE0", 0},
        {"type65535", 65535},
        {"TYPE1", 1},
        {"TYPE65536", -1},
        {"TYPE", -1},
        {"TYPE-1", -1},
        {"AA", -1},
        {"", -1},
    };
    char text[DNS_WORD];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint16_t type = 0;
        bool known = dns_type_parse(span_of(rows[i].text), &type);

        row_check(rows[i].text, known == (rows[i].type >= 0) && (!known || type == rows[i].type));
    }
    assert_string_equal(dns_type_text(65, text), "HTTPS");
    assert_string_equal(dns_type_text(65280, text), "TYPE65280");
    assert_string_equal(dns_rcode_text(3, text), "NXDOMAIN");
    assert_string_equal(dns_rcode_text(4095, text), "RCODE4095");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_written),
        cmocka_unit_test(badly_written),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(forms),
        cmocka_unit_test(canonical),
        cmocka_unit_test(sets),
        cmocka_unit_test(words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
