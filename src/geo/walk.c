#include "geo/walk.h"

#include "geo/database_impl.h"

#include <stdio.h>

enum { SEPARATOR = 16, V4_AT = 96, BITS_MAX = 128 };

struct tree {
    const uint8_t *p;
    uint32_t nodes;
    unsigned record_bits;
    unsigned file;
    const MMDB_s *db;
};

struct place {
    uint32_t at[GEO_FILES_MAX]; /* by tree: a node, or a record (>= its number of nodes) */
    uint32_t cut_node, cut;
};

struct walk {
    struct tree trees[GEO_FILES_MAX];
    unsigned n;
    const struct geo_cuts *cuts;
    uint64_t steps_left;
    unsigned bits;
    struct place right[BITS_MAX + 1]; /* by depth: the sibling to go on with */
};

static uint32_t be24(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline void read_node(const struct tree *t, uint32_t node, uint32_t *left, uint32_t *right)
{
    const uint8_t *p;

    switch (t->record_bits) {
    case 24:
        p = t->p + (size_t)node * 6;
        *left = be24(p);
        *right = be24(p + 3);
        break;
    case 28:
        p = t->p + (size_t)node * 7;
        *left = (uint32_t)(p[3] & 0xf0) << 20 | be24(p);
        *right = (uint32_t)(p[3] & 0x0f) << 24 | be24(p + 4);
        break;
    default: /* 32: MMDB_open() takes no other */
        p = t->p + (size_t)node * 8;
        *left = (uint32_t)p[0] << 24 | be24(p + 1);
        *right = (uint32_t)p[4] << 24 | be24(p + 5);
        break;
    }
}

/* Where the IPv4 addresses of a file are. */
static uint32_t v4_root(const struct tree *t, unsigned ip_version)
{
    uint32_t at = 0, right;

    for (unsigned i = 0; ip_version == 6 && i < V4_AT && at < t->nodes; i++)
        read_node(t, at, &at, &right);
    return at;
}

static void blank(struct walk *w, struct place *p)
{
    for (unsigned i = 0; i < w->n; i++)
        p->at[i] = w->trees[i].nodes;
}

static void take_mark(struct walk *w, struct place *p)
{
    uint32_t mark = w->cuts->nodes[p->cut_node].mark;

    if (mark == 0)
        return;
    p->cut = mark;
    if (geo_cut_is_blank(w->cuts, mark))
        blank(w, p);
}

static bool is_end(const struct walk *w, const struct place *p)
{
    const struct geo_cut_node *cut = &w->cuts->nodes[p->cut_node];

    for (unsigned i = 0; i < w->n; i++) {
        if (p->at[i] < w->trees[i].nodes)
            return false;
    }
    return (cut->child[0] | cut->child[1]) == 0;
}

static inline void split(
    struct walk *w, const struct place *p, struct place *left, struct place *right)
{
    for (unsigned i = 0; i < w->n; i++) {
        if (p->at[i] < w->trees[i].nodes)
            read_node(&w->trees[i], p->at[i], &left->at[i], &right->at[i]);
        else
            left->at[i] = right->at[i] = p->at[i];
    }
    left->cut = right->cut = p->cut;
    left->cut_node = right->cut_node = 0;
    if (p->cut_node != 0) {
        left->cut_node = w->cuts->nodes[p->cut_node].child[0];
        right->cut_node = w->cuts->nodes[p->cut_node].child[1];
        take_mark(w, left);
        take_mark(w, right);
    }
}

static bool damaged(struct geo_why *why, const struct tree *t, const char *what)
{
    snprintf(why->text, sizeof(why->text), "a database (%.100s) is damaged: %s",
        t->db->metadata.database_type != NULL ? t->db->metadata.database_type : "", what);
    return false;
}

static bool report(struct walk *w, const struct place *p, struct geo_network *net,
    bool (*each)(void *, const struct geo_network *), void *ctx, struct geo_why *why)
{
    for (unsigned i = 0; i < w->n; i++) {
        const struct tree *t = &w->trees[i];
        uint32_t record = p->at[i];

        if (record > t->nodes && (record < t->nodes + SEPARATOR ||
                                     record - t->nodes - SEPARATOR >= t->db->data_section_size))
            return damaged(why, t, "its search tree leads nowhere");
        net->data[t->file] = record == t->nodes ? 0 : record;
    }
    net->cut = p->cut;
    return each(ctx, net);
}

static void start(struct walk *w, const struct geo *g, unsigned family, struct place *root)
{
    uint64_t nodes = 0;

    for (unsigned i = 0; g != NULL && i < g->n; i++) {
        const MMDB_s *db = &g->files[i];
        struct tree *t = &w->trees[w->n];

        if (family == 6 && db->metadata.ip_version == 4)
            continue;
        *t = (struct tree){.p = db->file_content,
            .nodes = db->metadata.node_count,
            .record_bits = db->metadata.record_size,
            .file = i,
            .db = db};
        root->at[w->n++] = family == 4 ? v4_root(t, db->metadata.ip_version) : 0;
        nodes += t->nodes;
    }
    root->cut_node = family == 4 ? 1 : 2;
    take_mark(w, root);
    w->bits = family == 4 ? 32 : 128;
    /* Each node is come to once, and so is each of the cuts; the rest is for aliases. */
    w->steps_left = 2 * nodes + w->cuts->nodes_n + 4096;
}

/* The next address behind a network of `len` bits, which is the right half of nothing. */
static void step(struct geo_network *net, unsigned len)
{
    if (len <= 64) {
        net->hi |= UINT64_C(1) << (64 - len);
    } else {
        net->lo |= UINT64_C(1) << (128 - len);
    }
}

/* Whether the last bit of a network of `len` bits is set; it is cleared. */
static bool take_back(struct geo_network *net, unsigned len)
{
    uint64_t *half = len <= 64 ? &net->hi : &net->lo, bit = UINT64_C(1)
                                                            << (len <= 64 ? 64 - len : 128 - len);
    bool set = (*half & bit) != 0;

    *half &= ~bit;
    return set;
}

bool geo_walk(const struct geo *g, unsigned family, const struct geo_cuts *cuts,
    bool (*each)(void *ctx, const struct geo_network *network), void *ctx, struct geo_why *why)
{
    struct walk w = {.cuts = cuts};
    struct geo_network net = {0};
    struct place at = {0}, left;
    unsigned depth = 0;

    why->text[0] = '\0';
    start(&w, g, family, &at);
    for (;;) {
        if (!is_end(&w, &at)) {
            if (depth == w.bits)
                return damaged(why, &w.trees[0], "its search tree is deeper than an address");
            if (w.steps_left-- == 0)
                return damaged(why, &w.trees[0], "its search tree leads in circles");
            split(&w, &at, &left, &w.right[++depth]);
            at = left;
            continue;
        }
        net.len = (uint8_t)depth;
        if (!report(&w, &at, &net, each, ctx, why))
            return false;
        while (depth > 0 && take_back(&net, depth))
            depth--;
        if (depth == 0)
            return true;
        step(&net, depth);
        at = w.right[depth];
    }
}

void geo_walk_read(const struct geo *g, unsigned file, uint32_t record, struct geo_place *out)
{
    const MMDB_s *db = &g->files[file];
    MMDB_entry_s entry = {.mmdb = db, .offset = record - db->metadata.node_count - SEPARATOR};

    geo_record_read(&entry, out);
}

uint64_t geo_walk_nodes(const struct geo *g)
{
    uint64_t nodes = 0;

    for (unsigned i = 0; g != NULL && i < g->n; i++)
        nodes += g->files[i].metadata.node_count;
    return nodes;
}
