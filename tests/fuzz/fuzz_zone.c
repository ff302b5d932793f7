/*
 * fuzz_zone.c - any text as zones; what is accepted is asked for, and every answer must be
 * well-formed, within its limit, and with authority only over what is ours.
 */
#include "base/check.h"
#include "director/answer.h"
#include "dns/query.h"
#include "net/addr.h"
#include "tests/unit/director/zones.h"

/* http/message.h has a struct of that name, too. */
#define message dns_message
#include "tests/unit/dns/message.h"
#undef message

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { NODES_MAX = 64, LIMIT = 700, AA = 0x400, TC = 0x200 };

static struct answer_ctx ctx;
static struct addr resolver;

/* A message of `name`, of another type each time, with Client Subnet. */
static size_t make_query(uint8_t *dst, const uint8_t *name, size_t name_n, uint16_t type)
{
    static const uint8_t head[12] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    static const uint8_t opt[] = {
        0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0, 203, 0, 113};
    size_t n = sizeof(head);

    memcpy(dst, head, n);
    memcpy(dst + n, name, name_n);
    n += name_n;
    dst[n++] = (uint8_t)(type >> 8);
    dst[n++] = (uint8_t)type;
    dst[n++] = 0;
    dst[n++] = DNS_IN;
    memcpy(dst + n, opt, sizeof(opt));
    return n + sizeof(opt);
}

static void ask(const uint8_t *name, size_t name_n, uint16_t type, size_t limit)
{
    static struct dns_message m;
    static uint8_t out[65535];
    uint8_t query[400];
    struct dns_query q;
    size_t n = make_query(query, name, name_n, type);

    check(dns_query_read(query, n, &q) == DNS_READ_OK);
    n = answer_query(&ctx, &q, out, limit);
    check(n >= 12 && n <= limit);
    check(message_read(&m, out, n));
    check(m.question_type == type && dns_name_eq(m.question.wire, m.question.n, name, name_n));
    check(message_rcode(&m) == ctx.said.rcode);
    check(((m.flags & TC) != 0) == ctx.said.truncated);
    check(ctx.said.kind != ANSWER_REFUSED || ((m.flags & AA) == 0 && ctx.said.zone == NULL));
}

static void ask_about(const struct zone_node *node)
{
    static const uint16_t types[] = {
        DNS_A, DNS_AAAA, DNS_NS, DNS_CNAME, DNS_MX, DNS_TXT, DNS_DS, DNS_SOA, DNS_HTTPS, DNS_ANY};
    uint8_t below[DNS_NAME_MAX + 2] = {1, 'x'};
    struct dns_name name;
    struct zone_place p;

    name.n = node->name_n;
    memcpy(name.wire, node->name, name.n);
    p = zones_find(ctx.zones, &name, false);
    check(p.found == ZONE_NODE || p.found == ZONE_CUT);
    check(p.node == node || p.node->above == node);
    memcpy(below + 2, node->name, node->name_n);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        ask(node->name, node->name_n, types[i], LIMIT);
        if (node->name_n + 2 <= DNS_NAME_MAX)
            ask(below, node->name_n + 2u, types[i], 65535);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span text = span_make((const char *)data, n);
    struct test_zones t;

    /* Keys are files, and a certificate's name, too: nothing is to be read by chance. */
    if (memmem(data, n, "dnssec", 6) != NULL || memmem(data, n, "health", 6) != NULL ||
        memmem(data, n, "load", 4) != NULL)
        return 0;
    test_zones_open(&t, text);
    check((t.zones != NULL) == (t.errors.n == 0));
    if (t.zones != NULL && test_zones_steer(&t)) {
        check(addr_parse_ip(SPAN("192.0.2.1"), 0, &resolver));
        ctx = (struct answer_ctx){.zones = t.zones,
            .steering = &t.steering,
            .identity = &(struct answer_identity){{NULL, 0}, {NULL, 0}},
            .client = &resolver,
            .opt = DNS_OPT_INIT(1232)};
        for (unsigned i = 0; i < zones_count(t.zones); i++) {
            const struct zone *z = zones_at(t.zones, i);

            for (unsigned k = 0; k < z->nodes_n && k < NODES_MAX; k++)
                ask_about(z->nodes[k]);
        }
    }
    test_zones_close(&t);
    return 0;
}
