/* Answers as a whole: who is steered where and how far that holds, what fits, and that nothing is
 * allocated. Sections and flags by RFC are compared end to end (test_director_zones.py). */
#include "tests/unit/http/table.h"

#include "base/check.h"
#include "base/clock.h"
#include "director/answer.h"
#include "dns/query.h"
#include "net/addr.h"
#include "tests/unit/director/zones.h"

/* http/message.h has a struct of that name, too. */
#define message dns_message
#include "tests/unit/dns/message.h"
#undef message

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- allocations are counted (linked with --wrap) ---- */

static unsigned long allocations;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    allocations++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    allocations++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    allocations++;
    return __real_realloc(p, n);
}

/* ---- asking ---- */

static struct test_zones t;
static struct answer_ctx ctx;
static struct answer_identity identity;
static struct addr resolver;
static struct dns_message m;
static uint8_t query[1024], out[65535];
static size_t query_n, out_n;

static void load(const char *text)
{
    test_zones_open(&t, span_of(text));
    if (t.zones == NULL)
        fail_msg("%s", t.errors.n > 0 ? t.errors.text[0].p : "no zones");
    assert_true(test_zones_steer(&t));
    assert_true(addr_parse_ip(SPAN("192.0.2.1"), 0, &resolver));
    ctx = (struct answer_ctx){.zones = t.zones,
        .steering = &t.steering,
        .identity = &identity,
        .client = &resolver,
        .opt = DNS_OPT_INIT(1232)};
}

static void put(const void *p, size_t n)
{
    memcpy(query + query_n, p, n);
    query_n += n;
}

static void put16v(unsigned v)
{
    uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

    put(b, 2);
}

/* Client Subnet out of "203.0.113.0/24"; "0.0.0.0/0" is a wish for privacy. */
static void put_subnet(const char *text)
{
    unsigned bits = (unsigned)atoi(strchr(text, '/') + 1), bytes = (bits + 7) / 8;
    bool v6 = strchr(text, ':') != NULL;
    char address[64];
    uint8_t b[16];

    span_cstr(span_make(text, (size_t)(strchr(text, '/') - text)), address, sizeof(address));
    assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, address, b), 1);
    put16v(DNS_OPTION_ECS);
    put16v(4 + bytes);
    put16v(v6 ? DNS_ECS_V6 : DNS_ECS_V4);
    put(&(uint8_t[2]){(uint8_t)bits, 0}, 2);
    put(b, bytes);
}

/* A question with OPT, and with Client Subnet unless it is NULL. */
static void make_query(const char *name, unsigned type, const char *subnet)
{
    static const uint8_t head[12] = {0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    struct dns_name n;
    size_t length_at;

    query_n = 0;
    put(head, sizeof(head));
    assert_null(dns_name_parse(span_of(name), NULL, &n));
    put(n.wire, n.n);
    put16v(type);
    put16v(DNS_IN);
    put("\0\0\51\20\0\0\0\0\0", 9); /* OPT, 4096 bytes */
    length_at = query_n;
    put16v(0);
    if (subnet != NULL)
        put_subnet(subnet);
    query[length_at + 1] = (uint8_t)(query_n - length_at - 2);
}

static void ask(const char *name, unsigned type, const char *subnet, size_t limit)
{
    struct dns_query q;

    make_query(name, type, subnet);
    assert_int_equal(dns_query_read(query, query_n, &q), DNS_READ_OK);
    out_n = answer_query(&ctx, &q, out, limit);
    assert_true(out_n <= limit);
    if (!message_read(&m, out, out_n))
        fail_msg("%s %u: not well-formed", name, type);
    assert_int_equal(message_rcode(&m), ctx.said.rcode);
    assert_int_equal((m.flags & 0x200) != 0, ctx.said.truncated);
}

/* "198.51.100.1 20 /25": the data of the answer's addresses, the TTL, and the scope. */
static const char *said(char dst[256])
{
    size_t n = 0, ecs_n = 0;
    const uint8_t *ecs = message_option(&m, DNS_OPTION_ECS, &ecs_n);

    for (unsigned i = 0; i < m.records_n; i++) {
        const struct message_record *r = &m.records[i];
        char address[64];

        if (r->section != 0 || (r->type != DNS_A && r->type != DNS_AAAA))
            continue;
        inet_ntop(
            r->type == DNS_A ? AF_INET : AF_INET6, m.p + r->rdata_at, address, sizeof(address));
        n += (size_t)snprintf(dst + n, 256 - n, "%s %u ", address, r->ttl);
    }
    if (message_rcode(&m) != DNS_RCODE_NOERROR)
        n += (size_t)snprintf(dst + n, 256 - n, "rcode %u ", message_rcode(&m));
    snprintf(dst + n, 256 - n, ecs != NULL ? "/%u" : "-", ecs != NULL ? ecs[3] : 0U);
    return dst;
}

#define ZONE                                                                                       \
    TEST_STEERS                                                                                    \
    "zone example.com { soa ns1 h serial 1; ns ns1; name ns1 { a 192.0.2.53; } "                   \
    "name www { steer cdn; txt x; } name img { steer img; } name *.w { steer cdn; } "              \
    "name alias { cname www; } name far { cname alias; } name plain { a 192.0.2.80; } "            \
    "name to-img { cname img; } }"

struct row {
    const char *name;
    unsigned type;
    const char *subnet, *want;
};

static void assert_rows(const struct row *rows, size_t n)
{
    char got[256];

    for (size_t i = 0; i < n; i++) {
        ask(rows[i].name, rows[i].type, rows[i].subnet, 1232);
        said(got);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s %u %s: \"%s\", not \"%s\"", rows[i].name, rows[i].type,
                rows[i].subnet != NULL ? rows[i].subnet : "-", got, rows[i].want);
    }
}

/* RFC 7871: by the client's network, with the prefix for which that holds. */
static void scopes(void **state)
{
    static const struct row rows[] = {
        {"www.example.com.", DNS_A, NULL, "198.51.100.1 20 -"},
        {"www.example.com.", DNS_A, "203.0.112.0/24", "198.51.100.1 20 /24"},
        {"www.example.com.", DNS_A, "203.0.113.0/25", "198.51.100.2 20 /25"},
        {"www.example.com.", DNS_A, "203.0.113.5/32", "198.51.100.2 20 /25"},
        {"www.example.com.", DNS_A, "203.0.113.128/25", "198.51.100.1 20 /25"},
        /* Through CNAMEs and wildcards the scope is the steered name's. */
        {"alias.example.com.", DNS_A, "203.0.113.5/32", "198.51.100.2 20 /25"},
        {"far.example.com.", DNS_A, "203.0.113.5/32", "198.51.100.2 20 /25"},
        {"a.b.w.example.com.", DNS_A, "203.0.113.5/32", "198.51.100.2 20 /25"},
        /* A wish for privacy: by the resolver, for everybody behind it. */
        {"www.example.com.", DNS_A, "0.0.0.0/0", "198.51.100.1 20 /0"},
        {"www.example.com.", DNS_A, "::/0", "198.51.100.1 20 /0"},
        /* What depends on no client holds for all of them. */
        {"plain.example.com.", DNS_A, "203.0.113.5/32", "192.0.2.80 3600 /0"},
        {"www.example.com.", DNS_TXT, "203.0.113.5/32", "/0"},
        {"www.example.com.", DNS_MX, "203.0.113.5/32", "/0"},
        {"nowhere.example.com.", DNS_A, "203.0.113.5/32", "rcode 3 /0"},
        {"img.example.com.", DNS_AAAA, "203.0.113.5/32", "/0"},
        {"to-img.example.com.", DNS_AAAA, "203.0.113.5/32", "/0"},
        {"example.org.", DNS_A, "203.0.113.5/32", "rcode 5 /0"},
        /* The other family's addresses. */
        {"www.example.com.", DNS_AAAA, NULL, "2001:db8:1::1 20 -"},
        {"www.example.com.", DNS_ANY, NULL, "-"},
        {"img.example.com.", DNS_ANY, NULL, "198.51.100.2 30 -"},
    };

    (void)state;
    load(ZONE);
    assert_rows(rows, ARRAY_LEN(rows));
    test_zones_close(&t);
}

/* RFC 7871 §10: a network that is not routed is where its resolver is, for all of its block; an
 * override knows better. */
static void unrouted(void **state)
{
    static const struct row near[] = {
        {"www.example.com.", DNS_A, "10.1.0.0/16", "198.51.100.1 20 /14"},
        {"www.example.com.", DNS_A, "10.7.1.0/24", "198.51.100.2 20 /16"},
        {"www.example.com.", DNS_A, "192.168.1.0/24", "198.51.100.1 20 /16"},
        {"www.example.com.", DNS_A, "169.254.0.0/16", "198.51.100.1 20 /16"},
        {"www.example.com.", DNS_A, "100.64.0.0/10", "198.51.100.1 20 /10"},
        {"www.example.com.", DNS_A, "fd00:1::/48", "198.51.100.1 20 /7"},
    };
    /* The same clients behind another resolver. */
    static const struct row far[] = {
        {"www.example.com.", DNS_A, "10.1.0.0/16", "198.51.100.2 20 /14"},
        {"www.example.com.", DNS_A, "10.7.1.0/24", "198.51.100.2 20 /16"},
        {"www.example.com.", DNS_A, "192.168.1.0/24", "198.51.100.2 20 /16"},
        {"www.example.com.", DNS_A, "fd00:1::/48", "198.51.100.2 20 /7"},
        {"www.example.com.", DNS_A, "198.18.0.0/24", "198.51.100.1 20 /6"},
        {"www.example.com.", DNS_A, "0.0.0.0/0", "198.51.100.2 20 /0"},
    };

    (void)state;
    load(ZONE);
    assert_rows(near, ARRAY_LEN(near));
    assert_true(addr_parse_ip(SPAN("192.0.2.8"), 0, &resolver));
    assert_rows(far, ARRAY_LEN(far));
    test_zones_close(&t);
}

/* Nobody is up: what the steer says, and why (RFC 8914). */
static void nobody(void **state)
{
    static const struct row rows[] = {
        {"all.example.com.", DNS_A, "203.0.113.5/32", "198.51.100.1 5 198.51.100.2 5 /0"},
        {"fail.example.com.", DNS_A, "203.0.113.5/32", "rcode 2 /0"},
        {"alias.example.com.", DNS_A, "203.0.113.5/32", "rcode 2 /0"},
        {"fail.example.com.", DNS_TXT, NULL, "-"},
    };
    size_t n = 0;

    (void)state;
    load("pop one { location 50 8; address 198.51.100.1; state drain; } "
         "pop two { location 38 -77; address 198.51.100.2; state drain; } "
         "steer all { pops one two; all-down all; answers 8; ttl 5s; ttl-changing 5s; } "
         "steer fail { pops one two; all-down servfail; } "
         "zone example.com { soa ns1 h serial 1; ns ns1; name ns1 { a 192.0.2.53; } "
         "name all { steer all; } name fail { steer fail; txt x; } name alias { cname fail; } }");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const uint8_t *ede;
        char got[256];

        ask(rows[i].name, rows[i].type, rows[i].subnet, 1232);
        ede = message_option(&m, DNS_OPTION_EDE, &n);
        if (rows[i].type == DNS_TXT) {
            assert_null(ede);
            continue;
        }
        assert_non_null(ede);
        assert_int_equal(ede[0] << 8 | ede[1], DNS_EDE_OTHER);
        assert_string_equal(said(got), rows[i].want);
        if (message_rcode(&m) == DNS_RCODE_SERVFAIL) {
            assert_int_equal(m.records_n, 1); /* OPT */
            assert_int_equal(m.flags & 0x400, 0);
        }
    }
    test_zones_close(&t);
}

/* What answers are counted under. */
static void accounts(void **state)
{
    static const struct {
        const char *name;
        unsigned type;
        enum answer_kind kind;
        const char *account;
    } rows[] = {
        {"WWW.example.com.", DNS_A, ANSWER_STEERED, "www.example.com."},
        {"a.w.example.com.", DNS_A, ANSWER_STEERED, "*.w.example.com."},
        {"plain.example.com.", DNS_A, ANSWER_DATA, "plain.example.com."},
        {"plain.example.com.", DNS_MX, ANSWER_NODATA, "plain.example.com."},
        {"alias.example.com.", DNS_A, ANSWER_STEERED, "alias.example.com."},
        {"x.y.example.com.", DNS_A, ANSWER_NXDOMAIN, "example.com."},
        {"x.plain.example.com.", DNS_A, ANSWER_NXDOMAIN, "plain.example.com."},
        {"example.org.", DNS_A, ANSWER_REFUSED, NULL},
    };
    char text[DNS_NAME_TEXT];

    (void)state;
    load(ZONE);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ask(rows[i].name, rows[i].type, NULL, 1232);
        assert_int_equal(ctx.said.kind, rows[i].kind);
        if (rows[i].account == NULL)
            assert_null(ctx.said.account);
        else
            assert_string_equal(dns_name_text(ctx.said.account, text), rows[i].account);
    }
    test_zones_close(&t);
}

/* ---- limits ---- */

static char *large_zone(void)
{
    static char text[65536];
    size_t n = (size_t)snprintf(text, sizeof(text),
        "zone example.com { soa ns1 h serial 1; ns ns1; name ns1 { a 192.0.2.53; aaaa 2001:db8::1; "
        "}\n"
        "name txt { txt %0200d; txt %0150d; txt %0100d; }\n",
        1, 2, 3);

    for (unsigned i = 0; i < 20; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n,
            "name m%u.longer-than-it-need-be { a 192.0.2.%u; aaaa 2001:db8::%u; }\n"
            "name n%u.sub { a 192.0.2.%u; aaaa 2001:db8::%u; }\n",
            i, i, i, i, i, i);
    n += (size_t)snprintf(text + n, sizeof(text) - n, "name mx {");
    for (unsigned i = 0; i < 20; i++)
        n += (size_t)snprintf(
            text + n, sizeof(text) - n, " mx %u m%u.longer-than-it-need-be;", i, i);
    n += (size_t)snprintf(text + n, sizeof(text) - n, " }\nname sub {");
    for (unsigned i = 0; i < 20; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, " ns n%u.sub;", i);
    snprintf(text + n, sizeof(text) - n, " } }");
    return text;
}

/* Records of a section, by hand of the strict reader. */
static unsigned count_of(unsigned section)
{
    unsigned n = 0;

    for (unsigned i = 0; i < m.records_n; i++)
        n += m.records[i].section == section && m.records[i].type != DNS_OPT;
    return n;
}

/* With each limit: whole sets or none, TC when something that was asked for is missing. */
static void limits(void **state)
{
    static const struct {
        const char *name;
        unsigned type, section, records, extra;
        bool extra_needed;
    } rows[] = {
        {"txt.example.com.", DNS_TXT, 0, 3, 0, false},
        {"mx.example.com.", DNS_MX, 0, 20, 40, false},
        {"x.sub.example.com.", DNS_A, 1, 20, 40, true},
    };

    (void)state;
    load(large_zone());
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t whole;

        ask(rows[i].name, rows[i].type, NULL, sizeof(out));
        whole = out_n;
        assert_false(ctx.said.truncated);
        assert_int_equal(count_of(rows[i].section), rows[i].records);
        assert_int_equal(count_of(2), rows[i].extra);
        for (size_t limit = 512; limit < whole; limit++) {
            unsigned main_n, extra_n;

            ask(rows[i].name, rows[i].type, NULL, limit);
            main_n = count_of(rows[i].section);
            extra_n = count_of(2);
            assert_true(main_n == rows[i].records || main_n == 0);
            assert_true(extra_n < rows[i].extra || rows[i].extra == 0);
            assert_int_equal(ctx.said.truncated, main_n == 0 || rows[i].extra_needed);
        }
        ask(rows[i].name, rows[i].type, NULL, whole);
        assert_false(ctx.said.truncated);
    }
    test_zones_close(&t);
}

/* ---- cost ---- */

static void nothing_is_allocated(void **state)
{
    static const struct {
        const char *name;
        unsigned type;
    } asks[] = {{"www.example.com.", DNS_A}, {"a.w.example.com.", DNS_AAAA},
        {"far.example.com.", DNS_A}, {"plain.example.com.", DNS_A}, {"no.example.com.", DNS_A},
        {"example.com.", DNS_NS}, {"example.com.", DNS_ANY}, {"example.org.", DNS_A}};
    enum { ROUNDS = 20000 };

    (void)state;
    load(ZONE);
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        unsigned long before;
        struct dns_query q;
        mono_us start;

        make_query(asks[i].name, asks[i].type, "203.0.113.0/24");
        before = allocations;
        start = clock_mono_us();
        for (unsigned k = 0; k < ROUNDS; k++) {
            check(dns_query_read(query, query_n, &q) == DNS_READ_OK);
            check(answer_query(&ctx, &q, out, 1232) > 0);
        }
        print_message("%s %u: %.0f ns\n", asks[i].name, asks[i].type,
            (double)(clock_mono_us() - start) * 1000 / ROUNDS);
        assert_int_equal(allocations, before);
    }
    assert_true(allocations > 0); /* the zones: they are counted */
    test_zones_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes),
        cmocka_unit_test(unrouted),
        cmocka_unit_test(nobody),
        cmocka_unit_test(accounts),
        cmocka_unit_test(limits),
        cmocka_unit_test(nothing_is_allocated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
