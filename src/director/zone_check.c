/* zone_check.c - what is wrong with the names and records of a zone together: a sentence for each,
 * at the place where it was written. */
#include "conf/suggest.h"
#include "director/steer.h"
#include "director/zone_impl.h"
#include "dns/denial.h"
#include "dns/rdata.h"

/* Beside them there may be the two of steered addresses. */
enum { ZONE_SIGNED_TYPES_MAX = DENIAL_TYPES_MAX - 2 };

static void report(
    const struct zone_build *b, const struct zone_name *n, struct conf_place at, const char *wrong)
{
    conf_error(b->l->errors, at, "\"%.*s\" %s", CONF_SHOW(n->text), wrong);
}

/* ---- each name for itself, before there is a tree ---- */

static void resolve_steer(
    const struct zone_build *b, struct zone_name *n, const struct steer_list *steers)
{
    struct suggestion near = {.of = n->steer.text};

    n->node.steer = steer_find(steers, n->steer.text);
    if (n->node.steer != NULL)
        return;
    for (unsigned i = 0; i < steers->n; i++)
        suggest_offer(&near, steers->v[i].name.p);
    if (near.best != NULL)
        conf_error(b->l->errors, n->steer.at, "there is no steer \"%.*s\", did you mean \"%s\"?",
            CONF_SHOW(n->steer.text), near.best);
    else
        conf_error(
            b->l->errors, n->steer.at, "there is no steer \"%.*s\"", CONF_SHOW(n->steer.text));
}

static void check_cname(const struct zone_build *b, const struct zone_name *n)
{
    const struct zone_record *cname = zone_record_of(n, DNS_CNAME);
    const struct zone_record *other = n->records;
    char word[DNS_WORD];

    if (cname == NULL)
        return;
    if (zone_is_apex(n)) {
        report(b, n, cname->at,
            "has SOA and NS, and nothing may stand beside a cname: a, aaaa or steer would be "
            "right");
        return;
    }
    while (other != NULL && other->type == DNS_CNAME)
        other = other->next;
    if (other != NULL)
        conf_error(b->l->errors, cname->at,
            "\"%.*s\" has a %s record on line %u: nothing may stand beside a cname",
            CONF_SHOW(n->text), dns_type_text(other->type, word), other->at.line);
    if (dns_name_eq(cname->rdata, cname->n, n->node.name, n->node.name_n))
        report(b, n, cname->at, "is its own cname");
}

/* The addresses of a steered name come from the steer alone. */
static void check_steered(const struct zone_build *b, const struct zone_name *n)
{
    static const uint16_t never[] = {DNS_A, DNS_AAAA, DNS_CNAME};
    char word[DNS_WORD];

    for (unsigned i = 0; i < ARRAY_LEN(never); i++) {
        const struct zone_record *r = zone_record_of(n, never[i]);

        if (r != NULL)
            conf_error(b->l->errors, r->at,
                "\"%.*s\" is steered, on line %u: no %s record may stand beside that",
                CONF_SHOW(n->text), n->steer.at.line, dns_type_text(never[i], word));
    }
}

static void check_delegation(const struct zone_build *b, const struct zone_name *n)
{
    const struct zone_record *ns = zone_record_of(n, DNS_NS), *ds = zone_record_of(n, DNS_DS);

    if (zone_is_apex(n) && ns == NULL)
        conf_error(b->l->errors, b->z->zone.at, "zone %.*s has no ns", CONF_SHOW(b->z->text));
    if (zone_is_apex(n) && ds != NULL)
        report(b, n, ds->at, "is the zone itself: its ds belongs in the zone above");
    if (!zone_is_apex(n) && ds != NULL && ns == NULL)
        report(b, n, ds->at, "has a ds, but no ns: it is not delegated");
    if (!zone_is_apex(n) && ns != NULL && dns_name_is_wildcard(n->node.name))
        report(b, n, ns->at, "is a wildcard, and cannot be delegated");
}

void zone_check_names(struct zone_build *b, const struct steer_list *steers)
{
    zone_each_name(n, b->z)
    {
        if (n->records_n == 0 && n->steer.text.n == 0)
            report(b, n, n->at, "has no records");
        if (n->steer.text.n > 0) {
            resolve_steer(b, n, steers);
            check_steered(b, n);
        }
        check_cname(b, n);
        check_delegation(b, n);
    }
}

/* ---- what the tree makes of them ---- */

/* At a cut are NS and DS, and addresses that are glue; all else belongs to others. */
static void check_cut(const struct zone_build *b, const struct zone_name *n)
{
    char word[DNS_WORD];

    if (n->node.steer != NULL)
        report(b, n, n->steer.at, "is delegated by its ns: it cannot be steered here");
    for (const struct zone_record *r = n->records; r != NULL; r = r->next) {
        bool address = r->type == DNS_A || r->type == DNS_AAAA;

        if (r->type == DNS_NS || r->type == DNS_DS || (address && n->serves))
            continue;
        conf_error(b->l->errors, r->at,
            "\"%.*s\" is delegated by its ns: its %s record belongs to the servers there",
            CONF_SHOW(n->text), dns_type_text(r->type, word));
        return;
    }
}

/* Behind a cut there is glue and nothing else. */
static void check_behind(const struct zone_build *b, const struct zone_name *n)
{
    const struct zone_record *r = n->records;

    while (r != NULL && n->serves && (r->type == DNS_A || r->type == DNS_AAAA))
        r = r->next;
    if (r != NULL || n->node.steer != NULL)
        conf_error(b->l->errors, r != NULL ? r->at : n->steer.at,
            "\"%.*s\" lies behind the delegation of \"%.*s\" (line %u), and is no glue for it",
            CONF_SHOW(n->text), CONF_SHOW(n->behind->text), n->behind->at.line);
}

static bool has_address(const struct zone_name *n)
{
    return n->a != NULL || n->aaaa != NULL || n->node.steer != NULL ||
           zone_node_rrset(&n->node, DNS_A) != NULL || zone_node_rrset(&n->node, DNS_AAAA) != NULL;
}

/* A name server in the zone must have an address there, or nobody finds it. Behind another cut than
 * that which it serves it is for others to know. */
static bool server_is_lost(
    const struct zone_build *b, const struct zone_name *n, const struct zone_target *t)
{
    switch (t->kind) {
    case ZONE_TARGET_OUTSIDE:
        return false;
    case ZONE_TARGET_NAME:
    case ZONE_TARGET_WILDCARD:
        return !has_address(t->found);
    case ZONE_TARGET_BEHIND:
        if (t->found != NULL)
            return !has_address(t->found);
        return zone_is_apex(n) ||
               dns_name_below(t->name.wire, t->name.n, n->node.name, n->node.name_n) >= 0;
    case ZONE_TARGET_NONE:
        return true;
    }
    (void)b;
    return false;
}

static void check_target(
    const struct zone_build *b, const struct zone_name *n, const struct zone_record *r)
{
    struct dns_rdata data = {r->rdata, r->n};
    struct zone_target t = zone_target_of(b, &data, r->type);
    char text[DNS_NAME_TEXT], word[DNS_WORD];

    if (t.kind == ZONE_TARGET_OUTSIDE)
        return;
    dns_name_text(t.name.wire, text);
    if (t.kind == ZONE_TARGET_NONE && r->target.n > 0)
        conf_error(b->l->errors, r->at,
            "there is no %s; if \"%.*s\" is the whole name, end it with a dot: \"%.*s.\"", text,
            CONF_SHOW(r->target), CONF_SHOW(r->target));
    else if ((r->type == DNS_NS || r->type == DNS_MX) && t.found != NULL &&
             zone_record_of(t.found, DNS_CNAME) != NULL)
        conf_error(b->l->errors, r->at,
            "%s is a cname: an %s record must name a host with addresses of its own", text,
            dns_type_text(r->type, word));
    else if (r->type == DNS_NS && server_is_lost(b, n, &t))
        conf_error(b->l->errors, r->at, "name server %s has no address in this zone", text);
}

static bool has_target(uint16_t type)
{
    return type == DNS_NS || type == DNS_CNAME || type == DNS_PTR || type == DNS_MX ||
           type == DNS_SRV || type == DNS_SVCB || type == DNS_HTTPS;
}

/* NSEC has to name all that is there. */
static void check_signed(const struct zone_build *b, const struct zone_name *n)
{
    if (b->z->zone.dnssec != NULL && n->node.rrsets_n > ZONE_SIGNED_TYPES_MAX)
        report(b, n, n->at, "has records of more types than a name of a signed zone can have");
}

void zone_check(struct zone_build *b)
{
    zone_each_name(n, b->z)
    {
        if (n->behind != NULL) {
            check_behind(b, n);
            continue;
        }
        if (n->node.cut)
            check_cut(b, n);
        check_signed(b, n);
        for (const struct zone_record *r = n->records; r != NULL; r = r->next) {
            if (has_target(r->type))
                check_target(b, n, r);
        }
    }
}
