#include "dns/rrset.h"

#include "base/check.h"
#include "dns/rdata.h"

#include <stdlib.h>

/* A record beside its canonical form, which it is sorted by. */
struct sorted {
    struct dns_rdata as_is;
    const uint8_t *canonical;
};

static int by_canonical(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;

    return dns_rdata_compare(x->canonical, x->as_is.n, y->canonical, y->as_is.n);
}

/* Without those that say the same as the one before; returns how many are left. */
static size_t unique(struct sorted *v, size_t n)
{
    size_t left = 1;

    for (size_t i = 1; i < n; i++) {
        if (by_canonical(&v[left - 1], &v[i]) != 0)
            v[left++] = v[i];
    }
    return left;
}

static const uint8_t *pack(struct arena *a, const struct sorted *v, size_t n, uint32_t *bytes)
{
    uint8_t *packed, *p;
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += 2u + v[i].as_is.n;
    p = packed = arena_alloc(a, sum);
    for (size_t i = 0; i < n; i++) {
        p[0] = (uint8_t)(v[i].as_is.n >> 8);
        p[1] = (uint8_t)v[i].as_is.n;
        memcpy(p + 2, v[i].as_is.p, v[i].as_is.n);
        p += 2u + v[i].as_is.n;
    }
    *bytes = (uint32_t)sum;
    return packed;
}

struct dns_rrset *dns_rrset_make(struct arena *a, uint16_t type, uint32_t ttl,
    const struct dns_rdata *records, size_t n, size_t *duplicates)
{
    struct dns_rrset *set = arena_zalloc(a, sizeof(*set));
    struct sorted *v;
    struct arena scratch;
    size_t left;

    check(n >= 1 && n <= UINT16_MAX);
    arena_init(&scratch);
    v = arena_alloc(&scratch, n * sizeof(*v));
    for (size_t i = 0; i < n; i++) {
        uint8_t *canonical = arena_alloc(&scratch, records[i].n);

        dns_rdata_canonical(type, records[i].p, records[i].n, canonical);
        v[i] = (struct sorted){records[i], canonical};
    }
    qsort(v, n, sizeof(*v), by_canonical);
    left = unique(v, n);
    set->type = type;
    set->ttl = ttl;
    set->n = (uint16_t)left;
    set->rdata = pack(a, v, left, &set->rdata_bytes);
    arena_free(&scratch);
    if (duplicates != NULL)
        *duplicates = n - left;
    return set;
}
