#include "director/kept.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct kept) % 8 == 0, "kept in whole words");

/* Without fences, which TSan does not know: words are acquired before the second look at the
 * sequence, and released behind the odd one. */
bool kept_read(const struct kept_place *p, struct hash128 *key, struct kept *out)
{
    uint64_t before = atomic_load_explicit(&p->sequence, memory_order_acquire);
    uint64_t words[KEPT_WORDS];

    if (before == 0 || (before & 1) != 0)
        return false;
    key->lo = atomic_load_explicit(&p->key[0], memory_order_acquire);
    key->hi = atomic_load_explicit(&p->key[1], memory_order_acquire);
    for (unsigned i = 0; i < KEPT_WORDS; i++)
        words[i] = atomic_load_explicit(&p->words[i], memory_order_acquire);
    if (atomic_load_explicit(&p->sequence, memory_order_relaxed) != before)
        return false;
    memcpy(out, words, sizeof(words));
    return true;
}

void kept_write(struct kept_place *p, struct hash128 key, const struct kept *k)
{
    uint64_t before = atomic_load_explicit(&p->sequence, memory_order_relaxed);
    uint64_t words[KEPT_WORDS];

    if ((before & 1) != 0 || !atomic_compare_exchange_strong_explicit(&p->sequence, &before,
                                 before + 1, memory_order_acquire, memory_order_relaxed))
        return;
    memcpy(words, k, sizeof(words));
    atomic_store_explicit(&p->key[0], key.lo, memory_order_release);
    atomic_store_explicit(&p->key[1], key.hi, memory_order_release);
    for (unsigned i = 0; i < KEPT_WORDS; i++)
        atomic_store_explicit(&p->words[i], words[i], memory_order_release);
    atomic_store_explicit(&p->sequence, before + 2, memory_order_release);
}

void kept_table_init(struct kept_table *t, size_t n)
{
    t->n = n;
    t->places = xcalloc(n, sizeof(*t->places));
}

void kept_table_free(struct kept_table *t)
{
    free(t->places);
    *t = (struct kept_table){0};
}

static struct kept_place *set_of(const struct kept_table *t, struct hash128 key)
{
    return &t->places[key.lo & (t->n - 1) & ~(size_t)(KEPT_WAYS - 1)];
}

bool kept_find(const struct kept_table *t, struct hash128 key, struct kept *out)
{
    const struct kept_place *set = set_of(t, key);

    for (unsigned i = 0; i < KEPT_WAYS; i++) {
        struct hash128 found;

        if (atomic_load_explicit(&set[i].key[0], memory_order_relaxed) == key.lo &&
            kept_read(&set[i], &found, out) && hash128_eq(found, key))
            return true;
    }
    return false;
}

void kept_put(struct kept_table *t, struct hash128 key, const struct kept *k)
{
    struct kept_place *set = set_of(t, key), *where = &set[0];
    uint32_t first = UINT32_MAX;

    for (unsigned i = 0; i < KEPT_WAYS; i++) {
        struct hash128 found;
        struct kept old;

        if (!kept_read(&set[i], &found, &old) || hash128_eq(found, key)) {
            where = &set[i];
            break;
        }
        if (old.expiration < first) {
            first = old.expiration;
            where = &set[i];
        }
    }
    kept_write(where, key, k);
}
