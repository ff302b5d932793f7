/* Where names belong: exact, wildcard, closest encloser, cut, zone; as RFC 4592 and RFC 1034 say.
 */
#include "tests/unit/http/table.h"

#include "base/clock.h"
#include "dns/rrset.h"
#include "tests/unit/director/zones.h"

#include <stdio.h>
#include <stdlib.h>

static struct test_zones t;

static void load(struct span text)
{
    test_zones_open(&t, text);
    if (t.zones == NULL)
        fail_msg("%s", t.errors.n > 0 ? t.errors.text[0].p : "no zones");
}

static struct dns_name name_of(const char *text)
{
    struct dns_name n;

    assert_null(dns_name_parse(span_of(text), NULL, &n));
    dns_name_lower(n.wire, n.wire, n.n);
    return n;
}

/* "node www.example.", "wildcard *.example.", "none under host1.example.", "cut sub.example.",
 * "foreign"; and the zone in front when it is another one than `zone`. */
static const char *place(const char *text, bool parent_side, char dst[DNS_NAME_TEXT * 2])
{
    static const char *const words[] = {"foreign", "node", "wildcard", "none under", "cut"};
    struct dns_name n = name_of(text);
    struct zone_place p = zones_find(t.zones, &n, parent_side);
    const struct zone_node *shown = p.node != NULL ? p.node : p.encloser;
    char name[DNS_NAME_TEXT];

    if (p.found == ZONE_FOREIGN) {
        assert_null(p.zone);
        return "foreign";
    }
    assert_ptr_equal(p.zone, shown->zone);
    snprintf(
        dst, (size_t)DNS_NAME_TEXT * 2, "%s %s", words[p.found], dns_name_text(shown->name, name));
    return dst;
}

struct row {
    const char *name, *want;
};

static void assert_places(const struct row *rows, size_t n, bool parent_side)
{
    char got[DNS_NAME_TEXT * 2];

    for (size_t i = 0; i < n; i++) {
        const char *is = place(rows[i].name, parent_side, got);

        if (strcmp(is, rows[i].want) != 0)
            fail_msg("%s: %s, not %s", rows[i].name, is, rows[i].want);
    }
}

/* RFC 4592 §2.2.1: the zone and the questions as they stand there. */
static void rfc4592(void **state)
{
    static const struct row rows[] = {
        {"host3.example.", "wildcard *.example."},
        {"foo.bar.example.", "wildcard *.example."},
        {"example.", "node example."},
        {"*.example.", "node *.example."},
        {"sub.*.example.", "node sub.*.example."},
        {"host1.example.", "node host1.example."},
        {"_telnet._tcp.host1.example.", "none under _tcp.host1.example."},
        {"_ssh._tcp.host1.example.", "node _ssh._tcp.host1.example."},
        {"_tcp.host1.example.", "node _tcp.host1.example."},
        {"host.subdel.example.", "cut subdel.example."},
        {"subdel.example.", "cut subdel.example."},
        {"ghost.*.example.", "none under *.example."},
        {"a.b.c.d.example.", "wildcard *.example."},
        {"x.host2.example.", "none under host2.example."},
        {"com.", "foreign"},
        {".", "foreign"},
        {"xexample.", "foreign"},
    };

    (void)state;
    load(SPAN("zone example. { soa ns.example.com. admin.example.com. serial 1;\n"
              "ns ns.example.com. ns.example.net.;\n"
              "name * { txt \"this is a wildcard\"; mx 10 host1; }\n"
              "name sub.* { txt \"this is not a wildcard\"; }\n"
              "name host1 { a 192.0.2.1; }\n"
              "name _ssh._tcp.host1 { srv 0 0 22 host1; }\n"
              "name _ssh._tcp.host2 { srv 0 0 22 host1; }\n"
              "name subdel { ns ns.example.com. ns.example.net.; } }\n"));
    assert_places(rows, ARRAY_LEN(rows), false);
    test_zones_close(&t);
}

#define PARENT_AND_CHILD                                                                           \
    "zone example.com { soa ns1 hostmaster serial 1; ns ns1; name ns1 { a 192.0.2.1; }\n"          \
    "name sub { ns ns1; ds 1 13 2 "                                                                \
    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20; }\n"                        \
    "name cut { ns ns.cut; }\n"                                                                    \
    "name ns.cut { a 192.0.2.2; aaaa 2001:db8::2; }\n"                                             \
    "name deep.ent.of.many { a 192.0.2.3; }\n"                                                     \
    "name *.star { a 192.0.2.4; }\n"                                                               \
    "name *.sub2.star { cname ns1; } }\n"                                                          \
    "zone sub.example.com { soa ns1 hostmaster serial 1; ns ns1; name ns1 { a 192.0.2.1; }\n"      \
    "name * { a 192.0.2.9; } }\n"                                                                  \
    "zone other.test { soa ns1.example.com. hostmaster serial 1; ns ns1.example.com.; }\n"

static void parent_and_child(void **state)
{
    static const struct row rows[] = {
        {"sub.example.com.", "node sub.example.com."},
        {"x.sub.example.com.", "wildcard *.sub.example.com."},
        {"ns1.sub.example.com.", "node ns1.sub.example.com."},
        {"y.ns1.sub.example.com.", "none under ns1.sub.example.com."},
        {"cut.example.com.", "cut cut.example.com."},
        {"ns.cut.example.com.", "cut cut.example.com."},
        {"a.b.cut.example.com.", "cut cut.example.com."},
        {"many.example.com.", "node many.example.com."},
        {"ent.of.many.example.com.", "node ent.of.many.example.com."},
        {"no.of.many.example.com.", "none under of.many.example.com."},
        {"star.example.com.", "node star.example.com."},
        {"q.star.example.com.", "wildcard *.star.example.com."},
        {"p.q.star.example.com.", "wildcard *.star.example.com."},
        {"sub2.star.example.com.", "node sub2.star.example.com."},
        {"z.sub2.star.example.com.", "wildcard *.sub2.star.example.com."},
        {"other.test.", "node other.test."},
        {"x.other.test.", "none under other.test."},
        {"test.", "foreign"},
        {"com.", "foreign"},
    };
    /* DS: the side above a cut, if we have it. */
    static const struct row parent[] = {
        {"sub.example.com.", "node sub.example.com."},
        {"cut.example.com.", "node cut.example.com."},
        {"x.cut.example.com.", "cut cut.example.com."},
        {"other.test.", "node other.test."},
        {"example.com.", "node example.com."},
    };
    struct dns_name sub = name_of("sub.example.com.");
    struct zone_place child_side, parent_side;

    (void)state;
    load(SPAN(PARENT_AND_CHILD));
    assert_places(rows, ARRAY_LEN(rows), false);
    assert_places(parent, ARRAY_LEN(parent), true);
    child_side = zones_find(t.zones, &sub, false);
    parent_side = zones_find(t.zones, &sub, true);
    assert_ptr_equal(child_side.zone, zones_at(t.zones, 1));
    assert_ptr_equal(parent_side.zone, zones_at(t.zones, 0));
    assert_non_null(zone_node_rrset(parent_side.node, DNS_DS));
    assert_null(zone_node_rrset(child_side.node, DNS_DS));
    test_zones_close(&t);
}

/* What hangs on a cut: those needed first, and their addresses. */
static void glue(void **state)
{
    struct dns_name n = name_of("cut.example.com.");
    const struct zone_node *cut;
    char text[DNS_NAME_TEXT];

    (void)state;
    load(SPAN("zone example.com { soa ns1 hostmaster serial 1; ns ns1; name ns1 { a 192.0.2.1; }\n"
              "name cut { ns ns1 ns.cut cut ns.other.test. s.sibling; a 192.0.2.5; }\n"
              "name ns.cut { a 192.0.2.2 192.0.2.3; aaaa 2001:db8::2; }\n"
              "name sibling { ns ns1; }\n"
              "name s.sibling { aaaa 2001:db8::3; } }\n"));
    cut = zones_find(t.zones, &n, false).node;
    assert_int_equal(cut->glue_n, 4);
    assert_string_equal(dns_name_text(cut->glue[0].name, text), "ns.cut.example.com.");
    assert_true(cut->glue[0].needed);
    assert_int_equal(cut->glue[0].a->n, 2);
    assert_int_equal(cut->glue[0].aaaa->n, 1);
    assert_string_equal(dns_name_text(cut->glue[1].name, text), "cut.example.com.");
    assert_true(cut->glue[1].needed);
    assert_int_equal(cut->glue[1].a->n, 1);
    assert_null(cut->glue[1].aaaa);
    assert_string_equal(dns_name_text(cut->glue[3].name, text), "ns1.example.com.");
    assert_false(cut->glue[2].needed);
    assert_string_equal(dns_name_text(cut->glue[2].name, text), "s.sibling.example.com.");
    assert_false(cut->glue[3].needed);
    /* The address at the cut is no data of it. */
    assert_null(zone_node_rrset(cut, DNS_A));
    assert_int_equal(cut->rrsets_n, 1);
    test_zones_close(&t);
}

static void root_zone(void **state)
{
    static const struct row rows[] = {
        {".", "node ."},
        {"com.", "cut com."},
        {"a.b.com.", "cut com."},
        {"org.", "none under ."},
        {"net.", "node net."},
        {"x.net.", "wildcard *.net."},
    };

    (void)state;
    load(SPAN("zone . { soa a.net. b.net. serial 4294967295; ns a.net.; name com { ns a.net.; }\n"
              "name *.net { a 192.0.2.1; } }"));
    assert_places(rows, ARRAY_LEN(rows), false);
    test_zones_close(&t);
}

static void ttls(void **state)
{
    struct dns_name www = name_of("www.example.com."), apex = name_of("example.com.");
    const struct zone_node *node;
    const struct zone *z;

    (void)state;
    load(SPAN("zone example.com { ttl 2h; soa ns.test. h.test. serial 7 minimum 10m; ns ns.test.;\n"
              "name www { ttl 30s; a 192.0.2.1; txt x; } }"));
    node = zones_find(t.zones, &www, false).node;
    assert_int_equal(zone_node_rrset(node, DNS_A)->data->ttl, 30);
    assert_int_equal(zone_node_rrset(node, DNS_TXT)->data->ttl, 30);
    node = zones_find(t.zones, &apex, false).node;
    assert_int_equal(zone_node_rrset(node, DNS_NS)->data->ttl, 7200);
    z = zones_at(t.zones, 0);
    assert_int_equal(z->soa->ttl, 7200);
    assert_int_equal(z->denial->ttl, 600);
    test_zones_close(&t);

    load(SPAN("zone example.com { ttl 5s; soa ns.test. h.test. serial 7; ns ns.test.; }"));
    assert_int_equal(zones_at(t.zones, 0)->denial->ttl, 5);
    test_zones_close(&t);
}

/* ---- 100,000 names ---- */

enum { MANY = 100000, QUESTIONS = 200000 };

static double ns_per_question(unsigned names)
{
    mono_us start, took;
    uint64_t found = 0;

    start = clock_mono_us();
    for (unsigned i = 0; i < QUESTIONS; i++) {
        char text[64];
        struct dns_name n;

        snprintf(text, sizeof(text), "n%u.d%u.example.com.", i * 7919u % names, i % 10);
        assert_null(dns_name_parse(span_of(text), NULL, &n));
        found += zones_find(t.zones, &n, false).found == ZONE_NODE;
    }
    took = clock_mono_us() - start;
    assert_true(found > 0);
    return (double)took * 1000 / QUESTIONS;
}

static struct span zone_of(unsigned names)
{
    static char text[12 << 20];
    size_t at = (size_t)snprintf(
        text, sizeof(text), "zone example.com { soa ns.test. h.test. serial 1; ns ns.test.;\n");

    for (unsigned i = 0; i < names; i++)
        at += (size_t)snprintf(
            text + at, sizeof(text) - at, "name n%u.d%u { a 192.0.2.1; }\n", i, i % 10);
    at += (size_t)snprintf(text + at, sizeof(text) - at, "}\n");
    return span_make(text, at);
}

/* Not a measurement: only that nothing grows with the number of names. Reading a question's text is
 * part of both figures. */
static void many_names(void **state)
{
    double few, many;
    (void)state;
    load(zone_of(100));
    few = ns_per_question(100);
    test_zones_close(&t);
    load(zone_of(MANY));
    assert_int_equal(zones_at(t.zones, 0)->nodes_n, MANY + 10 + 1);
    many = ns_per_question(MANY);
    test_zones_close(&t);
    print_message("%.0f ns a question with 100 names, %.0f with %d\n", few, many, MANY);
    assert_true(many < few * 10 + 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc4592),
        cmocka_unit_test(parent_and_child),
        cmocka_unit_test(glue),
        cmocka_unit_test(root_zone),
        cmocka_unit_test(ttls),
        cmocka_unit_test(many_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
