#include "director/answer.h"

#include "base/check.h"
#include "director/client.h"
#include "director/pop.h"
#include "director/signer.h"
#include "director/unrouted.h"
#include "director/zone.h"
#include "dns/rdata.h"
#include "dns/writer.h"

#include <string.h>

enum {
    CNAMES_MAX = 16, /* of one answer */
    STEERED_RECORDS_MAX = STEER_ANSWERS_MAX * POP_ADDRS_MAX,
    STEERED_BYTES_MAX = STEERED_RECORDS_MAX * (2 + 16),
    CHAOS_TEXT_MAX = 255,
};

/* One answer that is being made. What the writer borrows is in here or lives as long as the zones.
 */
struct answer {
    struct answer_ctx *ctx;
    const struct dns_query *q;
    struct dns_writer w;
    unsigned rcode;
    bool first;             /* no CNAME has been followed */
    bool busy;              /* a signature is missing, and the answer with it */
    const uint8_t *owner;   /* the name in question as records show it; NULL: as it was asked */
    struct dns_name target; /* behind CNAMEs: the name in question in lower case */
    struct dns_rrset steered;
    uint8_t steered_rdata[STEERED_BYTES_MAX];
};

/* The name in question in lower case. */
static const struct dns_name *name_of(const struct answer *a)
{
    return a->first ? &a->q->name : &a->target;
}

/* ---- what was said ---- */

/* Of the first name only: where a chain leads is no matter of who asks. */
static void account_for(struct answer *a, const struct zone *zone, const struct zone_node *node)
{
    if (!a->first)
        return;
    a->ctx->said.zone = zone;
    a->ctx->said.account = node->name;
    a->ctx->said.account_n = node->name_n;
}

static void refuse(struct answer *a, unsigned ede)
{
    a->ctx->said.kind = ANSWER_REFUSED;
    a->ctx->opt.ede = (uint16_t)ede;
    a->rcode = DNS_RCODE_REFUSED;
}

/* ---- record sets ---- */

static bool put(
    struct answer *a, enum dns_section s, const uint8_t *owner, const struct dns_rrset *set)
{
    return dns_writer_rrset(&a->w, s, owner, set);
}

static bool wants_signatures(const struct answer *a, const struct zone *z)
{
    return a->q->edns.dnssec_ok && z->dnssec != NULL && a->ctx->signer != NULL;
}

/* The name in question, as found; and one that is in the zone. */
static struct signer_name found_name(const struct answer *a, const struct zone_place *p)
{
    const struct dns_name *name = name_of(a);

    return (struct signer_name){p->zone, p->node, name->wire, name->n, a->owner};
}

static struct signer_name node_name(const struct zone_node *node)
{
    return (struct signer_name){node->zone, node, node->name, node->name_n, node->name};
}

static bool is_signed(struct answer *a, enum signer_end end)
{
    a->busy = a->busy || end == SIGNER_BUSY;
    return end == SIGNER_DONE;
}

/* A set with its signatures, for whom wants them; its own TTL is sent, `as` has the one that is
 * signed. */
static bool put_signed_as(struct answer *a, enum dns_section s, const struct signer_name *name,
    const struct dns_rrset *set, const struct dns_rrset *as)
{
    if (!put(a, s, name->owner, set))
        return false;
    return !wants_signatures(a, name->zone) ||
           is_signed(a, signer_add(a->ctx->signer, &a->w, s, name, as, set->ttl));
}

static bool put_signed(struct answer *a, enum dns_section s, const struct signer_name *name,
    const struct dns_rrset *set)
{
    return put_signed_as(a, s, name, set, set);
}

/* Addresses that the client will ask for next, as room allows. Steered ones are not among them:
 * they would tie what depends on no client to this one. Who asks for ANY asks for nothing in
 * particular, and for forged senders above all: it gets none. */
static void put_targets(struct answer *a, const struct zone_rrset *set)
{
    unsigned n = a->q->type != DNS_ANY ? set->targets_n : 0;

    for (unsigned i = 0; i < n; i++) {
        const struct zone_node *t = set->targets[i];
        const struct zone_rrset *v4 = zone_node_rrset(t, DNS_A);
        const struct zone_rrset *v6 = zone_node_rrset(t, DNS_AAAA);
        struct signer_name name = node_name(t);

        if (v4 != NULL)
            put_signed(a, DNS_ADDITIONAL, &name, v4->data);
        if (v6 != NULL)
            put_signed(a, DNS_ADDITIONAL, &name, v6->data);
    }
}

static void put_data(struct answer *a, const struct zone_place *p, const struct zone_rrset *set)
{
    struct signer_name name = found_name(a, p);

    a->ctx->said.kind = ANSWER_DATA;
    if (put_signed(a, DNS_ANSWER, &name, set->data))
        put_targets(a, set);
}

/* NODATA and NXDOMAIN, RFC 2308 §2. NSEC itself is an answer to who asks for that. */
static void put_denial(struct answer *a, const struct zone_place *p)
{
    struct signer_name name = found_name(a, p), apex = node_name(p->zone->apex);
    bool nsec = a->q->type == DNS_NSEC && wants_signatures(a, p->zone);

    if (nsec)
        a->ctx->said.kind = ANSWER_DATA;
    else
        put_signed(a, DNS_AUTHORITY, &apex, p->zone->denial);
    if (wants_signatures(a, p->zone))
        is_signed(a, signer_deny(a->ctx->signer, &a->w, nsec ? DNS_ANSWER : DNS_AUTHORITY, &name));
}

static void put_nodata(struct answer *a, const struct zone_place *p)
{
    a->ctx->said.kind = ANSWER_NODATA;
    put_denial(a, p);
}

static void put_nxdomain(struct answer *a, const struct zone_place *p)
{
    account_for(a, p->zone, p->encloser);
    a->ctx->said.kind = ANSWER_NXDOMAIN;
    /* Of the last name of a chain: RFC 6604 §3. What NSEC says of it alone would not prove that
     * code, so only who knows better gets it: RFC 9824 §5. */
    if (!wants_signatures(a, p->zone) || a->q->edns.compact_ok)
        a->rcode = DNS_RCODE_NXDOMAIN;
    put_denial(a, p);
}

/* Glue without which nobody gets to the servers must be there, or TC (RFC 9471 §3). */
static void put_glue(struct answer *a, const struct zone_glue *g)
{
    bool room = true;

    if (g->a != NULL)
        room = put(a, DNS_ADDITIONAL, g->name, g->a);
    if (g->aaaa != NULL)
        room = put(a, DNS_ADDITIONAL, g->name, g->aaaa) && room;
    if (!room && g->needed)
        a->w.flags |= DNS_TC;
}

/* RFC 1034 §4.3.2, step 3b. There is no authority over what is asked, unless a CNAME led there. */
static void put_referral(struct answer *a, const struct zone_place *p)
{
    const struct zone_node *cut = p->node;
    const struct zone_rrset *ds = zone_node_rrset(cut, DNS_DS);
    struct signer_name name = node_name(cut);

    account_for(a, p->zone, cut);
    a->ctx->said.kind = ANSWER_REFERRAL;
    if (!put(a, DNS_AUTHORITY, cut->name, zone_node_rrset(cut, DNS_NS)->data))
        return;
    if (wants_signatures(a, p->zone) && ds == NULL)
        is_signed(a, signer_deny(a->ctx->signer, &a->w, DNS_AUTHORITY, &name));
    else if (a->q->edns.dnssec_ok && ds != NULL)
        put_signed(a, DNS_AUTHORITY, &name, ds->data);
    for (unsigned i = 0; i < cut->glue_n; i++)
        put_glue(a, &cut->glue[i]);
}

/* ---- steered addresses ---- */

/* Who is to be steered. *subnet: by Client Subnet, not by who asks. */
static struct geo_client client_for(const struct answer *a, bool *subnet)
{
    const struct dns_edns *e = &a->q->edns;
    struct geo_client c;

    *subnet = e->has_ecs && e->ecs.source > 0;
    if (!*subnet)
        return client_of(a->ctx->client);
    c.family = e->ecs.family == DNS_ECS_V4 ? 4 : 6;
    c.prefix = e->ecs.source;
    memcpy(c.address, e->ecs.address, sizeof(c.address));
    return c;
}

static void choose_for(
    struct answer *a, const struct steer *steer, int family, const struct geo_client *client)
{
    struct steer_ask ask = {.client = client, .family = family};

    a->ctx->said.whom = *client;
    steer_choose(a->ctx->steering, steer, &ask, &a->ctx->said.choice);
}

/* The one place where a client meets a steer. A network that is not routed is where its resolver
 * is, unless an override knows better; then the answer holds for its block. */
static void choose(struct answer *a, const struct steer *steer, int family)
{
    struct steer_choice *choice = &a->ctx->said.choice;
    bool subnet;
    struct geo_client client = client_for(a, &subnet);
    unsigned block, scope;

    a->ctx->said.steer = steer;
    choose_for(a, steer, family, &client);
    if (!subnet)
        return;
    scope = choice->scope;
    block = choice->why == GEO_WHY_DEFAULT ? unrouted_bits(&client) : 0;
    if (block > 0) {
        client = client_of(a->ctx->client);
        choose_for(a, steer, family, &client);
        scope = scope > block ? scope : block;
    }
    a->ctx->opt.ecs_scope = choice->end == STEER_NODATA ? 0 : (uint8_t)scope;
}

static bool has_rdata(const struct answer *a, const uint8_t *rdata, unsigned bytes)
{
    for (unsigned at = 0; at < a->steered.rdata_bytes; at += bytes) {
        if (memcmp(a->steered_rdata + at, rdata, bytes) == 0)
            return true;
    }
    return false;
}

/* The chosen addresses of the picks, best first, each once. */
static void gather_addresses(struct answer *a, const struct steer_choice *c, int family)
{
    unsigned size = family == AF_INET ? 4 : 16;
    struct dns_rrset *set = &a->steered;

    *set = (struct dns_rrset){
        .type = family == AF_INET ? DNS_A : DNS_AAAA, .ttl = c->ttl_s, .rdata = a->steered_rdata};
    for (unsigned i = 0; i < c->n; i++) {
        const struct steer_pick *pick = &c->picks[i];
        unsigned n, working = family == AF_INET ? pick->v4 : pick->v6;
        const struct addr *addrs = pop_addrs(pick->pop, family, &n);

        for (unsigned k = 0; k < n; k++) {
            uint8_t *dst = a->steered_rdata + set->rdata_bytes;

            if ((working & 1u << k) == 0)
                continue;
            dst[0] = 0;
            dst[1] = (uint8_t)size;
            if (family == AF_INET)
                memcpy(dst + 2, &addrs[k].in.sin_addr, 4);
            else
                memcpy(dst + 2, &addrs[k].in6.sin6_addr, 16);
            if (has_rdata(a, dst, 2 + size))
                continue;
            set->rdata_bytes += 2 + size;
            set->n++;
        }
    }
}

/* Nobody is up and the steer is to fail then: what a chain has put is taken back. */
static void fail(struct answer *a, const struct dns_writer_mark *start)
{
    dns_writer_back(&a->w, start);
    a->w.flags &= (uint16_t) ~(DNS_AA | DNS_TC);
    a->ctx->said.kind = ANSWER_ERROR;
    a->rcode = DNS_RCODE_SERVFAIL;
}

/* Signed with the TTL that it has when nothing changes, which is the longest. */
static void put_addresses(struct answer *a, const struct zone_place *p, int family)
{
    const struct steer *steer = p->node->steer;
    int64_t ttl_ms =
        steer->ttl_ms > steer->ttl_changing_ms ? steer->ttl_ms : steer->ttl_changing_ms;
    struct signer_name name = found_name(a, p);
    struct dns_rrset as;

    gather_addresses(a, &a->ctx->said.choice, family);
    as = a->steered;
    as.ttl = (uint32_t)(ttl_ms / 1000);
    put_signed_as(a, DNS_ANSWER, &name, &a->steered, &as);
}

static void put_steered(struct answer *a, const struct zone_place *p, uint16_t type,
    const struct dns_writer_mark *start)
{
    const struct steer_choice *c = &a->ctx->said.choice;
    int family = type == DNS_A ? AF_INET : AF_INET6;

    choose(a, p->node->steer, family);
    if (c->all_down) {
        a->ctx->opt.ede = DNS_EDE_OTHER;
        a->ctx->opt.ede_text = SPAN("no PoP is up");
    }
    switch (c->end) {
    case STEER_ANSWER:
        a->ctx->said.kind = ANSWER_STEERED;
        put_addresses(a, p, family);
        return;
    case STEER_NODATA:
        put_nodata(a, p);
        return;
    case STEER_NOBODY:
        fail(a, start);
        return;
    }
}

/* ---- the name in question ---- */

/* ANY gets one of the record sets (RFC 8482 §4.1): the first, and steered addresses when there is
 * nothing else. */
static uint16_t type_wanted(const struct answer *a, const struct zone_node *node)
{
    if (a->q->type != DNS_ANY)
        return a->q->type;
    if (node->rrsets_n > 0)
        return node->rrsets[0].data->type;
    return DNS_A;
}

/* Goes on to where a CNAME leads. False: that is where we were before, or the chain is too long. */
static bool follow(
    struct answer *a, const struct dns_rrset *cname, const uint8_t *seen[], unsigned n)
{
    struct dns_rdata data;
    size_t at = 0;

    if (n == CNAMES_MAX || !dns_rrset_next(cname, &at, &data))
        return false;
    if (dns_name_eq(data.p, data.n, a->q->name.wire, a->q->name.n))
        return false;
    for (unsigned i = 0; i < n; i++) {
        if (dns_name_eq(data.p, data.n, seen[i], dns_name_bytes(seen[i])))
            return false;
    }
    seen[n] = data.p;
    a->owner = data.p;
    a->target.n = (uint8_t)data.n;
    dns_name_lower(a->target.wire, data.p, data.n);
    a->first = false;
    return true;
}

/* What a node says about the type, for itself or for the names that it stands for as a wildcard.
 * Returns the CNAME that was put, if that is what there is. */
static const struct dns_rrset *put_node(
    struct answer *a, const struct zone_place *p, const struct dns_writer_mark *start)
{
    uint16_t type = type_wanted(a, p->node);
    const struct zone_rrset *set = zone_node_rrset(p->node, type);

    account_for(a, p->zone, p->node);
    if (set != NULL) {
        put_data(a, p, set);
    } else if (p->node->steer != NULL && (type == DNS_A || type == DNS_AAAA)) {
        put_steered(a, p, type, start);
    } else if ((set = zone_node_rrset(p->node, DNS_CNAME)) != NULL) {
        struct signer_name name = found_name(a, p);

        a->ctx->said.kind = ANSWER_DATA;
        return put_signed(a, DNS_ANSWER, &name, set->data) ? set->data : NULL;
    } else {
        put_nodata(a, p);
    }
    return NULL;
}

/* More signatures are wanted than a worker may make (signer.h): by UDP the asker is sent to TCP,
 * and there told to come again. */
static void answer_busy(struct answer *a, const struct dns_writer_mark *start)
{
    fail(a, start);
    if (a->ctx->signer->tcp) {
        a->ctx->opt.ede = DNS_EDE_OTHER;
        a->ctx->opt.ede_text = SPAN("too many signatures are asked for");
    } else {
        a->rcode = DNS_RCODE_NOERROR;
        a->w.flags |= DNS_TC;
    }
}

/* RFC 1034 §4.3.2: the name, and those that CNAMEs lead to, as far as our zones go. */
static void resolve(struct answer *a, const struct dns_writer_mark *start)
{
    const uint8_t *seen[CNAMES_MAX];
    const struct dns_rrset *cname;
    unsigned n = 0;

    do {
        struct zone_place p = zones_find(a->ctx->zones, name_of(a), a->q->type == DNS_DS);

        cname = NULL;
        /* Signatures are made for who gets what they sign. */
        if (a->q->type == DNS_RRSIG && p.zone != NULL && p.zone->dnssec != NULL) {
            refuse(a, DNS_EDE_NOT_SUPPORTED);
            return;
        }
        if (p.found != ZONE_FOREIGN && p.found != ZONE_CUT)
            a->w.flags |= DNS_AA;
        switch (p.found) {
        case ZONE_FOREIGN:
            if (a->first)
                refuse(a, DNS_EDE_NOT_AUTHORITATIVE);
            return;
        case ZONE_CUT:
            put_referral(a, &p);
            return;
        case ZONE_NONE:
            put_nxdomain(a, &p);
            return;
        case ZONE_NODE:
        case ZONE_WILDCARD:
            cname = put_node(a, &p, start);
            break;
        }
    } while (cname != NULL && follow(a, cname, seen, n++));
}

static void answer_in(struct answer *a)
{
    struct dns_writer_mark start = dns_writer_mark(&a->w);

    resolve(a, &start);
    if (a->busy)
        answer_busy(a, &start);
}

/* ---- CH TXT ---- */

static const struct {
    const char *wire; /* lower case; the root's label is the literal's own end */
    uint8_t n;
    bool version;
} chaos_names[] = {
    {"\7version\4bind", 14, true},
    {"\7version\6server", 16, true},
    {"\2id\6server", 11, false},
    {"\10hostname\4bind", 15, false},
};

static struct span chaos_text(const struct answer *a)
{
    const struct dns_name *name = &a->q->name;

    for (size_t i = 0; i < ARRAY_LEN(chaos_names); i++) {
        if (chaos_names[i].n == name->n && memcmp(chaos_names[i].wire, name->wire, name->n) == 0)
            return chaos_names[i].version ? a->ctx->identity->version : a->ctx->identity->server;
    }
    return SPAN_EMPTY;
}

static void answer_chaos(struct answer *a)
{
    struct span text = chaos_text(a);
    uint8_t rdata[1 + CHAOS_TEXT_MAX];

    if (text.n == 0 || (a->q->type != DNS_TXT && a->q->type != DNS_ANY)) {
        refuse(a, DNS_EDE_NONE);
        return;
    }
    if (text.n > CHAOS_TEXT_MAX)
        text.n = CHAOS_TEXT_MAX;
    rdata[0] = (uint8_t)text.n;
    memcpy(rdata + 1, text.p, text.n);
    a->ctx->said.kind = ANSWER_CHAOS;
    a->w.flags |= DNS_AA;
    (void)!dns_writer_rr(&a->w, DNS_ANSWER, NULL, DNS_TXT, 0, rdata, 1 + text.n);
}

/* ---- the whole ---- */

static void say_nothing_yet(struct answer_ctx *ctx)
{
    ctx->opt.ecs_scope = 0;
    ctx->opt.ede = DNS_EDE_NONE;
    ctx->opt.ede_text = SPAN_EMPTY;
    ctx->said.kind = ANSWER_ERROR;
    ctx->said.rcode = DNS_RCODE_NOERROR;
    ctx->said.truncated = false;
    ctx->said.account = NULL;
    ctx->said.account_n = 0;
    ctx->said.zone = NULL;
    ctx->said.steer = NULL;
}

static size_t answer_code(
    struct answer_ctx *ctx, const struct dns_query *q, uint8_t *out, size_t limit)
{
    ctx->said.rcode = q->rcode;
    ctx->said.kind = q->rcode == DNS_RCODE_REFUSED ? ANSWER_REFUSED : ANSWER_ERROR;
    return dns_refuse(out, limit, q, &ctx->opt);
}

size_t answer_query(struct answer_ctx *ctx, const struct dns_query *q, uint8_t *out, size_t limit)
{
    struct answer a; /* set by parts: most of it is room */

    say_nothing_yet(ctx);
    if (q->rcode != DNS_RCODE_NOERROR || !q->has_question)
        return answer_code(ctx, q, out, limit);
    a.ctx = ctx;
    a.q = q;
    a.rcode = DNS_RCODE_NOERROR;
    a.first = true;
    a.busy = false;
    a.owner = NULL;
    dns_writer_start(&a.w, out, limit, q, &ctx->opt);
    if (q->class == DNS_CH)
        answer_chaos(&a);
    else if (q->class == DNS_IN || q->class == DNS_CLASS_ANY)
        answer_in(&a);
    else
        refuse(&a, DNS_EDE_NONE);
    /* Nobody has authority over all classes (RFC 1035 §6.2). */
    if (q->class == DNS_CLASS_ANY)
        a.w.flags &= (uint16_t)~DNS_AA;
    ctx->said.rcode = a.rcode;
    ctx->said.truncated = (a.w.flags & DNS_TC) != 0;
    return dns_writer_end(&a.w, a.rcode);
}
