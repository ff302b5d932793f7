#include "geo/cuts.h"

#include "base/check.h"
#include "geo/embedded.h"

#include <stdlib.h>
#include <string.h>

/* Not for the users of a CDN: private, loopback, link-local, shared, multicast, reserved (RFC 6890,
 * RFC 4193, RFC 6666). What is for documentation and benchmarks is left to the databases, which
 * have nothing there unless somebody means it. */
static const struct geo_client unroutable[] = {
    {4, 8, {0}},
    {4, 8, {10}},
    {4, 10, {100, 64}},
    {4, 8, {127}},
    {4, 16, {169, 254}},
    {4, 12, {172, 16}},
    {4, 24, {192, 0, 0}},
    {4, 16, {192, 168}},
    {4, 3, {224}},
    {6, 96, {0}},
    {6, 64, {1}},
    {6, 7, {0xfc}},
    {6, 10, {0xfe, 0x80}},
    {6, 8, {0xff}},
};

enum kind { UNROUTABLE, EMBEDDED, OVERRIDE };

struct wanted {
    struct geo_client network;
    enum kind kind;
    unsigned map; /* of EMBEDDED and OVERRIDE */
    int32_t override;
};

struct wanted_list {
    struct wanted *v;
    size_t n, cap;
};

static void want(struct wanted_list *l, struct wanted w)
{
    if (l->n == l->cap) {
        l->cap = l->cap * 2 + 64;
        l->v = xrealloc(l->v, l->cap * sizeof(*l->v));
    }
    l->v[l->n++] = w;
}

/* Those that enclose others come first; of one map's overrides of one network the first one comes
 * last, and so it stays. */
static int compare(const void *va, const void *vb)
{
    const struct wanted *a = va, *b = vb;

    if (a->network.prefix != b->network.prefix)
        return a->network.prefix < b->network.prefix ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return a->override < b->override ? 1 : a->override > b->override ? -1 : 0;
}

static uint32_t node_new(struct geo_cuts *c)
{
    if (c->nodes_n == c->nodes_cap) {
        c->nodes_cap = c->nodes_cap * 2 + 256;
        c->nodes = xrealloc(c->nodes, c->nodes_cap * sizeof(*c->nodes));
    }
    c->nodes[c->nodes_n] = (struct geo_cut_node){0};
    return c->nodes_n++;
}

static uint32_t mark_new(struct geo_cuts *c, uint32_t like)
{
    if (c->marks_n == c->marks_cap) {
        c->marks_cap = c->marks_cap * 2 + 64;
        c->marks = xrealloc(c->marks, c->marks_cap * sizeof(*c->marks));
        c->overrides =
            xrealloc(c->overrides, (size_t)c->marks_cap * c->maps_n * sizeof(*c->overrides));
    }
    c->marks[c->marks_n] = c->marks[like];
    memcpy(&c->overrides[(size_t)c->marks_n * c->maps_n], &c->overrides[(size_t)like * c->maps_n],
        c->maps_n * sizeof(*c->overrides));
    return c->marks_n++;
}

static void put(struct geo_cuts *c, const struct wanted *w)
{
    uint32_t at = w->network.family == 4 ? 1 : 2, enclosing = 0;

    for (unsigned i = 0; i < w->network.prefix; i++) {
        unsigned bit = (w->network.address[i / 8] >> (7 - i % 8)) & 1;

        if (c->nodes[at].mark != 0)
            enclosing = c->nodes[at].mark;
        if (c->nodes[at].child[bit] == 0) {
            uint32_t child = node_new(c);

            c->nodes[at].child[bit] = child;
        }
        at = c->nodes[at].child[bit];
    }
    if (c->nodes[at].mark == 0)
        c->nodes[at].mark = mark_new(c, enclosing);
    switch (w->kind) {
    case UNROUTABLE:
        c->marks[c->nodes[at].mark].unroutable = true;
        break;
    case EMBEDDED:
        c->marks[c->nodes[at].mark].embedded |= UINT64_C(1) << w->map;
        break;
    case OVERRIDE:
        c->overrides[(size_t)c->nodes[at].mark * c->maps_n + w->map] = w->override;
        break;
    }
}

static void want_of_map(struct wanted_list *l, const struct geo_map_conf *conf, unsigned map)
{
    const struct geo_nat64 *nat64 = conf->nat64 != NULL ? conf->nat64 : &geo_nat64_well_known;
    unsigned nat64_n = conf->nat64 != NULL ? conf->nat64_n : 1;
    struct wanted w = {.kind = EMBEDDED, .map = map};

    for (unsigned i = 0; i < GEO_EMBEDDED_NETWORKS; i++) {
        w.network = geo_embedded_networks[i];
        want(l, w);
    }
    for (unsigned i = 0; i < nat64_n; i++) {
        w.network = (struct geo_client){.family = 6, .prefix = nat64[i].bits};
        memcpy(w.network.address, nat64[i].prefix, sizeof(nat64[i].prefix));
        want(l, w);
    }
    w.kind = OVERRIDE;
    for (unsigned i = 0; i < conf->overrides_n; i++) {
        struct geo_embedding how;

        if (conf->overrides[i].by != GEO_WHY_NETWORK)
            continue;
        if (!geo_embedded(&conf->overrides[i].network, nat64, nat64_n, &w.network, &how))
            w.network = conf->overrides[i].network;
        w.override = (int32_t)i;
        want(l, w);
    }
}

struct geo_cuts *geo_cuts_new(const struct geo_map_conf *confs, unsigned n)
{
    struct geo_cuts *c = xcalloc(1, sizeof(*c));
    struct wanted_list l = {0};

    c->maps_n = n;
    for (unsigned i = 0; i < 3; i++)
        (void)node_new(c);
    c->marks_cap = 64;
    c->marks_n = 1;
    c->marks = xcalloc(c->marks_cap, sizeof(*c->marks));
    c->overrides = xcalloc((size_t)c->marks_cap * n, sizeof(*c->overrides));
    for (unsigned i = 0; i < n; i++)
        c->overrides[i] = -1;
    for (unsigned i = 0; i < ARRAY_LEN(unroutable); i++)
        want(&l, (struct wanted){.network = unroutable[i], .kind = UNROUTABLE});
    for (unsigned i = 0; i < n; i++)
        want_of_map(&l, &confs[i], i);
    qsort(l.v, l.n, sizeof(*l.v), compare);
    for (size_t i = 0; i < l.n; i++)
        put(c, &l.v[i]);
    free(l.v);
    return c;
}

void geo_cuts_free(struct geo_cuts **cp)
{
    struct geo_cuts *c = *cp;

    *cp = NULL;
    if (c == NULL)
        return;
    free(c->nodes);
    free(c->marks);
    free(c->overrides);
    free(c);
}
