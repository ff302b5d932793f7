/*
 * A request of any bytes: what is answered is a message that a strict reader takes, within its
 * limit, with the id, the question and the code that it must have.
 *
 * The first byte chooses the limit and what OPT says, the rest is the request.
 */
#include "../unit/dns/message.h"
#include "base/check.h"
#include "dns/cookie.h"
#include "dns/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct message m;

/* NS and MX in names that share their ends, with a record behind that is not compressed. */
static const uint8_t ns[] = "\0\x11\003ns1\007example\003com\0\0\x11\003ns2\007example\003com\0";
static const uint8_t srv[] = "\0\x13\0\0\0\0\1\xbb\003ns1\007example\0\0";
static const struct dns_rrset ns_set = {
    .type = DNS_NS, .n = 2, .ttl = 60, .rdata_bytes = 38, .rdata = ns};
static const struct dns_rrset srv_set = {
    .type = DNS_SRV, .n = 1, .ttl = 60, .rdata_bytes = 21, .rdata = srv};

static size_t write_answer(
    const struct dns_query *q, const struct dns_opt *opt, size_t limit, unsigned more, uint8_t *out)
{
    struct dns_writer w;
    struct dns_writer_mark mark;

    dns_writer_start(&w, out, limit, q, opt);
    mark = dns_writer_mark(&w);
    for (unsigned i = 0; i < more && q->has_question; i++) {
        (void)!dns_writer_rr(&w, DNS_ANSWER, NULL, DNS_A, 30, "\1\2\3\4", 4);
        (void)!dns_writer_rrset(&w, DNS_ANSWER, NULL, &ns_set);
        if (i == 3)
            dns_writer_back(&w, &mark);
    }
    (void)!dns_writer_rrset(&w, DNS_AUTHORITY, ns + 2, &ns_set);
    (void)!dns_writer_rrset(&w, DNS_ADDITIONAL, ns + 6, &srv_set);
    return dns_writer_end(&w, DNS_RCODE_NOERROR);
}

static void check_answer(
    const struct dns_query *q, const uint8_t *request, const uint8_t *out, size_t n, size_t limit)
{
    check(n <= limit && message_read(&m, out, n));
    check(m.id == q->id && memcmp(request, out, 2) == 0);
    /* QR, opcode and RD as they came; RA, Z, AD, CD never. */
    check((m.flags & 0xf9f0) == (0x8000u | (request[2] & 0x79u) << 8));
    check(message_rcode(&m) == q->rcode);
    check((m.opt != NULL) == q->edns.has && m.has_question == q->has_question);
    if (q->has_question) {
        size_t question = q->name.n + 4u;

        check(memcmp(out + 12, q->question, question) == 0);
        check(memcmp(out + 12, request + 12, question) == 0);
        check(dns_name_eq(q->name.wire, q->name.n, out + 12, q->name.n));
    }
    if (m.opt != NULL)
        check((m.opt->ttl & 0x00ffffff) ==
              (q->edns.dnssec_ok ? 0x8000u : 0) + (q->edns.compact_ok ? 0x4000u : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct dns_cookie_secrets secrets = {.n = 2, .secret = {{1}, {2}}};
    static uint8_t out[65536];
    struct dns_opt opt = DNS_OPT_INIT(1232);
    struct dns_query q;
    size_t limit, written = 0;
    unsigned how;

    if (n < 1)
        return 0;
    how = data[0];
    limit = how < 128 ? 512 + how * 5 : 65535 - how;
    data++;
    n--;
    opt.nsid = (how & 1) != 0 ? SPAN("a server of ours") : SPAN("");
    opt.pad = (how & 2) != 0;
    opt.keepalive = (how & 4) != 0;
    opt.ede = how % 5 == 0 ? DNS_EDE_OTHER : DNS_EDE_NONE;
    opt.ede_text = SPAN("for whatever reason");
    switch (dns_query_read(data, n, &q)) {
    case DNS_READ_DROP:
        check(n < 12 || n > 65535 || (data[2] & 0x80) != 0);
        return 0;
    case DNS_READ_OK:
        check(q.rcode == DNS_RCODE_NOERROR && (q.has_question || q.edns.cookie_n != 0));
        if (q.edns.has_ecs)
            opt.ecs_scope = q.edns.ecs.family == DNS_ECS_V4 ? 32 : 128;
        (void)dns_cookie_check(&secrets, &q.edns, data, 4, 1800000000, opt.cookie, &opt.cookie_n);
        written = write_answer(&q, &opt, limit, how % 40, out);
        break;
    case DNS_READ_REFUSE:
        check(q.rcode != DNS_RCODE_NOERROR);
        written = dns_refuse(out, limit, &q, &opt);
        break;
    }
    check_answer(&q, data, out, written, limit);
    return 0;
}
