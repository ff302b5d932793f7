#include "geo/trie_build.h"

#include "base/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LEVELS = (128 - TRIE_ROOT_BITS + TRIE_STRIDE - 1) / TRIE_STRIDE, ARRAY_BYTES_MIN = 1 << 20 };

/* Less than this is what does not count at all. */
#define WEIGHT_NOTHING 0x1p-20

/* Slots of a node that is being filled, first to last. */
struct level {
    unsigned filled; /* slots */
    uint64_t vector, runs;
    unsigned children_n, values_n;
    uint32_t values[TRIE_SLOTS];  /* of runs */
    unsigned balance[TRIE_SLOTS]; /* of runs: slots that speak for the value less those against */
    struct trie_node children[TRIE_SLOTS];
    double weight[TRIE_SLOTS]; /* of leaves; the same for all of them unless `weights` */
    bool weights;
    double last_weight;
};

struct trie_builder {
    struct trie_kind kind;
    struct trie_parts parts;
    struct trie_build_facts facts;
    unsigned open;   /* levels */
    uint32_t root_n; /* entries filled */
    struct level levels[LEVELS];
    /* Wide only: what counts for each point, of each child of each level, and of the halves of the
     * root; as a share of the whole. owns. */
    double *shares;                 /* [LEVELS][TRIE_SLOTS][points_n] */
    double *root_shares;            /* [TRIE_ROOT_BITS + 1][points_n] */
    float *root_weights;            /* [TRIE_ROOT], of leaves */
    double *scratch;                /* [TRIE_STRIDE + 1][points_n] */
    uint32_t seen[TRIE_POINTS_MAX]; /* by point: the value last seen with it */
};

/* --- arrays ------------------------------------------------------------------------------- */

void *trie_array_room(struct trie_array *a, size_t bytes)
{
    size_t at = a->bytes;

    if (a->bytes + bytes > a->mapped) {
        size_t mapped = a->mapped == 0 ? ARRAY_BYTES_MIN : a->mapped;

        while (mapped < a->bytes + bytes)
            mapped += mapped / 2 & ~(size_t)0xfff;
        if (a->mapped == 0)
            /* cppcheck-suppress invalidFunctionArg ; MAP_ANONYMOUS wants -1 */
            a->p = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        else
            a->p = mremap(a->p, a->mapped, mapped, MREMAP_MAYMOVE);
        check(a->p != MAP_FAILED);
        a->mapped = mapped;
    }
    a->bytes += bytes;
    return (char *)a->p + at;
}

void trie_array_free(struct trie_array *a)
{
    if (a->mapped != 0)
        munmap(a->p, a->mapped);
    *a = (struct trie_array){0};
}

void trie_parts_narrow(struct trie_parts *p, unsigned from_shift, unsigned to_shift)
{
    uint32_t *broad = p->values.p, *root = p->root.p, mask = (UINT32_C(1) << to_shift) - 1;
    uint16_t *narrow = p->values.p;
    size_t n = p->values.bytes / sizeof(*broad);

    /* Front to back: each takes less room than it had. */
    for (size_t i = 0; i < n; i++) {
        uint32_t v = broad[i];

        narrow[i] = (uint16_t)((v & mask) | (v >> from_shift) << to_shift);
    }
    p->values.bytes = n * sizeof(*narrow);
    for (uint32_t i = 0; i < TRIE_ROOT; i++) {
        uint32_t v = root[i] & TRIE_ROOT_VALUE_MASK;

        if ((root[i] & TRIE_ROOT_LEAF) != 0)
            root[i] =
                (root[i] & ~TRIE_ROOT_VALUE_MASK) | (v & mask) | (v >> from_shift) << to_shift;
    }
}

static void put_value(struct trie_builder *b, uint32_t value)
{
    if (b->kind.wide)
        *(uint16_t *)trie_array_room(&b->parts.values, sizeof(uint16_t)) = (uint16_t)value;
    else
        *(uint32_t *)trie_array_room(&b->parts.values, sizeof(uint32_t)) = value;
}

static uint32_t values_n(const struct trie_builder *b)
{
    return (uint32_t)(b->parts.values.bytes / (b->kind.wide ? sizeof(uint16_t) : sizeof(uint32_t)));
}

/* --- what most have ------------------------------------------------------------------------- */

static double *shares_of(struct trie_builder *b, unsigned level, unsigned slot)
{
    return &b->shares[((size_t)level * TRIE_SLOTS + slot) * b->kind.points_n];
}

static void clear_shares(const struct trie_builder *b, double *shares)
{
    memset(shares, 0, b->kind.points_n * sizeof(*shares));
}

/* a = (a + b) / 2: of two halves alike. */
static void join_shares(const struct trie_builder *b, double *a, const double *with)
{
    for (unsigned i = 0; i < b->kind.points_n; i++)
        a[i] = (a[i] + with[i]) / 2;
}

static void share_of_leaf(const struct trie_builder *b, uint32_t value, double weight, double *out)
{
    uint32_t point = value & b->kind.point_mask;

    clear_shares(b, out);
    if (point < b->kind.points_n)
        out[point] = weight;
}

/* The value with the largest share; the lower point when two are alike. */
static uint32_t most_of(const struct trie_builder *b, const double *shares)
{
    unsigned best = 0;

    for (unsigned i = 1; i < b->kind.points_n; i++) {
        if (shares[i] > shares[best])
            best = i;
    }
    return b->seen[best];
}

static double mean_weight(const struct level *l, unsigned slot, unsigned n)
{
    double sum = 0;

    if (!l->weights)
        return l->weight[slot];
    for (unsigned i = 0; i < n; i++)
        sum += l->weight[slot + i];
    return sum / n;
}

/* A network of the result, and how much of it counts. */
static void tally(struct trie_builder *b, unsigned len, double weight)
{
    if (weight < WEIGHT_NOTHING)
        return;
    weight = ldexp(weight, -(int)len);
    b->facts.weight += weight;
    b->facts.scopes += weight * len;
}

/* The share of one block of a level, and on the way there the majorities of all mixed blocks in it,
 * left in `most` at the block's place in a heap: 1 is the whole node. */
static void share_of_block(struct trie_builder *b, unsigned level_index,
    const struct trie_node *node, unsigned slot, unsigned size_log, double *out, uint32_t *most)
{
    const struct level *l = &b->levels[level_index];
    double *right = &b->scratch[(size_t)size_log * b->kind.points_n];

    if ((node->vector >> slot & 1) != 0 && size_log == 0) {
        unsigned child = (unsigned)__builtin_popcountll(node->vector & ((UINT64_C(1) << slot) - 1));

        memcpy(out, shares_of(b, level_index, child), b->kind.points_n * sizeof(*out));
        return;
    }
    if (trie_is_one(node, slot, size_log)) {
        uint64_t up_to = node->runs & (UINT64_MAX >> (TRIE_SLOTS - 1 - slot));
        double weight = mean_weight(l, slot, 1u << size_log);

        share_of_leaf(b, l->values[__builtin_popcountll(up_to) - 1], weight, out);
        tally(b, TRIE_ROOT_BITS + (level_index + 1) * TRIE_STRIDE - size_log, weight);
        return;
    }
    /* Six deep at most. */
    share_of_block(b, level_index, node, slot, size_log - 1, out, most);
    share_of_block(b, level_index, node, slot + (1u << (size_log - 1)), size_log - 1, right, most);
    join_shares(b, out, right);
    most[(1u << (TRIE_STRIDE - size_log)) + (slot >> size_log)] = most_of(b, out);
}

static void put_majorities(struct trie_builder *b, const struct trie_node *node, double *out)
{
    struct trie_mixed mixed = trie_mixed_of(node);
    uint32_t most[TRIE_SLOTS];
    unsigned level_index = b->open - 1;

    share_of_block(b, level_index, node, 0, TRIE_STRIDE, out, most);
    for (unsigned level = TRIE_STRIDE; level >= 1; level--) {
        for (uint64_t left = mixed.level[level]; left != 0; left &= left - 1) {
            unsigned slot = (unsigned)__builtin_ctzll(left);

            put_value(b, most[(1u << (TRIE_STRIDE - level)) + (slot >> level)]);
        }
    }
}

/* --- the root ------------------------------------------------------------------------------- */

/* A block of the root is done: its share joins that of the block before it when both are halves of
 * one. */
static void join_root(struct trie_builder *b, uint32_t at, unsigned len, double *shares)
{
    uint16_t *mixed = b->parts.root_mixed.p;

    /* at: the block's number among those of `len` bits */
    for (; len > 0 && (at & 1) != 0; len--, at >>= 1) {
        double *left = &b->root_shares[(size_t)len * b->kind.points_n];

        join_shares(b, left, shares);
        memcpy(shares, left, b->kind.points_n * sizeof(*shares));
        mixed[1u << (len - 1) | at >> 1] = (uint16_t)most_of(b, shares);
    }
    memcpy(&b->root_shares[(size_t)len * b->kind.points_n], shares,
        b->kind.points_n * sizeof(*shares));
}

static void root_leaf(struct trie_builder *b, unsigned len, uint32_t value, double weight)
{
    uint32_t *root = b->parts.root.p, n = UINT32_C(1) << (TRIE_ROOT_BITS - len);

    for (uint32_t i = 0; i < n; i++)
        root[b->root_n + i] = TRIE_ROOT_LEAF | TRIE_ROOT_BITS << TRIE_ROOT_LEN_SHIFT | value;
    if (b->kind.wide) {
        b->seen[value & b->kind.point_mask] = value;
        for (uint32_t i = 0; i < n; i++)
            b->root_weights[b->root_n + i] = (float)weight;
        share_of_leaf(b, value, weight, b->scratch);
        join_root(b, b->root_n >> (TRIE_ROOT_BITS - len), len, b->scratch);
    }
    b->root_n += n;
}

static void root_node(struct trie_builder *b, const struct trie_node *node, double *shares)
{
    struct trie_node *to = trie_array_room(&b->parts.nodes, sizeof(*to));

    *to = *node;
    ((uint32_t *)b->parts.root.p)[b->root_n] = (uint32_t)(b->parts.nodes.bytes / sizeof(*to)) - 1;
    if (b->kind.wide)
        join_root(b, b->root_n, TRIE_ROOT_BITS, shares);
    b->root_n++;
}

/* Leaves side by side with one key are one network. */
static void merge_root(struct trie_builder *b)
{
    uint32_t *root = b->parts.root.p;

    for (unsigned len = TRIE_ROOT_BITS; len > 0; len--) {
        uint32_t half = UINT32_C(1) << (TRIE_ROOT_BITS - len);

        for (uint32_t i = 0; i < TRIE_ROOT; i += 2 * half) {
            uint32_t a = root[i], c = root[i + half], merged;

            if ((a & c & TRIE_ROOT_LEAF) == 0 ||
                (a & ~TRIE_ROOT_LEAF) >> TRIE_ROOT_LEN_SHIFT != len ||
                (c & ~TRIE_ROOT_LEAF) >> TRIE_ROOT_LEN_SHIFT != len ||
                ((a ^ c) & b->kind.key_mask) != 0)
                continue;
            merged = TRIE_ROOT_LEAF | (len - 1) << TRIE_ROOT_LEN_SHIFT | (a & TRIE_ROOT_VALUE_MASK);
            for (uint32_t j = 0; j < 2 * half; j++)
                root[i + j] = merged;
        }
    }
}

/* --- levels ------------------------------------------------------------------------------- */

static void fill(
    struct trie_builder *b, struct level *l, unsigned slots, uint32_t value, double weight)
{
    unsigned last = l->values_n - 1;

    if (b->kind.wide) {
        for (unsigned i = 0; i < slots; i++)
            l->weight[l->filled + i] = weight;
        l->weights |= l->values_n != 0 && weight != l->last_weight;
        l->last_weight = weight;
        b->seen[value & b->kind.point_mask] = value;
    }
    if (l->values_n != 0 && ((l->values[last] ^ value) & b->kind.key_mask) == 0) {
        /* Boyer and Moore's vote on what is not in the key. */
        if (l->values[last] == value) {
            l->balance[last] += slots;
        } else if (l->balance[last] >= slots) {
            l->balance[last] -= slots;
        } else {
            l->balance[last] = slots - l->balance[last];
            l->values[last] = value;
        }
    } else {
        l->runs |= UINT64_C(1) << l->filled;
        l->values[l->values_n] = value;
        l->balance[l->values_n++] = slots;
    }
    l->filled += slots;
}

static void open_level(struct trie_builder *b)
{
    struct level *l = &b->levels[b->open++];

    l->filled = l->children_n = l->values_n = 0;
    l->vector = l->runs = 0;
    l->weights = false;
}

/* A node is a binary tree: its inner nodes are the mixed blocks, the rest are leaves and nodes. */
static void count_networks(struct trie_builder *b, const struct trie_node *node)
{
    struct trie_mixed mixed = trie_mixed_of(node);
    unsigned n = 1;

    for (unsigned level = 1; level <= TRIE_STRIDE; level++)
        n += (unsigned)__builtin_popcountll(mixed.level[level]);
    b->facts.networks += n - (unsigned)__builtin_popcountll(node->vector);
}

/* The open level is full: it becomes a leaf of the one above, or a node. */
static void close_level(struct trie_builder *b)
{
    struct level *l = &b->levels[b->open - 1], *above = b->open > 1 ? l - 1 : NULL;
    struct trie_node node = {.vector = l->vector, .runs = l->runs};
    double *shares = NULL;

    if (l->vector == 0 && l->values_n == 1) {
        double weight = b->kind.wide ? mean_weight(l, 0, TRIE_SLOTS) : 0;

        b->open--;
        if (above != NULL)
            fill(b, above, 1, l->values[0], weight);
        else
            root_leaf(b, TRIE_ROOT_BITS, l->values[0], weight);
        return;
    }
    node.children = (uint32_t)(b->parts.nodes.bytes / sizeof(node));
    if (l->children_n != 0)
        memcpy(trie_array_room(&b->parts.nodes, l->children_n * sizeof(node)), l->children,
            l->children_n * sizeof(node));
    node.leaves = values_n(b);
    count_networks(b, &node);
    for (unsigned i = 0; i < l->values_n; i++)
        put_value(b, l->values[i]);
    if (b->kind.wide) {
        shares = above != NULL ? shares_of(b, b->open - 2, above->children_n) : b->scratch;
        put_majorities(b, &node, shares);
    }
    b->open--;
    if (above == NULL) {
        root_node(b, &node, shares);
        return;
    }
    above->vector |= UINT64_C(1) << above->filled++;
    above->children[above->children_n++] = node;
}

void trie_builder_add(struct trie_builder *b, unsigned len, uint32_t value, double weight)
{
    unsigned levels, slots;

    if (len <= TRIE_ROOT_BITS) {
        root_leaf(b, len, value, weight);
        return;
    }
    levels = (len - TRIE_ROOT_BITS + TRIE_STRIDE - 1) / TRIE_STRIDE;
    while (b->open < levels)
        open_level(b);
    slots = 1u << (TRIE_ROOT_BITS + levels * TRIE_STRIDE - len);
    fill(b, &b->levels[b->open - 1], slots, value, weight);
    while (b->open > 0 && b->levels[b->open - 1].filled == TRIE_SLOTS)
        close_level(b);
}

struct trie_builder *trie_builder_new(const struct trie_kind *kind)
{
    struct trie_builder *b = xcalloc(1, sizeof(*b));

    check(kind->points_n >= 1 && kind->points_n <= TRIE_POINTS_MAX);
    b->kind = *kind;
    (void)trie_array_room(&b->parts.root, TRIE_ROOT * sizeof(uint32_t));
    if (kind->wide) {
        (void)trie_array_room(&b->parts.root_mixed, TRIE_ROOT * sizeof(uint16_t));
        b->shares = xcalloc((size_t)LEVELS * TRIE_SLOTS * kind->points_n, sizeof(double));
        b->root_shares = xcalloc((size_t)(TRIE_ROOT_BITS + 1) * kind->points_n, sizeof(double));
        b->root_weights = xcalloc(TRIE_ROOT, sizeof(float));
        b->scratch = xcalloc((size_t)(TRIE_STRIDE + 2) * kind->points_n, sizeof(double));
    }
    return b;
}

void trie_parts_free(struct trie_parts *p)
{
    trie_array_free(&p->root);
    trie_array_free(&p->root_mixed);
    trie_array_free(&p->nodes);
    trie_array_free(&p->values);
}

void trie_builder_free(struct trie_builder **bp)
{
    struct trie_builder *b = *bp;

    *bp = NULL;
    if (b == NULL)
        return;
    trie_parts_free(&b->parts);
    free(b->shares);
    free(b->root_shares);
    free(b->root_weights);
    free(b->scratch);
    free(b);
}

static void count_root(struct trie_builder *b)
{
    const uint32_t *root = b->parts.root.p;

    for (uint32_t i = 0; i < TRIE_ROOT; i++) {
        unsigned len = (root[i] & ~TRIE_ROOT_LEAF) >> TRIE_ROOT_LEN_SHIFT;

        if ((root[i] & TRIE_ROOT_LEAF) == 0)
            continue;
        b->facts.networks += (i & ((UINT32_C(1) << (TRIE_ROOT_BITS - len)) - 1)) == 0;
        if (b->kind.wide && (double)b->root_weights[i] >= WEIGHT_NOTHING) {
            double weight = ldexp((double)b->root_weights[i], -TRIE_ROOT_BITS);

            b->facts.weight += weight;
            b->facts.scopes += weight * len;
        }
    }
}

void trie_builder_finish(
    struct trie_builder **bp, struct trie_parts *out, struct trie_build_facts *facts)
{
    struct trie_builder *b = *bp;

    check(b->open == 0 && b->root_n == TRIE_ROOT);
    merge_root(b);
    count_root(b);
    *facts = b->facts;
    *out = b->parts;
    b->parts = (struct trie_parts){0};
    trie_builder_free(bp);
}
