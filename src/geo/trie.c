#include "geo/trie.h"

/* Bits are counted by an instruction where the processor has it; known when the program starts. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FAST __attribute__((target_clones("popcnt", "default")))
#else
#define FAST
#endif

enum { LEVELS = (128 - TRIE_ROOT_BITS + TRIE_STRIDE - 1) / TRIE_STRIDE };

struct trie_mixed trie_mixed_of(const struct trie_node *node)
{
    static const uint64_t starts[] = {0, 0x5555555555555555, 0x1111111111111111, 0x0101010101010101,
        0x0001000100010001, 0x0000000100000001, 1};
    struct trie_mixed m;
    uint64_t below = node->vector;

    for (unsigned level = 1; level <= TRIE_STRIDE; level++) {
        unsigned half = 1u << (level - 1);

        /* One half is, or another run starts between them. */
        below = (below | below >> half | node->runs >> half) & starts[level];
        m.level[level] = below;
    }
    m.level[0] = node->vector;
    return m;
}

/* Where the majority of a mixed block is among the values of its node. */
static unsigned rank_of_mixed(const struct trie_node *node, unsigned slot, unsigned level)
{
    struct trie_mixed m = trie_mixed_of(node);
    unsigned rank = (unsigned)__builtin_popcountll(node->runs);

    for (unsigned l = TRIE_STRIDE; l > level; l--)
        rank += (unsigned)__builtin_popcountll(m.level[l]);
    slot &= ~((1u << level) - 1);
    return rank + (unsigned)__builtin_popcountll(m.level[level] & ((UINT64_C(1) << slot) - 1));
}

static inline uint32_t value_at(const struct trie *t, size_t at)
{
    return t->narrow != NULL ? t->narrow[at] : t->broad[at];
}

static inline const struct trie_node *child_of(
    const struct trie *t, const struct trie_node *node, unsigned slot)
{
    uint64_t before = node->vector & ((UINT64_C(1) << slot) - 1);

    return &t->nodes[node->children + (unsigned)__builtin_popcountll(before)];
}

/* Which value a leaf has. */
static inline size_t leaf_of(const struct trie_node *node, unsigned slot)
{
    uint64_t up_to = node->runs & (UINT64_MAX >> (TRIE_SLOTS - 1 - slot));

    return node->leaves + (size_t)__builtin_popcountll(up_to) - 1;
}

static void answer_mixed(const struct trie *t, const struct trie_node *node, unsigned slot,
    unsigned level, unsigned len, struct trie_found *out)
{
    out->mixed = true;
    out->len = (uint8_t)len;
    out->value =
        t->root_mixed != NULL ? t->narrow[node->leaves + rank_of_mixed(node, slot, level)] : 0;
}

/* Fewer bits than the root takes. */
static void find_short(const struct trie *t, uint64_t hi, unsigned len, struct trie_found *out)
{
    uint32_t entry =
        t->root[hi >> (64 - TRIE_ROOT_BITS) & ~((UINT64_C(1) << (TRIE_ROOT_BITS - len)) - 1)];
    unsigned entry_len = (entry & ~TRIE_ROOT_LEAF) >> TRIE_ROOT_LEN_SHIFT;

    if ((entry & TRIE_ROOT_LEAF) != 0 && entry_len <= len) {
        *out = (struct trie_found){entry & TRIE_ROOT_VALUE_MASK, (uint8_t)entry_len, false};
        return;
    }
    *out = (struct trie_found){.len = (uint8_t)len, .mixed = true};
    if (t->root_mixed != NULL)
        out->value = t->root_mixed[1u << len | (len == 0 ? 0 : (uint32_t)(hi >> (64 - len)))];
}

FAST void trie_find(
    const struct trie *t, uint64_t hi, uint64_t lo, unsigned len, struct trie_found *out)
{
    uint32_t entry;
    const struct trie_node *node;
    unsigned depth = TRIE_ROOT_BITS, slot, level;

    if (unlikely(len < TRIE_ROOT_BITS)) {
        find_short(t, hi, len, out);
        return;
    }
    entry = t->root[hi >> (64 - TRIE_ROOT_BITS)];
    if ((entry & TRIE_ROOT_LEAF) != 0) {
        *out = (struct trie_found){.value = entry & TRIE_ROOT_VALUE_MASK,
            .len = (uint8_t)((entry & ~TRIE_ROOT_LEAF) >> TRIE_ROOT_LEN_SHIFT)};
        return;
    }
    node = &t->nodes[entry];
    slot = trie_slot(hi, lo, depth);
    while ((node->vector >> slot & 1) != 0) {
        if (len < depth + TRIE_STRIDE) {
            answer_mixed(t, node, slot, depth + TRIE_STRIDE - len, len, out);
            return;
        }
        node = child_of(t, node, slot);
        depth += TRIE_STRIDE;
        slot = trie_slot(hi, lo, depth);
    }
    level = len < depth + TRIE_STRIDE ? depth + TRIE_STRIDE - len : 0;
    if (!trie_is_one(node, slot, level)) {
        answer_mixed(t, node, slot, level, len, out);
        return;
    }
    while (level < TRIE_STRIDE && trie_is_one(node, slot, level + 1))
        level++;
    out->value = value_at(t, leaf_of(node, slot));
    out->len = (uint8_t)(depth + TRIE_STRIDE - level);
    out->mixed = false;
}

/* --- all of it ---------------------------------------------------------------------------- */

struct level {
    const struct trie_node *node;
    unsigned slot; /* to go on with */
    uint64_t hi, lo;
};

static struct trie_network network_at(const struct level *l, unsigned depth)
{
    struct trie_network net = {.hi = l->hi, .lo = l->lo};
    uint64_t slot = l->slot;
    unsigned end = depth + TRIE_STRIDE;

    if (end <= 64)
        net.hi |= slot << (64 - end);
    else if (depth < 64)
        net.hi |= slot >> (end - 64);
    if (end > 128)
        net.lo |= slot >> (end - 128);
    else if (end > 64)
        net.lo |= slot << (128 - end);
    return net;
}

/* The largest network that begins with a slot; its run has the value. */
static unsigned level_from(const struct trie_node *node, unsigned slot)
{
    unsigned level = 0;

    while (level < TRIE_STRIDE && slot % (2u << level) == 0 && trie_is_one(node, slot, level + 1))
        level++;
    return level;
}

static void each_below(const struct trie *t, const struct trie_node *top, uint64_t hi,
    void (*each)(void *ctx, const struct trie_network *network), void *ctx)
{
    struct level levels[LEVELS] = {{.node = top, .hi = hi}};
    unsigned n = 1;

    while (n > 0) {
        struct level *l = &levels[n - 1];
        unsigned depth = TRIE_ROOT_BITS + (n - 1) * TRIE_STRIDE, slot = l->slot, level;
        struct trie_network net;

        if (slot == TRIE_SLOTS) {
            n--;
            continue;
        }
        net = network_at(l, depth);
        if ((l->node->vector >> slot & 1) != 0) {
            l->slot++;
            levels[n++] = (struct level){child_of(t, l->node, slot), 0, net.hi, net.lo};
            continue;
        }
        level = level_from(l->node, slot);
        l->slot += 1u << level;
        net.len = (uint8_t)(depth + TRIE_STRIDE - level);
        net.value = value_at(t, leaf_of(l->node, slot));
        each(ctx, &net);
    }
}

void trie_each(
    const struct trie *t, void (*each)(void *ctx, const struct trie_network *network), void *ctx)
{
    for (uint32_t i = 0; i < TRIE_ROOT;) {
        uint64_t hi = (uint64_t)i << (64 - TRIE_ROOT_BITS);
        uint32_t entry = t->root[i];
        struct trie_network net = {.hi = hi, .value = entry & TRIE_ROOT_VALUE_MASK};

        if ((entry & TRIE_ROOT_LEAF) == 0) {
            each_below(t, &t->nodes[entry], hi, each, ctx);
            i++;
            continue;
        }
        net.len = (uint8_t)((entry & ~TRIE_ROOT_LEAF) >> TRIE_ROOT_LEN_SHIFT);
        each(ctx, &net);
        i += UINT32_C(1) << (TRIE_ROOT_BITS - net.len);
    }
}
