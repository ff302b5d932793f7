#include "geo/thinning.h"

#include "base/check.h"
#include "geo/map_impl.h"

#include <stdlib.h>

struct part {
    struct geo_values values;
    double share; /* of the capped network, times what an address counts */
};

struct geo_thinning {
    unsigned cap;
    struct part *parts; /* owns; of the network that is not whole yet */
    unsigned n, room;
    /* How much of it is there, in networks of len bits: a number of (len - cap) binary digits, the
     * first of which is digit[1]; 1s are what is there. */
    uint8_t digit[129];
};

struct geo_thinning *geo_thinning_new(unsigned cap)
{
    struct geo_thinning *t = xcalloc(1, sizeof(*t));

    t->cap = cap;
    t->room = 64;
    t->parts = xcalloc(t->room, sizeof(*t->parts));
    return t;
}

void geo_thinning_free(struct geo_thinning **tp)
{
    struct geo_thinning *t = *tp;

    *tp = NULL;
    if (t == NULL)
        return;
    free(t->parts);
    free(t);
}

/* By point, then by all of the order; equal ones by share, so that sums are the same everywhere. */
static int compare(const void *va, const void *vb)
{
    const struct part *a = va, *b = vb;
    uint32_t point_a = a->values.wide & WIDE_POINT, point_b = b->values.wide & WIDE_POINT;

    if (point_a != point_b)
        return point_a < point_b ? -1 : 1;
    if (a->values.fine != b->values.fine)
        return a->values.fine < b->values.fine ? -1 : 1;
    return a->share < b->share ? -1 : a->share > b->share;
}

/* The point that most addresses have, and of the orders that begin with it the one of most. */
static struct geo_values most_of(struct geo_thinning *t)
{
    struct geo_values best = {0};
    double best_point = -1, all = 0;

    qsort(t->parts, t->n, sizeof(*t->parts), compare);
    for (unsigned i = 0; i < t->n;) {
        uint32_t point = t->parts[i].values.wide & WIDE_POINT;
        double of_point = 0, best_order = -1;
        struct geo_values candidate = {0};

        while (i < t->n && (t->parts[i].values.wide & WIDE_POINT) == point) {
            const struct geo_values *order = &t->parts[i].values;
            double of_order = 0;

            for (; i < t->n && t->parts[i].values.fine == order->fine &&
                   (t->parts[i].values.wide & WIDE_POINT) == point;
                 i++)
                of_order += t->parts[i].share;
            if (of_order > best_order) {
                best_order = of_order;
                candidate = *order;
            }
            of_point += of_order;
        }
        all += of_point;
        if (of_point > best_point) {
            best_point = of_point;
            best = candidate;
        }
    }
    best.weight = all;
    return best;
}

/* Adds 2^-bits; true: the whole is there. */
static bool count(struct geo_thinning *t, unsigned bits)
{
    /* cppcheck-suppress arrayIndexOutOfBoundsCond ; at most 128, as addresses have */
    while (bits > 0 && t->digit[bits] == 1)
        t->digit[bits--] = 0;
    if (bits == 0)
        return true;
    t->digit[bits] = 1;
    return false;
}

bool geo_thinning_add(
    struct geo_thinning *t, unsigned len, const struct geo_values *values, struct geo_thinned *out)
{
    double share = values->weight;

    if (len <= t->cap) {
        *out = (struct geo_thinned){len, *values};
        return true;
    }
    if (t->n == t->room) {
        t->room *= 2;
        t->parts = xrealloc(t->parts, t->room * sizeof(*t->parts));
    }
    for (unsigned i = t->cap; i < len; i++)
        share /= 2;
    t->parts[t->n++] = (struct part){*values, share};
    if (!count(t, len - t->cap))
        return false;
    *out = (struct geo_thinned){t->cap, most_of(t)};
    t->n = 0;
    return true;
}
