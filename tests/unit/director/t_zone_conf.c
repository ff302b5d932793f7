/* What is wrong with a zone, as a sentence at its place; and what is right. */
#include "tests/unit/http/table.h"

#include "dns/rrset.h"
#include "tests/unit/director/zones.h"

#include <stdio.h>

/* The zone around the records of a row, which begin on line 2. */
#define HEAD                                                                                       \
    TEST_STEERS                                                                                    \
    "zone example.com { soa ns1 hostmaster serial 1; ns ns1; name ns1 { a 192.0.2.1; }\n"
#define TAIL "\n}\n"

static const struct row {
    const char *records, *want; /* NULL: nothing is wrong */
} rows[] = {
    {"name www { a 192.0.2.1; aaaa 2001:db8::1; }", NULL},
    {"name www.example.com { a 192.0.2.1; } name a.example.com. { a 192.0.2.1; }", NULL},
    {"name @ { mx 10 ns1; caa 0 issue \"ca.example\"; txt \"a b\" c; }", NULL},
    {"mx 10 ns1; txt x; name @ { txt y; }", NULL},
    {"name www { steer cdn; txt x; mx 0 .; }", NULL},
    {"steer cdn;", NULL},
    {"name * { steer img; }", NULL},
    {"name w { https 1 . alpn=h2,h3 port=443; svcb 0 ns1; srv 0 0 0 .; ptr ns1; }", NULL},
    {"name w { record TYPE65280 \\# 3 010203; record TLSA \\# 0; }", NULL},
    {"name gone { cname nowhere.example.com.; }", NULL},
    {"name sub { ns ns1.sub ns.elsewhere.test.; } name ns1.sub { aaaa 2001:db8::1; }", NULL},
    {"name sub { ns sub; a 192.0.2.3; }", NULL},
    {"name s1 { ns ns.s2; } name s2 { ns ns1; }", NULL},
    {"name s1 { ns ns.w; } name *.w { a 192.0.2.1; }", NULL},
    {"name x { ns ns.cdn; } name ns.cdn { steer cdn; }", NULL},

    /* names */
    {"name www.example.net. { a 192.0.2.1; }",
        "z:2:6: \"www.example.net.\" is not in zone example.com"},
    {"name www { a 192.0.2.1; }\nname WWW { txt x; }",
        "z:3:1: \"WWW\" stands in this zone already, on line 2"},
    {"name @ { txt x; }\nname example.com { txt y; }",
        "z:3:6: the zone's own name stands here already, on line 2"},
    {"name www { }", "z:2:1: \"www\" has no records"},
    {"name www { ttl 1h; }", "z:2:1: \"www\" has no records"},
    {"name a..b { a 192.0.2.1; }", "z:2:6: \"a..b\" has an empty label"},

    /* what may not stand together */
    {"name www { cname ns1; txt x; }",
        "z:2:18: \"www\" has a TXT record on line 2: nothing may stand beside a cname"},
    {"name www { cname ns1; steer cdn; }",
        "z:2:18: \"www\" is steered, on line 2: no CNAME record may stand beside that"},
    {"name www { cname ns1; cname ns2.test.; }", "z:2:23: \"cname\" "},
    {"name www { steer cdn;\na 192.0.2.1; }",
        "z:3:3: \"www\" is steered, on line 2: no A record may stand beside that"},
    {"name www { aaaa 2001:db8::1; steer cdn; }",
        "z:2:17: \"www\" is steered, on line 2: no AAAA record may stand beside that"},
    {"steer cdn; name @ { steer img; }", "z:2:21: \"@\" is steered already, on line 2"},
    {"cname ns1;", "z:2:7: \"@\" has SOA and NS, and nothing may stand beside a cname: a, aaaa or "
                   "steer would be "
                   "right"},
    {"name www { cname www; }", "z:2:18: \"www\" is its own cname"},
    {"name www { a 192.0.2.1 192.0.2.2; a 192.0.2.1; }",
        "z:2:37: \"www\" has the same A record twice"},
    {"name www { mx 10 NS1; mx 10 ns1; }", "z:2:12: \"www\" has the same MX record twice"},

    /* steers */
    {"name www { steer cnd; }", "z:2:18: there is no steer \"cnd\", did you mean \"cdn\"?"},
    {"name www { steer elsewhere; }", "z:2:18: there is no steer \"elsewhere\""},

    /* delegations and name servers */
    {"name sub { ns ns.sub; }",
        "z:2:15: name server ns.sub.example.com. has no address in this zone"},
    {"name sub { ns ns; }", "z:2:15: name server ns.example.com. has no address in this zone"},
    {"name sub { ns sub; }", "z:2:15: name server sub.example.com. has no address in this zone"},
    {"ns ns.sub; name sub { ns ns.test.; }",
        "z:2:4: name server ns.sub.example.com. has no address in this zone"},
    {"name sub { ns ns2; } name ns2 { txt x; }",
        "z:2:15: name server ns2.example.com. has no address in this zone"},
    {"name sub { ns alias; } name alias { cname ns1; }",
        "z:2:15: alias.example.com. is a cname: an NS record must name a host with addresses of "
        "its "
        "own"},
    {"mx 10 alias; name alias { cname ns1; }",
        "z:2:1: alias.example.com. is a cname: an MX record must name a host with addresses of its "
        "own"},
    {"name sub { ns ns1; a 192.0.2.1; }",
        "z:2:22: \"sub\" is delegated by its ns: its A record belongs to the servers there"},
    {"name sub { ns ns1; txt x; }",
        "z:2:24: \"sub\" is delegated by its ns: its TXT record belongs to the servers there"},
    {"name sub { ns ns1; steer cdn; }",
        "z:2:26: \"sub\" is delegated by its ns: it cannot be steered here"},
    {"name sub { ns ns1; }\nname www.sub { a 192.0.2.1; }",
        "z:3:18: \"www.sub\" lies behind the delegation of \"sub\" (line 2), and is no glue for "
        "it"},
    {"name sub { ns ns.sub; }\nname ns.sub { a 192.0.2.1; txt x; }",
        "z:3:32: \"ns.sub\" lies behind the delegation of \"sub\" (line 2), and is no glue for it"},
    {"name sub { ns ns1; }\nname x.y.sub { steer cdn; }",
        "z:3:22: \"x.y.sub\" lies behind the delegation of \"sub\" (line 2), and is no glue for "
        "it"},
    {"name sub { ns ns1; }\nname x.sub { ns ns1; }",
        "z:3:17: \"x.sub\" lies behind the delegation of \"sub\" (line 2), and is no glue for it"},
    {"name * { ns ns1; }", "z:2:13: \"*\" is a wildcard, and cannot be delegated"},
    {"name sub { ds 1 13 2 "
     "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20; }",
        "z:2:12: \"sub\" has a ds, but no ns: it is not delegated"},
    {"ds 1 13 2 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20;",
        "z:2:1: \"@\" is the zone itself: its ds belongs in the zone above"},

    /* a dot that was left out */
    {"name www { cname www.example.net; }", "z:2:18: there is no www.example.net.example.com.; if "
                                            "\"www.example.net\" is the whole name, "
                                            "end it with a dot: \"www.example.net.\""},
    {"mx 10 mail.example.net;", "z:2:1: there is no mail.example.net.example.com.; if "
                                "\"mail.example.net\" is the whole name, "
                                "end it with a dot: \"mail.example.net.\""},

    /* bounds */
    {"name www { ttl 1500ms; a 192.0.2.1; }", "z:2:12: ttl is in whole seconds: 1500 ms is not"},
    {"name www { ttl 70y; a 192.0.2.1; }", "z:2:16: "},
    {"ttl 70y;", "z:2:5: "},
    {"name www { a 192.0.2.256; }", "z:2:14: "},
    {"name www { a 2001:db8::1; }", "z:2:14: "},
    {"name www { record A \\# 4 c0000201; }", "z:2:19: A has a directive of its own"},
    {"name www { record DNAME \\# 1 00; }",
        "z:2:19: DNAME is not served: what is below such a name would have to be made up"},
    {"name www { record TYPE46 \\# 1 00; }",
        "z:2:19: TYPE46 is made by signing, and cannot be written"},
    {"name www { record TYPE255 \\# 1 00; }", "z:2:19: TYPE255 is for questions, and no data"},
    {"name www { record NONSENSE \\# 1 00; }",
        "z:2:19: \"NONSENSE\" is no type: TLSA or TYPE52 would be one"},
    {"name www { record TLSA 3 1 1; }",
        "z:2:24: the data of a record stands here as bytes: \\# LENGTH HEX"},
    {"name www { dname ns1; }", "z:2:12: unknown directive \"dname\" in name"},
};

static void sentences(void **state)
{
    char text[4096];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        struct test_zones t;

        snprintf(text, sizeof(text), HEAD "%s" TAIL, r->records);
        test_zones_open(&t, span_of(text));
        if (r->want == NULL && t.errors.n > 0)
            fail_msg("%s: %s", r->records, t.errors.text[0].p);
        if (r->want != NULL && t.errors.n == 0)
            fail_msg("%s: nothing was reported", r->records);
        if (r->want != NULL && !span_starts(t.errors.text[0], span_of(r->want)))
            fail_msg("%s:\n %s\nnot\n %s", r->records, t.errors.text[0].p, r->want);
        assert_int_equal(t.zones != NULL, r->want == NULL);
        test_zones_close(&t);
    }
}

static const struct whole {
    const char *text, *want;
} wholes[] = {
    {"", NULL},
    {"zone a.test { soa n.test. h.test. serial 1; ns n.test.; }", NULL},
    {"zone a.test. { soa n.test h@b.test serial 4294967295 refresh 2h retry 30m expire 30d minimum "
     "1m; ns n.test.; }",
        NULL},
    {"zone a.test { soa n.test. h.test. serial 1; }", "z:1:1: zone a.test has no ns"},
    {"zone a.test { ns n.test.; }", "z:1:1: "},
    {"zone a.test { soa n.test. h.test. serial 4294967296; ns n.test.; }",
        "z:1:42: serial \"4294967296\" is not a number from 0 to 4294967295"},
    {"zone a.test { soa n.test. h.test. serial -1; ns n.test.; }", "z:1:42: serial \"-1\" is not"},
    {"zone a.test { soa n.test. h.test. refresh 1h; ns n.test.; }", "z:1:15: soa has no serial"},
    {"zone a.test { soa n.test. h.test. serial 1 serial 2; ns n.test.; }",
        "z:1:44: serial is there twice"},
    {"zone a.test { soa n.test. h.test. serial 1 refresh; ns n.test.; }",
        "z:1:44: refresh needs a value behind it"},
    {"zone a.test { soa n.test. h.test. serial 1 refresh 100y; ns n.test.; }",
        "z:1:52: refresh is in whole seconds, 2147483647 at most"},
    {"zone a.test { soa n.test. h.test. serail 1; ns n.test.; }", "z:1:35: "},
    {"zone a..test { soa n.test. h.test. serial 1; ns n.test.; }",
        "z:1:6: \"a..test\" has an empty label"},
    {"zone a.test { soa n.test. h.test. serial 1; ns n.test.; }\n"
     "zone A.test. { soa n.test. h.test. serial 1; ns n.test.; }",
        "z:2:1: zone A.test. is there already, on line 1"},
    {"zone a.test { soa n.test. h.test. serial 1; ns n.test.;\n"
     "name x.b { txt x; } }\n"
     "zone b.a.test { soa n.test. h.test. serial 1; ns n.test.; }",
        "z:2:1: \"x.b\" would never be found here: it is in zone b.a.test, on line 3"},
    {"zone b.a.test { soa n.test. h.test. serial 1; ns n.test.; }\n"
     "zone a.test { soa n.test. h.test. serial 1; ns n.test.;\n"
     "name b { txt x; } }",
        "z:3:1: \"b\" would never be found here: it is in zone b.a.test, on line 1"},
    {"zone b.a.test { soa n.test. h.test. serial 1; ns n.test.; }\n"
     "zone a.test { soa n.test. h.test. serial 1; ns n.test.;\n"
     "name b { ns ns.b; } name ns.b { a 192.0.2.1; } }",
        NULL},
};

static void whole_zones(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wholes); i++) {
        const struct whole *r = &wholes[i];
        struct test_zones t;

        test_zones_open(&t, span_of(r->text));
        if (r->want == NULL && t.errors.n > 0)
            fail_msg("%s: %s", r->text, t.errors.text[0].p);
        if (r->want != NULL && t.errors.n == 0)
            fail_msg("%s: nothing was reported", r->text);
        if (r->want != NULL && !span_starts(t.errors.text[0], span_of(r->want)))
            fail_msg("%s:\n %s\nnot\n %s", r->text, t.errors.text[0].p, r->want);
        test_zones_close(&t);
    }
}

/* A set that no message has room for. */
static void too_large(void **state)
{
    static char text[1 << 20];
    struct test_zones t;
    size_t n = (size_t)snprintf(text, sizeof(text), HEAD "name big {\n");

    (void)state;
    for (unsigned i = 0; i < 2000; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "txt %u-%0*d;\n", i, 30, 0);
    snprintf(text + n, sizeof(text) - n, "}" TAIL);
    test_zones_open(&t, span_of(text));
    assert_int_equal(t.errors.n, 1);
    assert_non_null(strstr(t.errors.text[0].p, "more than a message has room for"));
    test_zones_close(&t);
}

/* The mailbox of the SOA, and names that need nothing behind them. */
static void soa_names(void **state)
{
    static const struct {
        const char *soa, *want;
    } soas[] = {
        {"ns1 hostmaster", "ns1.a.test. hostmaster.a.test."},
        {"ns1.a.test hostmaster.example.com", "ns1.a.test. hostmaster.example.com."},
        {"ns1 host.master@example.com", "ns1.a.test. host\\.master.example.com."},
        {"ns1 host@a.test", "ns1.a.test. host.a.test."},
        {"@ @", "a.test. a.test."},
    };
    char text[1024], primary[DNS_NAME_TEXT], mailbox[DNS_NAME_TEXT], got[2 * DNS_NAME_TEXT + 2];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(soas); i++) {
        struct test_zones t;
        struct dns_rdata data = {NULL, 0};
        size_t at = 0;

        snprintf(text, sizeof(text), "zone a.test { soa %s serial 1; ns n.test.; }", soas[i].soa);
        test_zones_open(&t, span_of(text));
        if (t.zones == NULL)
            fail_msg("%s: %s", text, t.errors.text[0].p);
        assert_true(dns_rrset_next(zones_at(t.zones, 0)->soa, &at, &data));
        dns_name_text(data.p, primary);
        dns_name_text(data.p + dns_name_bytes(data.p), mailbox);
        snprintf(got, sizeof(got), "%s %s", primary, mailbox);
        assert_string_equal(got, soas[i].want);
        test_zones_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences),
        cmocka_unit_test(whole_zones),
        cmocka_unit_test(too_large),
        cmocka_unit_test(soa_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
