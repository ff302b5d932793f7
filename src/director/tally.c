#include "director/tally.h"

#include "base/thread.h"
#include "geo/map.h"

#include <string.h>

#define X(name, word) +1
enum { WHYS = 0 GEO_WHYS(X) };
#undef X

static struct block {
    _Alignas(64) _Atomic uint64_t pops[POPS_MAX];
    _Atomic uint64_t whys[WHYS], hows[STEER_HOWS], nobody;
} blocks[THREADS_MAX];

static const struct pop_list *counted; /* set by main before there are workers */
static const struct pops *_Atomic watched;

/* The block is this thread's alone. */
static void rise(_Atomic uint64_t *v)
{
    atomic_store_explicit(
        v, atomic_load_explicit(v, memory_order_relaxed) + 1, memory_order_relaxed);
}

void tally_count(const struct steer_choice *choice)
{
    struct block *b = &blocks[thread_index()];

    if (choice->n == 0) {
        if (choice->end == STEER_NOBODY)
            rise(&b->nobody);
        return;
    }
    rise(&b->pops[choice->picks[0].pop->index]);
    rise(&b->whys[choice->why]);
    rise(&b->hows[choice->how]);
}

static uint64_t sum(const _Atomic uint64_t *v)
{
    size_t offset = (size_t)((const char *)v - (const char *)&blocks[0]);
    uint64_t n = 0;

    for (unsigned i = 0; i < THREADS_MAX; i++)
        n += atomic_load_explicit(
            (const _Atomic uint64_t *)(const void *)((const char *)&blocks[i] + offset),
            memory_order_relaxed);
    return n;
}

uint64_t tally_pop(unsigned index)
{
    return sum(&blocks[0].pops[index]);
}

uint64_t tally_all(void)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < STEER_HOWS; i++)
        n += sum(&blocks[0].hows[i]);
    return n;
}

/* --- lists for metrics ------------------------------------------------------------------------ */

static struct span pop_label(unsigned i)
{
    return counted->v[i].name;
}

static uint64_t is_up(unsigned i)
{
    const struct pops *pops = atomic_load(&watched);

    return pops != NULL && pop_now(pops, i).state == POP_STATE_UP;
}

static struct span why_label(unsigned i)
{
    return span_of(geo_why_word((enum geo_why_first)i));
}

static uint64_t why_sum(unsigned i)
{
    return sum(&blocks[0].whys[i]);
}

/* Behind the ways in which a PoP was found: none was. */
static struct span how_label(unsigned i)
{
    return i < STEER_HOWS ? span_of(steer_how_word((enum steer_how)i)) : SPAN("nobody");
}

static uint64_t how_sum(unsigned i)
{
    return i < STEER_HOWS ? sum(&blocks[0].hows[i]) : sum(&blocks[0].nobody);
}

static struct counter_list by_pop = {
    .metric = "selvage_director_pop_answers_total",
    .label = "pop",
    .help = "Clients that were given a PoP, by DNS and by redirects, by the first one",
    .value = pop_label,
    .sum = tally_pop,
};

static struct counter_list up_now = {
    .metric = "selvage_director_pop_up",
    .label = "pop",
    .help = "Whether a PoP is up (1), or drained, down or failed (0)",
    .gauge = true,
    .value = pop_label,
    .sum = is_up,
};

static const struct counter_list by_why = {
    .metric = "selvage_director_orders_total",
    .label = "by",
    .help = "The same, by what the order of their PoPs comes from",
    .n = WHYS,
    .value = why_label,
    .sum = why_sum,
};

static const struct counter_list by_how = {
    .metric = "selvage_director_choices_total",
    .label = "how",
    .help = "The same, by how the first PoP came to its place; nobody: none was up",
    .n = STEER_HOWS + 1,
    .value = how_label,
    .sum = how_sum,
};

void tally_lists(const struct pop_list *pops, const struct counter_list *out[TALLY_LISTS])
{
    const struct counter_list *const all[TALLY_LISTS] = {&by_pop, &by_why, &by_how, &up_now};

    counted = pops;
    by_pop.n = up_now.n = pops->n;
    memcpy(out, all, sizeof(all));
}

void tally_watch(const struct pops *pops)
{
    atomic_store(&watched, pops);
}
