/* Responses: bytes, compression, limits, OPT; and what https://ednscomp.isc.org asks (RFC 8906). */
#include "table.h"

#include "dns/writer.h"
#include "message.h"

static uint8_t in[2048], out[70000];
static size_t in_n;
static struct dns_query q;
static struct message m;
static struct arena arena;

/* A query from hexadecimal; it stays until the next. */
static void ask(const char *hex)
{
    in_n = unhex(hex, in, sizeof(in));
    assert_int_not_equal(dns_query_read(in, in_n, &q), DNS_READ_DROP);
}

#define WWW   "03777777 076578616d706c65 03636f6d 00"
#define PLAIN "1234 0100 0001 0000 0000 0000" WWW "0001 0001"
#define WITH_OPT(rdlen, options)                                                                   \
    "1234 0100 0001 0000 0000 0001" WWW "0001 0001  00 0029 04d0 00000000" rdlen options

static const struct dns_rrset *set_of(uint16_t type, uint32_t ttl, const char *const *texts)
{
    static uint8_t bytes[16][DNS_RDATA_MAX];
    struct dns_rdata records[16];
    struct dns_name origin = name_of("example.com.");
    size_t n = 0;

    for (; texts[n] != NULL; n++) {
        struct span words[8], rest = span_of(texts[n]);
        size_t words_n = 0, bytes_n;
        struct dns_why why;

        while (span_cut(&rest, ' ', &words[words_n]))
            words_n++;
        if (!dns_rdata_parse(type, words, words_n, &origin, bytes[n], &bytes_n, &why))
            fail_msg("%s: %s", texts[n], why.text);
        records[n] = (struct dns_rdata){bytes[n], (uint16_t)bytes_n};
    }
    return dns_rrset_make(&arena, type, ttl, records, n, NULL);
}
#define SET(type, ttl, ...) set_of(type, ttl, (const char *const[]){__VA_ARGS__, NULL})

static void must_read(size_t n)
{
    uint8_t *copy = exact(out, n);
    bool good = message_read(&m, copy, n);

    free(copy);
    m.p = out;
    assert_true(good);
}

static void bytes(void **state)
{
    struct dns_opt opt = DNS_OPT_INIT(1232);
    struct dns_writer w;
    char hex[600];
    size_t n;

    (void)state;
    ask("1234 0130 0001 0000 0000 0001 03577777 076578616d706c65 03636f6d 00 0001 0001"
        "00 0029 1000 0000ffff 000b 0008 0007 0001 17 00 c00002");
    opt.ecs_scope = 21;
    dns_writer_start(&w, out, 512, &q, &opt);
    w.flags |= DNS_AA;
    assert_true(dns_writer_rr(&w, DNS_ANSWER, NULL, DNS_A, 30, "\xc6\x33\x64\x7", 4));
    n = dns_writer_end(&w, DNS_RCODE_NOERROR);
    /* QR AA RD; of OPT's flags DO and CO are ours to repeat. */
    assert_string_equal(tohex(out, n, hex, sizeof(hex)),
        "1234"
        "8500"
        "0001000100000001"
        "03577777076578616d706c6503636f6d0000010001"
        "c00c000100010000001e0004c6336407"
        "00002904d00000c000000b"
        "0008000700011715c00002");
    must_read(n);
}

static void compression(void **state)
{
    const struct dns_rrset *ns =
        SET(DNS_NS, 60, "ns1", "ns2.example.com.", "a.ns.example.org.", "b.NS.example.ORG.");
    const struct dns_rrset *mx = SET(DNS_MX, 60, "10 mail", "20 mail.example.org.");
    const struct dns_rrset *soa = SET(DNS_SOA, 60, "ns1 hostmaster 1 1h 5m 1w 1m");
    const struct dns_rrset *srv = SET(DNS_SRV, 60, "0 0 443 ns1");
    struct dns_name zone = name_of("EXAMPLE.com."), ns1 = name_of("ns1.example.com.");
    struct dns_name other = name_of("x.mail.example.org.");
    char text[DNS_NAME_TEXT];
    struct dns_writer w;
    size_t n, at;

    (void)state;
    ask(PLAIN);
    dns_writer_start(&w, out, 1232, &q, NULL);
    at = w.at;
    assert_true(dns_writer_rrset(&w, DNS_ANSWER, zone.wire, ns));
    /* Of 12 bytes without owner and data: ns1 2+4+2, ns2 the same; a.ns.example.org in full, then
     * b and a pointer. */
    assert_int_equal(w.at - at, 4 * 12 + 6 + 6 + 18 + 4);
    at = w.at;
    assert_true(dns_writer_rrset(&w, DNS_ANSWER, NULL, mx));
    assert_int_equal(w.at - at, 2 * 12 + (2 + 7) + (2 + 7));
    at = w.at;
    assert_true(dns_writer_rrset(&w, DNS_AUTHORITY, zone.wire, soa));
    assert_int_equal(w.at - at, 12 + 2 + 13 + 20);
    at = w.at;
    /* SRV: the target stands in full (RFC 2782), and the owner is the question. */
    assert_true(dns_writer_rrset(&w, DNS_ADDITIONAL, q.name.wire, srv));
    assert_int_equal(w.at - at, 12 + 6 + 17);
    at = w.at;
    assert_true(dns_writer_rr(&w, DNS_ADDITIONAL, ns1.wire, DNS_A, 5, "\1\2\3\4", 4));
    assert_int_equal(w.at - at, 12 + 4);
    at = w.at;
    assert_true(dns_writer_rr(&w, DNS_ADDITIONAL, other.wire, DNS_A, 5, "\1\2\3\4", 4));
    assert_int_equal(w.at - at, 12 + 2 + 4);
    n = dns_writer_end(&w, DNS_RCODE_NOERROR);
    must_read(n);
    assert_int_equal(m.records_n, 10);
    assert_string_equal(dns_name_text(m.records[0].owner.wire, text), "example.com.");
    assert_string_equal(dns_name_text(m.records[4].owner.wire, text), "www.example.com.");
    assert_string_equal(dns_name_text(m.records[8].owner.wire, text), "ns1.example.com.");
    assert_string_equal(dns_name_text(m.records[9].owner.wire, text), "x.mail.example.org.");
    at = m.records[0].rdata_at;
    assert_true(dns_name_read(out, n, &at, &zone));
    assert_true(at == m.records[0].rdata_at + m.records[0].rdata_n);
}

/* Names of a question of 127 labels do not push out those of the answer. */
static void many_labels(void **state)
{
    char hex[1200] = "1234 0000 0001 0000 0000 0000 ";
    struct dns_name top = name_of("a.");
    struct dns_writer w;

    (void)state;
    for (unsigned i = 0; i < 127; i++)
        strcat(hex, "0161");
    strcat(hex, "00 0001 0001");
    ask(hex);
    dns_writer_start(&w, out, 512, &q, NULL);
    assert_true(dns_writer_rrset(&w, DNS_ANSWER, NULL, SET(DNS_CNAME, 1, "x.y.a.")));
    assert_true(dns_writer_rr(&w, DNS_ANSWER, name_of("x.y.a.").wire, DNS_A, 1, "abcd", 4));
    assert_true(dns_writer_rr(&w, DNS_AUTHORITY, top.wire, DNS_A, 1, "abcd", 4));
    assert_int_equal(w.at, 12 + 255 + 4 + 12 + 6 + 2 * (12 + 4));
    must_read(dns_writer_end(&w, DNS_RCODE_NOERROR));
}

/* The root is written as it is, pointed to by nobody. */
static void root(void **state)
{
    struct dns_writer w;

    (void)state;
    ask("1234 0000 0001 0000 0000 0000 00 0002 0001");
    dns_writer_start(&w, out, 512, &q, NULL);
    assert_true(dns_writer_rrset(&w, DNS_ANSWER, NULL, SET(DNS_NS, 1, "a.", "b.", ".")));
    assert_true(dns_writer_rr(&w, DNS_ANSWER, dns_root.wire, DNS_A, 1, "abcd", 4));
    must_read(dns_writer_end(&w, DNS_RCODE_NOERROR));
    assert_true(m.records_n == 4 && m.records[0].owner.n == 1 && m.records[3].owner.n == 1);
}

static void limits(void **state)
{
    const struct dns_rrset *big = SET(DNS_TXT, 1, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    const struct dns_rrset *ns = SET(DNS_NS, 1, "ns1", "ns2", "ns3.example.net.");
    struct dns_opt opt = DNS_OPT_INIT(1232);
    struct dns_writer w;

    (void)state;
    opt.nsid = SPAN("a name of ours for this server");
    opt.ede = DNS_EDE_OTHER;
    opt.ede_text = SPAN("words that may be left out");
    ask(WITH_OPT("000f", "0008 0007 0001 18 00 c00002 0003 0000"));
    for (size_t limit = 512; limit < 1400; limit++) {
        unsigned sets = 0;
        size_t n, ede_n = 0;

        memset(out, 0xee, sizeof(out));
        dns_writer_start(&w, out, limit, &q, &opt);
        while (dns_writer_rrset(&w, DNS_ANSWER, NULL, big))
            sets++;
        assert_true((w.flags & DNS_TC) != 0 && sets > 0);
        /* Nothing more, not even what had room. */
        assert_false(dns_writer_rr(&w, DNS_AUTHORITY, NULL, DNS_A, 1, "abcd", 4));
        n = dns_writer_end(&w, DNS_RCODE_NOERROR);
        assert_true(n <= limit);
        must_read(n);
        assert_true((m.flags & DNS_TC) != 0 && m.records_n == 2 * sets + 1 && m.opt != NULL);
        assert_non_null(message_option(&m, DNS_OPTION_NSID, &ede_n));
        assert_non_null(message_option(&m, DNS_OPTION_ECS, &ede_n));
        for (size_t i = limit; i < limit + 100; i++)
            assert_int_equal(out[i], 0xee);

        /* In additional it is left out, and another may follow. */
        dns_writer_start(&w, out, limit, &q, &opt);
        while (dns_writer_rrset(&w, DNS_ADDITIONAL, NULL, ns))
            continue;
        while (dns_writer_rr(&w, DNS_ADDITIONAL, NULL, DNS_A, 1, "abcd", 4))
            continue;
        n = dns_writer_end(&w, DNS_RCODE_NOERROR);
        assert_true(n <= limit && limit - n < 16 + 30);
        must_read(n);
        assert_int_equal(m.flags & DNS_TC, 0);
    }
}

/* What stands behind what a pointer can say is written in full, and a message ends at 65535. */
static void large(void **state)
{
    const struct dns_rrset *mx = SET(DNS_MX, 1, "10 a.b.c.", "20 d.b.c.", "30 e.f.");
    struct dns_name owner = name_of("x.b.c."), name;
    struct dns_writer w;
    unsigned sets = 0;
    size_t n, at;

    (void)state;
    ask(PLAIN);
    dns_writer_start(&w, out, sizeof(out), &q, NULL);
    while (w.at < 0x4000)
        assert_true(dns_writer_rr(&w, DNS_ANSWER, NULL, DNS_A, 1, "abcd", 4));
    for (; dns_writer_rrset(&w, DNS_AUTHORITY, owner.wire, mx); sets++)
        continue;
    n = dns_writer_end(&w, DNS_RCODE_NOERROR);
    assert_true(n <= 65535 && n > 65535 - 100);
    must_read(n);
    for (unsigned i = m.records_n - 3 * sets; i < m.records_n; i += 3) {
        assert_true(dns_name_eq(m.records[i].owner.wire, owner.n, owner.wire, owner.n));
        at = m.records[i + 1].rdata_at + 2;
        assert_true(dns_name_read(out, n, &at, &name) && name.wire[1] == 'd' && name.n == 7);
    }
}

static void going_back(void **state)
{
    struct dns_name a = name_of("a.b.example.net."), b = name_of("b.example.net.");
    struct dns_writer_mark mark;
    struct dns_writer w;
    size_t n;

    (void)state;
    ask(PLAIN);
    dns_writer_start(&w, out, 512, &q, NULL);
    assert_true(dns_writer_rr(&w, DNS_ANSWER, NULL, DNS_A, 1, "abcd", 4));
    mark = dns_writer_mark(&w);
    assert_true(dns_writer_rr(&w, DNS_ADDITIONAL, a.wire, DNS_A, 1, "abcd", 4));
    dns_writer_back(&w, &mark);
    /* What was taken back is not pointed to, and its section is open again. */
    assert_true(dns_writer_rr(&w, DNS_ANSWER, b.wire, DNS_A, 1, "efgh", 4));
    assert_true(dns_writer_rr(&w, DNS_ANSWER, a.wire, DNS_A, 1, "efgh", 4));
    n = dns_writer_end(&w, DNS_RCODE_NOERROR);
    must_read(n);
    assert_true(m.records_n == 3 && dns_name_eq(m.records[1].owner.wire, b.n, b.wire, b.n) &&
                dns_name_eq(m.records[2].owner.wire, a.n, a.wire, a.n));
}

static size_t empty_answer(const struct dns_opt *opt, size_t limit, unsigned rcode)
{
    struct dns_writer w;
    size_t n;

    dns_writer_start(&w, out, limit, &q, opt);
    n = dns_writer_end(&w, rcode);
    must_read(n);
    return n;
}

static void opt_options(void **state)
{
    char long_text[300], hex[200];
    struct dns_opt opt = DNS_OPT_INIT(1400);
    const uint8_t *p;
    size_t n;

    (void)state;
    memset(long_text, 'x', sizeof(long_text));
    opt.nsid = SPAN("fra1");
    opt.cookie_n = 24;
    memset(opt.cookie, 7, 24);
    opt.keepalive = true;
    opt.keepalive_ds = 300;
    opt.ecs_scope = 13;
    opt.ede = DNS_EDE_NOT_SUPPORTED;
    opt.ede_text = span_make(long_text, sizeof(long_text));

    /* Nothing that was not asked for, but for EDE and keepalive, which need no asking. */
    ask(WITH_OPT("0000", ""));
    empty_answer(&opt, 1232, DNS_RCODE_NOERROR);
    assert_int_equal(m.opt->class, 1400);
    assert_null(message_option(&m, DNS_OPTION_NSID, &n));
    assert_null(message_option(&m, DNS_OPTION_COOKIE, &n));
    assert_null(message_option(&m, DNS_OPTION_ECS, &n));
    assert_null(message_option(&m, DNS_OPTION_PADDING, &n));
    p = message_option(&m, DNS_OPTION_EDE, &n);
    assert_true(p != NULL && n == 2 + DNS_EDE_TEXT_MAX && get16(p) == 21);
    p = message_option(&m, DNS_OPTION_KEEPALIVE, &n);
    assert_true(p != NULL && n == 2 && get16(p) == 300);

    ask(WITH_OPT("0020", "0008 000c 0002 40 00 20010db800010002 0003 0000"
                         "000a 0008 0102030405060708"));
    empty_answer(&opt, 1232, DNS_RCODE_NOERROR);
    p = message_option(&m, DNS_OPTION_NSID, &n);
    assert_true(p != NULL && n == 4 && memcmp(p, "fra1", 4) == 0);
    p = message_option(&m, DNS_OPTION_COOKIE, &n);
    assert_true(p != NULL && n == 24 && p[23] == 7);
    p = message_option(&m, DNS_OPTION_ECS, &n);
    assert_string_equal(p != NULL ? tohex(p, n, hex, sizeof(hex)) : "", "0002400d20010db800010002");

    /* Who gives nothing away gets what holds for everybody; the family is his. */
    ask(WITH_OPT("0008", "0008 0004 0002 00 00"));
    empty_answer(&opt, 1232, DNS_RCODE_NOERROR);
    p = message_option(&m, DNS_OPTION_ECS, &n);
    assert_string_equal(p != NULL ? tohex(p, n, hex, sizeof(hex)) : "", "00020000");

    /* Without OPT nothing, and no code that needs it. */
    ask(PLAIN);
    empty_answer(&opt, 512, DNS_RCODE_BADCOOKIE);
    assert_true(m.opt == NULL && message_rcode(&m) == DNS_RCODE_SERVFAIL);
    ask(WITH_OPT("0000", ""));
    empty_answer(&opt, 512, DNS_RCODE_BADCOOKIE);
    assert_int_equal(message_rcode(&m), DNS_RCODE_BADCOOKIE);
}

/* A question of the greatest length and all options: what has no room is left out. */
static void opt_no_room(void **state)
{
    char hex[1400] = "1234 0100 0001 0000 0000 0001 ", nsid[255];
    struct dns_opt opt = DNS_OPT_INIT(1232);
    struct dns_writer w;
    size_t n;

    (void)state;
    for (unsigned i = 0; i < 127; i++)
        strcat(hex, "0161");
    strcat(hex, "00 0001 0001 00 0029 0200 00000000 0028 0008 0014 0002 80 00"
                "20010db8000000000000000000000001 0003 0000 000a 0008 0102030405060708");
    ask(hex);
    assert_int_equal(q.rcode, 0);
    memset(nsid, 'n', sizeof(nsid));
    opt.nsid = span_make(nsid, sizeof(nsid));
    opt.cookie_n = 24;
    opt.ecs_scope = 128;
    opt.ede = 0;
    opt.ede_text = SPAN("why");
    n = empty_answer(&opt, 512, DNS_RCODE_NOERROR);
    assert_true(n <= 512);
    assert_null(message_option(&m, DNS_OPTION_NSID, &n));
    assert_non_null(message_option(&m, DNS_OPTION_ECS, &n));
    assert_non_null(message_option(&m, DNS_OPTION_COOKIE, &n));
    dns_writer_start(&w, out, 512, &q, &opt);
    assert_false(dns_writer_rr(&w, DNS_ANSWER, NULL, DNS_A, 1, "abcd", 4));
    must_read(dns_writer_end(&w, DNS_RCODE_NOERROR));
    assert_int_equal(m.flags & DNS_TC, DNS_TC);
}

/* RFC 8467 §4.1, for all lengths of what stands before. */
static void padding(void **state)
{
    struct dns_opt opt = DNS_OPT_INIT(1232);
    struct dns_writer w;
    uint8_t data[1100] = {0};
    size_t n, pad = 0;

    (void)state;
    opt.pad = true;
    ask(WITH_OPT("0000", ""));
    assert_int_equal(empty_answer(&opt, 65535, DNS_RCODE_NOERROR), 12 + 21 + 11);
    ask(WITH_OPT("0006", "000c 0002 0000"));
    for (size_t k = 0; k < sizeof(data); k++) {
        dns_writer_start(&w, out, 65535, &q, &opt);
        assert_true(dns_writer_rr(&w, DNS_ANSWER, NULL, 999, 1, data, k));
        n = dns_writer_end(&w, DNS_RCODE_NOERROR);
        must_read(n);
        assert_non_null(message_option(&m, DNS_OPTION_PADDING, &pad));
        assert_true(n % DNS_PAD_TO == 0 && pad < DNS_PAD_TO);
    }
    assert_int_equal(empty_answer(&opt, 600, DNS_RCODE_NOERROR), DNS_PAD_TO);
    dns_writer_start(&w, out, 600, &q, &opt);
    assert_true(dns_writer_rr(&w, DNS_ANSWER, NULL, 999, 1, data, 500));
    assert_int_equal(dns_writer_end(&w, DNS_RCODE_NOERROR), 600);
    must_read(600);
    opt.pad = false;
    assert_int_equal(empty_answer(&opt, 600, DNS_RCODE_NOERROR), 12 + 21 + 11);
}

/* RFC 8945 §5.3.2 */
static void badkey(void **state)
{
    struct dns_opt opt = DNS_OPT_INIT(1232);
    const struct message_record *r;
    char hex[300];

    (void)state;
    ask("1234 0000 0001 0000 0000 0002" WWW "0001 0001  00 0029 04d0 00000000 0000"
        "036b6579 00 00fa 00ff 00000000 002d  0b686d61632d736861323536 00  00006b0212a8 012c 0010"
        "000102030405060708090a0b0c0d0e0f 1234 0000 0000");
    assert_int_equal(q.rcode, DNS_RCODE_NOTAUTH);
    must_read(dns_refuse(out, 512, &q, &opt));
    assert_true(message_rcode(&m) == DNS_RCODE_NOTAUTH && m.records_n == 2 && m.has_question);
    r = &m.records[1];
    assert_true(r->type == DNS_TSIG && r->class == DNS_CLASS_ANY && r->ttl == 0);
    assert_string_equal(tohex(out + r->rdata_at, r->rdata_n, hex, sizeof(hex)),
        "0b686d61632d73686132353600"
        "00006b0212a8012c0000"
        "123400110000");
}

/* What ednscomp.isc.org and RFC 8906 §8 send, answered as a server of the zone would: SOA for what
 * can be answered. */
static void ednscomp(void **state)
{
#define SOA_Q   WWW "0006 0001"
#define H(fl)   "1234" fl "0001 0000 0000 0000"
#define HO(fl)  "1234" fl "0001 0000 0000 0001"
#define O(v, f) "00 0029 1000 00" v f
    static const struct {
        const char *name, *hex;
        unsigned rcode, opcode;
        bool soa, opt, dnssec_ok;
    } rows[] = {
        {"dns", H("0000") SOA_Q, 0, 0, true, false, false},
        {"aa", H("0400") SOA_Q, 0, 0, true, false, false},
        {"ad", H("0020") SOA_Q, 0, 0, true, false, false},
        {"cd", H("0010") SOA_Q, 0, 0, true, false, false},
        {"ra", H("0080") SOA_Q, 0, 0, true, false, false},
        {"rd", H("0100") SOA_Q, 0, 0, true, false, false},
        {"tc", H("0200") SOA_Q, 0, 0, true, false, false},
        {"zflag", H("0040") SOA_Q, 0, 0, true, false, false},
        {"opcode 1", H("0800") SOA_Q, DNS_RCODE_NOTIMP, 1, false, false, false},
        {"opcode 15", H("7800") SOA_Q, DNS_RCODE_NOTIMP, 15, false, false, false},
        {"opcode 6, header only", "1234 3000 0000 0000 0000 0000", DNS_RCODE_NOTIMP, 6, false,
            false, false},
        {"type666", H("0000") WWW "029a 0001", 0, 0, false, false, false},
        {"edns", HO("0000") SOA_Q O("00", "0000") "0000", 0, 0, true, true, false},
        {"edns1", HO("0000") SOA_Q O("01", "0000") "0000", DNS_RCODE_BADVERS, 0, false, true,
            false},
        {"edns100", HO("0000") SOA_Q O("64", "0000") "0000", DNS_RCODE_BADVERS, 0, false, true,
            false},
        {"ednsopt", HO("0000") SOA_Q O("00", "0000") "0004 0064 0000", 0, 0, true, true, false},
        {"edns1opt", HO("0000") SOA_Q O("01", "0000") "0004 0064 0000", DNS_RCODE_BADVERS, 0, false,
            true, false},
        {"do", HO("0000") SOA_Q O("00", "8000") "0000", 0, 0, true, true, true},
        {"edns1do", HO("0000") SOA_Q O("01", "8000") "0000", DNS_RCODE_BADVERS, 0, false, true,
            true},
        {"ednsflags", HO("0000") SOA_Q O("00", "0080") "0000", 0, 0, true, true, false},
        {"edns1flags", HO("0000") SOA_Q O("01", "0080") "0000", DNS_RCODE_BADVERS, 0, false, true,
            false},
        {"docookie", HO("0000") SOA_Q O("00", "8000") "000c 000a 0008 0102030405060708", 0, 0, true,
            true, true},
        {"optlist: nsid, subnet=0.0.0.0/0, expire, cookie",
            HO("0000") SOA_Q O("00",
                "0000") "001c 0003 0000 0008 0004 0001 00 00 0009 0000 000a 0008 0102030405060708",
            0, 0, true, true, false},
        {"edns@512", HO("0000") WWW "0030 0001 00 0029 0200 00008000 0000", 0, 0, false, true,
            true},
    };
    struct dns_opt opt = DNS_OPT_INIT(1232);
    const struct dns_rrset *soa = SET(DNS_SOA, 60, "ns1 hostmaster 1 1h 5m 1w 1m");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_writer w;
        size_t n, at;

        ask(rows[i].hex);
        if (q.rcode != DNS_RCODE_NOERROR) {
            n = dns_refuse(out, q.edns.udp_bytes, &q, &opt);
        } else {
            dns_writer_start(&w, out, q.edns.udp_bytes, &q, &opt);
            w.flags |= DNS_AA;
            if (q.type == DNS_SOA)
                row_check(rows[i].name, dns_writer_rrset(&w, DNS_ANSWER, NULL, soa));
            n = dns_writer_end(&w, DNS_RCODE_NOERROR);
        }
        row_check(rows[i].name, n <= q.edns.udp_bytes && message_read(&m, out, n));
        row_check(rows[i].name, m.id == 0x1234 && message_rcode(&m) == rows[i].rcode);
        /* QR, the opcode, AA where there is an answer, RD as it was; never TC RA Z AD CD. */
        at = q.rcode == DNS_RCODE_NOERROR ? 0x8400u : 0x8000u;
        at |= rows[i].opcode << 11 | (q.rd ? 0x0100u : 0);
        row_check(rows[i].name, (m.flags & 0xfff0) == at);
        row_check(rows[i].name, m.has_question == (rows[i].opcode == 0));
        row_check(rows[i].name, m.records_n == (unsigned)rows[i].soa + rows[i].opt);
        row_check(rows[i].name, (m.opt != NULL) == rows[i].opt);
        if (m.opt == NULL)
            continue;
        row_check(rows[i].name, (m.opt->ttl >> 16 & 0xff) == 0);
        row_check(rows[i].name, (m.opt->ttl & 0xffff) == (rows[i].dnssec_ok ? 0x8000 : 0));
        row_check(rows[i].name, message_option(&m, 100, &n) == NULL);
        row_check(rows[i].name, message_option(&m, 9, &n) == NULL);
    }
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes),
        cmocka_unit_test(compression),
        cmocka_unit_test(many_labels),
        cmocka_unit_test(root),
        cmocka_unit_test(limits),
        cmocka_unit_test(large),
        cmocka_unit_test(going_back),
        cmocka_unit_test(opt_options),
        cmocka_unit_test(opt_no_room),
        cmocka_unit_test(padding),
        cmocka_unit_test(badkey),
        cmocka_unit_test(ednscomp),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
