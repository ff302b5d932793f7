/* Requests: the table of dns/query.h row by row, with RFC 6891, 7871, 7873, 8945. */
#include "table.h"

#include "dns/query.h"

/* Parts of messages: a header with its four counts, a question, an OPT with so many bytes. */
#define HEAD(flags, counts) "1234" flags counts
#define WWW                 "03777777 076578616d706c65 03636f6d 00"
#define Q(type)             WWW type "0001"
#define OPT(rdlen)          "00 0029 04d0 00000000" rdlen
#define ONE                 "0001 0000 0000 0000"
#define ONE_OPT             "0001 0000 0000 0001"
#define ECS(len, rest)      "0008" len rest
/* A record of additional that means nothing to us: A of www by a pointer. */
#define EXTRA "c00c 0001 0001 0000003c 0004 c0000201"
#define TSIG                                                                                       \
    "036b6579 00 00fa 00ff 00000000 002d  0b686d61632d736861323536 00  00006b0212a8 012c 0010 "    \
    "000102030405060708090a0b0c0d0e0f 1234 0000 0000"

struct row {
    const char *what;
    const char *hex;
    enum dns_read read;
    unsigned rcode;
};

static enum dns_read read_hex(const char *hex, struct dns_query *q, uint8_t **copy)
{
    uint8_t bytes[2048];
    size_t n = unhex(hex, bytes, sizeof(bytes));

    memset(q, 0xa5, sizeof(*q));
    *copy = exact(bytes, n);
    return dns_query_read(*copy, n, q);
}

static void run(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct dns_query q;
        uint8_t *copy;
        enum dns_read got = read_hex(rows[i].hex, &q, &copy);

        if (got != rows[i].read)
            fail_msg("%s: read %d", rows[i].what, got);
        if (got != DNS_READ_DROP && q.rcode != rows[i].rcode)
            fail_msg("%s: rcode %u", rows[i].what, q.rcode);
        if (got == DNS_READ_OK)
            row_check(rows[i].what, q.rcode == 0 && q.ede == DNS_EDE_NONE);
        free(copy);
    }
}

static void headers(void **state)
{
    static const struct row rows[] = {
        {"nothing", "", DNS_READ_DROP, 0},
        {"11 bytes", "1234 0000 0000 0000 0000 00", DNS_READ_DROP, 0},
        {"a response", HEAD("8000", ONE) Q("0001"), DNS_READ_DROP, 0},
        {"a response of another opcode", HEAD("a800", "0000 0000 0000 0000"), DNS_READ_DROP, 0},
        {"plain", HEAD("0000", ONE) Q("0001"), DNS_READ_OK, 0},
        {"all flags that may be ignored: AA TC RD RA Z AD CD, RCODE", HEAD("07ff", ONE) Q("0001"),
            DNS_READ_OK, 0},
        {"IQUERY", HEAD("0800", ONE) Q("0001"), DNS_READ_REFUSE, DNS_RCODE_NOTIMP},
        {"STATUS, header alone", HEAD("1000", "0000 0000 0000 0000"), DNS_READ_REFUSE,
            DNS_RCODE_NOTIMP},
        {"NOTIFY with garbage", HEAD("2000", ONE) "ff", DNS_READ_REFUSE, DNS_RCODE_NOTIMP},
        {"UPDATE", HEAD("2800", ONE) Q("0006"), DNS_READ_REFUSE, DNS_RCODE_NOTIMP},
        {"DSO", HEAD("3000", "0000 0000 0000 0000"), DNS_READ_REFUSE, DNS_RCODE_NOTIMP},
        {"opcode 15", HEAD("7800", "0000 0000 0000 0000"), DNS_READ_REFUSE, DNS_RCODE_NOTIMP},
        {"no question", HEAD("0000", "0000 0000 0000 0000"), DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"no question, OPT without cookie", HEAD("0000", "0000 0000 0000 0001") OPT("0000"),
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"no question, cookie",
            HEAD("0000", "0000 0000 0000 0001") OPT("000c") "000a 0008 0102030405060708",
            DNS_READ_OK, 0},
        {"two questions", HEAD("0000", "0002 0000 0000 0000") Q("0001") Q("001c"), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"a question that is not there", HEAD("0000", ONE), DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"a question cut short", HEAD("0000", ONE) WWW "0001 00", DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"a name cut short", HEAD("0000", ONE) "03777777", DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"a compressed question", HEAD("0000", ONE) "c00c 0001 0001", DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"a label type of RFC 2673", HEAD("0000", ONE) "41 00 00 0001 0001", DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"trailing byte", HEAD("0000", ONE) Q("0001") "00", DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"an answer", HEAD("0000", "0001 0001 0000 0000") Q("0001") EXTRA, DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"an authority", HEAD("0000", "0001 0000 0001 0000") Q("0001") EXTRA, DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"the root", HEAD("0000", ONE) "00 0002 0001", DNS_READ_OK, 0},
        {"CH", HEAD("0000", ONE) WWW "0010 0003", DNS_READ_OK, 0},
        {"ANY class", HEAD("0000", ONE) WWW "0001 00ff", DNS_READ_OK, 0},
    };

    (void)state;
    run(rows, ARRAY_LEN(rows));
}

static void types(void **state)
{
    static const struct row rows[] = {
        {"ANY", HEAD("0000", ONE) Q("00ff"), DNS_READ_OK, 0},
        {"TYPE666", HEAD("0000", ONE) Q("029a"), DNS_READ_OK, 0},
        {"TYPE65535", HEAD("0000", ONE) Q("ffff"), DNS_READ_OK, 0},
        {"TYPE127", HEAD("0000", ONE) Q("007f"), DNS_READ_OK, 0},
        {"NXNAME", HEAD("0000", ONE) Q("0080"), DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"OPT", HEAD("0000", ONE) Q("0029"), DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"TSIG", HEAD("0000", ONE) Q("00fa"), DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"AXFR", HEAD("0000", ONE) Q("00fc"), DNS_READ_REFUSE, DNS_RCODE_REFUSED},
        {"IXFR", HEAD("0000", ONE) Q("00fb"), DNS_READ_REFUSE, DNS_RCODE_REFUSED},
        {"IXFR as clients send it",
            HEAD("0000", "0001 0000 0001 0000")
                Q("00fb") "c00c 0006 0001 00000000 0016 00 00 00000001 00000000 00000000 00000000 "
                          "00000000",
            DNS_READ_REFUSE, DNS_RCODE_REFUSED},
        {"IXFR with half a SOA",
            HEAD("0000", "0001 0000 0001 0000") Q("00fb") "c00c 0006 0001 00000000 0016 00 00",
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"IXFR with OPT in authority", HEAD("0000", "0001 0000 0001 0000") Q("00fb") OPT("0000"),
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"MAILA", HEAD("0000", ONE) Q("00fe"), DNS_READ_REFUSE, DNS_RCODE_NOTIMP},
        {"MAILB", HEAD("0000", ONE) Q("00fd"), DNS_READ_REFUSE, DNS_RCODE_NOTIMP},
        {"TKEY", HEAD("0000", ONE) Q("00f9"), DNS_READ_REFUSE, DNS_RCODE_NOTIMP},
        {"TYPE200", HEAD("0000", ONE) Q("00c8"), DNS_READ_REFUSE, DNS_RCODE_NOTIMP},
    };
    struct dns_query q;
    uint8_t *copy;

    (void)state;
    run(rows, ARRAY_LEN(rows));
    assert_int_equal(read_hex(rows[4].hex, &q, &copy), DNS_READ_REFUSE);
    assert_int_equal(q.ede, DNS_EDE_INVALID_QUERY_TYPE);
    free(copy);
}

static void additional(void **state)
{
    static const struct row rows[] = {
        {"OPT", HEAD("0000", ONE_OPT) Q("0001") OPT("0000"), DNS_READ_OK, 0},
        {"OPT behind another", HEAD("0000", "0001 0000 0000 0002") Q("0001") EXTRA OPT("0000"),
            DNS_READ_OK, 0},
        {"OPT before another", HEAD("0000", "0001 0000 0000 0002") Q("0001") OPT("0000") EXTRA,
            DNS_READ_OK, 0},
        {"two OPT", HEAD("0000", "0001 0000 0000 0002") Q("0001") OPT("0000") OPT("0000"),
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"OPT with an owner", HEAD("0000", ONE_OPT) Q("0001") "0161" OPT("0000"), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"OPT with a pointer as owner",
            HEAD("0000", ONE_OPT) Q("0001") "c01c 0029 04d0 00000000 0000", DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"OPT counted but not there", HEAD("0000", ONE_OPT) Q("0001"), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"OPT cut short", HEAD("0000", ONE_OPT) Q("0001") "00 0029 04d0 00000000 00",
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"OPT longer than the message", HEAD("0000", ONE_OPT) Q("0001") OPT("0001"),
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"OPT not counted", HEAD("0000", ONE) Q("0001") OPT("0000"), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"a pointer forward", HEAD("0000", ONE_OPT) Q("0001") "c0ff 0001 0001 00000000 0000",
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"65535 records counted, one there", HEAD("0000", "0001 0000 0000 ffff") Q("0001") EXTRA,
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"TSIG", HEAD("0000", ONE_OPT) Q("0001") TSIG, DNS_READ_REFUSE, DNS_RCODE_NOTAUTH},
        {"TSIG behind OPT", HEAD("0000", "0001 0000 0000 0002") Q("0001") OPT("0000") TSIG,
            DNS_READ_REFUSE, DNS_RCODE_NOTAUTH},
        {"TSIG before OPT", HEAD("0000", "0001 0000 0000 0002") Q("0001") TSIG OPT("0000"),
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"two TSIG", HEAD("0000", "0001 0000 0000 0002") Q("0001") TSIG TSIG, DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"TSIG of no data", HEAD("0000", ONE_OPT) Q("0001") "00 00fa 00ff 00000000 0000",
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"TSIG of class IN",
            HEAD("0000", ONE_OPT)
                Q("0001") "00 00fa 0001 00000000 0011 00 000000000000 0000 0000 1234 0000 0000",
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"TSIG whose MAC is longer than it",
            HEAD("0000", ONE_OPT)
                Q("0001") "00 00fa 00ff 00000000 0011 00 000000000000 0000 0001 1234 0000 0000",
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"SIG(0)", HEAD("0000", ONE_OPT) Q("0001") "00 0018 00ff 00000000 0001 00", DNS_READ_OK, 0},
    };

    (void)state;
    run(rows, ARRAY_LEN(rows));
}

static void options(void **state)
{
#define WITH(rdlen, options) HEAD("0000", ONE_OPT) Q("0001") OPT(rdlen) options
    static const struct row rows[] = {
        {"version 1", HEAD("0000", ONE_OPT) Q("0001") "00 0029 04d0 00010000 0000", DNS_READ_REFUSE,
            DNS_RCODE_BADVERS},
        {"version 255, options of another form",
            HEAD("0000", ONE_OPT) Q("0001") "00 0029 04d0 00ff0000 0003 000a00", DNS_READ_REFUSE,
            DNS_RCODE_BADVERS},
        {"version 1, trailing byte",
            HEAD("0000", ONE_OPT) Q("0001") "00 0029 04d0 00010000 0000 00", DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"version 1 without question",
            HEAD("0000", "0000 0000 0000 0001") "00 0029 04d0 00010000 0000", DNS_READ_REFUSE,
            DNS_RCODE_BADVERS},
        {"all flags, an extended rcode",
            HEAD("0000", ONE_OPT) Q("0001") "00 0029 04d0 ff00ffff 0000", DNS_READ_OK, 0},
        {"option 100", WITH("0004", "0064 0000"), DNS_READ_OK, 0},
        {"option 100 with data", WITH("0006", "0064 0002 abcd"), DNS_READ_OK, 0},
        {"half an option header", WITH("0003", "0064 00"), DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"an option that is cut short", WITH("0005", "0064 0002 ab"), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"an option reaching into the next record",
            HEAD("0000", "0001 0000 0000 0002") Q("0001") OPT("0004") "0064 0001" EXTRA,
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"NSID", WITH("0004", "0003 0000"), DNS_READ_OK, 0},
        {"NSID with data", WITH("0005", "0003 0001 61"), DNS_READ_OK, 0},
        {"keepalive", WITH("0004", "000b 0000"), DNS_READ_OK, 0},
        {"keepalive with a timeout", WITH("0006", "000b 0002 0064"), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"padding", WITH("0008", "000c 0004 00000000"), DNS_READ_OK, 0},
        {"cookie of 7", WITH("000b", "000a 0007 01020304050607"), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"cookie of 8", WITH("000c", "000a 0008 0102030405060708"), DNS_READ_OK, 0},
        {"cookie of 9", WITH("000d", "000a 0009 010203040506070809"), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"cookie of 15", WITH("0013", "000a 000f 0102030405060708 090a0b0c0d0e0f"), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"cookie of 16", WITH("0014", "000a 0010 0102030405060708 090a0b0c0d0e0f10"), DNS_READ_OK,
            0},
        {"cookie of 0", WITH("0004", "000a 0000"), DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"a second cookie is not looked at",
            WITH("0011", "000a 0008 0102030405060708 000a 0001 ff"), DNS_READ_OK, 0},
    };

    (void)state;
    run(rows, ARRAY_LEN(rows));
}

/* RFC 7871 §6, §7.1: what gdnsd refuses, and more. */
static void subnets(void **state)
{
    static const struct row rows[] = {
        {"/24", WITH("000b", ECS("0007", "0001 18 00 c00002")), DNS_READ_OK, 0},
        {"/0", WITH("0008", ECS("0004", "0001 00 00")), DNS_READ_OK, 0},
        {"/32", WITH("000c", ECS("0008", "0001 20 00 c0000201")), DNS_READ_OK, 0},
        {"/20, whole nibble", WITH("000b", ECS("0007", "0001 14 00 c00010")), DNS_READ_OK, 0},
        {"/20, a stray bit", WITH("000b", ECS("0007", "0001 14 00 c00018")), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"/1, a stray bit", WITH("0009", ECS("0005", "0001 01 00 c0")), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"/33", WITH("000d", ECS("0009", "0001 21 00 c000020180")), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"/255", WITH("000c", ECS("0008", "0001 ff 00 c0000201")), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"/24 of two bytes", WITH("000a", ECS("0006", "0001 18 00 c000")), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"/24 of four bytes", WITH("000c", ECS("0008", "0001 18 00 c0000200")), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"/0 of one byte", WITH("0009", ECS("0005", "0001 00 00 00")), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"a scope", WITH("000b", ECS("0007", "0001 18 18 c00002")), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"three bytes", WITH("0007", ECS("0003", "0001 00")), DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"no bytes", WITH("0004", ECS("0000", "")), DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"IPv6 /56", WITH("000f", ECS("000b", "0002 38 00 20010db8000000")), DNS_READ_OK, 0},
        {"IPv6 /128", WITH("0018", ECS("0014", "0002 80 00 20010db8000000000000000000000001")),
            DNS_READ_OK, 0},
        {"IPv6 /129", WITH("0019", ECS("0015", "0002 81 00 20010db800000000000000000000000180")),
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"IPv6 /0", WITH("0008", ECS("0004", "0002 00 00")), DNS_READ_OK, 0},
        {"family 0 of nothing", WITH("0008", ECS("0004", "0000 00 00")), DNS_READ_OK, 0},
        {"family 0 /8", WITH("0009", ECS("0005", "0000 08 00 0a")), DNS_READ_REFUSE,
            DNS_RCODE_FORMERR},
        {"family 3", WITH("0008", ECS("0004", "0003 00 00")), DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"family 257", WITH("0008", ECS("0004", "0101 00 00")), DNS_READ_REFUSE, DNS_RCODE_FORMERR},
        {"two", WITH("0016", ECS("0007", "0001 18 00 c00002") ECS("0007", "0001 18 00 c00002")),
            DNS_READ_REFUSE, DNS_RCODE_FORMERR},
    };

    (void)state;
    run(rows, ARRAY_LEN(rows));
}

/* What is known afterwards. */
static void contents(void **state)
{
    struct dns_query q;
    char text[DNS_NAME_TEXT];
    uint8_t *copy;

    (void)state;
    assert_int_equal(read_hex("beef 0100 0001 0000 0000 0001 03575757 076578416d706c65 03434f4d 00 "
                              "001c 0003  00 0029 1000 00008000 002c"
                              "0008 0007 0001 17 00 c00002  0003 0000  000b 0000  000c 0001 00"
                              "000a 0010 0102030405060708 090a0b0c0d0e0f10",
                         &q, &copy),
        DNS_READ_OK);
    assert_true(q.id == 0xbeef && q.opcode == 0 && q.rd && q.has_question);
    assert_true(q.type == DNS_AAAA && q.class == DNS_CH && q.tsig.name == NULL);
    assert_string_equal(dns_name_text(q.name.wire, text), "www.example.com.");
    assert_string_equal(dns_name_text(q.question, text), "WWW.exAmple.COM.");
    assert_true(q.edns.has && q.edns.version == 0 && q.edns.dnssec_ok && q.edns.udp_bytes == 4096);
    assert_true(q.edns.nsid && q.edns.keepalive && q.edns.padding);
    assert_true(q.edns.has_ecs && q.edns.ecs.family == DNS_ECS_V4 && q.edns.ecs.source == 23);
    assert_memory_equal(q.edns.ecs.address, "\xc0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(q.edns.cookie_n, 16);
    assert_memory_equal(q.edns.cookie, "\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf\x10", 16);
    free(copy);

    assert_int_equal(read_hex(HEAD("0000", ONE) Q("0001"), &q, &copy), DNS_READ_OK);
    assert_true(!q.rd && !q.edns.has && q.edns.udp_bytes == 512 && !q.edns.has_ecs);
    assert_true(!q.edns.dnssec_ok && q.edns.cookie_n == 0 && !q.edns.nsid && !q.edns.padding);
    free(copy);

    /* Less than 512 counts as 512 (RFC 6891 §6.2.3). */
    assert_int_equal(
        read_hex(HEAD("0000", ONE_OPT) Q("0001") "00 0029 0010 00000000 0000", &q, &copy),
        DNS_READ_OK);
    assert_int_equal(q.edns.udp_bytes, 512);
    free(copy);

    /* Of options in disorder nothing is left to repeat, but there was an OPT. */
    assert_int_equal(
        read_hex(WITH("0019", ECS("0007", "0001 18 00 c00002") "0003 0000"
                                                               "000a 0006 010203040506"),
            &q, &copy),
        DNS_READ_REFUSE);
    assert_true(q.edns.has && !q.edns.has_ecs && !q.edns.nsid && q.edns.cookie_n == 0);
    assert_true(q.has_question);
    free(copy);
}

/* Every beginning of a good message, and every byte of it changed: something is said or nothing,
 * and no byte outside is looked at (ASan). */
static void all_cuts(void **state)
{
    static const char *const good = HEAD("0000", "0001 0000 0000 0003") Q("0001") EXTRA OPT("001b")
        ECS("0007", "0001 18 00 c00002") "000a 0008 0102030405060708 0003 0000" TSIG;
    uint8_t bytes[512];
    size_t n = unhex(good, bytes, sizeof(bytes));
    struct dns_query q;

    (void)state;
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *copy = exact(bytes, cut);
        enum dns_read got = dns_query_read(copy, cut, &q);

        assert_int_equal(got, cut < 12 ? DNS_READ_DROP : DNS_READ_REFUSE);
        if (got == DNS_READ_REFUSE)
            assert_int_equal(q.rcode, DNS_RCODE_FORMERR);
        free(copy);
    }
    for (size_t at = 0; at < n; at++) {
        for (unsigned v = 0; v < 256; v++) {
            uint8_t *copy = exact(bytes, n);

            copy[at] = (uint8_t)v;
            if (dns_query_read(copy, n, &q) != DNS_READ_DROP && q.has_question)
                assert_int_equal(dns_name_bytes(q.name.wire), q.name.n);
            free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(types),
        cmocka_unit_test(additional),
        cmocka_unit_test(options),
        cmocka_unit_test(subnets),
        cmocka_unit_test(contents),
        cmocka_unit_test(all_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
