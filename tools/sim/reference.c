#include "sim/reference.h"

#include "base/check.h"

#include <stdlib.h>

/* --- queues of numbers ------------------------------------------------------------------------ */

/* Doubly linked lists through two arrays; a list's head is a number past the objects. */
struct links {
    uint32_t *next, *prev;
};

static struct links links_new(uint32_t n)
{
    struct links l = {xcalloc(n, sizeof(uint32_t)), xcalloc(n, sizeof(uint32_t))};

    return l;
}

static void links_free(struct links *l)
{
    free(l->next);
    free(l->prev);
}

static void links_head(struct links *l, uint32_t head)
{
    l->next[head] = l->prev[head] = head;
}

static void links_push(struct links *l, uint32_t head, uint32_t x)
{
    uint32_t first = l->next[head];

    l->next[x] = first;
    l->prev[x] = head;
    l->prev[first] = x;
    l->next[head] = x;
}

static void links_remove(struct links *l, uint32_t x)
{
    l->next[l->prev[x]] = l->next[x];
    l->prev[l->next[x]] = l->prev[x];
}

/* --- LRU -------------------------------------------------------------------------------------- */

struct tally lru_run(const struct trace *t, uint64_t capacity)
{
    uint32_t head = t->objects_n;
    struct links l = links_new(t->objects_n + 1);
    bool *here = xcalloc(t->objects_n, sizeof(*here));
    struct tally y = {0};
    uint64_t used = 0;

    links_head(&l, head);
    for (uint64_t at = 0; at < t->requests_n; at++) {
        uint32_t x = trace_object(t, at);

        tally_add(&y, t, at, here[x]);
        if (here[x])
            links_remove(&l, x);
        else if (t->bytes[x] > capacity)
            continue;
        else
            used += t->bytes[x];
        here[x] = true;
        links_push(&l, head, x);
        while (used > capacity) {
            uint32_t old = l.prev[head];

            links_remove(&l, old);
            here[old] = false;
            used -= t->bytes[old];
        }
    }
    links_free(&l);
    free(here);
    return y;
}

/* --- S3-FIFO ---------------------------------------------------------------------------------- */

enum { S3_NOWHERE, S3_SMALL, S3_MAIN, S3_FREQ_MAX = 3, S3_TO_MAIN = 2 };

struct s3 {
    const struct trace *t;
    struct links l;
    uint8_t *where, *freq;
    uint64_t *ghost_at; /* small_out + 1 when it left */
    uint64_t used[S3_MAIN + 1];
    uint64_t small_out; /* bytes that left `small` for nowhere */
    uint64_t capacity;
};

static void s3_add(struct s3 *s, uint32_t x, uint8_t where)
{
    s->where[x] = where;
    s->freq[x] = 0;
    s->used[where] += s->t->bytes[x];
    links_push(&s->l, s->t->objects_n + where, x);
}

static uint32_t s3_take_oldest(struct s3 *s, uint8_t where)
{
    uint32_t x = s->l.prev[s->t->objects_n + where];

    links_remove(&s->l, x);
    s->used[where] -= s->t->bytes[x];
    s->where[x] = S3_NOWHERE;
    return x;
}

static void s3_evict(struct s3 *s)
{
    while (
        s->used[S3_SMALL] != 0 && (s->used[S3_SMALL] > s->capacity / 10 || s->used[S3_MAIN] == 0)) {
        uint32_t x = s3_take_oldest(s, S3_SMALL);

        if (s->freq[x] >= S3_TO_MAIN) {
            s3_add(s, x, S3_MAIN);
            continue;
        }
        s->small_out += s->t->bytes[x];
        s->ghost_at[x] = s->small_out + 1;
        return;
    }
    for (;;) {
        uint32_t x = s3_take_oldest(s, S3_MAIN);
        uint8_t freq = s->freq[x];

        if (freq == 0)
            return;
        s3_add(s, x, S3_MAIN);
        s->freq[x] = (uint8_t)(freq - 1);
    }
}

static bool s3_is_ghost(const struct s3 *s, uint32_t x)
{
    return s->ghost_at[x] != 0 && s->small_out + 1 - s->ghost_at[x] <= s->capacity / 10 * 9;
}

struct tally s3fifo_run(const struct trace *t, uint64_t capacity)
{
    struct s3 s = {
        .t = t,
        .l = links_new(t->objects_n + S3_MAIN + 1),
        .where = xcalloc(t->objects_n, 1),
        .freq = xcalloc(t->objects_n, 1),
        .ghost_at = xcalloc(t->objects_n, sizeof(uint64_t)),
        .capacity = capacity,
    };
    struct tally y = {0};

    for (uint32_t q = S3_SMALL; q <= S3_MAIN; q++)
        links_head(&s.l, t->objects_n + q);
    for (uint64_t at = 0; at < t->requests_n; at++) {
        uint32_t x = trace_object(t, at);

        tally_add(&y, t, at, s.where[x] != S3_NOWHERE);
        if (s.where[x] != S3_NOWHERE) {
            if (s.freq[x] < S3_FREQ_MAX)
                s.freq[x]++;
            continue;
        }
        if (t->bytes[x] > capacity / 10)
            continue;
        while (s.used[S3_SMALL] + s.used[S3_MAIN] + t->bytes[x] > capacity)
            s3_evict(&s);
        s3_add(&s, x, s3_is_ghost(&s, x) ? S3_MAIN : S3_SMALL);
        s.ghost_at[x] = 0;
    }
    links_free(&s.l);
    free(s.where);
    free(s.freq);
    free(s.ghost_at);
    return y;
}

/* --- the future ------------------------------------------------------------------------------- */

#define NEVER UINT32_MAX

/* For each request, when its object is asked for again. */
static uint32_t *next_uses(const struct trace *t)
{
    uint32_t *next = xcalloc(t->requests_n + 1, sizeof(*next));
    uint32_t *last = xcalloc(t->objects_n + 1, sizeof(*last));

    check(t->requests_n < NEVER);
    for (uint32_t i = 0; i < t->objects_n; i++)
        last[i] = NEVER;
    for (uint64_t at = t->requests_n; at-- > 0;) {
        uint32_t x = trace_object(t, at);

        next[at] = last[x];
        last[x] = (uint32_t)at;
    }
    free(last);
    return next;
}

/* Objects that are here, as a heap by their next use (the latest on top), or in any order. */
struct heap {
    uint32_t *items;
    uint32_t *place; /* by object; 0: not here */
    uint32_t *due;   /* by object: its next use */
    uint32_t n;
};

static struct heap heap_new(uint32_t objects)
{
    return (struct heap){
        .items = xcalloc(objects + 2, sizeof(uint32_t)),
        .place = xcalloc(objects + 1, sizeof(uint32_t)),
        .due = xcalloc(objects + 1, sizeof(uint32_t)),
    };
}

static void heap_free(struct heap *h)
{
    free(h->items);
    free(h->place);
    free(h->due);
}

static void heap_set(struct heap *h, uint32_t place, uint32_t x)
{
    h->items[place] = x;
    h->place[x] = place;
}

static void heap_up(struct heap *h, uint32_t x)
{
    uint32_t at = h->place[x];

    for (; at > 1 && h->due[h->items[at / 2]] < h->due[x]; at /= 2)
        heap_set(h, at, h->items[at / 2]);
    heap_set(h, at, x);
}

static uint32_t heap_pop(struct heap *h)
{
    uint32_t top = h->items[1], x = h->items[h->n--], at = 1;

    h->place[top] = 0;
    if (h->n == 0)
        return top;
    for (uint32_t child; (child = at * 2) <= h->n; at = child) {
        if (child < h->n && h->due[h->items[child + 1]] > h->due[h->items[child]])
            child++;
        if (h->due[h->items[child]] <= h->due[x])
            break;
        heap_set(h, at, h->items[child]);
    }
    heap_set(h, at, x);
    return top;
}

struct tally belady_run(const struct trace *t, uint64_t capacity)
{
    uint32_t *next = next_uses(t);
    struct heap h = heap_new(t->objects_n);
    struct tally y = {0};
    uint64_t used = 0;

    for (uint64_t at = 0; at < t->requests_n; at++) {
        uint32_t x = trace_object(t, at);
        bool here = h.place[x] != 0;

        tally_add(&y, t, at, here);
        h.due[x] = next[at];
        if (!here) {
            if (next[at] == NEVER || t->bytes[x] > capacity)
                continue;
            heap_set(&h, ++h.n, x);
            used += t->bytes[x];
        }
        heap_up(&h, x);
        while (used > capacity)
            used -= t->bytes[heap_pop(&h)];
    }
    heap_free(&h);
    free(next);
    return y;
}

enum { SAMPLE = 64 };

static void heap_forget(struct heap *h, uint32_t x)
{
    heap_set(h, h->place[x], h->items[h->n--]);
    h->place[x] = 0;
}

struct tally belady_size_run(const struct trace *t, uint64_t capacity)
{
    uint32_t *next = next_uses(t);
    struct heap h = heap_new(t->objects_n); /* in any order */
    struct tally y = {0};
    uint64_t used = 0, random = 1;

    for (uint64_t at = 0; at < t->requests_n; at++) {
        uint32_t x = trace_object(t, at);

        tally_add(&y, t, at, h.place[x] != 0);
        h.due[x] = next[at];
        if (h.place[x] != 0 && next[at] == NEVER) {
            heap_forget(&h, x);
            used -= t->bytes[x];
        }
        if (h.place[x] != 0 || next[at] == NEVER || t->bytes[x] > capacity)
            continue;
        heap_set(&h, ++h.n, x);
        used += t->bytes[x];
        while (used > capacity) {
            double worst = -1;
            uint32_t out = x;

            for (int i = 0; i < SAMPLE; i++) {
                uint32_t z = i == 0 ? x : h.items[1 + (random = mix64(random + 1)) % h.n];
                double cost = (double)(h.due[z] - at) * (double)t->bytes[z];

                if (cost > worst) {
                    worst = cost;
                    out = z;
                }
            }
            heap_forget(&h, out);
            used -= t->bytes[out];
        }
    }
    heap_free(&h);
    free(next);
    return y;
}

/* --- bounds ----------------------------------------------------------------------------------- */

struct interval {
    double cost; /* bytes times distance */
    double rank; /* the least first */
    uint64_t bytes;
};

static int interval_order(const void *a, const void *b)
{
    const struct interval *x = a, *y = b;

    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* All intervals between two requests of an object, slices of a request taken together. */
static struct interval *intervals(const struct trace *t, uint64_t *n, struct tally *y)
{
    struct interval *v = xcalloc(t->asked_n, sizeof(*v));
    uint64_t *last = xcalloc(t->objects_n, sizeof(*last)); /* request + 1, of the first slice */
    uint64_t asked = 0;

    *n = 0;
    for (uint64_t at = 0; at < t->requests_n; at++) {
        uint32_t x = trace_object(t, at);
        bool counted = at >= t->skip_n;
        uint64_t bytes = t->bytes[x];

        while (t->requests[at] & TRACE_MORE)
            bytes += t->bytes[trace_object(t, ++at)];
        asked++;
        y->requests += counted;
        y->bytes += counted ? bytes : 0;
        if (last[x] != 0 && counted)
            v[(*n)++] = (struct interval){
                .cost = (double)bytes * (double)(asked - last[x]),
                .bytes = bytes,
            };
        last[x] = asked;
    }
    free(last);
    return v;
}

struct tally bound_run(const struct trace *t, uint64_t capacity)
{
    struct tally y = {0};
    uint64_t n, i;
    struct interval *v = intervals(t, &n, &y);
    double all = (double)capacity * (double)t->asked_n, left = all;

    for (i = 0; i < n; i++)
        v[i].rank = v[i].cost;
    qsort(v, n, sizeof(*v), interval_order);
    for (i = 0; i < n && left >= v[i].cost; i++)
        left -= v[i].cost;
    y.misses = y.requests - i;
    for (i = 0; i < n; i++)
        v[i].rank = v[i].cost / (double)v[i].bytes;
    qsort(v, n, sizeof(*v), interval_order);
    y.miss_bytes = y.bytes;
    left = all;
    for (i = 0; i < n && left >= v[i].cost; i++) {
        left -= v[i].cost;
        y.miss_bytes -= v[i].bytes;
    }
    free(v);
    return y;
}
