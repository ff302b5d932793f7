#include "net/rate.h"

#include "base/check.h"
#include "base/hash.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PLACES = 8 /* of a key: two cache lines */, SPINS = 200 };

struct place {
    _Atomic uint64_t tag;     /* of the key and its rate; 0: free */
    _Atomic uint64_t full_ns; /* when the bucket is full again */
};
_Static_assert(sizeof(struct place) == RATE_PLACE_BYTES, "a place is two words");

struct set {
    struct place places[PLACES];
};

struct rate_table {
    struct set *sets;      /* owns; mask + 1 of them, a power of two */
    _Atomic uint8_t *busy; /* owns; for each set: somebody moves in */
    uint64_t mask;
    struct rate *rates; /* owns */
    unsigned rates_n;
};

struct rate rate_of(uint64_t count, uint64_t period_ms, uint64_t burst)
{
    uint64_t interval;

    check(count > 0 && period_ms > 0 && burst > 0);
    interval = period_ms * 1000000 / count;
    check(interval > 0);
    return (struct rate){interval, (burst - 1) * interval};
}

/* Zeros that cost nothing before they are touched. */
static void *pages(size_t bytes)
{
    enum { FLAGS = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE };
    void *p;

    /* cppcheck-suppress invalidFunctionArg ; MAP_ANONYMOUS wants -1 */
    p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, FLAGS, -1, 0);
    check(p != MAP_FAILED);
    return p;
}

struct rate_table *rate_table_new(const struct rate *rates, unsigned n, uint64_t bytes)
{
    struct rate_table *t = xcalloc(1, sizeof(*t));
    uint64_t sets = 1;

    check(n <= RATES_MAX);
    while (sets * sizeof(struct set) < bytes)
        sets *= 2;
    t->sets = pages(sets * sizeof(struct set));
    t->busy = pages(sets);
    t->mask = sets - 1;
    t->rates = xcalloc(n > 0 ? n : 1, sizeof(*t->rates));
    for (unsigned i = 0; i < n; i++)
        t->rates[i] = rates[i];
    t->rates_n = n;
    return t;
}

void rate_table_free(struct rate_table **tp)
{
    struct rate_table *t = *tp;

    *tp = NULL;
    if (t == NULL)
        return;
    munmap(t->sets, (t->mask + 1) * sizeof(struct set));
    munmap((void *)t->busy, t->mask + 1);
    free(t->rates);
    free(t);
}

static struct place *find(struct set *s, uint64_t tag)
{
    for (unsigned i = 0; i < PLACES; i++) {
        if (atomic_load_explicit(&s->places[i].tag, memory_order_acquire) == tag)
            return &s->places[i];
    }
    return NULL;
}

/* The holder has a few dozen instructions to go, unless the kernel took its processor away. */
static void lock(_Atomic uint8_t *busy)
{
    unsigned spins = 0;

    while (atomic_exchange_explicit(busy, 1, memory_order_acquire) != 0) {
        if (++spins % SPINS == 0)
            sched_yield();
    }
}

static void unlock(_Atomic uint8_t *busy)
{
    atomic_store_explicit(busy, 0, memory_order_release);
}

/* How empty a bucket is, in 1/1024 of its size; at 1024 and more it has no whole token left. */
static uint64_t emptiness(const struct rate_table *t, uint64_t tag, uint64_t owed_ns)
{
    const struct rate *r = &t->rates[(tag & 0xffff) - 1];

    if (owed_ns > r->tolerance_ns)
        return 1024;
    return owed_ns / (r->tolerance_ns / 1024 + 1);
}

/* The place to move into, or NULL. The set is locked. */
static struct place *make_room(struct rate_table *t, struct set *s, uint64_t now_ns)
{
    struct place *best = NULL;
    uint64_t least = 1024;

    for (unsigned i = 0; i < PLACES; i++) {
        struct place *p = &s->places[i];
        uint64_t tag = atomic_load_explicit(&p->tag, memory_order_relaxed);
        uint64_t full = atomic_load_explicit(&p->full_ns, memory_order_relaxed);
        uint64_t empty;

        if (tag == 0 || full <= now_ns)
            return p;
        empty = emptiness(t, tag, full - now_ns);
        if (empty < least) {
            least = empty;
            best = p;
        }
    }
    return best;
}

/* Gives the key a place with one token taken. False: it has one by now, or there is none. */
static bool move_in(struct rate_table *t, uint64_t at, uint64_t tag, const struct rate *r,
    uint64_t now_ns, bool *none)
{
    struct set *s = &t->sets[at];
    struct place *p = NULL;

    lock(&t->busy[at]);
    *none = false;
    if (find(s, tag) == NULL) {
        p = make_room(t, s, now_ns);
        *none = p == NULL;
    }
    if (p != NULL) {
        /* Who still thinks that it is the other's finds the time changed, and looks again. */
        atomic_store_explicit(&p->tag, 0, memory_order_release);
        atomic_store_explicit(&p->full_ns, now_ns + r->interval_ns, memory_order_release);
        atomic_store_explicit(&p->tag, tag, memory_order_release);
    }
    unlock(&t->busy[at]);
    return p != NULL;
}

enum rate_word rate_take(
    struct rate_table *t, unsigned which, struct span key, mono_us now, mono_us *wait_us)
{
    struct hash128 h = hash128(key);
    uint64_t tag = (h.hi & ~0xffffULL) | (which + 1),
             at = (h.lo + which * 0x9e3779b97f4a7c15) & t->mask;
    const struct rate *r = &t->rates[which];
    uint64_t now_ns = (uint64_t)now * 1000, full, from;
    bool none;

    check(which < t->rates_n);
    for (;;) {
        struct place *p = find(&t->sets[at], tag);

        if (p == NULL) {
            if (move_in(t, at, tag, r, now_ns, &none))
                return RATE_TAKEN;
            if (none)
                return RATE_UNKNOWN;
            continue;
        }
        full = atomic_load_explicit(&p->full_ns, memory_order_acquire);
        from = full > now_ns ? full : now_ns;
        if (from - now_ns > r->tolerance_ns) {
            *wait_us = (mono_us)((from - now_ns - r->tolerance_ns + 999) / 1000);
            return RATE_EMPTY;
        }
        if (atomic_compare_exchange_strong_explicit(&p->full_ns, &full, from + r->interval_ns,
                memory_order_acq_rel, memory_order_relaxed))
            return RATE_TAKEN;
    }
}
