#include "director/respond.h"

#include "base/counters.h"
#include "director/conf.h"
#include "director/countries.h"
#include "director/map_keeper.h"
#include "director/rrl.h"
#include "director/server.h"
#include "director/tally.h"
#include "dns/cookie.h"
#include "dns/writer.h"

/* --- what is counted ----------------------------------------------------------------------------
 */

static enum counter question_counter(const struct dns_query *q)
{
    if (q->class != DNS_IN)
        return C_DNS_TYPE_OTHER;
    switch (q->type) {
    case DNS_A:
        return C_DNS_TYPE_A;
    case DNS_AAAA:
        return C_DNS_TYPE_AAAA;
    case DNS_HTTPS:
        return C_DNS_TYPE_HTTPS;
    case DNS_NS:
        return C_DNS_TYPE_NS;
    case DNS_SOA:
        return C_DNS_TYPE_SOA;
    case DNS_CNAME:
        return C_DNS_TYPE_CNAME;
    case DNS_TXT:
        return C_DNS_TYPE_TXT;
    case DNS_MX:
        return C_DNS_TYPE_MX;
    case DNS_DS:
        return C_DNS_TYPE_DS;
    case DNS_DNSKEY:
        return C_DNS_TYPE_DNSKEY;
    case DNS_ANY:
        return C_DNS_TYPE_ANY;
    default:
        return C_DNS_TYPE_OTHER;
    }
}

static enum counter rcode_counter(unsigned rcode)
{
    switch (rcode) {
    case DNS_RCODE_NOERROR:
        return C_DNS_NOERROR;
    case DNS_RCODE_NXDOMAIN:
        return C_DNS_NXDOMAIN;
    case DNS_RCODE_REFUSED:
        return C_DNS_REFUSED;
    case DNS_RCODE_FORMERR:
        return C_DNS_FORMERR;
    case DNS_RCODE_SERVFAIL:
        return C_DNS_SERVFAIL;
    case DNS_RCODE_NOTIMP:
        return C_DNS_NOTIMP;
    case DNS_RCODE_BADVERS:
        return C_DNS_BADVERS;
    case DNS_RCODE_BADCOOKIE:
        return C_DNS_BADCOOKIE;
    default:
        return C_DNS_RCODE_OTHER;
    }
}

static void count_question(const struct dns_query *q, enum transport by)
{
    static const enum counter transports[] = {C_DNS_UDP, C_DNS_TCP, C_DNS_TLS};

    count(transports[by]);
    if (q->has_question)
        count(question_counter(q));
    if (q->edns.has_ecs)
        count(C_DNS_ECS);
}

/* --- cookies ------------------------------------------------------------------------------------
 */

static enum dns_cookie_state check_cookie(struct director_worker *w, const struct addr *client,
    const struct dns_query *q, struct dns_opt *o)
{
    int family = addr_family(client);
    bool v4 = family == AF_INET;
    const void *address = v4 ? (const void *)&client->in.sin_addr : &client->in6.sin6_addr;
    enum dns_cookie_state state;

    if (q->edns.cookie_n == 0 || (!v4 && family != AF_INET6) ||
        w->conf->dns.cookies == DNS_COOKIES_OFF)
        return DNS_COOKIE_NONE;
    state = dns_cookie_check(&w->director->cookies, &q->edns, address, v4 ? 4 : 16,
        worker_wall_s(w->daemon.worker), o->cookie, &o->cookie_n);
    switch (state) {
    case DNS_COOKIE_NONE:
        break;
    case DNS_COOKIE_NEW:
        count(C_DNS_COOKIE_NEW);
        break;
    case DNS_COOKIE_INVALID:
        count(C_DNS_COOKIE_INVALID);
        break;
    case DNS_COOKIE_GOOD:
        count(C_DNS_COOKIE_GOOD);
        break;
    }
    return state;
}

/* What a cookie decides, whatever is asked. A message without a question asks for a cookie, or
 * whether its own is good (RFC 7873 §5.4). */
static void judge_cookie(struct dns_query *q, enum dns_cookie_state state, bool required)
{
    if (q->rcode != DNS_RCODE_NOERROR)
        return;
    if (q->has_question) {
        if (required && state != DNS_COOKIE_NONE && state != DNS_COOKIE_GOOD)
            q->rcode = DNS_RCODE_BADCOOKIE;
    } else if (state == DNS_COOKIE_NONE) {
        q->rcode = DNS_RCODE_FORMERR; /* we have none to give */
    } else if (state == DNS_COOKIE_INVALID) {
        q->rcode = DNS_RCODE_BADCOOKIE;
    }
}

/* --- the message --------------------------------------------------------------------------------
 */

/* No answer but the invitation to ask by TCP: nobody is sent to a PoP by it. */
static size_t ask_by_tcp(
    struct answer_ctx *ctx, const struct dns_query *q, uint8_t *out, size_t limit)
{
    struct dns_writer writer;

    ctx->said.rcode = DNS_RCODE_NOERROR;
    ctx->said.truncated = true;
    ctx->said.steer = NULL;
    dns_writer_start(&writer, out, limit, q, &ctx->opt);
    writer.flags |= DNS_TC;
    return dns_writer_end(&writer, DNS_RCODE_NOERROR);
}

/* By UDP, of an answer that stands in `out`, from a client that has not shown its address. */
static size_t limit_rate(
    struct director_worker *w, const struct dns_query *q, size_t n, uint8_t *out, size_t limit)
{
    switch (rrl_judge(w->director->rrl, &w->answer.said, w->answer.client,
        (mono_us)worker_now(w->daemon.worker) * 1000)) {
    case RRL_SEND:
        return n;
    case RRL_SLIP:
        return ask_by_tcp(&w->answer, q, out, limit);
    case RRL_DROP:
        return 0;
    }
    return n;
}

static size_t answer_udp(struct director_worker *w, struct dns_query *q,
    enum dns_cookie_state cookie, uint8_t *out, size_t cap)
{
    const struct dns_conf *c = &w->conf->dns;
    size_t limit = q->edns.udp_bytes, n;

    if (limit > c->udp_bytes)
        limit = (size_t)c->udp_bytes;
    if (limit > cap)
        limit = cap;
    if (c->cookies == DNS_COOKIES_REQUIRE && cookie == DNS_COOKIE_NONE &&
        q->rcode == DNS_RCODE_NOERROR)
        return ask_by_tcp(&w->answer, q, out, limit);
    n = answer_query(&w->answer, q, out, limit);
    if (w->director->rrl != NULL && cookie != DNS_COOKIE_GOOD)
        n = limit_rate(w, q, n, out, limit);
    return n;
}

size_t respond(struct director_worker *w, const struct respond_from *from, const uint8_t *msg,
    size_t n, uint8_t *out, size_t cap)
{
    const struct dns_conf *c = &w->conf->dns;
    struct answer_ctx *ctx = &w->answer;
    enum dns_cookie_state cookie;
    struct dns_query q;
    size_t said;

    if (dns_query_read(msg, n, &q) == DNS_READ_DROP) {
        count(n < DNS_HEADER ? C_DNS_DROPPED_SHORT : C_DNS_DROPPED_RESPONSE);
        return 0;
    }
    count_question(&q, from->transport);
    ctx->client = from->client;
    w->steering.now = worker_now(w->daemon.worker);
    ctx->opt = DNS_OPT_INIT((uint16_t)c->udp_bytes);
    ctx->opt.nsid = c->identity.server;
    cookie = check_cookie(w, from->client, &q, &ctx->opt);
    judge_cookie(&q, cookie, from->transport == BY_UDP && c->cookies == DNS_COOKIES_REQUIRE);
    if (ctx->signer != NULL)
        signer_ready(ctx->signer, worker_wall_s(w->daemon.worker), worker_now(w->daemon.worker),
            from->transport != BY_UDP);
    if (from->transport == BY_UDP) {
        said = answer_udp(w, &q, cookie, out, cap);
    } else {
        ctx->opt.keepalive = true;
        ctx->opt.keepalive_ds = (uint16_t)from->keepalive_ds;
        ctx->opt.pad = from->transport == BY_TLS;
        said = answer_query(ctx, &q, out, cap);
    }
    if (said == 0)
        return 0;
    count(rcode_counter(ctx->said.rcode));
    if (ctx->said.steer != NULL) {
        tally_count(&ctx->said.choice);
        if (ctx->said.choice.n > 0)
            countries_count(w->maps->countries, &ctx->said.whom);
    }
    if (ctx->said.truncated)
        count(C_DNS_TRUNCATED);
    return said;
}
