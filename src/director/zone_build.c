/* zone_build.c - zones_conf_close() of zone_conf.h: from names and records as written to nodes. One
 * step after the other over all names of a zone; none looks at more than the labels of a name. What
 * is wrong with them together is zone_check.c's matter. */
#include "base/check.h"
#include "director/steer.h"
#include "director/zone_conf.h"
#include "director/zone_impl.h"
#include "dns/rdata.h"

#include <stdlib.h>

/* A record set must fit into a message, with its name and what else belongs there. */
enum { RRSET_BYTES_MAX = 60000, RR_FIXED = 12 };

struct zone_name *zone_written(const struct zone_build *b, const uint8_t *wire, size_t n)
{
    const struct zone_node *node = zones_get(b->written, wire, n);

    return node != NULL ? container_of(node, struct zone_name, node) : NULL;
}

const struct zone_record *zone_record_of(const struct zone_name *n, uint16_t type)
{
    const struct zone_record *r = n->records;

    while (r != NULL && r->type != type)
        r = r->next;
    return r;
}

/* ---- the tree ---- */

static void collect(struct zone_build *b)
{
    zone_each_name(n, b->z)
    {
        const struct zone_name *other = zone_written(b, n->node.name, n->node.name_n);

        if (other != NULL)
            conf_error(b->l->errors, n->at, "\"%.*s\" stands in this zone already, on line %u",
                CONF_SHOW(n->text), other->at.line);
        else
            zones_put(b->written, &n->node);
        n->node.cut = !zone_is_apex(n) && zone_record_of(n, DNS_NS) != NULL;
    }
}

/* Whether n lies behind a cut: behind the highest there is. */
static void find_cut_above(const struct zone_build *b, struct zone_name *n)
{
    const uint8_t *wire = n->node.name;
    size_t left = n->node.name_n;

    while (left > b->z->origin.n) {
        const struct zone_name *above;

        left -= 1u + wire[0];
        wire = dns_name_parent(wire);
        above = zone_written(b, wire, left);
        if (above != NULL && above->node.cut)
            n->behind = above;
    }
}

/* All names between n and the apex exist (RFC 4592 §2.2.2). What is added gets into the list of
 * names, where it is found by the walk that called us, and has nothing above it to be added. */
static void add_empty_above(struct zone_build *b, struct zone_name *n)
{
    const uint8_t *wire = dns_name_parent(n->node.name);
    size_t left = n->node.name_n - 1u - n->node.name[0];

    for (; zone_written(b, wire, left) == NULL; wire = dns_name_parent(wire)) {
        struct zone_name *empty = arena_zalloc(b->l->arena, sizeof(*empty));

        zone_name_init(empty, b->z, n->text, wire, left);
        empty->at = n->at;
        *b->z->names_end = empty;
        b->z->names_end = &empty->next;
        zones_put(b->written, &empty->node);
        left -= 1u + wire[0];
    }
}

static void make_tree(struct zone_build *b)
{
    unsigned n_nodes = 0;

    zone_each_name(n, b->z)
    {
        if (!zone_is_apex(n))
            find_cut_above(b, n);
    }
    zone_each_name(n, b->z)
    {
        if (n->behind != NULL)
            continue;
        n_nodes++;
        if (!zone_is_apex(n))
            add_empty_above(b, n);
    }
    b->nodes = arena_alloc(b->l->arena, n_nodes * sizeof(*b->nodes));
    zone_each_name(n, b->z)
    {
        if (n->behind != NULL)
            continue;
        b->nodes[b->nodes_n++] = &n->node;
        if (!zone_is_apex(n) && dns_name_is_wildcard(n->node.name))
            zone_written(b, n->node.name + 2, n->node.name_n - 2u)->node.star = &n->node;
    }
    b->z->zone.nodes = b->nodes;
    b->z->zone.nodes_n = b->nodes_n;
}

/* ---- record sets ---- */

static int compare_records(const void *a, const void *b)
{
    const struct zone_record *x = *(const struct zone_record *const *)a;
    const struct zone_record *y = *(const struct zone_record *const *)b;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = memcmp(x->rdata, y->rdata, n);

    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    if (order != 0)
        return order;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return x->at.line != y->at.line ? (x->at.line < y->at.line ? -1 : 1)
                                    : (int)x->at.column - (int)y->at.column;
}

static bool same_data(const struct zone_record *x, const struct zone_record *y)
{
    return x->n == y->n && memcmp(x->rdata, y->rdata, x->n) == 0;
}

/* The set of the records r[0 .. n), which have one type. */
static const struct dns_rrset *make_rrset(
    struct zone_build *b, const struct zone_name *name, struct zone_record **r, unsigned n)
{
    int64_t ttl_ms = name->ttl_ms >= 0 ? name->ttl_ms : b->z->ttl_ms;
    struct dns_rdata *data = arena_alloc(&b->scratch, n * sizeof(*data));
    const struct zone_record *twice = NULL;
    char word[DNS_WORD];
    size_t bytes = 0, duplicates;
    const struct dns_rrset *set;

    for (unsigned i = 0; i < n; i++) {
        data[i] = (struct dns_rdata){r[i]->rdata, r[i]->n};
        bytes += r[i]->n + RR_FIXED;
        if (i > 0 && same_data(r[i - 1], r[i]))
            twice = r[i];
    }
    set = dns_rrset_make(b->l->arena, r[0]->type, (uint32_t)(ttl_ms / 1000), data, n, &duplicates);
    if (duplicates > 0)
        conf_error(b->l->errors, (twice != NULL ? twice : r[0])->at,
            "\"%.*s\" has the same %s record twice", CONF_SHOW(name->text),
            dns_type_text(r[0]->type, word));
    if (bytes > RRSET_BYTES_MAX || n > UINT16_MAX)
        conf_error(b->l->errors, r[0]->at,
            "the %s records of \"%.*s\" take %zu bytes: more than a message has room for",
            dns_type_text(r[0]->type, word), CONF_SHOW(name->text), bytes);
    return set;
}

/* Addresses of a cut or behind one are glue and no data of the name. */
static bool is_glue(const struct zone_name *n, uint16_t type)
{
    return (n->node.cut || n->behind != NULL) && (type == DNS_A || type == DNS_AAAA);
}

static void make_rrsets(struct zone_build *b, struct zone_name *name)
{
    struct zone_record **r =
        arena_alloc(&b->scratch, name->records_n * sizeof(struct zone_record *));
    struct zone_rrset *sets;
    unsigned n = 0, types = 0;

    for (struct zone_record *it = name->records; it != NULL; it = it->next)
        r[n++] = it;
    qsort(r, n, sizeof(struct zone_record *), compare_records);
    for (unsigned i = 0; i < n; i++)
        types += i == 0 || r[i]->type != r[i - 1]->type;
    name->node.rrsets = sets = arena_zalloc(b->l->arena, types * sizeof(*sets));
    for (unsigned from = 0, to; from < n; from = to) {
        const struct dns_rrset *set;

        for (to = from + 1; to < n && r[to]->type == r[from]->type;)
            to++;
        set = make_rrset(b, name, r + from, to - from);
        if (!is_glue(name, set->type))
            sets[name->node.rrsets_n++].data = set;
        else if (set->type == DNS_A)
            name->a = set;
        else
            name->aaaa = set;
    }
}

/* ---- names that records point to ---- */

/* The zone's own part of a look-up (zones_find()), with what is behind cuts. */
struct zone_target zone_target_of(
    const struct zone_build *b, const struct dns_rdata *data, uint16_t type)
{
    struct zone_target t = {.kind = ZONE_TARGET_OUTSIDE};
    const uint8_t *wire = data->p + dns_rdata_shape(type).before;
    size_t left = dns_name_bytes(wire);
    struct zone_name *found;

    if (dns_name_below(wire, left, b->z->origin.wire, b->z->origin.n) < 0)
        return t;
    t.name.n = (uint8_t)left;
    dns_name_lower(t.name.wire, wire, left);
    for (wire = t.name.wire; (found = zone_written(b, wire, left)) == NULL;
         wire = dns_name_parent(wire))
        left -= 1u + wire[0];
    if (left == t.name.n) {
        t.kind = found->behind != NULL ? ZONE_TARGET_BEHIND : ZONE_TARGET_NAME;
        t.found = found;
    } else if (found->node.cut || found->behind != NULL) {
        t.kind = ZONE_TARGET_BEHIND;
    } else if (found->node.star != NULL) {
        t.kind = ZONE_TARGET_WILDCARD;
        t.found = container_of(found->node.star, struct zone_name, node);
    } else {
        t.kind = ZONE_TARGET_NONE;
    }
    return t;
}

static void mark_servers(struct zone_build *b)
{
    zone_each_name(n, b->z)
    {
        const struct zone_rrset *ns = zone_node_rrset(&n->node, DNS_NS);
        struct dns_rdata data;
        size_t at = 0;

        while (ns != NULL && dns_rrset_next(ns->data, &at, &data)) {
            struct zone_target t = zone_target_of(b, &data, DNS_NS);

            if (t.found != NULL)
                t.found->serves = true;
        }
    }
}

static const struct dns_rrset *addresses(const struct zone_name *n, uint16_t type)
{
    const struct zone_rrset *set;

    if (n->node.cut || n->behind != NULL)
        return type == DNS_A ? n->a : n->aaaa;
    set = zone_node_rrset(&n->node, type);
    return set != NULL ? set->data : NULL;
}

/* One server of the cut, unless we have no address for it; `needed` ones only or others only. */
static void add_glue(struct zone_build *b, const struct zone_name *cut,
    const struct dns_rdata *data, struct zone_glue *list, unsigned *n, bool needed)
{
    struct zone_target t = zone_target_of(b, data, DNS_NS);
    struct zone_glue *g = &list[*n];

    if ((t.kind != ZONE_TARGET_NAME && t.kind != ZONE_TARGET_BEHIND) || t.found == NULL)
        return;
    if (needed != (dns_name_below(t.name.wire, t.name.n, cut->node.name, cut->node.name_n) >= 0))
        return;
    *g = (struct zone_glue){
        .name = t.found->node.name,
        .name_n = t.found->node.name_n,
        .needed = needed,
        .a = addresses(t.found, DNS_A),
        .aaaa = addresses(t.found, DNS_AAAA),
    };
    *n += g->a != NULL || g->aaaa != NULL;
}

static void make_glue(struct zone_build *b, struct zone_name *cut)
{
    const struct dns_rrset *ns = zone_node_rrset(&cut->node, DNS_NS)->data;
    struct zone_glue *list = arena_alloc(b->l->arena, ns->n * sizeof(*list));
    struct dns_rdata data;
    unsigned n = 0;

    for (size_t at = 0; dns_rrset_next(ns, &at, &data);)
        add_glue(b, cut, &data, list, &n, true);
    for (size_t at = 0; dns_rrset_next(ns, &at, &data);)
        add_glue(b, cut, &data, list, &n, false);
    cut->node.glue = list;
    cut->node.glue_n = n;
}

static bool wants_addresses(uint16_t type)
{
    return type == DNS_NS || type == DNS_MX || type == DNS_SRV || type == DNS_SVCB ||
           type == DNS_HTTPS;
}

static bool is_service(uint16_t type)
{
    return type == DNS_SVCB || type == DNS_HTTPS;
}

/* The node whose addresses go with a record, or NULL. */
static const struct zone_node *target_node(const struct zone_build *b, const struct zone_name *n,
    const struct dns_rdata *data, uint16_t type)
{
    struct zone_target t;

    /* "." is the owner itself, in service mode (RFC 9460 §2.5.2); a wildcard's is not known yet. */
    if (is_service(type) && data->p[2] == 0) {
        bool service = data->p[0] != 0 || data->p[1] != 0;

        return service && !dns_name_is_wildcard(n->node.name) ? &n->node : NULL;
    }
    t = zone_target_of(b, data, type);
    return t.kind == ZONE_TARGET_NAME && !t.found->node.cut ? &t.found->node : NULL;
}

static void make_targets(struct zone_build *b, const struct zone_name *n, struct zone_rrset *set)
{
    const struct zone_node **list =
        arena_alloc(b->l->arena, set->data->n * sizeof(const struct zone_node *));
    unsigned list_n = 0;
    struct dns_rdata data;

    for (size_t at = 0; dns_rrset_next(set->data, &at, &data);) {
        const struct zone_node *node = target_node(b, n, &data, set->data->type);

        if (node != NULL &&
            (zone_node_rrset(node, DNS_A) != NULL || zone_node_rrset(node, DNS_AAAA) != NULL))
            list[list_n++] = node;
    }
    set->targets = list;
    set->targets_n = list_n;
}

static void link_targets(struct zone_build *b, struct zone_name *n)
{
    if (n->node.cut) {
        make_glue(b, n);
        return;
    }
    for (unsigned i = 0; i < n->node.rrsets_n; i++) {
        /* Ours, until the zone is done. */
        struct zone_rrset *set = (struct zone_rrset *)(uintptr_t)&n->node.rrsets[i];

        if (wants_addresses(set->data->type))
            make_targets(b, n, set);
    }
}

/* ---- one zone, all zones ---- */

static void set_soa(struct arena *a, struct zone_draft *z)
{
    const struct zone_rrset *soa = zone_node_rrset(&z->apex.node, DNS_SOA);
    struct dns_rrset *denial = arena_alloc(a, sizeof(*denial));

    check(soa != NULL);
    *denial = *soa->data;
    if (denial->ttl > z->negative_max_s)
        denial->ttl = z->negative_max_s;
    z->zone.soa = soa->data;
    z->zone.denial = denial;
}

static void build_zone(struct conf_load *l, struct zone_draft *z, const struct steer_list *steers)
{
    struct zone_build b = {.l = l, .z = z};

    arena_init(&b.scratch);
    b.written = zones_make(&b.scratch, NULL, 0);
    zone_check_names(&b, steers);
    collect(&b);
    make_tree(&b);
    zone_each_name(n, z) make_rrsets(&b, n);
    set_soa(l->arena, z);
    mark_servers(&b);
    zone_check(&b);
    zone_each_name(n, z)
    {
        if (n->behind == NULL)
            link_targets(&b, n);
    }
    arena_free(&b.scratch);
}

/* The zone of ours, other than its own, that a node would be found in; NULL: none. */
static const struct zone_node *apex_over(const struct zones *set, const struct zone_node *node)
{
    const uint8_t *wire = node->name;
    size_t left = node->name_n;

    for (; left > node->zone->apex->name_n; wire = dns_name_parent(wire)) {
        const struct zone_node *other = zones_get(set, wire, left);

        if (other != NULL && other->zone != node->zone)
            return other;
        left -= 1u + wire[0];
    }
    return NULL;
}

/* A node of z to where it is found; one that another zone of ours has is only its cut. */
static void publish(struct conf_load *l, struct zones *set, const struct zone_node *node)
{
    const struct zone_node *other = apex_over(set, node);
    const struct zone_name *name = container_of(node, const struct zone_name, node);

    if (other == NULL) {
        zones_put(set, node);
    } else if (other->name_n == node->name_n && node->cut) {
        container_of(other, struct zone_name, node)->node.above = node;
    } else if (node->rrsets_n > 0 || node->steer != NULL) {
        const struct zone_draft *in = container_of(other, const struct zone_name, node)->draft;

        conf_error(l->errors, name->at,
            "\"%.*s\" would never be found here: it is in zone %.*s, on line %u",
            CONF_SHOW(name->text), CONF_SHOW(in->text), in->zone.at.line);
    }
}

/* Apexes first, so that whatever another zone has there is seen to be in its way. */
static const struct zones *publish_all(struct conf_load *l, struct zones_conf *conf, unsigned n)
{
    const struct zone **list = arena_alloc(l->arena, n * sizeof(const struct zone *));
    struct zones *set = zones_make(l->arena, list, n);
    unsigned i = 0;

    for (struct zone_draft *z = conf->drafts; z != NULL; z = z->next) {
        const struct zone_node *other = zones_get(set, z->origin.wire, z->origin.n);

        list[i++] = &z->zone;
        if (other != NULL)
            conf_error(l->errors, z->zone.at, "zone %.*s is there already, on line %u",
                CONF_SHOW(z->text), other->zone->at.line);
        else
            zones_put(set, &z->apex.node);
    }
    for (struct zone_draft *z = conf->drafts; z != NULL; z = z->next) {
        for (unsigned k = 0; k < z->zone.nodes_n; k++) {
            if (z->zone.nodes[k] != z->zone.apex)
                publish(l, set, z->zone.nodes[k]);
        }
    }
    return set;
}

void zones_conf_close(struct conf_load *l, struct zones_conf *conf, const struct steer_list *steers)
{
    unsigned n = 0;

    /* What was not understood is missing, and would be missed in many places. */
    if (l->errors->n > 0)
        return;
    for (struct zone_draft *z = conf->drafts; z != NULL; z = z->next) {
        build_zone(l, z, steers);
        n++;
    }
    conf->zones = publish_all(l, conf, n);
}
